//! Pipelines and schedules: when what is there is brought up to date.

use serde::{Deserialize, Serialize};

use crate::definition::SpecKind;
use crate::name::Name;

/// What a pipeline brings where, in the seed's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineType {
    /// Files of an event into a dataset.
    IngestToDb,
    /// Files of a dimension into its rows.
    DimensionToDb,
    /// What a dataset is computed from into it.
    DatasetToDb,
}

/// When a pipeline's targets take in the files that come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// At once; a run drives on what is not through.
    #[default]
    OnArrival,
    /// When a run begins: until then the files are held.
    OnRequest,
}

/// Something that takes files in: a dataset that has cells, or a dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PipelineTarget {
    /// Dataset or dimension.
    pub kind: SpecKind,
    /// Its name.
    pub name: Name,
    /// Whose files it takes in: an event, or the dimension itself.
    pub fed_by: Name,
}

/// A spec that a pipeline names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PipelineNeed {
    /// Its kind.
    pub kind: SpecKind,
    /// Its name.
    pub name: Name,
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineDefinition {
    /// The pipeline's name.
    pub name: Name,
    /// What it brings where.
    pub pipeline_type: PipelineType,
    /// What takes files in, each once, in order.
    pub targets: Vec<PipelineTarget>,
    /// The specs that it names, each once, in order.
    pub needs: Vec<PipelineNeed>,
    /// When.
    pub runs: Runs,
}

/// Which objects a schedule moves out of the landing bucket, in the seed's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MoveKind {
    /// Those of files that everything has which they feed.
    Archive,
    /// Those of files that were refused.
    Error,
}

impl MoveKind {
    /// The kind as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "Archive",
            Self::Error => "Error",
        }
    }
}

/// What a schedule begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleTarget {
    /// A run of a pipeline.
    Pipeline(Name),
    /// A move of objects.
    Move(MoveKind),
}

/// Whether a schedule fires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// It does.
    #[default]
    Enabled,
    /// It is there, and does not.
    Paused,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleDefinition {
    /// The schedule's name.
    pub name: Name,
    /// What it begins.
    pub target: ScheduleTarget,
    /// When, as EventBridge Scheduler takes it: `cron(…)` or `rate(…)`.
    pub expression: String,
    /// The time zone of the clock that a cron means, by its name in the IANA database.
    pub time_zone: String,
    /// Whether it fires.
    pub state: ScheduleState,
}
