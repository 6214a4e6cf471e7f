//! Batches: rows in a JSON body, which end as one object and one file version like everything that comes in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::batch::check_batch;
use millrace_app::format::load_format;
use millrace_app::upload::{new_file_id, put_upload};
use millrace_core::definition::SpecKind;
use millrace_core::facts::ContentFormat;
use millrace_core::principal::Principal;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::batches::{Batch, BatchAccepted, DatasetBatch, DimensionBatch, EventBatch};
use crate::dto::uploads::batch_order;
use crate::extract::IdempotencyKey;
use crate::extract::json_body::BatchBody;
use crate::problem::{Answer, Problem};
use crate::routes::uploads::{computed_dataset, register, request_hash, unknown_spec};

/// The most rows of a batch; the document says the same.
const MAX_ROWS: usize = 10_000;
/// Rejected rows that are answered at once.
const MOST_REJECTED: usize = 20;

/// Takes rows of an event.
///
/// They are checked at once, by the rules of the event's files, and validated again as every file is. Record numbers are
/// places in the array, from 1. The same rows once more change nothing.
#[utoipa::path(post, path = "/ingestion/event", operation_id = "send_event", tag = "ingestion",
    request_body(content = EventBatch<'static>, example = json!({"event_name": "event_students_attendance", "event": [
        {"date": "2023-01-08", "grade": 1, "school_id": "1000000001", "students_attendance_marked": 8,
        "total_students": 10}]})),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = BatchAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
        "ingestion_name": "event_students_attendance", "file_name": "batch-01859000-0000-7000-8000-000000000001.json",
        "mode": "new", "status": "Upload_in_progress", "valid_record_count": 1, "invalid_record_count": 0,
        "row_errors": []}))))]
pub(crate) async fn send_event(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: BatchBody,
) -> Answer<(StatusCode, Json<BatchAccepted>)> {
    let batch = Batch::from(body.decode::<EventBatch<'_>>()?);
    take(&deps, &caller, &key, &request_hash("send_event", &body.0), batch).await
}

/// Takes rows of a dimension.
///
/// They are checked at once, by the rules of the dimension's files, and validated again as every file is. Record numbers
/// are places in the array, from 1. The same rows once more change nothing.
#[utoipa::path(post, path = "/ingestion/dimension", operation_id = "send_dimension", tag = "ingestion",
    request_body(content = DimensionBatch<'static>, example = json!({"dimension_name": "dimension_school", "dimension": [
        {"school_id": "1000000001", "school_name": "Hill Road"}]})),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = BatchAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
        "ingestion_name": "dimension_school", "file_name": "batch-01859000-0000-7000-8000-000000000001.json",
        "mode": "new", "status": "Upload_in_progress", "valid_record_count": 1, "invalid_record_count": 0,
        "row_errors": []}))))]
pub(crate) async fn send_dimension(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: BatchBody,
) -> Answer<(StatusCode, Json<BatchAccepted>)> {
    let batch = Batch::from(body.decode::<DimensionBatch<'_>>()?);
    take(
        &deps,
        &caller,
        &key,
        &request_hash("send_dimension", &body.0),
        batch,
    )
    .await
}

/// Takes rows of a dataset that come ready.
///
/// They are checked at once, by the rules of the dataset's files, and validated again as every file is. Record numbers are
/// places in the array, from 1. The same rows once more change nothing.
#[utoipa::path(post, path = "/ingestion/dataset", operation_id = "send_dataset", tag = "ingestion",
    request_body(content = DatasetBatch<'static>, example = json!({"dataset_name": "reviews_by_block", "dataset": {
        "items": [{"date": "2023-01-08", "cluster_id": 101, "meeting_conducted": "yes"}]}})),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = BatchAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
        "ingestion_name": "reviews_by_block", "file_name": "batch-01859000-0000-7000-8000-000000000001.json",
        "mode": "new", "status": "Upload_in_progress", "valid_record_count": 1, "invalid_record_count": 0,
        "row_errors": []}))))]
pub(crate) async fn send_dataset(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: BatchBody,
) -> Answer<(StatusCode, Json<BatchAccepted>)> {
    let batch = Batch::from(body.decode::<DatasetBatch<'_>>()?);
    let hash = request_hash("send_dataset", &body.0);
    take(&deps, &caller, &key, &hash, batch).await
}

async fn take(
    deps: &Deps,
    caller: &Principal,
    key: &IdempotencyKey,
    request_sha256: &str,
    batch: Batch<'_>,
) -> Answer<(StatusCode, Json<BatchAccepted>)> {
    check_size(&batch)?;
    let generated = format!("batch-{}.json", new_file_id(deps.surroundings.as_ref()));
    let mut order = batch_order(&batch, &generated)?;
    order.handling.content_format = ContentFormat::JsonRows;
    let format = load_format(&deps.store, order.kind, order.name.as_str(), None).await?;
    let Some(format) = format else {
        let pointer = format!("/{}_name", order.kind.as_str());
        let is_there = deps
            .store
            .load_spec(order.kind, order.name.as_str())
            .await?
            .is_some();
        return Err(match is_there {
            true => computed_dataset(&pointer),
            false => unknown_spec(&pointer),
        });
    };
    let checked = check_batch(batch.rows, format.as_file_format(), MOST_REJECTED)?;
    let version = register(deps, caller, &order, key, request_sha256).await?;
    put_upload(deps.landing.as_ref(), &version, checked.object).await?;
    let accepted = BatchAccepted::new(version, checked.counts, checked.first_rejected);
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

fn check_size(batch: &Batch<'_>) -> Answer<()> {
    let rows = batch.rows.len();
    let pointer = match batch.kind {
        SpecKind::Dataset => "/dataset/items".to_owned(),
        kind => format!("/{}", kind.as_str()),
    };
    if rows == 0 {
        let message = "a batch has at least one row";
        return Err(Problem::invalid("invalid_upload", message).at(pointer, "empty", message));
    }
    if rows > MAX_ROWS {
        let detail = format!(
            "the batch has {rows} rows; at most {MAX_ROWS} are taken here. Send it in parts, each a file of its own, or \
             as a CSV file: ask POST /ingestion/uploads for an address"
        );
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Problem::new(status, "too_many_rows", detail.clone()).at(
            pointer,
            "too_many_rows",
            detail,
        ));
    }
    Ok(())
}
