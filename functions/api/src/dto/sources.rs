//! Runs of sources on the wire, and what the registry holds of a source.

use std::collections::BTreeMap;

use millrace_core::{FileId, Name, RunId};
use millrace_store::sources::{RegistryEntry, RunFile, RunRecord};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A run that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunAccepted {
    /// The run; its way is followed by this id.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// The source.
    #[schema(value_type = String, example = "attendance_of_district")]
    pub source: Name,
}

/// A run of a source.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunItem {
    /// The run.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// The source.
    #[schema(value_type = String, example = "attendance_of_district")]
    pub source: Name,
    /// The version of the source's spec that it follows.
    pub spec_version: u32,
    /// `schedule` or `request`.
    #[schema(example = "request")]
    pub begun_by: String,
    /// Who asked for it.
    pub requested_by: String,
    /// `queued`, `running`, `completed`, `failed` or `skipped`.
    #[schema(example = "completed")]
    pub state: String,
    /// Files that the source lists, once it was asked.
    pub listed: Option<u32>,
    /// Lines by state: `waiting`, `fetched`, `replaced`, `unchanged`, `same_bytes`, `failed`.
    pub counts: BTreeMap<String, u64>,
    /// Why it failed or was skipped: `{rule, message}`.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// When it was asked for (RFC 3339).
    pub created_at: String,
    /// When the work began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// A page of runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunPage {
    /// The runs, the newest first.
    pub items: Vec<RunItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// A line of a run: what came of a listed file.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunFileItem {
    /// Its place, from 0: the oldest file first.
    pub position: u32,
    /// The file's name.
    pub file_name: String,
    /// `waiting`, `fetched`, `replaced`, `unchanged`, `same_bytes` or `failed`.
    #[schema(example = "fetched")]
    pub state: String,
    /// How often the work was begun.
    pub attempts: u32,
    /// Why it failed: `{rule, message}`.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// Bytes that came.
    pub size_bytes: Option<u64>,
    /// The file that it became; followed at `/ingestion/files/{file_id}`.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub file_id: Option<FileId>,
    /// The file's version.
    pub version: Option<u32>,
    /// When it was settled (RFC 3339).
    pub finished_at: Option<String>,
}

/// A run with a line a file.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: RunItem,
    /// The lines of this page, the oldest file first.
    pub files: Vec<RunFileItem>,
    /// Hand this back as `cursor` to get the next lines; null on the last page.
    pub next: Option<String>,
}

/// A listed file, as the registry holds it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceFileItem {
    /// The file's name.
    pub file_name: String,
    /// Where it is.
    pub url: String,
    /// Its date.
    #[schema(example = "2024-01-31")]
    pub listed_date: Option<String>,
    /// `listed`, `held` or `failed`.
    #[schema(example = "held")]
    pub state: String,
    /// Hash of the bytes that are held.
    pub sha256: Option<String>,
    /// Their size.
    pub size_bytes: Option<u64>,
    /// The file of the same source whose bytes they are too.
    pub same_as: Option<String>,
    /// The run that last had to do with it.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// How often the work was begun since it was last held.
    pub attempts: u32,
    /// What went wrong last, `{rule, message}`; null after a success.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// The file that it became.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub file_id: Option<FileId>,
    /// The file's version.
    pub version: Option<u32>,
    /// When it was first listed (RFC 3339).
    pub first_listed_at: String,
    /// When it was last settled.
    pub fetched_at: Option<String>,
}

/// A page of listed files.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceFilePage {
    /// The files, in the order in which they were first listed.
    pub items: Vec<SourceFileItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Runs that were driven on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunsDriven {
    /// How many.
    pub runs: usize,
    /// Hand this back as `cursor` to drive more of them on; null when there are none.
    pub next: Option<String>,
}

impl From<RunRecord> for RunItem {
    fn from(run: RunRecord) -> Self {
        Self {
            run_id: run.run_id,
            source: run.source,
            spec_version: run.spec_version,
            begun_by: run.begun_by,
            requested_by: run.requested_by,
            state: run.state,
            listed: run.listed,
            counts: run.files,
            error: run.error,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}

impl From<RunFile> for RunFileItem {
    fn from(file: RunFile) -> Self {
        Self {
            position: file.position,
            file_name: file.file_name,
            state: file.state,
            attempts: file.attempts,
            error: file.error,
            size_bytes: file.size_bytes,
            file_id: file.file_id,
            version: file.version,
            finished_at: file.finished_at,
        }
    }
}

impl From<RegistryEntry> for SourceFileItem {
    fn from(entry: RegistryEntry) -> Self {
        Self {
            file_name: entry.file_name,
            url: entry.url,
            listed_date: entry.listed_date,
            state: entry.state,
            sha256: entry.sha256,
            size_bytes: entry.size_bytes,
            same_as: entry.same_as,
            run_id: entry.run_id,
            attempts: entry.attempts,
            error: entry.error,
            file_id: entry.file_id,
            version: entry.version,
            first_listed_at: entry.first_listed_at,
            fetched_at: entry.fetched_at,
        }
    }
}
