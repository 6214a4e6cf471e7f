//! File status by name: read, and asked for. Nobody sets one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::drive;
use millrace_core::facts::{FileStatus, status};
use millrace_core::transition::{Transition, ask};
use millrace_store::files::FileRecord;

use crate::deps::Deps;
use crate::dto::file_status::{FileStatusPage, FileStatusQuery, StatusAnswered, StatusAsked, VersionStatus};
use crate::extract::{JsonBody, Query};
use crate::problem::{Answer, Problem};
use crate::routes::files::next_of;
use crate::routes::fitting::PageSize;

/// Lists the versions of a file by its name, the newest first.
#[utoipa::path(get, path = "/ingestion/file-status", operation_id = "read_file_status", tag = "ingestion",
    params(FileStatusQuery),
    responses((status = 200, description = "A page.", body = FileStatusPage, example = json!({"response": [{
        "pid": "01859000-0000-7000-8000-000000000000", "version": 1, "file_name": "attendance-2023-01.csv",
        "file_status": "Ready_to_archive", "created_at": "2023-01-08T12:00:00Z", "total_data_count": 1200,
        "processed_data_count": 1199, "error_data_count": 1,
        "datasets": [{"dataset": "SAC_stds_atd_cmp_by_school", "applied": true}], "error": null}], "next": null}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<FileStatusQuery>,
) -> Answer<Json<FileStatusPage>> {
    let mut size = PageSize::at_most(query.limit);
    let is_first = query.cursor.is_none();
    let mut filter = query.filter();
    loop {
        filter.limit = size.items();
        let records = deps.store.list_files(&filter).await;
        let Some(records) = size.take(records) else {
            continue;
        };
        let records = records?;
        if is_first && records.is_empty() {
            return Err(no_file());
        }
        let next = next_of(&records, size);
        let response = records.into_iter().map(VersionStatus::from).collect();
        return Ok(Json(FileStatusPage { response, next }));
    }
}

/// Asks a file's latest version to be at a status.
///
/// The facts decide. Where it is not there yet, it is driven on; where it cannot come there, the answer is 409 with the
/// reason.
#[utoipa::path(put, path = "/ingestion/file-status", operation_id = "ask_file_status", tag = "ingestion",
    request_body(content = StatusAsked, example = json!({"file_name": "attendance-2023-01.csv",
        "ingestion_type": "event", "ingestion_name": "event_students_attendance",
        "status": "Completed_SAC_stds_atd_cmp_by_school"})),
    responses((status = 200, description = "Where it stands.", body = StatusAnswered, example = json!({
        "message": "File status updated successfully", "file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
        "file_status": "Ready_to_archive", "is_as_asked": true, "ready_to_archive": true, "messages": 0}))))]
pub(crate) async fn set(
    State(deps): State<Arc<Deps>>,
    body: JsonBody<StatusAsked>,
) -> Answer<Json<StatusAnswered>> {
    let (filter, asked) = body.value.read()?;
    let found = deps.store.list_files(&filter).await?;
    let record = found.into_iter().next().ok_or_else(no_file)?;
    match ask(&record.facts, &asked) {
        Transition::Reached => Ok(Json(answer(&record, true, 0))),
        Transition::Open => {
            let messages = drive::drive_file(&deps.store, deps.sender.as_ref(), &record).await?;
            Ok(Json(answer(&record, false, messages)))
        }
        Transition::Forbidden(reason) => {
            Err(Problem::conflict("status_forbidden", reason).about(record.file))
        }
        Transition::UnknownDataset(name) => {
            let message = format!("the file feeds no dataset {name}");
            Err(Problem::invalid("invalid_status", message.clone()).at("/status", "unknown_dataset", message))
        }
    }
}

fn answer(record: &FileRecord, is_as_asked: bool, messages: usize) -> StatusAnswered {
    let now = status(&record.facts);
    let message = match is_as_asked {
        true => "File status updated successfully".to_owned(),
        false if record.facts.is_held() => {
            format!(
                "the file is at {} and is held until a run of a pipeline begins",
                now.as_str()
            )
        }
        false => format!("the file is at {} and has been driven on", now.as_str()),
    };
    StatusAnswered {
        message,
        file_id: record.file.file_id,
        version: record.file.version,
        file_status: now,
        is_as_asked,
        ready_to_archive: matches!(now, FileStatus::ReadyToArchive | FileStatus::Archived),
        messages,
    }
}

fn no_file() -> Problem {
    Problem::not_found("there is no file of that name, type and spec")
}
