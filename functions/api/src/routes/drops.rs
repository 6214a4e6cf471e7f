//! Dropped objects: what became of each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::drive::drive_drops;

use crate::deps::Deps;
use crate::dto::drive::DriveQuery;
use crate::dto::drops::{DropPage, DropQuery, DroppedObject, DropsDriven};
use crate::extract::Query;
use crate::problem::Answer;
use crate::routes::fitting::PageSize;

/// Lists the objects that other systems have put into the landing bucket under `drops/`, the newest first.
///
/// One whose key or spec is none became no file, and says why. Once there is a spec, `POST /ingestion/drops/drive` takes it.
#[utoipa::path(get, path = "/ingestion/drops", operation_id = "list_drops", tag = "ingestion", params(DropQuery),
    responses((status = 200, description = "A page.", body = DropPage, example = json!({"items": [{
        "key": "drops/event/event_students_attendance/attendance-2023-01.csv", "object_version": "096fKKXTRTtl3on89fVO",
        "size_bytes": 60810, "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "error": null,
        "created_at": "2023-01-08T12:00:00Z"}], "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DropQuery>,
) -> Answer<Json<DropPage>> {
    let mut size = PageSize::at_most(query.limit);
    let mut filter = query.filter();
    loop {
        filter.limit = size.items();
        let records = deps.store.list_drops(filter).await;
        let Some(records) = size.take(records) else {
            continue;
        };
        let records = records?;
        let is_full = records.len() == size.items() as usize;
        let last = records.last().filter(|_| is_full);
        return Ok(Json(DropPage {
            next: last.map(|last| last.drop_id.to_string()),
            items: records.into_iter().map(DroppedObject::from).collect(),
        }));
    }
}

/// Has refused objects looked at again: a page of them a call, the oldest first.
///
/// One whose spec is there by now becomes a file, as if its event came again; one that is refused still keeps its reason.
/// `GET /ingestion/drops` shows which is which once they were looked at. Follow `next` until it is null to have all of them
/// looked at.
#[utoipa::path(post, path = "/ingestion/drops/drive", operation_id = "drive_drops", tag = "ingestion", params(DriveQuery),
    responses((status = 202, description = "They are going to be looked at.", body = DropsDriven, example = json!({
        "objects": 1, "driven": [{"key": "drops/event/event_students_attendance/attendance-2023-01.csv",
        "object_version": "096fKKXTRTtl3on89fVO"}], "next": null}))))]
pub(crate) async fn drive(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DriveQuery>,
) -> Answer<(StatusCode, Json<DropsDriven>)> {
    let driven = drive_drops(&deps.store, deps.sender.as_ref(), query.cursor).await?;
    Ok((StatusCode::ACCEPTED, Json(driven.into())))
}
