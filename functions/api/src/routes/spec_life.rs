//! The life of specs: versions, comparisons, further versions, dependants, retirement and the way back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::life::{
    Migration, compare_versions, compare_with_body, migrate_spec, restore_spec, retire_spec,
};
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::principal::{Principal, Scope};
use millrace_spec::compare::Difference;
use millrace_store::specs::{RestoreSpec, RetireSpec, SpecNeed};
use serde_json::Value;

use crate::auth::{Caller, require};
use crate::deps::Deps;
use crate::dto::spec_life::{
    CompareQuery, DependantPage, ReplacesQuery, SpecComparison, SpecMigrated, SpecReference, SpecState,
};
use crate::dto::specs::{PageQuery, SpecPage};
use crate::extract::query::bad_member;
use crate::extract::{JsonBody, KindInPath, NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;

pub(crate) fn no_spec(kind: SpecKind, name: &Name, version: Option<u32>) -> Problem {
    let kind = kind.as_str();
    Problem::not_found(match version {
        Some(version) => format!("there is no {kind} {name} of version {version}"),
        None => format!("there is no {kind} {name}"),
    })
}

/// Whoever may create specs of a kind may change them: transformers take the scope `admin`.
pub(crate) fn may_change(kind: SpecKind, caller: &Principal) -> Answer<()> {
    match kind {
        SpecKind::Transformer => require(caller, Scope::Admin),
        SpecKind::Dimension
        | SpecKind::Event
        | SpecKind::Dataset
        | SpecKind::Source
        | SpecKind::Pipeline
        | SpecKind::Schedule => Ok(()),
    }
}

pub(crate) fn needs_retired() -> Problem {
    let detail = "a spec that it needs has been retired";
    Problem::conflict("needs_retired", detail)
}

pub(crate) fn retired() -> Problem {
    let detail = "the spec is retired; it can be restored";
    Problem::conflict("spec_retired", detail)
}

/// Lists the versions of a spec, in their order.
#[utoipa::path(get, path = "/spec/{kind}/{name}/versions", operation_id = "list_spec_versions", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance"), PageQuery),
    responses((status = 200, description = "A page.", body = SpecPage, example = json!({"items": [
        {"kind": "event", "name": "event_students_attendance", "version": 1, "created_by": "demo",
            "created_at": "2023-01-08T12:00:00Z"},
        {"kind": "event", "name": "event_students_attendance", "version": 2, "created_by": "demo",
            "created_at": "2023-02-01T12:00:00Z"}], "next": null}))))]
pub(crate) async fn list_versions(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<SpecPage>> {
    let after = match &page.cursor {
        Some(cursor) => cursor
            .parse::<u16>()
            .map_err(|_| bad_member("cursor", "is no cursor of this listing"))?,
        None => 0,
    };
    let mut size = PageSize::at_most(page.limit);
    loop {
        let versions = deps
            .store
            .list_spec_versions(kind, name.as_str(), u32::from(after), size.items())
            .await;
        if let Some(versions) = size.take(versions) {
            let versions = versions?;
            // A spec has a version at least.
            if versions.is_empty() && after == 0 {
                return Err(no_spec(kind, &name, None));
            }
            return Ok(Json(SpecPage::of_versions(versions, size.items())));
        }
    }
}

/// Compares two versions of a spec: what differs, what each difference means, and whether it is additive.
#[utoipa::path(get, path = "/spec/{kind}/{name}/compare", operation_id = "compare_spec_versions", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance"), CompareQuery),
    responses((status = 200, description = "What differs.", body = SpecComparison, example = json!({"kind": "event",
        "name": "event_students_attendance", "from": 1, "to": 2, "additive": true, "differences": [
            {"pointer": "/input/properties/event/items/properties/shift", "code": "field_added", "additive": true,
                "message": "shift is new, and empty in rows that are there"}]}))))]
pub(crate) async fn compare(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Query(asked): Query<CompareQuery>,
) -> Answer<Json<SpecComparison>> {
    let compared = compare_versions(&deps.store, kind, &name, (asked.from, asked.to)).await?;
    let missing = || {
        let (from, to) = (asked.from, asked.to);
        Problem::not_found(format!(
            "there is no {} {name} of the versions {from} and {to}",
            kind.as_str()
        ))
    };
    let compared = compared.ok_or_else(missing)?;
    Ok(Json(SpecComparison::new(kind, name.as_str(), compared)))
}

/// Compares a body with the newest version of its spec, as replacing that one would, and saves nothing.
#[utoipa::path(post, path = "/spec/{kind}/compare", operation_id = "compare_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event")),
    request_body(content = Object, description = "A spec in the seed's shape."),
    responses((status = 200, description = "What differs.", body = SpecComparison, example = json!({"kind": "event",
        "name": "event_students_attendance", "from": 1, "to": null, "additive": false, "differences": [
            {"pointer": "/input/properties/event/items/properties/grade/maximum", "code": "rule_tightened",
                "additive": false,
                "message": "the rule on the greatest value of grade is tighter: rows that are there may break it"}]}))))]
pub(crate) async fn compare_body(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    body: JsonBody<Value>,
) -> Answer<Json<SpecComparison>> {
    let (definition, compared) = compare_with_body(&deps.store, kind, &body.value).await?;
    let (kind, name) = (definition.kind(), definition.name());
    let missing = || Problem::not_found(format!("there is no {} {name}", kind.as_str()));
    let compared = compared.ok_or_else(missing)?;
    Ok(Json(SpecComparison::new(kind, name.as_str(), compared)))
}

/// Makes a further version of a spec, where it adds to what is there.
///
/// Additive are new fields that may be empty, looser rules, another way of writing files, the catalogue, texts, and outputs of
/// what a dataset's cells keep already; everything else is another spec. Files that come later are checked against the new
/// version, those under way against theirs. The same body again answers the version that it became. A transformer takes the scope
/// `admin`.
#[utoipa::path(put, path = "/spec/{kind}/{name}", operation_id = "migrate_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance"), ReplacesQuery),
    request_body(content = Object, description = "A spec in the seed's shape."),
    responses(
        (status = 201, description = "A new version.", body = SpecMigrated, example = json!({"kind": "event",
            "name": "event_students_attendance", "version": 2, "message": "the spec has a new version"})),
        (status = 200, description = "The newest version is the very same.", body = SpecMigrated, example = json!({
            "kind": "event", "name": "event_students_attendance", "version": 2,
            "message": "the very same version is there"})),
    ))]
pub(crate) async fn migrate(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Query(replaces): Query<ReplacesQuery>,
    Caller(caller): Caller,
    body: JsonBody<Value>,
) -> Answer<(StatusCode, Json<SpecMigrated>)> {
    may_change(kind, &caller)?;
    let (ports, client_id) = (deps.spec_ports(), caller.client_id.as_str());
    let migration = migrate_spec(ports, (kind, &name), replaces.version, &body.value, client_id).await?;
    let (status, version, message) = match migration {
        Migration::Created(version) => (StatusCode::CREATED, version, "the spec has a new version"),
        Migration::Identical(version) => (StatusCode::OK, version, "the very same version is there"),
        Migration::Stale(newest) => {
            let detail = format!("the newest version is {newest}, not {}", replaces.version);
            return Err(Problem::conflict("stale_version", detail));
        }
        Migration::NotAdditive(differences) => return Err(not_additive(differences)),
        Migration::Retired => return Err(retired()),
        Migration::InUse => return Err(Problem::spec_in_use()),
        Migration::NeedsRetired => return Err(needs_retired()),
        Migration::NoSpec => return Err(no_spec(kind, &name, None)),
    };
    Ok((status, Json(SpecMigrated::new(kind, &name, version, message))))
}

/// Only what is in the way is listed.
fn not_additive(differences: Vec<Difference>) -> Problem {
    let detail = "it would change what is there: make it a spec of another name";
    let problem = Problem::conflict("not_additive", detail);
    let differences = differences.into_iter();
    let in_the_way = differences.filter(|difference| !difference.meaning.is_additive());
    in_the_way.fold(problem, |problem, difference| {
        problem.at(difference.pointer, difference.meaning.code(), difference.message)
    })
}

/// Lists the specs that need a spec: datasets their event, datasets and dimension, sources their target.
#[utoipa::path(get, path = "/spec/{kind}/{name}/dependants", operation_id = "list_dependants", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance"), PageQuery),
    responses((status = 200, description = "A page.", body = DependantPage, example = json!({"items": [
        {"kind": "dataset", "name": "SAC_stds_atd_cmp_by_school", "retired": false}], "next": null}))))]
pub(crate) async fn list_dependants(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<DependantPage>> {
    let after = match page.cursor.as_deref() {
        Some(cursor) => Some(
            cursor
                .split_once(':')
                .ok_or_else(|| bad_member("cursor", "is no cursor of this listing"))?,
        ),
        None => None,
    };
    if deps.store.load_spec(kind, name.as_str()).await?.is_none() {
        return Err(no_spec(kind, &name, None));
    }
    let mut size = PageSize::at_most(page.limit);
    loop {
        let needs = deps
            .store
            .list_dependants(kind, name.as_str(), after, size.items())
            .await;
        if let Some(needs) = size.take(needs) {
            return Ok(Json(DependantPage::new(needs?, size.items())));
        }
    }
}

/// Retires a spec, a transformer with the scope `admin`.
///
/// It takes no files any more and is hidden from lists; its versions, data and views stay, and so does the name. A dataset
/// stays as it is, whatever becomes of the files of its event. Refused with `spec_needed`, and a list, while specs need it that are not retired themselves.
#[utoipa::path(delete, path = "/spec/{kind}/{name}", operation_id = "retire_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance")),
    responses((status = 200, description = "It is retired, now or before.", body = SpecState, example = json!({
        "kind": "event", "name": "event_students_attendance", "retired": true}))))]
pub(crate) async fn retire(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Caller(caller): Caller,
) -> Answer<Json<SpecState>> {
    may_change(kind, &caller)?;
    match retire_spec(deps.spec_ports(), (kind, &name), &caller.client_id).await? {
        RetireSpec::Retired => Ok(state(kind, &name, true)),
        RetireSpec::NoSpec => Err(no_spec(kind, &name, None)),
        RetireSpec::Needed { dependants } => Err(blocked(
            "spec_needed",
            "other specs need it: retire them first",
            dependants,
        )),
        RetireSpec::AtWork => {
            let detail = "a run of the source is under way: try again once it is over";
            Err(Problem::conflict("source_at_work", detail))
        }
    }
}

/// Brings a retired spec back. A dataset takes in what came meanwhile, and is unseen until that is through.
#[utoipa::path(post, path = "/spec/{kind}/{name}/restore", operation_id = "restore_spec", tag = "specs",
    params(("kind" = String, Path, description = "`dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`", example = "event"),
        ("name" = String, Path, description = "The spec's name", example = "event_students_attendance")),
    responses((status = 200, description = "It is in use, now or before.", body = SpecState, example = json!({
        "kind": "event", "name": "event_students_attendance", "retired": false}))))]
pub(crate) async fn restore(
    State(deps): State<Arc<Deps>>,
    KindInPath(kind): KindInPath,
    NameInPath(name): NameInPath,
    Caller(caller): Caller,
) -> Answer<Json<SpecState>> {
    may_change(kind, &caller)?;
    match restore_spec(deps.spec_ports(), (kind, &name)).await? {
        RestoreSpec::Restored => Ok(state(kind, &name, false)),
        RestoreSpec::NoSpec => Err(no_spec(kind, &name, None)),
        RestoreSpec::NeedsRetired { needs } => {
            let detail = "it needs specs that are retired: restore them first";
            Err(blocked("needs_retired", detail, needs))
        }
    }
}

/// 409: other specs are in the way.
fn blocked(code: &'static str, detail: &str, specs: Vec<SpecNeed>) -> Problem {
    let specs = specs.into_iter().map(SpecReference::from).collect();
    Problem::conflict(code, detail).blocked_by(specs)
}

fn state(kind: SpecKind, name: &Name, retired: bool) -> Json<SpecState> {
    Json(SpecState {
        kind,
        name: name.to_string(),
        retired,
    })
}
