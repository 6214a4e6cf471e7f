//! Schedules: what EventBridge Scheduler is to have, and has.

use millrace_core::failure::Failure;
use millrace_core::name::Name;
use millrace_core::pipeline::ScheduleDefinition;
use serde::{Deserialize, Serialize};

use crate::{Statement, Store};

/// Why EventBridge does not have a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleProblem {
    /// The rule, stable.
    pub rule: String,
    /// What EventBridge says.
    pub message: String,
}

/// A schedule as it is wanted, and whether EventBridge has it so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ScheduleRecord {
    /// Counts the changes of what is wanted.
    pub change: i64,
    /// The version of the spec.
    pub version: u32,
    /// Whether there is to be one at all: the spec is not retired.
    pub is_wanted: bool,
    /// The change that EventBridge has followed.
    pub taken_change: Option<i64>,
    /// When it did (RFC 3339).
    pub taken_at: Option<String>,
    /// Why it has not followed the newest, if it was asked.
    pub error: Option<ScheduleProblem>,
    /// What that version says.
    pub definition: ScheduleDefinition,
}

impl ScheduleRecord {
    /// Whether EventBridge has the schedule as it is wanted.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.error.is_none() && self.taken_change == Some(self.change)
    }
}

impl Store {
    /// The time of the database, by which a schedule is over or not, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn now_ms(&self) -> Result<u64, Failure> {
        let text = "select to_jsonb((extract(epoch from now()) * 1000)::bigint)::text";
        let now_ms: Option<i64> = self.json(Statement::new(text)).await?;
        let no_time = || Failure::invalid("store.now", "the database tells no time since 1970");
        now_ms
            .and_then(|now_ms| u64::try_from(now_ms).ok())
            .ok_or_else(no_time)
    }

    /// A schedule as its spec wants it now.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_schedule(&self, name: &Name) -> Result<Option<ScheduleRecord>, Failure> {
        let text = "select jsonb_build_object('change', w.change, 'version', w.version, 'is_wanted', w.is_wanted, \
             'taken_change', w.taken_change, 'taken_at', w.taken_at, 'error', w.error, \
             'definition', s.definition)::text from operations.schedule w \
             join spec.spec s on s.kind = 'schedule' and s.name = w.name and s.version = w.version \
             where w.name = cast(:name as text)";
        self.json(Statement::new(text).bind("name", name.as_str())).await
    }

    /// Writes down that EventBridge has followed a change, or why it has not; false when something else is wanted by now.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn record_schedule(
        &self,
        name: &Name,
        change: i64,
        problem: Option<&ScheduleProblem>,
    ) -> Result<bool, Failure> {
        let text = "update operations.schedule set error = cast(:error as jsonb), \
             taken_change = case when cast(:error as jsonb) is null then change else taken_change end, \
             taken_at = case when cast(:error as jsonb) is null then now() else taken_at end \
             where name = cast(:name as text) and change = cast(:change as bigint) returning true";
        let error = problem
            .map(serde_json::to_string)
            .transpose()
            .map_err(crate::unreadable)?;
        let statement = Statement::new(text)
            .bind("name", name.as_str())
            .bind("change", change);
        self.is_true(statement.bind("error", error)).await
    }
}
