//! Schedules on the wire, beside their specs.

use millrace_core::pipeline::{ScheduleDefinition, ScheduleState};
use millrace_spec::next_runs;
use millrace_store::schedules::{ScheduleProblem, ScheduleRecord};
use serde::Serialize;
use utoipa::ToSchema;

/// Why EventBridge does not have a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScheduleProblemDetail {
    /// The rule, stable.
    #[schema(example = "refused_by_eventbridge")]
    pub rule: String,
    /// What EventBridge says.
    pub message: String,
}

impl From<ScheduleProblem> for ScheduleProblemDetail {
    fn from(problem: ScheduleProblem) -> Self {
        Self {
            rule: problem.rule,
            message: problem.message,
        }
    }
}

/// How a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScheduleStatus {
    /// When it fires, as EventBridge Scheduler takes it.
    #[schema(example = "cron(0 2 * * ? *)")]
    pub expression: String,
    /// The time zone of the clock that a cron means.
    #[schema(example = "Asia/Kolkata")]
    pub time_zone: String,
    /// `enabled` or `paused`.
    #[schema(value_type = String, example = "enabled")]
    pub state: ScheduleState,
    /// Whether EventBridge has it so: a moment after each change.
    pub taken: bool,
    /// When EventBridge took what it has (RFC 3339).
    pub taken_at: Option<String>,
    /// Why it does not have it, if it was asked.
    pub error: Option<ScheduleProblemDetail>,
    /// The next times (RFC 3339, UTC), as far as they are known: none while it is paused or retired.
    pub next_runs: Vec<String>,
}

impl ScheduleStatus {
    /// The answer for a schedule, as of an instant in milliseconds since 1970.
    #[must_use]
    pub fn new(record: ScheduleRecord, now_ms: u64) -> Self {
        let next_runs = match record.is_wanted {
            true => next_runs(&record.definition, record.taken_at.as_deref(), now_ms),
            false => Vec::new(),
        };
        let taken = record.is_taken();
        let ScheduleDefinition {
            expression,
            time_zone,
            state,
            ..
        } = record.definition;
        Self {
            expression,
            time_zone,
            state,
            taken,
            taken_at: record.taken_at,
            error: record.error.map(Into::into),
            next_runs,
        }
    }
}

/// A schedule that was made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScheduleSet {
    /// The same in words.
    #[schema(example = "attendance_nightly has been successfully scheduled")]
    pub message: String,
    /// The schedule; read at `/spec/schedule/{name}`.
    #[schema(example = "attendance_nightly")]
    pub schedule_name: String,
    /// The version of its spec.
    pub version: u32,
    /// The next times (RFC 3339, UTC).
    pub next_runs: Vec<String>,
}
