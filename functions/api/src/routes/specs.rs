//! Specs: create, list, read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::outbox::send_dataset;
use millrace_core::Failure;
use millrace_core::definition::SpecKind;
use millrace_spec::{Catalogue, check_dataset, check_dimension, check_event, check_source};
use millrace_store::Store;
use millrace_store::specs::{CreateSpec, Definition, SpecRecord, is_name_conflict};
use serde_json::Value;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::specs::{PageQuery, SpecCreated, SpecDetail, SpecItem, SpecPage};
use crate::extract::{JsonBody, KindInPath, NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;

/// Bodies come with the listing, so a page of specs is short.
const MAX_SPECS: u32 = 100;

/// Creates a spec, with its table and view.
///
/// The name is the key of the effect: the same body again answers 200, another body of that name 409.
#[utoipa::path(post, path = "/spec/{kind}", operation_id = "create_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset` or `source`", example = "dimension")),
    request_body(content = Object, description = "A spec in the seed's shape."),
    responses(
        (status = 201, description = "Created.", body = SpecCreated, example = json!({"kind": "dimension",
            "name": "dimension_school", "version": 1, "key": ["school_id"], "message": "the spec was created"})),
        (status = 200, description = "The very same spec is there.", body = SpecCreated, example = json!({
            "kind": "dimension", "name": "dimension_school", "version": 1, "key": ["school_id"],
            "message": "the very same spec is there"})),
    ))]
pub(crate) async fn create(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    Caller(caller): Caller,
    body: JsonBody<Value>,
) -> Answer<(StatusCode, Json<SpecCreated>)> {
    let definition = compile(&deps.store, kind, &body.value).await?;
    send_contributions(&deps, &definition, deps.reminder_delay_seconds).await?;
    let created = deps
        .owner_store
        .create_spec(&definition, &body.value, &caller.client_id)
        .await;
    let (status, version, message) = match created.map_err(conflict)? {
        CreateSpec::Created(version) => (StatusCode::CREATED, version, "the spec was created"),
        CreateSpec::Identical(version) => (StatusCode::OK, version, "the very same spec is there"),
        CreateSpec::Taken => return Err(taken()),
    };
    send_contributions(&deps, &definition, 0).await?;
    Ok((status, Json(SpecCreated::new(&definition, version, message))))
}

async fn compile(store: &Store, kind: SpecKind, body: &Value) -> Answer<Definition> {
    let definition = match kind {
        SpecKind::Dimension => Definition::Dimension(check_dimension(body)?),
        SpecKind::Event => Definition::Event(check_event(body)?),
        SpecKind::Dataset => {
            let catalogue = Catalogue {
                events: store.list_definitions(SpecKind::Event).await?,
                dimensions: store.list_definitions(SpecKind::Dimension).await?,
            };
            Definition::Dataset(check_dataset(body, &catalogue)?)
        }
        SpecKind::Source => compile_source(store, body).await?,
    };
    Ok(definition)
}

/// A source's files are files of a spec that is there.
async fn compile_source(store: &Store, body: &Value) -> Answer<Definition> {
    let source = check_source(body)?;
    let target = &source.target;
    let found = store
        .load_spec(target.ingestion_type, target.ingestion_name.as_str())
        .await?;
    if found.is_none() {
        let message = "there is no spec of that kind and name";
        let problem = Problem::invalid("invalid_spec", message);
        return Err(problem.at("/target/ingestion_name", "unknown_spec", message));
    }
    Ok(Definition::Source(Box::new(source)))
}

/// A dataset takes in the files that its event has already: their messages are written with the spec, and the status
/// queue sends them, however many they are. Before the commit this goes out late, as the reminder that covers a crash.
async fn send_contributions(deps: &Deps, definition: &Definition, delay_seconds: u16) -> Answer<()> {
    if let Definition::Dataset(dataset) = definition {
        send_dataset(deps.sender.as_ref(), &dataset.name, delay_seconds).await?;
    }
    Ok(())
}

fn taken() -> Problem {
    let detail = "the name stands for another spec, perhaps in other case";
    Problem::conflict("spec_exists", detail)
}

fn conflict(failure: Failure) -> Problem {
    match is_name_conflict(&failure) {
        true => {
            let detail = "the name stands for another spec's view, or for a table of the service's own";
            Problem::conflict("name_taken", detail)
        }
        false => failure.into(),
    }
}

/// Lists the specs of a kind, by name.
#[utoipa::path(get, path = "/spec/{kind}", operation_id = "list_specs", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset` or `source`", example = "dimension"), PageQuery),
    responses((status = 200, description = "A page.", body = SpecPage, example = json!({"items": [{"kind": "dimension",
        "name": "dimension_school", "version": 1, "created_by": "demo", "created_at": "2023-01-08T12:00:00Z"}],
        "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<SpecPage>> {
    let mut size = PageSize::at_most(page.limit.min(MAX_SPECS));
    loop {
        let records = deps
            .store
            .list_specs(kind, page.cursor.as_deref(), size.items())
            .await;
        if let Some(records) = size.take(records) {
            return Ok(Json(spec_page(records?, size)));
        }
    }
}

fn spec_page(records: Vec<SpecRecord>, size: PageSize) -> SpecPage {
    let is_full = records.len() == size.items() as usize;
    let items: Vec<SpecItem> = records
        .into_iter()
        .map(|record| SpecDetail::from(record).item)
        .collect();
    let next = items.last().filter(|_| is_full).map(|last| last.name.clone());
    SpecPage { items, next }
}

/// Reads a spec.
#[utoipa::path(get, path = "/spec/{kind}/{name}", operation_id = "read_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset` or `source`", example = "dimension"),
        ("name" = String, Path, description = "The spec's name", example = "dimension_school")),
    responses((status = 200, description = "The spec with its body.", body = SpecDetail, example = json!({
        "kind": "dimension", "name": "dimension_school", "version": 1, "created_by": "demo",
        "created_at": "2023-01-08T12:00:00Z", "body": {"ingestion_type": "dimension"}}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
) -> Answer<Json<SpecDetail>> {
    let record = deps.store.load_spec(kind, name.as_str()).await?;
    let record = record.ok_or_else(|| Problem::not_found(format!("there is no {} {name}", kind.as_str())))?;
    Ok(Json(record.into()))
}
