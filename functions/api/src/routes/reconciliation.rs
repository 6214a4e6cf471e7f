//! Whether it all adds up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::reconcile::{ReconcileError, reconcile};

use crate::deps::Deps;
use crate::dto::reconciliation::{ReconciliationPage, ReconciliationQuery};
use crate::extract::Query;
use crate::extract::query::bad_member;
use crate::problem::Answer;

/// Looks whether counts add up: files and their chunks, datasets and their files, partials, parts, the outbox.
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
