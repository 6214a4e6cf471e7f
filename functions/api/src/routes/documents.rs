//! Documents: ordered, looked at, fetched, driven on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{LOCATION, RETRY_AFTER};
use millrace_app::documents::{
    DocumentContent, DocumentOrder, drive_document, drive_documents, fetch_document, order_document,
};
use millrace_core::DocumentId;
use millrace_core::principal::{Principal, Scope};
use millrace_store::documents::{CreateDocument, DocumentQuery, DocumentRecord};
use millrace_store::selection::{Grouping, Selection, SelectionError};

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::documents::{
    CheckedQuery, DocumentAsked, DocumentDetail, DocumentPage, DocumentPageQuery, DocumentsDriven,
};
use crate::dto::drive::DriveQuery;
use crate::extract::{DocumentIdInPath, IdempotencyKey, JsonBody, Query};
use crate::problem::{Answer, Problem};
use crate::routes::datasets::{Found, load_dataset, read_problem};
use crate::routes::fitting::PageSize;
use crate::routes::kpis::check_filters;
use crate::routes::uploads::request_hash;

/// A document is about a kilobyte of JSON or more, so a page of documents is short.
const MAX_DOCUMENTS: u32 = 200;
/// After how many seconds to ask again for a document that is being made.
const RETRY_SECONDS: &str = "2";

/// Has a document made of a KPI query.
///
/// Also needs the scope `datasets:read`: a document shows what that lets its caller read. The query is checked against
/// the dataset at once.
#[utoipa::path(post, path = "/api/documents", operation_id = "order_document", tag = "documents",
    request_body(content = DocumentAsked, example = json!({"kind": "kpi", "title": "Attendance by district",
        "query": {"dataset": "SAC_stds_atd_cmp_by_school", "group_by": ["district_id"], "from": "2023-01-01",
        "to": "2023-02-01", "measures": ["percentage"]}})),
    responses((status = 202, description = "On its way; followed by its id.", body = DocumentDetail, example = json!({
        "document_id": "01859000-0000-7000-8000-000000000000", "kind": "kpi", "title": "Attendance by district",
        "query": {"dataset": "SAC_stds_atd_cmp_by_school", "group_by": ["district_id"], "grain": null, "filter": [],
        "from": "2023-01-01", "to": "2023-02-01", "measures": ["percentage"]}, "state": "queued", "attempts": 0,
        "error": null, "pages": null, "rows": null, "size_bytes": null, "sha256": null, "as_of": null,
        "sources": null, "created_by": "demo", "created_at": "2023-02-01T06:00:00Z",
        "queued_at": "2023-02-01T06:00:00Z", "started_at": null, "ended_at": null, "expires_at": null}))))]
pub(crate) async fn order(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: JsonBody<DocumentAsked>,
) -> Answer<(StatusCode, Json<DocumentDetail>)> {
    let query = checked_query(&deps, &caller, &body.value).await?;
    let hash = request_hash("order_document", &body.bytes);
    let order = DocumentOrder {
        title: body.value.title(),
        query: &query,
        client_id: &caller.client_id,
        idempotency: key.with(&hash),
    };
    let created = order_document(&deps.document_ports(), deps.surroundings.as_ref(), &order).await?;
    let record = load(&deps, registered(&created)?).await?;
    Ok((StatusCode::ACCEPTED, Json(record.into())))
}

async fn checked_query(deps: &Deps, caller: &Principal, asked: &DocumentAsked) -> Answer<DocumentQuery> {
    if !caller.has_scope(Scope::DatasetsRead) {
        let detail = "the token lacks the scope datasets:read";
        return Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail));
    }
    let CheckedQuery {
        dataset,
        group_by,
        rest,
    } = asked.check()?;
    let found = load_dataset(deps, dataset.as_str())
        .await
        .map_err(unknown_dataset)?;
    let own_columns = || found.cells.definition.group_by.clone();
    let query = DocumentQuery {
        group_by: group_by.unwrap_or_else(own_columns),
        ..rest
    };
    check_filters(&found, &query.filters)?;
    check_fit(&found, &query)?;
    Ok(query)
}

/// The dataset is a part of the body here, not of the address.
fn unknown_dataset(problem: Problem) -> Problem {
    if problem.status != StatusCode::NOT_FOUND {
        return problem;
    }
    let message = "there is no dataset of that name";
    Problem::invalid("unknown_dataset", message).at("/query/dataset", "unknown_dataset", message)
}

/// What the pdf-generator would refuse is refused here.
fn check_fit(found: &Found, query: &DocumentQuery) -> Answer<()> {
    let refuse = |error: SelectionError| read_problem(error.into());
    let selection = Selection::new(&found.cells, found.dimension.as_ref()).map_err(refuse)?;
    let grouping = Grouping {
        columns: query.group_by.clone(),
        grain: query.grain,
    };
    selection.columns(&grouping).map_err(refuse)?;
    if query.from.is_some() || query.to.is_some() {
        selection.date_column().map_err(refuse)?;
    }
    let outputs = &found.cells.definition.outputs;
    let mut named = query.measures.iter().flatten();
    match named.find(|name| outputs.iter().all(|output| output.name != **name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} is no measure of the dataset");
            let problem = Problem::invalid("unknown_measure", message.clone());
            Err(problem.at("/query/measures", "unknown_measure", message))
        }
    }
}

fn registered(created: &CreateDocument) -> Answer<DocumentId> {
    match created {
        CreateDocument::Created { document_id } | CreateDocument::Replayed { document_id } => {
            Ok(*document_id)
        }
        CreateDocument::KeyReused => Err(Problem::idempotency_key_reused()),
    }
}

/// Lists documents, the newest first.
#[utoipa::path(get, path = "/api/documents", operation_id = "list_documents", tag = "documents",
    params(DocumentPageQuery),
    responses((status = 200, description = "A page.", body = DocumentPage, example = json!({"items": [],
        "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DocumentPageQuery>,
) -> Answer<Json<DocumentPage>> {
    let mut size = PageSize::at_most(query.limit.min(MAX_DOCUMENTS));
    loop {
        let records = deps
            .store
            .list_documents(query.state, query.cursor, size.items())
            .await;
        if let Some(records) = size.take(records) {
            return Ok(Json(page(records?, size)));
        }
    }
}

fn page(records: Vec<DocumentRecord>, size: PageSize) -> DocumentPage {
    let is_full = records.len() == size.items() as usize;
    let last = records.last().filter(|_| is_full);
    let next = last.map(|last| last.sequence.to_string());
    let items = records.into_iter().map(DocumentDetail::from).collect();
    DocumentPage { items, next }
}

/// Reads where a document stands.
#[utoipa::path(get, path = "/api/documents/{document_id}", operation_id = "read_document", tag = "documents",
    params(("document_id" = String, Path, description = "The document",
        example = "01859000-0000-7000-8000-000000000000")),
    responses((status = 200, description = "The document.", body = DocumentDetail, example = json!({
        "document_id": "01859000-0000-7000-8000-000000000000", "kind": "kpi", "title": "Attendance by district",
        "query": {"dataset": "SAC_stds_atd_cmp_by_school", "group_by": ["district_id"], "grain": null, "filter": [],
        "from": null, "to": null, "measures": null}, "state": "ready", "attempts": 1, "error": null, "pages": 1,
        "rows": 2, "size_bytes": 22301, "sha256": "9f86d081…", "as_of": "2023-01-31T20:00:03.12Z", "sources": [
        {"kind": "dataset", "name": "SAC_stds_atd_cmp_by_school", "version": 3, "files": 2},
        {"kind": "dimension", "name": "dimension_master", "version": 1, "files": 1}], "created_by": "demo",
        "created_at": "2023-02-01T06:00:00Z", "queued_at": "2023-02-01T06:00:00Z",
        "started_at": "2023-02-01T06:00:01Z", "ended_at": "2023-02-01T06:00:02Z",
        "expires_at": "2023-02-02T06:00:02Z"}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    DocumentIdInPath(document_id): DocumentIdInPath,
) -> Answer<Json<DocumentDetail>> {
    Ok(Json(load(&deps, document_id).await?.into()))
}

/// Fetches a document's content; one that is no longer kept is made again.
#[utoipa::path(get, path = "/api/documents/{document_id}/content", operation_id = "fetch_document", tag = "documents",
    params(("document_id" = String, Path, description = "The document",
        example = "01859000-0000-7000-8000-000000000000")),
    responses(
        (status = 303, description = "Here: at an address that is good for five minutes, without a token.",
            headers(("Location" = String, description = "The address."))),
        (status = 202, description = "Not made yet, or being made again: ask again after the seconds in Retry-After.",
            body = DocumentDetail, headers(("Retry-After" = u32, description = "Seconds.")), example = json!({
            "document_id": "01859000-0000-7000-8000-000000000000", "kind": "kpi", "title": "Attendance by district",
            "query": {"dataset": "SAC_stds_atd_cmp_by_school", "group_by": ["district_id"], "grain": null,
            "filter": [], "from": null, "to": null, "measures": null}, "state": "running", "attempts": 1,
            "error": null, "pages": null, "rows": null, "size_bytes": null, "sha256": null, "as_of": null,
            "sources": null, "created_by": "demo", "created_at": "2023-02-01T06:00:00Z",
            "queued_at": "2023-02-01T06:00:00Z", "started_at": "2023-02-01T06:00:01Z", "ended_at": null,
            "expires_at": null})),
    ))]
pub(crate) async fn fetch(
    State(deps): State<Arc<Deps>>,
    DocumentIdInPath(document_id): DocumentIdInPath,
) -> Answer<Response> {
    let content = fetch_document(&deps.document_ports(), document_id).await?;
    match content.ok_or_else(unknown)? {
        DocumentContent::At(address) => Ok((StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()),
        DocumentContent::Open(record) => {
            let detail = Json(DocumentDetail::from(*record));
            Ok((StatusCode::ACCEPTED, [(RETRY_AFTER, RETRY_SECONDS)], detail).into_response())
        }
        DocumentContent::Failed(record) => Err(failed(&record)),
    }
}

fn failed(record: &DocumentRecord) -> Problem {
    let problem = |detail: String| Problem::conflict("document_failed", detail);
    match &record.error {
        None => problem("the document could not be made".to_owned()),
        Some(error) => problem(format!("the document could not be made: {}", error.message)).at(
            "",
            error.code.clone(),
            error.message.clone(),
        ),
    }
}

/// Has a document that is still to be made tried at once, and one that failed made again.
#[utoipa::path(post, path = "/api/documents/{document_id}/drive", operation_id = "drive_document", tag = "documents",
    params(("document_id" = String, Path, description = "The document",
        example = "01859000-0000-7000-8000-000000000000")),
    responses((status = 202, description = "Driven on; one that is ready stays so.", body = DocumentDetail,
        example = json!({
            "document_id": "01859000-0000-7000-8000-000000000000", "kind": "kpi", "title": "Attendance by district",
            "query": {"dataset": "SAC_stds_atd_cmp_by_school", "group_by": ["district_id"], "grain": null,
            "filter": [], "from": null, "to": null, "measures": null}, "state": "queued", "attempts": 0,
            "error": null, "pages": null, "rows": null, "size_bytes": null, "sha256": null, "as_of": null,
            "sources": null, "created_by": "demo", "created_at": "2023-02-01T06:00:00Z",
            "queued_at": "2023-02-01T06:30:00Z", "started_at": null, "ended_at": null, "expires_at": null}))))]
pub(crate) async fn drive(
    State(deps): State<Arc<Deps>>,
    DocumentIdInPath(document_id): DocumentIdInPath,
) -> Answer<(StatusCode, Json<DocumentDetail>)> {
    let record = drive_document(&deps.document_ports(), document_id).await?;
    let record = record.ok_or_else(unknown)?;
    Ok((StatusCode::ACCEPTED, Json(record.into())))
}

/// Has documents tried at once that are still to be made: a page of them a call, the oldest first.
///
/// Follow `next` until it is null to drive all of them on.
#[utoipa::path(post, path = "/api/documents/drive", operation_id = "drive_documents", tag = "documents",
    params(DriveQuery),
    responses((status = 202, description = "Driven on.", body = DocumentsDriven, example = json!({"documents": 1,
        "next": null}))))]
pub(crate) async fn drive_open(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DriveQuery>,
) -> Answer<(StatusCode, Json<DocumentsDriven>)> {
    let (documents, next) = drive_documents(&deps.document_ports(), query.cursor).await?;
    let next = next.map(|sequence| sequence.to_string());
    Ok((StatusCode::ACCEPTED, Json(DocumentsDriven { documents, next })))
}

async fn load(deps: &Deps, document_id: DocumentId) -> Answer<DocumentRecord> {
    let record = deps.store.load_document(document_id).await?;
    record.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::not_found("there is no such document")
}
