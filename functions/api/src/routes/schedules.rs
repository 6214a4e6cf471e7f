//! Schedules as the seed's clients set them: made where there is none, changed where there is one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::life::{PutSchedule, put_schedule};
use millrace_spec::{next_runs, schedule_of_move};
use serde_json::Value;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::schedules::ScheduleSet;
use crate::extract::JsonBody;
use crate::problem::{Answer, Problem};
use crate::routes::spec_life::{needs_retired, retired};

/// Schedules a pipeline: makes the schedule, or its next version where there is one.
#[utoipa::path(post, path = "/ingestion/scheduler", operation_id = "set_schedule", tag = "pipelines",
    request_body(content = Object, description = "A schedule spec.", example = json!({
        "pipeline_name": "attendance_nightly", "scheduled_at": "cron(0 2 * * ? *)", "time_zone": "Asia/Kolkata"})),
    responses(
        (status = 201, description = "Made, or a new version.", body = ScheduleSet, example = json!({
            "message": "attendance_nightly has been successfully scheduled", "schedule_name": "attendance_nightly",
            "version": 1, "next_runs": ["2023-01-08T20:30:00Z"]})),
        (status = 200, description = "The newest version is the very same.", body = ScheduleSet, example = json!({
            "message": "attendance_nightly has been successfully scheduled", "schedule_name": "attendance_nightly",
            "version": 1, "next_runs": ["2023-01-08T20:30:00Z"]})),
    ))]
pub(crate) async fn set(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    body: JsonBody<Value>,
) -> Answer<(StatusCode, Json<ScheduleSet>)> {
    put(&deps, &body.value, &caller.client_id).await
}

/// Schedules the moves of archived or of refused files' objects: makes the schedule `archive` or `error`, or its next
/// version where there is one.
#[utoipa::path(post, path = "/spec/s3", operation_id = "set_move_schedule", tag = "pipelines",
    request_body(content = Object, description = "When, and which files.", example = json!({
        "scheduled_at": "cron(30 3 * * ? *)", "scheduled_type": "Archive"})),
    responses(
        (status = 201, description = "Made, or a new version.", body = ScheduleSet, example = json!({
            "message": "archive has been successfully scheduled", "schedule_name": "archive",
            "version": 1, "next_runs": ["2023-01-09T03:30:00Z"]})),
        (status = 200, description = "The newest version is the very same.", body = ScheduleSet, example = json!({
            "message": "archive has been successfully scheduled", "schedule_name": "archive",
            "version": 1, "next_runs": ["2023-01-09T03:30:00Z"]})),
    ))]
pub(crate) async fn set_move(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    body: JsonBody<Value>,
) -> Answer<(StatusCode, Json<ScheduleSet>)> {
    let body = schedule_of_move(&body.value).map_err(millrace_app::compile::CompileError::from)?;
    put(&deps, &body, &caller.client_id).await
}

async fn put(deps: &Deps, body: &Value, client_id: &str) -> Answer<(StatusCode, Json<ScheduleSet>)> {
    let (status, definition, version) = match put_schedule(deps.spec_ports(), body, client_id).await? {
        PutSchedule::Made(definition, version) => (StatusCode::CREATED, definition, version),
        PutSchedule::Identical(definition, version) => (StatusCode::OK, definition, version),
        PutSchedule::Retired => return Err(retired()),
        PutSchedule::NeedsRetired => return Err(needs_retired()),
        PutSchedule::Taken => {
            let detail = "the name stands for another schedule, of another pipeline or other moves, or in other case: \
                          take another name (POST /ingestion/scheduler takes a schedule_name, for moves too); or others \
                          set it at this moment: try again";
            return Err(Problem::conflict("spec_exists", detail));
        }
    };
    let message = match version {
        1 => format!("{} has been successfully scheduled", definition.name),
        _ => "Successfully updated the schedule".to_owned(),
    };
    let set = ScheduleSet {
        message,
        schedule_name: definition.name.to_string(),
        version,
        next_runs: next_runs(&definition, None, deps.surroundings.now_ms()),
    };
    Ok((status, Json(set)))
}
