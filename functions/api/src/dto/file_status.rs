//! File status by name, as the seed's clients ask for it.

use millrace_core::definition::SpecKind;
use millrace_core::facts::{FileStatus, status};
use millrace_core::transition::AskedStatus;
use millrace_core::{FileId, Name};
use millrace_store::files::{FileFilter, FileRecord};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::dto::files::{FedDataset, FileErrorDetail, sequence_cursor};
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::{Problem, rules_are_broken};

/// The most versions of a page; the document says the same.
const MAX_VERSIONS: u32 = 200;

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileStatusQuery {
    /// The provider's name for it.
    #[param(example = "attendance-2023-01.csv")]
    pub filename: String,
    /// `dimension`, `event` or `dataset`.
    #[param(value_type = String, example = "event")]
    pub ingestion_type: SpecKind,
    /// The name of its spec.
    #[param(value_type = String, example = "event_students_attendance")]
    pub ingestion_name: Name,
    /// The most versions of the page; 200 when not said, and at most.
    #[param(required = false, minimum = 1, maximum = 200, example = 100)]
    pub limit: u32,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub cursor: Option<i64>,
}

impl ReadQuery for FileStatusQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let kind = SpecKind::parse(&members.required("ingestion_type")?);
        let kind = kind.filter(|kind| kind.takes_files());
        let name = members.required("ingestion_name")?;
        Ok(Self {
            filename: members.required("filename")?,
            ingestion_type: kind
                .ok_or_else(|| bad_member("ingestion_type", "has to be dimension, event or dataset"))?,
            ingestion_name: Name::parse(&name)
                .map_err(|error| bad_member("ingestion_name", error.to_string()))?,
            limit: members.limit_of_at_most(MAX_VERSIONS)?,
            cursor: sequence_cursor(members)?,
        })
    }
}

impl FileStatusQuery {
    /// What the store is asked for.
    #[must_use]
    pub fn filter(self) -> FileFilter {
        FileFilter {
            ingestion_type: Some(self.ingestion_type),
            ingestion_name: Some(self.ingestion_name.into()),
            file_name: Some(self.filename),
            open_only: false,
            before: self.cursor,
            limit: self.limit,
        }
    }
}

/// A version of the file, under the seed's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionStatus {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub pid: FileId,
    /// Its version.
    pub version: u32,
    /// The provider's name for it.
    pub file_name: String,
    /// `Upload_in_progress`, `Uploaded`, `Processing`, `Completed`, `Ready_to_archive`, `Archived` or `Error`.
    #[schema(value_type = String, example = "Ready_to_archive")]
    pub file_status: FileStatus,
    /// When it was registered (RFC 3339).
    pub created_at: String,
    /// Rows after the header.
    pub total_data_count: u64,
    /// Rows that kept every rule.
    pub processed_data_count: u64,
    /// Rows that broke at least one.
    pub error_data_count: u64,
    /// What it feeds, known once validated.
    pub datasets: Vec<FedDataset>,
    /// Why the file as a whole is refused.
    pub error: Option<FileErrorDetail>,
    /// Why its object could not be moved: driven on, it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_error: Option<FileErrorDetail>,
}

impl From<FileRecord> for VersionStatus {
    fn from(record: FileRecord) -> Self {
        let file_status = status(&record.facts);
        let facts = record.facts;
        Self {
            pid: record.file.file_id,
            version: record.file.version,
            file_name: record.file_name,
            file_status,
            created_at: record.created_at,
            total_data_count: facts.counts.rows,
            processed_data_count: facts.counts.kept,
            error_data_count: facts.counts.rejected,
            datasets: facts.datasets.into_iter().map(FedDataset::from).collect(),
            error: facts.error.map(FileErrorDetail::from),
            move_error: facts.move_error.map(FileErrorDetail::from),
        }
    }
}

/// The versions of a file, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileStatusPage {
    /// The versions.
    pub response: Vec<VersionStatus>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Asks a file to be at a status.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusAsked {
    /// The provider's name for the file.
    #[schema(example = "attendance-2023-01.csv")]
    pub file_name: String,
    /// `dimension`, `event` or `dataset`.
    #[schema(example = "event")]
    pub ingestion_type: String,
    /// The name of its spec.
    #[schema(example = "event_students_attendance")]
    pub ingestion_name: String,
    /// A status; `Processing` and `Completed` may name a dataset: `Completed_<dataset>`.
    #[schema(example = "Completed_SAC_stds_atd_cmp_by_school")]
    pub status: String,
}

impl StatusAsked {
    /// Which file's latest version is asked, and for what.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn read(&self) -> Result<(FileFilter, AskedStatus), Problem> {
        let mut broken: Vec<(&str, &str, String)> = Vec::new();
        let kind = SpecKind::parse(&self.ingestion_type).filter(|kind| kind.takes_files());
        if kind.is_none() {
            let message = "has to be dimension, event or dataset".to_owned();
            broken.push(("/ingestion_type", "wrong_value", message));
        }
        if let Err(error) = Name::parse(&self.ingestion_name) {
            broken.push(("/ingestion_name", "bad_name", error.to_string()));
        }
        let asked = AskedStatus::parse(&self.status);
        if asked.is_none() {
            let known = FileStatus::ALL.map(FileStatus::as_str).join(", ");
            let message = format!("is one of {known}, Processing_<dataset> or Completed_<dataset>");
            broken.push(("/status", "unknown_status", message));
        }
        match (asked, &broken[..]) {
            (Some(asked), []) => Ok((self.filter(kind), asked)),
            _ => {
                let problem = Problem::invalid("invalid_status", rules_are_broken(broken.len()));
                let add = |problem: Problem, (pointer, code, message)| problem.at(pointer, code, message);
                Err(broken.into_iter().fold(problem, add))
            }
        }
    }

    fn filter(&self, kind: Option<SpecKind>) -> FileFilter {
        FileFilter {
            ingestion_type: kind,
            ingestion_name: Some(self.ingestion_name.clone()),
            file_name: Some(self.file_name.clone()),
            limit: 1,
            ..FileFilter::default()
        }
    }
}

/// What the facts say to a status that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusAnswered {
    /// The answer in words.
    pub message: String,
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its latest version, which was asked.
    pub version: u32,
    /// Where it stands, whatever was asked for.
    #[schema(value_type = String, example = "Processing")]
    pub file_status: FileStatus,
    /// Whether that is what was asked for. Where not, it may still come there.
    pub is_as_asked: bool,
    /// Whether everything that it feeds has it.
    pub ready_to_archive: bool,
    /// How many messages were sent to drive it on.
    pub messages: usize,
}
