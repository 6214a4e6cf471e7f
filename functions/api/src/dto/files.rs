//! Files on the wire: status, counts, row errors.

mod fed;

use millrace_app::row_errors::RejectedRow;
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{FileStatus, Mode, status};
use millrace_core::ids::Version;
use millrace_core::row_error::{FileError, RowError, Rule};
use millrace_core::{FileId, Name};
use millrace_store::files::{FileFilter, FileRecord};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

pub use self::fed::FedDataset;
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// The most files of a page; the document says the same.
const MAX_FILES: u32 = 200;
/// The most rejected rows of a page; the document says the same.
const MAX_ROW_ERRORS: u32 = 1_000;

/// A file version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileDetail {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// `dimension`, `event` or `dataset`.
    #[schema(value_type = String, example = "event")]
    pub ingestion_type: SpecKind,
    /// The name of its spec.
    #[schema(value_type = String, example = "event_students_attendance")]
    pub ingestion_name: Name,
    /// The spec version that it is checked against.
    pub spec_version: u32,
    /// The provider's name for it.
    pub file_name: String,
    /// How it changes the data: `new`, `replace` or `delete`.
    #[schema(value_type = String, example = "new")]
    pub mode: Mode,
    /// `Upload_in_progress`, `Uploaded`, `Processing`, `Completed`, `Ready_to_archive`, `Archived` or `Error`.
    #[schema(value_type = String, example = "Ready_to_archive")]
    pub status: FileStatus,
    /// Rows after the header; `rows = kept + rejected`.
    pub rows: u64,
    /// Rows that kept every rule.
    pub kept: u64,
    /// Rows that broke at least one.
    pub rejected: u64,
    /// What it feeds, known once validated.
    pub datasets: Vec<FedDataset>,
    /// Why the file as a whole is refused.
    pub error: Option<FileErrorDetail>,
    /// Why its object could not be moved to the archive, or from among the refused ones: driven on, it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_error: Option<FileErrorDetail>,
    /// The version whose rejected rows a repair or a replay has tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_version: Option<u32>,
    /// The version that came as the file whose rows these are; its lines are theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_version: Option<u32>,
    /// The file whose bytes these are already, when nothing was changed.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub unchanged_of: Option<FileId>,
    /// Files that were sent with these bytes later, and changed nothing, the first hundred. They are still there: once this one is replaced or
    /// deleted, the first of them counts. Delete those that are not wanted.
    #[schema(value_type = Vec<String>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<FileId>,
    /// What a rejected row does to the rest, where the sender said: `partial` or `reject_all`.
    #[schema(value_type = Option<String>)]
    pub on_error: Option<OnError>,
    /// Size of the object, once read.
    pub size_bytes: Option<u64>,
    /// Hash of the object, once read; of a repair or a replay, that of the file whose rows these are.
    pub sha256: Option<String>,
    /// When it was registered (RFC 3339).
    pub created_at: String,
    /// When its object was first read.
    pub received_at: Option<String>,
    /// When it was validated.
    pub validated_at: Option<String>,
    /// When the last dataset had it.
    pub settled_at: Option<String>,
}

/// Why a whole file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileErrorDetail {
    /// The rule, stable.
    #[schema(value_type = String, example = "missing_header")]
    pub rule: Rule,
    /// The physical line, where there is one to name.
    pub line: Option<u64>,
    /// The column, where there is one to name.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How many rows are concerned, where that is the point.
    pub rows: Option<u64>,
}

impl From<FileError> for FileErrorDetail {
    fn from(error: FileError) -> Self {
        Self {
            rule: error.rule,
            line: error.line,
            column: error.column,
            message: error.message,
            rows: error.rows,
        }
    }
}

impl From<FileRecord> for FileDetail {
    fn from(record: FileRecord) -> Self {
        let status = status(&record.facts);
        Self {
            file_id: record.file.file_id,
            version: record.file.version,
            ingestion_type: record.ingestion_type,
            ingestion_name: record.ingestion_name,
            spec_version: record.spec_version,
            file_name: record.file_name,
            mode: record.mode,
            status,
            rows: record.facts.counts.rows,
            kept: record.facts.counts.kept,
            rejected: record.facts.counts.rejected,
            datasets: record.facts.datasets.into_iter().map(FedDataset::from).collect(),
            error: record.facts.error.map(FileErrorDetail::from),
            move_error: record.facts.move_error.map(FileErrorDetail::from),
            base_version: record.base_version,
            root_version: record.root_version,
            unchanged_of: record.unchanged_of,
            copies: record.copies,
            on_error: record.on_error,
            size_bytes: record.size_bytes,
            sha256: record.sha256,
            created_at: record.created_at,
            received_at: record.received_at,
            validated_at: record.validated_at,
            settled_at: record.settled_at,
        }
    }
}

/// A page of file versions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilePage {
    /// The file versions.
    pub items: Vec<FileDetail>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// Only those of a kind: `dimension`, `event` or `dataset`.
    #[param(value_type = Option<String>)]
    pub ingestion_type: Option<SpecKind>,
    /// Only those of a spec.
    #[param(value_type = Option<String>)]
    pub ingestion_name: Option<Name>,
    /// Only those of a name.
    pub file_name: Option<String>,
    /// `open`: only those for which something is still to be done.
    #[param(value_type = Option<String>, example = "open")]
    pub status: Option<OpenOnly>,
    /// The most items of the page; 200 when not said, and at most: a file's facts are a kilobyte or more. A page may be
    /// shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 200, example = 100)]
    pub limit: u32,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub cursor: Option<i64>,
}

impl FileQuery {
    /// What the store is asked for.
    #[must_use]
    pub fn filter(self) -> FileFilter {
        FileFilter {
            ingestion_type: self.ingestion_type,
            ingestion_name: self.ingestion_name.map(String::from),
            file_name: self.file_name,
            open_only: self.status.is_some(),
            before: self.cursor,
            limit: self.limit,
        }
    }
}

/// The value `open` of the query member `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOnly;

impl ReadQuery for FileQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let kind = members.optional("ingestion_type")?;
        let kind = kind.map(|text| {
            SpecKind::parse(&text)
                .ok_or_else(|| bad_member("ingestion_type", "has to be dimension, event or dataset"))
        });
        let status = match members.optional("status")?.as_deref() {
            None => None,
            Some("open") => Some(OpenOnly),
            Some(_) => return Err(bad_member("status", "has to be open, or absent")),
        };
        Ok(Self {
            ingestion_type: kind.transpose()?,
            ingestion_name: members.name("ingestion_name")?,
            file_name: members.optional("file_name")?,
            status,
            limit: members.limit_of_at_most(MAX_FILES)?,
            cursor: sequence_cursor(members)?,
        })
    }
}

/// Which version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The version; the latest when not said.
    #[param(value_type = Option<u32>, minimum = 1)]
    pub version: Option<Version>,
}

fn read_version(members: &mut QueryMembers) -> Result<Option<Version>, Problem> {
    let Some(text) = members.optional("version")? else {
        return Ok(None);
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let version = text
        .parse::<i32>()
        .ok()
        .filter(|version| is_plain && *version > 0);
    let version = version.and_then(|version| Version::try_from(version).ok());
    version
        .map(Some)
        .ok_or_else(|| bad_member("version", "has to be a whole number from 1"))
}

impl ReadQuery for VersionQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            version: read_version(members)?,
        })
    }
}

/// Which row errors to list.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RowErrorQuery {
    /// The version; the latest when not said.
    #[param(value_type = Option<u32>, minimum = 1)]
    pub version: Option<Version>,
    /// The most items of the page; 1,000 when not said, and at most. A page may be
    /// shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 1_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for RowErrorQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            version: read_version(members)?,
            limit: members.limit_of_at_most(MAX_ROW_ERRORS)?,
            cursor: members.optional("cursor")?,
        })
    }
}

/// A broken rule in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowErrorItem {
    /// The record, counted from 1 after the header.
    #[schema(example = 17)]
    pub record: u64,
    /// The physical line on which the record starts; the header's is 1.
    #[schema(example = 18)]
    pub line: u64,
    /// The column, where one cell is to blame.
    #[schema(example = "grade")]
    pub column: Option<String>,
    /// The rule, stable.
    #[schema(value_type = String, example = "wrong_type")]
    pub rule: Rule,
    /// What the rule asks for.
    #[schema(example = "a whole number")]
    pub expected: String,
    /// What was found, cut to 200 characters.
    #[schema(example = "seven")]
    pub found: String,
}

impl From<RowError> for RowErrorItem {
    fn from(error: RowError) -> Self {
        Self {
            record: error.record,
            line: error.line,
            column: error.column,
            rule: error.rule,
            expected: error.expected,
            found: error.found,
        }
    }
}

/// A rejected row: as it came, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedRowItem {
    /// The record, counted from 1 after the header.
    #[schema(example = 17)]
    pub record: u64,
    /// The physical line on which it starts; the header's is 1.
    #[schema(example = 18)]
    pub line: u64,
    /// The member of the zip archive that it stands in, where the file is one; the line is the member's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Whether it is a row of a repaired file that stands for no rejected row; record and line are that file's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_of_repair: bool,
    /// The row as it came, bytes that are no text replaced.
    pub raw: String,
    /// Whether that is only its beginning.
    pub raw_is_cut: bool,
    /// The broken rules; never empty.
    pub errors: Vec<RowErrorItem>,
}

impl From<RejectedRow> for RejectedRowItem {
    fn from(row: RejectedRow) -> Self {
        Self {
            record: row.record,
            line: row.line,
            member: row.member,
            is_of_repair: row.is_of_repair,
            raw: String::from_utf8_lossy(&row.raw).into_owned(),
            raw_is_cut: row.raw_is_cut,
            errors: row.errors.into_iter().map(RowErrorItem::from).collect(),
        }
    }
}

/// A page of rejected rows, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowErrorPage {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// The version that the errors are of.
    pub version: u32,
    /// The rows.
    pub items: Vec<RejectedRowItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// The `next` of a page of file versions: a place in the order of their arrival.
pub(crate) fn sequence_cursor(members: &mut QueryMembers) -> Result<Option<i64>, Problem> {
    let read = |text: String| {
        let sequence = text.parse().ok().filter(|sequence: &i64| *sequence > 0);
        sequence.ok_or_else(|| bad_member("cursor", "has to be the next of a page"))
    };
    members.optional("cursor")?.map(read).transpose()
}
