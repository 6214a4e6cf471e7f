//! Runs of pipelines on the wire.

use millrace_core::{FileId, Name, RunId};
use millrace_store::pipelines::{PipelineRunRecord, RunCounts, RunStep};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which pipeline is to run.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunAsked {
    /// The pipeline.
    #[schema(example = "attendance_nightly")]
    pub pipeline_name: String,
}

/// A run that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunAccepted {
    /// The same in words.
    #[schema(example = "the pipeline is running")]
    pub message: String,
    /// The run; its way is followed by this id.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// The pipeline.
    #[schema(value_type = String, example = "attendance_nightly")]
    pub pipeline_name: Name,
}

/// What a run found open, by how it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunCounts {
    /// What waited to be taken in, and files on their way.
    pub found: u64,
    /// Of these, what had been held for a run.
    pub held: u64,
    /// Files that were on their way and are validated.
    pub validated: u64,
    /// What is taken in.
    pub applied: u64,
    /// What a later version of its file has made needless.
    pub superseded: u64,
    /// What was refused.
    pub refused: u64,
    /// What is not through.
    pub waiting: u64,
}

impl From<RunCounts> for PipelineRunCounts {
    fn from(counts: RunCounts) -> Self {
        Self {
            found: counts.found,
            held: counts.held,
            validated: counts.validated,
            applied: counts.applied,
            superseded: counts.superseded,
            refused: counts.refused,
            waiting: counts.waiting,
        }
    }
}

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunItem {
    /// The run.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// The pipeline.
    #[schema(value_type = String, example = "attendance_nightly")]
    pub pipeline_name: Name,
    /// The version of the pipeline's spec that it began with.
    pub spec_version: u32,
    /// `schedule` or `request`.
    #[schema(example = "schedule")]
    pub begun_by: String,
    /// Who asked for it.
    pub requested_by: String,
    /// `running`, or `completed` once all that it found is through.
    #[schema(example = "completed")]
    pub state: &'static str,
    /// What it found.
    pub counts: PipelineRunCounts,
    /// When it began (RFC 3339).
    pub created_at: String,
    /// When the last of what it found was through.
    pub finished_at: Option<String>,
}

impl From<PipelineRunRecord> for PipelineRunItem {
    fn from(record: PipelineRunRecord) -> Self {
        Self {
            run_id: record.run_id,
            pipeline_name: record.pipeline,
            spec_version: record.spec_version,
            begun_by: record.begun_by,
            requested_by: record.requested_by,
            state: match record.counts.waiting {
                0 => "completed",
                _ => "running",
            },
            counts: record.counts.into(),
            created_at: record.created_at,
            finished_at: record.finished_at,
        }
    }
}

/// A page of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunPage {
    /// The runs, the newest first.
    pub items: Vec<PipelineRunItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Something that a run found open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunStep {
    /// The file; followed at `/ingestion/files/{file_id}`.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// The dataset or dimension that was to take it in; null for a file that was on its way.
    pub target: Option<String>,
    /// Whether it had been held for a run.
    pub held: bool,
    /// `waiting`, or how it ended: `applied`, `superseded`, `refused`, `validated`.
    #[schema(example = "applied")]
    pub state: String,
    /// When it ended (RFC 3339).
    pub ended_at: Option<String>,
}

impl From<RunStep> for PipelineRunStep {
    fn from(step: RunStep) -> Self {
        Self {
            file_id: step.file_id,
            version: step.version,
            target: Some(step.target).filter(|target| !target.is_empty()),
            held: step.was_held,
            state: step.state,
            ended_at: step.ended_at,
        }
    }
}

/// A run with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PipelineRunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: PipelineRunItem,
    /// What it found, of this page.
    pub steps: Vec<PipelineRunStep>,
    /// Hand this back as `cursor` to get the next steps; null on the last page.
    pub next: Option<String>,
}
