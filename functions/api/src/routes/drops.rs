//! Dropped objects: what became of each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::deps::Deps;
use crate::dto::drops::{DropPage, DropQuery, DroppedObject};
use crate::extract::Query;
use crate::problem::Answer;
use crate::routes::fitting::PageSize;

/// Lists the objects that other systems have put into the landing bucket under `drops/`, the newest first.
///
/// One whose key or spec is none became no file, and says why; put it there again once that is mended.
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
