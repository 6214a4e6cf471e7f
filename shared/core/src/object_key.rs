//! Where objects lie: the keys of the landing, collections and documents buckets, made and read in one place.

use std::str::FromStr;

use crate::content_hash::ContentHash;
use crate::definition::SpecKind;
use crate::file_name::file_name_error;
use crate::ids::{FileId, FileVersion};
use crate::name::Name;
use crate::pipeline::MoveKind;
use crate::row_error::{FileError, Rule};

/// Key of an uploaded object in the landing bucket.
#[must_use]
pub fn upload(file: FileVersion) -> String {
    format!("uploads/{}/{}.csv", file.file_id, file.version)
}

/// Reads what [`upload`] made; `None` for any other key.
#[must_use]
pub fn parse_upload(key: &str) -> Option<FileVersion> {
    let (file_id, rest) = key.strip_prefix("uploads/")?.split_once('/')?;
    let version = rest
        .strip_suffix(".csv")?
        .parse()
        .ok()
        .filter(|version| *version > 0)?;
    Some(FileVersion {
        file_id: FileId::from_str(file_id).ok()?,
        version,
    })
}

/// An object as one write left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectAt {
    /// Its key.
    pub key: String,
    /// Its version in a bucket that keeps them.
    pub version: Option<String>,
    /// What the bucket calls its bytes.
    pub etag: Option<String>,
}

impl From<String> for ObjectAt {
    /// An object that is written once.
    fn from(key: String) -> Self {
        Self {
            key,
            ..Self::default()
        }
    }
}

/// An object that S3 tells of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrivedObject {
    /// The object, as the write left it that is told of.
    pub object: ObjectAt,
    /// The place of the write among those of the key.
    pub sequencer: Option<String>,
    /// Its size, where it is told.
    pub size_bytes: Option<u64>,
}

impl ArrivedObject {
    /// What tells the write from every other of the key.
    #[must_use]
    pub fn write_id(&self) -> &str {
        let known = [&self.object.version, &self.sequencer, &self.object.etag];
        known.into_iter().flatten().next().map_or("", String::as_str)
    }
}

/// Where objects lie that other systems put into the landing bucket: `drops/<kind>/<spec>/<file name>`.
pub const DROPS: &str = "drops/";

/// What a dropped object's key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropKey<'a> {
    /// Dimension or event.
    pub kind: SpecKind,
    /// The name of the spec.
    pub name: Name,
    /// The file's name.
    pub file_name: &'a str,
}

/// Reads the key of a dropped object.
///
/// # Errors
/// [`FileError`] that says what is wrong with it.
pub fn parse_drop(key: &str) -> Result<DropKey<'_>, FileError> {
    let bad = |why: String| {
        let message =
            format!("the key has to be {DROPS}<dimension, event or dataset>/<spec>/<file name>: {why}");
        FileError::of_file(Rule::BadKey, message)
    };
    let mut parts = key.strip_prefix(DROPS).unwrap_or_default().splitn(3, '/');
    let (Some(kind), Some(name), Some(file_name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad("a part is missing".to_owned()));
    };
    let kind = SpecKind::parse(kind).filter(|kind| kind.takes_files());
    let kind =
        kind.ok_or_else(|| bad("the first part is none of dimension, event and dataset".to_owned()))?;
    let name = Name::parse(name).map_err(|error| bad(error.to_string()))?;
    match file_name_error(file_name) {
        None => Ok(DropKey {
            kind,
            name,
            file_name,
        }),
        Some(why) => Err(bad(format!("the file name {why}"))),
    }
}

/// Key of an object that a source was asked for, in the landing bucket.
///
/// `entry` is the file's number in the registry and `token` the fencing token of the worker that writes it: no two
/// workers write one key, so an object that was registered is never written again.
#[must_use]
pub fn source(source: &Name, entry: i64, token: u64) -> String {
    format!("sources/{source}/{entry}/{token:012}.csv")
}

/// Key of a moved object in the collections bucket: `archive/…` or `error/…`, behind it the file's spec, id and version.
#[must_use]
pub fn moved(moves: MoveKind, kind: SpecKind, spec: &Name, file: FileVersion) -> String {
    let folder = match moves {
        MoveKind::Archive => ARCHIVE,
        MoveKind::Error => REFUSED,
    };
    format!(
        "{folder}{}/{spec}/{}/{}",
        kind.as_str(),
        file.file_id,
        file.version
    )
}

/// Whether a key is one that [`moved`] made: its object lies in the collections bucket.
#[must_use]
pub fn is_moved(key: &str) -> bool {
    key.starts_with(ARCHIVE) || key.starts_with(REFUSED)
}

const ARCHIVE: &str = "archive/";
const REFUSED: &str = "error/";

/// Key of a chunk's clean part in the collections bucket.
#[must_use]
pub fn part(kind: SpecKind, spec: &Name, file: FileVersion, chunk: u32) -> String {
    format!(
        "parts/{}/{spec}/{}/{}/{chunk:06}.mrp",
        kind.as_str(),
        file.file_id,
        file.version
    )
}

/// Key of a chunk's row errors in the collections bucket.
#[must_use]
pub fn row_errors(kind: SpecKind, spec: &Name, file: FileVersion, chunk: u32) -> String {
    format!(
        "row-errors/{}/{spec}/{}/{}/{chunk:06}.ndjson",
        kind.as_str(),
        file.file_id,
        file.version
    )
}

/// Key of a file version's partial for a dataset in the collections bucket.
#[must_use]
pub fn partial(dataset: &Name, file: FileVersion) -> String {
    format!("partials/{dataset}/{}/{}.mrd", file.file_id, file.version)
}

/// Key of what the first parts of a file version come to for a dataset, in the collections bucket; no dataset is named so.
#[must_use]
pub fn begun_partial(dataset: &Name, file: FileVersion, definition: ContentHash, parts: u32) -> String {
    let FileVersion { file_id, version } = file;
    format!("partials/.begun/{dataset}/{file_id}/{version}-{definition}-{parts}.mrd")
}

/// Key of a file version's repair file in the documents bucket.
#[must_use]
pub fn repair_file(file: FileVersion) -> String {
    format!("repairs/{}/{}.csv", file.file_id, file.version)
}

/// Key of a document in the documents bucket: the lowercase hexadecimal SHA-256 of its bytes.
#[must_use]
pub fn document(sha256: &str) -> String {
    format!("{sha256}.pdf")
}

#[cfg(test)]
mod tests {
    use super::{ArrivedObject, ObjectAt, parse_drop, parse_upload, upload};
    use crate::definition::SpecKind;
    use crate::ids::{FileId, FileVersion};

    #[test]
    fn an_upload_key_reads_back_and_nothing_else_does() {
        let file = FileVersion {
            file_id: FileId::from_time_and_random(1, [7; 10]),
            version: 2,
        };
        assert_eq!(parse_upload(&upload(file)), Some(file));
        for other in [
            "drops/a.csv",
            "uploads/x/1.csv",
            "uploads/a",
            &upload(file).replace("/2.", "/0."),
            "",
        ] {
            assert_eq!(parse_upload(other), None, "{other}");
        }
    }

    #[test]
    fn a_dropped_objects_key_says_whose_it_is() {
        let read = parse_drop("drops/event/visits/pr\u{e9}sences 08+09.csv").unwrap();
        assert_eq!((read.kind, read.name.as_str()), (SpecKind::Event, "visits"));
        assert_eq!(read.file_name, "pr\u{e9}sences 08+09.csv");
        for (key, words) in [
            ("drops/a.csv", "a part is missing"),
            ("drops/event/visits", "a part is missing"),
            (
                "drops/source/d/a.csv",
                "the first part is none of dimension, event and dataset",
            ),
            (
                "drops/Event/visits/a.csv",
                "the first part is none of dimension, event and dataset",
            ),
            ("drops/event/a b/a.csv", "name"),
            ("drops/event/visits/", "the file name has to have 1 to 200 bytes"),
            ("drops/event/visits/2023/a.csv", "the file name is a plain name"),
            (
                "drops/event/visits/a\u{fffd}.csv",
                "the file name is a plain name",
            ),
        ] {
            let error = parse_drop(key).unwrap_err();
            assert!(error.message.contains(words), "{key}: {}", error.message);
        }
    }

    #[test]
    fn a_write_is_told_by_its_version_else_by_its_place_else_by_its_bytes() {
        let some = |text: &str| Some(text.to_owned());
        let mut arrived = ArrivedObject {
            object: ObjectAt {
                key: "k".to_owned(),
                version: some("v"),
                etag: some("e"),
            },
            sequencer: some("s"),
            size_bytes: None,
        };
        assert_eq!(arrived.write_id(), "v");
        arrived.object.version = None;
        assert_eq!(arrived.write_id(), "s");
        arrived.sequencer = None;
        assert_eq!(arrived.write_id(), "e");
    }
}
