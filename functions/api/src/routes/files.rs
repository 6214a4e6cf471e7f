//! Files: status, row errors, driving them on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::drive;
use millrace_app::row_errors::{PageLimits, RowErrorsError, list_row_errors as list_rejected};
use millrace_core::FileId;
use millrace_core::ids::{FileVersion, Version};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::FileRecord;

use crate::deps::Deps;
use crate::dto::drive::{AllDriven, DriveQuery, FileDriven};
use crate::dto::files::{
    FileDetail, FilePage, FileQuery, RejectedRowItem, RowErrorPage, RowErrorQuery, VersionQuery,
};
use crate::extract::query::bad_member;
use crate::extract::{FileIdInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;

/// The most bytes of a page of rejected rows. On the way through Lambda the answer is escaped once more, which at most
/// doubles it: that stays below the gateway's [`MAX_RESPONSE_BYTES`](crate::gateway::MAX_RESPONSE_BYTES) and Lambda's
/// 6 MB.
const MAX_ROW_ERROR_BYTES: usize = 2 * 1024 * 1024;

/// Lists file versions, the newest first.
#[utoipa::path(get, path = "/ingestion/files", operation_id = "list_files", tag = "ingestion", params(FileQuery),
    responses((status = 200, description = "A page.", body = FilePage, example = json!({"items": [], "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<FileQuery>,
) -> Answer<Json<FilePage>> {
    let mut size = PageSize::at_most(query.limit);
    let mut filter = query.filter();
    loop {
        filter.limit = size.items();
        let records = deps.store.list_files(&filter).await;
        if let Some(records) = size.take(records) {
            return Ok(Json(file_page(records?, size)));
        }
    }
}

/// Where the page behind these file versions begins.
pub(crate) fn next_of(records: &[FileRecord], size: PageSize) -> Option<String> {
    let is_full = records.len() == size.items() as usize;
    let last = records.last().filter(|_| is_full);
    last.map(|last| last.sequence.to_string())
}

fn file_page(records: Vec<FileRecord>, size: PageSize) -> FilePage {
    let next = next_of(&records, size);
    let items = records.into_iter().map(FileDetail::from).collect();
    FilePage { items, next }
}

/// Reads a file's status: of its latest version, or of the one that is named.
#[utoipa::path(get, path = "/ingestion/files/{file_id}", operation_id = "read_file", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    responses((status = 200, description = "The file version.", body = FileDetail, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "ingestion_type": "event",
        "ingestion_name": "event_students_attendance", "spec_version": 1, "file_name": "attendance-2023-01.csv",
        "mode": "new", "status": "Ready_to_archive", "rows": 1200, "kept": 1199, "rejected": 1,
        "datasets": [{"dataset": "SAC_stds_atd_cmp_by_school", "applied": true}], "error": null, "unchanged_of": null,
        "size_bytes": 60810, "sha256": "9f86d081…", "created_at": "2023-01-08T12:00:00Z",
        "received_at": "2023-01-08T12:00:01Z", "validated_at": "2023-01-08T12:00:02Z",
        "settled_at": "2023-01-08T12:00:03Z"}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
) -> Answer<Json<FileDetail>> {
    Ok(Json(load(&deps, file_id, query.version).await?.into()))
}

/// Lists a file version's row errors, in the order of the file.
///
/// Where the latest version is a repair that was refused as a whole, and no version is said, those that it was to mend.
#[utoipa::path(get, path = "/ingestion/files/{file_id}/row-errors", operation_id = "list_row_errors", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        RowErrorQuery),
    responses((status = 200, description = "A page.", body = RowErrorPage, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "items": [{"record": 17, "line": 18,
        "raw": "2023-01-08,1000000001,seven", "raw_is_cut": false, "errors": [{"record": 17, "line": 18,
        "column": "grade", "rule": "wrong_type", "expected": "a whole number", "found": "seven"}]}], "next": null}))))]
pub(crate) async fn list_row_errors(
    State(deps): State<Arc<Deps>>,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<RowErrorQuery>,
) -> Answer<Json<RowErrorPage>> {
    let file = load_rejecting(&deps, file_id, query.version).await?.file;
    let limits = PageLimits {
        items: query.limit,
        json_bytes: MAX_ROW_ERROR_BYTES,
    };
    Ok(Json(
        row_error_page(&deps, file, query.cursor.as_deref(), limits).await?,
    ))
}

async fn row_error_page(
    deps: &Deps,
    file: FileVersion,
    cursor: Option<&str>,
    limits: PageLimits,
) -> Answer<RowErrorPage> {
    let page = list_rejected(&deps.store, deps.collections.as_ref(), file, cursor, limits).await;
    let page = page.map_err(|error| match error {
        RowErrorsError::BadCursor => bad_member("cursor", "has to be the next of a page"),
        RowErrorsError::Failed(failure) => failure.into(),
    })?;
    let rows = page.items.into_iter().map(RejectedRowItem::from);
    Ok(RowErrorPage {
        file_id: file.file_id,
        version: file.version,
        items: rows.collect(),
        next: page.next,
    })
}

/// Sends whatever a file version still needs, from its facts alone.
///
/// Where its object could not be moved, the next move of a schedule looks for it once more.
#[utoipa::path(post, path = "/ingestion/files/{file_id}/drive", operation_id = "drive_file", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    responses((status = 202, description = "Driven on.", body = FileDriven, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "messages": 1}))))]
pub(crate) async fn drive(
    State(deps): State<Arc<Deps>>,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
) -> Answer<(StatusCode, Json<FileDriven>)> {
    let record = load(&deps, file_id, query.version).await?;
    let messages = drive::drive_file(&deps.store, deps.sender.as_ref(), &record).await?;
    let FileVersion { file_id, version } = record.file;
    Ok((
        StatusCode::ACCEPTED,
        Json(FileDriven {
            file_id,
            version,
            messages,
        }),
    ))
}

/// Drives file versions on for which something is still to be done: a page of them a call, the newest first.
///
/// Follow `next` until it is null to drive all of them on.
#[utoipa::path(post, path = "/ingestion/drive", operation_id = "drive_all", tag = "ingestion", params(DriveQuery),
    responses((status = 202, description = "Driven on.", body = AllDriven, example = json!({"files": 1, "driven": [{
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1}], "next": null}))))]
pub(crate) async fn drive_open(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DriveQuery>,
) -> Answer<(StatusCode, Json<AllDriven>)> {
    let page = drive::drive_open(&deps.store, deps.sender.as_ref(), query.cursor).await?;
    Ok((StatusCode::ACCEPTED, Json(page.into())))
}

/// The version whose rejected rows are asked for: behind a repair that was refused as a whole they are still those that it
/// was to mend.
pub(crate) async fn load_rejecting(
    deps: &Deps,
    file_id: FileId,
    version: Option<Version>,
) -> Answer<FileRecord> {
    let latest = load(deps, file_id, version).await?;
    let is_refused = |error: &FileError| error.rule != Rule::RowsRejected;
    match latest.base_version {
        Some(base) if version.is_none() && latest.facts.error.as_ref().is_some_and(is_refused) => {
            load(deps, file_id, Some(base)).await
        }
        _ => Ok(latest),
    }
}

pub(crate) async fn load(deps: &Deps, file_id: FileId, version: Option<Version>) -> Answer<FileRecord> {
    let record = match version {
        Some(version) => deps.store.load_file(FileVersion { file_id, version }).await?,
        None => deps.store.load_latest_file(file_id).await?,
    };
    record.ok_or_else(|| Problem::not_found("there is no such file, or no such version of it"))
}
