//! Where objects lie: the keys of the landing, collections and documents buckets, made and read in one place.

use std::str::FromStr;

use crate::definition::SpecKind;
use crate::ids::{FileId, FileVersion};
use crate::name::Name;

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

/// Key of an object that a source was asked for, in the landing bucket.
///
/// `entry` is the file's number in the registry and `token` the fencing token of the worker that writes it: no two
/// workers write one key, so an object that was registered is never written again.
#[must_use]
pub fn source(source: &Name, entry: i64, token: u64) -> String {
    format!("sources/{source}/{entry}/{token:012}.csv")
}

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

/// Key of a document in the documents bucket: the lowercase hexadecimal SHA-256 of its bytes.
#[must_use]
pub fn document(sha256: &str) -> String {
    format!("{sha256}.pdf")
}

#[cfg(test)]
mod tests {
    use super::{parse_upload, upload};
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
}
