//! Specs: create, validate, list, read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::compile::compile_spec;
use millrace_app::create::{Creation, create_spec};
use millrace_core::definition::SpecKind;
use serde_json::Value;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::schedules::ScheduleStatus;
use crate::dto::spec_life::{SpecListQuery, VersionQuery};
use crate::dto::specs::{SpecCreated, SpecDetail, SpecPage, SpecValid};
use crate::extract::{JsonBody, KindInPath, NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;
use crate::routes::spec_life::{may_change, needs_retired, no_spec, retired};
use millrace_store::specs::SpecFilter;

/// Creates a spec, with its table and view.
///
/// The name is the key of the effect: the same body again answers 200, another body of that name 409. A transformer
/// takes the scope `admin`.
#[utoipa::path(post, path = "/spec/{kind}", operation_id = "create_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "dimension")),
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
    may_change(kind, &caller)?;
    let definition = compile_spec(&deps.store, kind, &body.value).await?;
    let created = create_spec(deps.spec_ports(), &definition, &body.value, &caller.client_id).await?;
    let (status, version, message) = match created {
        Creation::Created(version) => (StatusCode::CREATED, version, "the spec was created"),
        Creation::Identical(version) => (StatusCode::OK, version, "the very same spec is there"),
        Creation::SpecExists => {
            let detail =
                "the name stands for another spec, perhaps in other case; PUT its next version to change it";
            return Err(Problem::conflict("spec_exists", detail));
        }
        Creation::NameTaken => {
            let detail = "the name stands for another spec's view, or for a table of the service's own";
            return Err(Problem::conflict("name_taken", detail));
        }
        Creation::Retired => return Err(retired()),
        Creation::NeedsRetired => return Err(needs_retired()),
    };
    Ok((status, Json(SpecCreated::new(&definition, version, message))))
}

/// Checks a spec as creating it would, and saves nothing.
#[utoipa::path(post, path = "/spec/{kind}/validate", operation_id = "validate_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "dimension")),
    request_body(content = Object, description = "A spec in the seed's shape."),
    responses((status = 200, description = "The spec keeps every rule.", body = SpecValid, example = json!({
        "kind": "dimension", "name": "dimension_school", "key": ["school_id"], "stored": "absent"}))))]
pub(crate) async fn validate(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    body: JsonBody<Value>,
) -> Answer<Json<SpecValid>> {
    let definition = compile_spec(&deps.store, kind, &body.value).await?;
    let stored = deps.store.load_spec(kind, definition.name().as_str()).await?;
    let now_ms = deps.surroundings.now_ms();
    Ok(Json(SpecValid::new(
        &definition,
        &body.value,
        stored.as_ref(),
        now_ms,
    )))
}

/// Lists the specs of a kind in their newest versions, by name; retired ones where that is asked for.
#[utoipa::path(get, path = "/spec/{kind}", operation_id = "list_specs", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "dimension"), SpecListQuery),
    responses((status = 200, description = "A page.", body = SpecPage, example = json!({"items": [{"kind": "dimension",
        "name": "dimension_school", "version": 1, "created_by": "demo", "created_at": "2023-01-08T12:00:00Z"}],
        "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    Query(page): Query<SpecListQuery>,
) -> Answer<Json<SpecPage>> {
    let mut size = PageSize::at_most(page.limit);
    loop {
        let filter = SpecFilter {
            kind,
            with_retired: page.retired,
            after: page.cursor.as_deref(),
            limit: size.items(),
        };
        let summaries = deps.store.list_specs(&filter).await;
        if let Some(summaries) = size.take(summaries) {
            return Ok(Json(SpecPage::new(summaries?, size.items())));
        }
    }
}

/// Reads a spec: its newest version, or the one that is asked for. With a schedule comes how it stands: whether EventBridge
/// has it, or why not, and when it fires next.
#[utoipa::path(get, path = "/spec/{kind}/{name}", operation_id = "read_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "dimension"),
        ("name" = String, Path, description = "The spec's name", example = "dimension_school"), VersionQuery),
    responses((status = 200, description = "The spec with its body.", body = SpecDetail, example = json!({
        "kind": "dimension", "name": "dimension_school", "version": 1, "created_by": "demo",
        "created_at": "2023-01-08T12:00:00Z", "body": {"ingestion_type": "dimension"}}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Query(asked): Query<VersionQuery>,
) -> Answer<Json<SpecDetail>> {
    let store = &deps.store;
    let record = store
        .load_spec_version(kind, name.as_str(), asked.version)
        .await?;
    let record = record.ok_or_else(|| no_spec(kind, &name, asked.version))?;
    let mut detail = SpecDetail::from(record);
    if kind == SpecKind::Schedule && asked.version.is_none() {
        let status = store.load_schedule(&name).await?;
        detail.schedule = status.map(|status| ScheduleStatus::new(status, deps.surroundings.now_ms()));
    }
    Ok(Json(detail))
}
