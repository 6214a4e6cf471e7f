//! Specs: create, validate, list, read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::compile::compile_spec;
use millrace_app::outbox::send_dataset;
use millrace_core::Failure;
use millrace_store::specs::{CreateSpec, Definition, is_name_conflict};
use serde_json::Value;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::specs::{PageQuery, SpecCreated, SpecDetail, SpecPage, SpecValid};
use crate::extract::{JsonBody, KindInPath, NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;

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
    let definition = compile_spec(&deps.store, kind, &body.value).await?;
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

/// Checks a spec as creating it would, and saves nothing.
#[utoipa::path(post, path = "/spec/{kind}/validate", operation_id = "validate_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset` or `source`", example = "dimension")),
    request_body(content = Object, description = "A spec in the seed's shape."),
    responses((status = 200, description = "The spec keeps every rule.", body = SpecValid, example = json!({
        "kind": "dimension", "name": "dimension_school", "key": ["school_id"], "stored": "absent"}))))]
pub(crate) async fn validate(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    body: JsonBody<Value>,
) -> Answer<Json<SpecValid>> {
    let definition = compile_spec(&deps.store, kind, &body.value).await?;
    let stored = deps.store.load_spec(kind, definition.name()).await?;
    Ok(Json(SpecValid::new(&definition, &body.value, stored.as_ref())))
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
    let mut size = PageSize::at_most(page.limit);
    loop {
        let summaries = deps
            .store
            .list_specs(kind, page.cursor.as_deref(), size.items())
            .await;
        if let Some(summaries) = size.take(summaries) {
            return Ok(Json(SpecPage::new(summaries?, size.items())));
        }
    }
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
