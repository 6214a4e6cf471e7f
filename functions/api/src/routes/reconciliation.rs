//! Whether it all adds up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::reconcile::{ReconcileError, reconcile};

use crate::deps::Deps;
use crate::dto::reconciliation::{
    ReconciliationPage, ReconciliationQuery, ReconciliationRunDetail, ReconciliationRunPage,
};
use crate::dto::specs::PageQuery;
use crate::extract::query::bad_member;
use crate::extract::{Query, RunIdInPath};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;
use crate::routes::sources::{cursor, next};

/// A finding is some hundred bytes, so a page is short.
const MAX_LINES: u32 = 1_000;

/// Looks whether counts add up: files and their chunks, datasets and dimensions and their files, partials, parts; and what
/// waits: files of which nothing has been heard for three hours, the outbox.
///
/// A call looks at a part and says where the next one goes on; follow `next` until it is null. Nothing is changed.
#[utoipa::path(get, path = "/reconciliation", operation_id = "reconcile", tag = "service", params(ReconciliationQuery),
    responses((status = 200, description = "A part of the whole.", body = ReconciliationPage, example = json!({
        "checked": 12, "findings": [{"rule": "partial_missing", "dataset": "SAC_stds_atd_cmp_by_school",
            "file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
            "message": "partials/SAC_stds_atd_cmp_by_school/… is not there"}], "next": "parts:"}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<ReconciliationQuery>,
) -> Answer<Json<ReconciliationPage>> {
    let reconciled = reconcile(&deps.store, deps.collections.as_ref(), query.cursor.as_deref()).await;
    let reconciled = reconciled.map_err(|error| match error {
        ReconcileError::BadCursor => bad_member("cursor", "has to be the next of a call"),
        ReconcileError::Failed(failure) => failure.into(),
    })?;
    Ok(Json(reconciled.into()))
}

/// Lists the looks at the whole that the clock has begun, the newest first.
#[utoipa::path(get, path = "/reconciliation/runs", operation_id = "list_reconciliations", tag = "service",
    params(PageQuery), responses((status = 200, description = "A page.", body = ReconciliationRunPage,
        example = json!({"items": [], "next": null}))))]
pub(crate) async fn list_runs(
    State(deps): State<Arc<Deps>>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<ReconciliationRunPage>> {
    let before = cursor(&page)?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let runs = deps.store.list_reconciliations(before, size.items()).await;
        let Some(runs) = size.take(runs) else { continue };
        let runs = runs?;
        let next = next(&runs, size, |run| run.sequence);
        let items = runs.into_iter().map(Into::into).collect();
        return Ok(Json(ReconciliationRunPage { items, next }));
    }
}

/// Reads a look at the whole that the clock has begun, with what did not add up.
#[utoipa::path(get, path = "/reconciliation/runs/{run_id}", operation_id = "read_reconciliation", tag = "service",
    params(("run_id" = String, Path, description = "The run", example = "01859000-0000-7000-8000-000000000000"), PageQuery),
    responses((status = 200, description = "The look and a page of what it found.", body = ReconciliationRunDetail,
        example = json!({"run_id": "01859000-0000-7000-8000-000000000000", "checked": 1200, "findings": 1,
        "started_at": "2023-01-08T03:45:00Z", "finished_at": "2023-01-08T03:45:04Z", "found": [{
            "rule": "part_missing", "dataset": null, "file_id": "01859000-0000-7000-8000-000000000001", "version": 1,
            "message": "parts/event/… is not there"}], "next": null}))))]
pub(crate) async fn read_run(
    State(deps): State<Arc<Deps>>,
    RunIdInPath(run_id): RunIdInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<ReconciliationRunDetail>> {
    let after = cursor(&page)?;
    let run = deps.store.load_reconciliation(run_id).await?;
    let run = run.ok_or_else(|| Problem::not_found("there is no such look at the whole"))?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let found = deps.store.list_findings(run_id, after, size.items()).await;
        let Some(found) = size.take(found) else { continue };
        let found = found?;
        return Ok(Json(ReconciliationRunDetail {
            run: run.into(),
            next: next(&found, size, |one| one.finding_no),
            found: found.into_iter().map(Into::into).collect(),
        }));
    }
}
