//! Schedule bodies: what is begun by the clock, and when.

use jiff::Timestamp;
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::pipeline::{MoveKind, ScheduleDefinition, ScheduleState, ScheduleTarget};
use serde_json::Value;

use crate::expression::{Expression, time_zone};
use crate::pointer::Pointer;
use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;

/// The time zone when the body does not say.
const DEFAULT_TIME_ZONE: &str = "UTC";

/// What is wrong with a schedule whose pipeline is not there.
#[must_use]
pub fn unknown_pipeline(name: &str) -> SpecErrors {
    let message = format!("there is no pipeline {}", quoted(name));
    SpecErrors::one("/pipeline_name", "unknown_spec", &message)
}

/// What the seed posts to `/spec/s3` as the body of a schedule: it has no name of its own there.
///
/// # Errors
/// When it says what belongs to other schedules.
pub fn schedule_of_move(body: &Value) -> Result<Value, SpecErrors> {
    let Some(members) = body.as_object() else {
        return Err(SpecErrors::one("", "wrong_type", "must be of type object"));
    };
    for member in ["pipeline_name", "schedule_name"] {
        if members.contains_key(member) {
            let message = "the member is not known here";
            return Err(SpecErrors::one(&format!("/{member}"), "unknown_member", message));
        }
    }
    if !members.contains_key("scheduled_type") {
        let message = "the member \"scheduled_type\" is missing";
        return Err(SpecErrors::one("", "missing_member", message));
    }
    Ok(body.clone())
}

/// The name of the schedule that a body declares, as far as it says one.
#[must_use]
pub fn schedule_name(body: &Value) -> Option<Name> {
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let name = text("schedule_name").or_else(|| text("pipeline_name"));
    let name = name.or(match text("scheduled_type") {
        Some("Archive") => Some("archive"),
        Some("Error") => Some("error"),
        _ => None,
    });
    Name::parse(name?).ok()
}

/// Checks a schedule's body and compiles it. Whether its pipeline is there is for whoever stores it.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_schedule(body: &Value) -> Result<ScheduleDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Schedule, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    let definition = compile(body, &mut problems);
    let definition = problems.refuse(definition)?;
    check_not_over(&definition, EARLIEST_MS)?;
    Ok(definition)
}

/// No schedule was made before: 2026-01-01T00:00:00Z.
const EARLIEST_MS: u64 = 1_767_225_600_000;

fn compile(body: &Value, problems: &mut Problems) -> Option<ScheduleDefinition> {
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let target = match (text("pipeline_name"), text("scheduled_type")) {
        (Some(pipeline), None) => Name::parse(pipeline).ok().map(ScheduleTarget::Pipeline),
        (None, Some("Archive")) => Some(ScheduleTarget::Move(MoveKind::Archive)),
        (None, Some(_)) => Some(ScheduleTarget::Move(MoveKind::Error)),
        (Some(_), Some(_)) => {
            let message = "either pipeline_name or scheduled_type says what is begun, not both";
            problems.add(&Pointer::of(&["scheduled_type"]), "two_targets", message);
            None
        }
        (None, None) => {
            let message = "pipeline_name or scheduled_type has to say what is begun";
            problems.add(&Pointer::default(), "missing_member", message);
            None
        }
    };
    let expression = match Expression::parse(text("scheduled_at")?) {
        Ok(expression) => Some(expression.to_string()),
        Err(errors) => {
            for error in errors {
                problems.add(&Pointer::of(&["scheduled_at"]), error.code, error.message);
            }
            None
        }
    };
    let zone = text("time_zone").unwrap_or(DEFAULT_TIME_ZONE);
    if time_zone(zone).is_none() {
        let message = format!(
            "{} is no time zone of the IANA database, as Asia/Kolkata is",
            quoted(zone)
        );
        problems.add(&Pointer::of(&["time_zone"]), "unknown_time_zone", message);
    }
    let state = body.get("state").cloned().unwrap_or_default();
    Some(ScheduleDefinition {
        name: schedule_name(body)?,
        target: target?,
        expression: expression?,
        time_zone: zone.to_owned(),
        state: serde_json::from_value(state).unwrap_or_default(),
    })
}

/// Whether a schedule has a last time: its cron says years.
#[must_use]
pub fn has_end(definition: &ScheduleDefinition) -> bool {
    Expression::parse(&definition.expression).is_ok_and(|expression| expression.ends())
}

/// Refuses a schedule that has no time to come as of an instant in milliseconds since 1970, paused or not.
///
/// # Errors
/// That it would never run.
pub fn check_not_over(definition: &ScheduleDefinition, now_ms: u64) -> Result<(), SpecErrors> {
    let enabled = ScheduleDefinition {
        state: ScheduleState::Enabled,
        ..definition.clone()
    };
    match next_runs(&enabled, None, now_ms).is_empty() {
        true => {
            let message = "there is no such time, or all of them have passed: it would never run";
            Err(SpecErrors::one("/scheduled_at", "never", message))
        }
        false => Ok(()),
    }
}

/// How many of the next times are told.
const NEXT_RUNS: usize = 3;

/// The next times at which a schedule fires (RFC 3339, UTC), as of an instant in milliseconds since 1970; none while it is
/// paused. A rate counts from `since` (RFC 3339), when EventBridge took it; from now where it has not.
#[must_use]
pub fn next_runs(definition: &ScheduleDefinition, since: Option<&str>, now_ms: u64) -> Vec<String> {
    let now = i64::try_from(now_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let (Some(now), Ok(expression), Some(zone), ScheduleState::Enabled) = (
        now,
        Expression::parse(&definition.expression),
        time_zone(&definition.time_zone),
        definition.state,
    ) else {
        return Vec::new();
    };
    let since = since.and_then(|text| text.parse().ok()).unwrap_or(now);
    let runs = expression.next_runs(since, now, &zone, NEXT_RUNS);
    runs.iter().map(ToString::to_string).collect()
}
