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

/// Looks at refused objects again: a page of them a call, the oldest first.
///
/// One whose spec is there by now becomes a file, as if its event came again. Follow `next` until it is null to look at all.
#[utoipa::path(post, path = "/ingestion/drops/drive", operation_id = "drive_drops", tag = "ingestion", params(DriveQuery),
    responses((status = 202, description = "Looked at.", body = DropsDriven, example = json!({"taken": [{
        "key": "drops/event/event_students_attendance/attendance-2023-01.csv",
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1}], "refused": 0, "next": null}))))]
pub(crate) async fn drive(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DriveQuery>,
) -> Answer<(StatusCode, Json<DropsDriven>)> {
    let (store, sender) = (&deps.store, deps.sender.as_ref());
    let driven = drive_drops(store, sender, deps.surroundings.as_ref(), query.cursor).await?;
    Ok((StatusCode::ACCEPTED, Json(driven.into())))
}
