//! Sources: beginning a run, following it, and what is held.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::sources::{begin_run, drive_runs};
use millrace_core::definition::SpecKind;
use millrace_core::{Name, RunId};
use millrace_store::sources::BeginRun;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::drive::DriveQuery;
use crate::dto::sources::{RunAccepted, RunDetail, RunItem, RunPage, RunsDriven, SourceFilePage};
use crate::dto::specs::PageQuery;
use crate::extract::query::bad_member;
use crate::extract::{IdempotencyKey, NameInPath, Query, RunIdInPath};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;
use crate::routes::uploads::request_hash;

/// A run's line or a listed file is half a kilobyte or more, so a page is short.
const MAX_LINES: u32 = 1_000;

/// Begins a run of a source: it is listed, and what is not held is fetched, the oldest file first.
#[utoipa::path(post, path = "/api/sources/{name}/run", operation_id = "run_source", tag = "sources",
    params(("name" = String, Path, description = "The source", example = "attendance_of_district")),
    responses((status = 202, description = "Begun; followed by its id.", body = RunAccepted, example = json!({
        "run_id": "01859000-0000-7000-8000-000000000000", "source": "attendance_of_district"}))))]
pub(crate) async fn run(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    NameInPath(name): NameInPath,
) -> Answer<(StatusCode, Json<RunAccepted>)> {
    let hash = request_hash("run_source", name.as_str().as_bytes());
    let (surroundings, client_id) = (deps.surroundings.as_ref(), caller.client_id.as_str());
    let begun = begin_run(&deps.run_ports(), surroundings, &name, client_id, key.with(&hash)).await?;
    let run_id = begun_run(&begun, &name)?;
    Ok((StatusCode::ACCEPTED, Json(RunAccepted { run_id, source: name })))
}

fn begun_run(begun: &BeginRun, name: &Name) -> Answer<RunId> {
    match begun {
        BeginRun::Created { run_id } | BeginRun::Replayed { run_id } => Ok(*run_id),
        BeginRun::NoSource => Err(no_source(name)),
        BeginRun::Retired => {
            let detail = "the source is retired: it is not read any more";
            Err(Problem::conflict("spec_retired", detail))
        }
        BeginRun::KeyReused => Err(Problem::idempotency_key_reused()),
    }
}

fn no_source(name: &Name) -> Problem {
    Problem::not_found(format!("there is no source {name}"))
}

/// Lists a source's runs, the newest first.
#[utoipa::path(get, path = "/api/sources/{name}/runs", operation_id = "list_runs", tag = "sources",
    params(("name" = String, Path, description = "The source", example = "attendance_of_district"), PageQuery),
    responses((status = 200, description = "A page.", body = RunPage, example = json!({"items": [], "next": null}))))]
pub(crate) async fn list_runs(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<RunPage>> {
    let before = cursor(&page)?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let runs = deps.store.list_runs(&name, before, size.items()).await;
        let Some(runs) = size.take(runs) else { continue };
        let runs = runs?;
        if runs.is_empty() {
            expect_source(&deps, &name).await?;
        }
        let next = next(&runs, size, |run| run.sequence);
        let items = runs.into_iter().map(RunItem::from).collect();
        return Ok(Json(RunPage { items, next }));
    }
}

/// Reads a run, with a line a file.
#[utoipa::path(get, path = "/api/sources/{name}/runs/{run_id}", operation_id = "read_run", tag = "sources",
    params(("name" = String, Path, description = "The source", example = "attendance_of_district"),
        ("run_id" = String, Path, description = "The run", example = "01859000-0000-7000-8000-000000000000"), PageQuery),
    responses((status = 200, description = "The run and a page of its lines.", body = RunDetail, example = json!({
        "run_id": "01859000-0000-7000-8000-000000000000", "source": "attendance_of_district", "spec_version": 1,
        "begun_by": "request", "requested_by": "demo", "state": "completed", "listed": 1, "counts": {"fetched": 1},
        "error": null, "created_at": "2023-01-08T12:00:00Z", "started_at": "2023-01-08T12:00:01Z",
        "finished_at": "2023-01-08T12:00:02Z", "files": [{"position": 0, "file_name": "attendance-2023-01-01.csv",
        "state": "fetched", "attempts": 1, "error": null, "size_bytes": 60810,
        "file_id": "01859000-0000-7000-8000-000000000001", "version": 1, "finished_at": "2023-01-08T12:00:02Z"}],
        "next": null}))))]
pub(crate) async fn read_run(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    RunIdInPath(run_id): RunIdInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<RunDetail>> {
    let after = cursor(&page)?;
    let run = deps.store.load_run(&name, run_id).await?;
    let run = run.ok_or_else(|| Problem::not_found("there is no such run of this source"))?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let lines = deps.store.list_run_files(run_id, after, size.items()).await;
        let Some(lines) = size.take(lines) else { continue };
        let lines = lines?;
        return Ok(Json(RunDetail {
            run: run.into(),
            next: next(&lines, size, |line| i64::from(line.position)),
            files: lines.into_iter().map(Into::into).collect(),
        }));
    }
}

/// Lists the files that a source has listed, as the registry holds them.
#[utoipa::path(get, path = "/api/sources/{name}/files", operation_id = "list_source_files", tag = "sources",
    params(("name" = String, Path, description = "The source", example = "attendance_of_district"), PageQuery),
    responses((status = 200, description = "A page.", body = SourceFilePage, example = json!({"items": [],
        "next": null}))))]
pub(crate) async fn list_files(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<SourceFilePage>> {
    let after = cursor(&page)?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let entries = deps.store.list_registry(&name, after, size.items()).await;
        let Some(entries) = size.take(entries) else {
            continue;
        };
        let entries = entries?;
        if entries.is_empty() {
            expect_source(&deps, &name).await?;
        }
        let next = next(&entries, size, |entry| entry.entry_id);
        let items = entries.into_iter().map(Into::into).collect();
        return Ok(Json(SourceFilePage { items, next }));
    }
}

/// Has runs gone on with at once that are not over: a page of them a call, the oldest first.
///
/// Follow `next` until it is null to drive all of them on.
#[utoipa::path(post, path = "/api/sources/drive", operation_id = "drive_runs", tag = "sources", params(DriveQuery),
    responses((status = 202, description = "Driven on.", body = RunsDriven, example = json!({"runs": 1,
        "next": null}))))]
pub(crate) async fn drive_open(
    State(deps): State<Arc<Deps>>,
    Query(query): Query<DriveQuery>,
) -> Answer<(StatusCode, Json<RunsDriven>)> {
    let (runs, next) = drive_runs(&deps.run_ports(), query.cursor).await?;
    let next = next.map(|sequence| sequence.to_string());
    Ok((StatusCode::ACCEPTED, Json(RunsDriven { runs, next })))
}

async fn expect_source(deps: &Deps, name: &Name) -> Answer<()> {
    let found = deps.store.load_spec(SpecKind::Source, name.as_str()).await?;
    found.map(|_| ()).ok_or_else(|| no_source(name))
}

pub(crate) fn cursor(page: &PageQuery) -> Answer<Option<i64>> {
    let cursor = page.cursor.as_deref();
    let number = cursor.map(|text| text.parse::<i64>().ok().filter(|number| *number >= 0));
    match number {
        Some(None) => Err(bad_member("cursor", "has to be the next of a page")),
        other => Ok(other.flatten()),
    }
}

/// The cursor behind a full page.
pub(crate) fn next<T>(items: &[T], size: PageSize, place: impl Fn(&T) -> i64) -> Option<String> {
    let is_full = items.len() == size.items() as usize;
    items
        .last()
        .filter(|_| is_full)
        .map(|last| place(last).to_string())
}
