//! Uploads on the wire: asked for in JSON, or sent in a form.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use millrace_app::ingest::MAX_FILE_BYTES;
use millrace_app::ports::PresignedUpload;
use millrace_core::content_hash::ContentHash;
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::file_name::file_name_error;
use millrace_core::ids::FileVersion;
use millrace_core::{FileId, Name};
use millrace_store::files::{Declared, Handling, RegisteredVersion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::batches::Batch;
use crate::extract::CsvForm;
use crate::problem::{Problem, rules_are_broken};

/// Asks for an address to send a file to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadAsked {
    /// `dimension`, `event` or `dataset`.
    #[schema(example = "event")]
    pub ingestion_type: String,
    /// The name of the spec.
    #[schema(example = "event_students_attendance")]
    pub ingestion_name: String,
    /// Your name for the file; a spec holds one file of a name.
    #[schema(example = "attendance-2023-01.csv")]
    pub file_name: String,
    /// `new` (also when absent), `append` (a file beside those of that name, which gets its id into its own), or `replace`.
    /// A name is free for `new` until bytes have come under it; of several
    /// versions whose bytes are on their way at once, the one registered last counts.
    #[schema(example = "new")]
    pub mode: Option<String>,
    /// The file to replace, when known by id rather than by name.
    pub file_id: Option<String>,
    /// `partial`: the rows that are kept count; `reject_all`: one rejected row refuses the file. As the spec says when
    /// absent.
    #[schema(example = "partial")]
    pub on_error: Option<String>,
    /// How many bytes will come, 10 GiB at most; bytes of another number are refused. An upload in parts has to say it.
    #[schema(example = 60_810)]
    pub size_bytes: Option<u64>,
    /// Their SHA-256, as 64 hexadecimal digits; bytes with another one are refused.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: Option<String>,
}

/// A file that is asked for or sent, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOrder {
    /// Dimension, event or dataset.
    pub kind: SpecKind,
    /// The spec's name.
    pub name: Name,
    /// The file's name.
    pub file_name: String,
    /// New, append or replace.
    pub mode: Mode,
    /// The file to replace.
    pub file_id: Option<FileId>,
    /// How it is to be read.
    pub handling: Handling,
}

/// The members of an order as texts, wherever they came from.
struct Texts<'a> {
    prefix: &'static str,
    /// The member that the spec's name comes with.
    name_member: &'static str,
    /// The member that the file's name comes with.
    file_name_member: &'static str,
    kind: &'a str,
    name: &'a str,
    file_name: &'a str,
    mode: Option<&'a str>,
    file_id: Option<&'a str>,
    on_error: Option<&'a str>,
    /// Of the bytes that will come.
    declared: DeclaredTexts<'a>,
}

/// What an order says of bytes that come later.
#[derive(Default)]
struct DeclaredTexts<'a> {
    size_bytes: Option<u64>,
    sha256: Option<&'a str>,
    /// Whether they come in parts, not in one PUT.
    is_in_parts: bool,
}

/// What S3 takes in one PUT.
const MAX_PUT_BYTES: u64 = 5 << 30;

impl DeclaredTexts<'_> {
    fn check(&self, broken: &mut Vec<(&str, &str, String)>) -> Declared {
        match self.size_bytes {
            None if self.is_in_parts => {
                let message = "an upload in parts says how many bytes will come".to_owned();
                broken.push(("size_bytes", "required", message));
            }
            Some(bytes) if bytes == 0 || bytes > MAX_FILE_BYTES => {
                let message = format!("has to be from 1 to {MAX_FILE_BYTES}");
                broken.push(("size_bytes", "out_of_range", message));
            }
            Some(bytes) if bytes > MAX_PUT_BYTES && !self.is_in_parts => {
                let message = format!(
                    "above {MAX_PUT_BYTES} bytes a file is sent in parts: POST /ingestion/multipart-uploads"
                );
                broken.push(("size_bytes", "out_of_range", message));
            }
            _ => {}
        }
        let sha256 = self.sha256.map(ContentHash::from_str);
        if let Some(Err(error)) = sha256 {
            broken.push(("sha256", "wrong_value", error.to_string()));
        }
        Declared {
            size_bytes: self.size_bytes,
            sha256: sha256.and_then(Result::ok),
        }
    }
}

impl UploadAsked {
    /// Checks the order of an upload in one PUT.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn order(&self) -> Result<UploadOrder, Problem> {
        self.checked(false)
    }

    /// Checks the order of an upload in parts.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn order_in_parts(&self) -> Result<UploadOrder, Problem> {
        self.checked(true)
    }

    fn checked(&self, is_in_parts: bool) -> Result<UploadOrder, Problem> {
        check(&Texts {
            prefix: "",
            name_member: "ingestion_name",
            file_name_member: "file_name",
            kind: &self.ingestion_type,
            name: &self.ingestion_name,
            file_name: &self.file_name,
            mode: self.mode.as_deref(),
            file_id: self.file_id.as_deref(),
            on_error: self.on_error.as_deref(),
            declared: DeclaredTexts {
                size_bytes: self.size_bytes,
                sha256: self.sha256.as_deref(),
                is_in_parts,
            },
        })
    }
}

/// Checks the order in a form.
///
/// # Errors
/// 422 with every broken rule.
pub fn form_order(form: &CsvForm) -> Result<UploadOrder, Problem> {
    let text = |name: &str| {
        form.texts
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    check(&Texts {
        prefix: "/form",
        name_member: "ingestion_name",
        file_name_member: "file",
        kind: text("ingestion_type").unwrap_or_default(),
        name: text("ingestion_name").unwrap_or_default(),
        file_name: &form.file_name,
        mode: text("mode"),
        file_id: text("file_id"),
        on_error: text("on_error"),
        declared: DeclaredTexts::default(),
    })
}

/// Checks what a batch says of itself; one without a name gets the generated one.
///
/// # Errors
/// 422 with every broken rule.
pub fn batch_order(batch: &Batch<'_>, generated: &str) -> Result<UploadOrder, Problem> {
    if batch.mode.as_deref() == Some("replace") && batch.file_name.is_none() && batch.file_id.is_none() {
        let message = "a batch that replaces another names it, by file_name or by file_id".to_owned();
        return Err(refusal("", vec![("file_name", "required", message)]));
    }
    check(&Texts {
        prefix: "",
        name_member: match batch.kind {
            SpecKind::Dimension => "dimension_name",
            SpecKind::Dataset => "dataset_name",
            _ => "event_name",
        },
        file_name_member: "file_name",
        kind: batch.kind.as_str(),
        name: &batch.name,
        file_name: batch.file_name.as_deref().unwrap_or(generated),
        mode: batch.mode.as_deref(),
        file_id: batch.file_id.as_deref(),
        on_error: batch.on_error.as_deref(),
        declared: DeclaredTexts::default(),
    })
}

fn check(texts: &Texts<'_>) -> Result<UploadOrder, Problem> {
    let mut broken: Vec<(&str, &str, String)> = Vec::new();
    let kind = SpecKind::parse(texts.kind).filter(|kind| kind.takes_files());
    if kind.is_none() {
        let message = "has to be dimension, event or dataset".to_owned();
        broken.push(("ingestion_type", "wrong_value", message));
    }
    let name = Name::parse(texts.name)
        .map_err(|error| broken.push((texts.name_member, "bad_name", error.to_string())));
    if let Some(message) = file_name_error(texts.file_name) {
        broken.push((texts.file_name_member, "bad_file_name", message.to_owned()));
    }
    let is_for_senders = |mode: &Mode| matches!(mode, Mode::New | Mode::Append | Mode::Replace);
    let mode = Mode::parse(texts.mode.unwrap_or("new")).filter(is_for_senders);
    if mode.is_none() {
        let message = "has to be new, append or replace".to_owned();
        broken.push(("mode", "wrong_value", message));
    }
    let file_id = texts.file_id.map(FileId::from_str);
    if matches!(file_id, Some(Err(_))) {
        broken.push(("file_id", "wrong_value", "has to be a UUID".to_owned()));
    }
    if file_id.is_some() && matches!(mode, Some(Mode::New | Mode::Append)) {
        broken.push((
            "file_id",
            "wrong_value",
            "goes with the mode replace: a new file gets its id".to_owned(),
        ));
    }
    let on_error = texts.on_error.map(OnError::parse);
    if on_error == Some(None) {
        broken.push((
            "on_error",
            "wrong_value",
            "has to be partial or reject_all".to_owned(),
        ));
    }
    let declared = texts.declared.check(&mut broken);
    match (kind, name, mode, &broken[..]) {
        (Some(kind), Ok(name), Some(mode), []) => Ok(UploadOrder {
            kind,
            name,
            file_name: texts.file_name.to_owned(),
            mode,
            file_id: file_id.and_then(Result::ok),
            handling: Handling {
                on_error: on_error.flatten(),
                declared,
                ..Handling::default()
            },
        }),
        _ => Err(refusal(texts.prefix, broken)),
    }
}

fn refusal(prefix: &str, broken: Vec<(&str, &str, String)>) -> Problem {
    let problem = Problem::invalid("invalid_upload", rules_are_broken(broken.len()));
    broken
        .into_iter()
        .fold(problem, |problem, (member, code, message)| {
            problem.at(format!("{prefix}/{member}"), code, message)
        })
}

/// Where to send a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadAddress {
    /// The address; whoever has it may send one object, of at most 5 GiB, or one part.
    pub url: String,
    /// How to send it.
    #[schema(example = "PUT")]
    pub method: &'static str,
    /// Headers that have to be sent with it.
    pub headers: BTreeMap<String, String>,
    /// When the address ends (RFC 3339).
    #[schema(example = "2023-01-08T12:15:00Z")]
    pub expires_at: String,
}

/// A registered file version and the address for its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UploadOpened {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// How it changes the data.
    #[schema(value_type = String, example = "new")]
    pub mode: Mode,
    /// Where to send the bytes.
    pub upload: UploadAddress,
}

impl From<PresignedUpload> for UploadAddress {
    fn from(signed: PresignedUpload) -> Self {
        let ends = jiff::Timestamp::from_second(signed.expires_at).unwrap_or_default();
        Self {
            url: signed.url,
            method: "PUT",
            headers: signed.headers.into_iter().collect(),
            expires_at: ends.to_string(),
        }
    }
}

impl UploadOpened {
    /// The answer for a registered version.
    #[must_use]
    pub fn new(version: &RegisteredVersion, signed: PresignedUpload) -> Self {
        Self {
            file_id: version.file.file_id,
            version: version.file.version,
            mode: version.mode,
            upload: signed.into(),
        }
    }
}

/// A file version that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileAccepted {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// How it changes the data.
    #[schema(value_type = String, example = "new")]
    pub mode: Mode,
    /// Where it stands; ask `GET /ingestion/files/{file_id}` for more.
    #[schema(example = "Upload_in_progress")]
    pub status: &'static str,
}

impl FileAccepted {
    /// The answer for a version whose bytes have been stored, or that has none.
    #[must_use]
    pub fn new(file: FileVersion, mode: Mode, status: &'static str) -> Self {
        Self {
            file_id: file.file_id,
            version: file.version,
            mode,
            status,
        }
    }
}
