//! Pipelines: beginning a run, and following it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::pipelines::begin_pipeline_run;
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_store::pipelines::BeginPipelineRun;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::pipelines::{PipelineRunAccepted, PipelineRunDetail, PipelineRunPage, RunAsked};
use crate::dto::specs::PageQuery;
use crate::extract::{IdempotencyKey, JsonBody, NameInPath, Query, RunIdInPath};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;
use crate::routes::sources::{cursor, next};
use crate::routes::uploads::request_hash;

/// A run or a step of one is half a kilobyte or more, so a page is short.
const MAX_LINES: u32 = 1_000;

/// Begins a run of a pipeline: what waits for what it names is driven on, and what is held for it is let go.
#[utoipa::path(post, path = "/ingestion/pipeline", operation_id = "run_pipeline", tag = "pipelines",
    request_body(content = RunAsked, example = json!({"pipeline_name": "attendance_nightly"})),
    responses((status = 202, description = "Begun; followed by its id.", body = PipelineRunAccepted, example = json!({
        "message": "the pipeline is running", "run_id": "01859000-0000-7000-8000-000000000000",
        "pipeline_name": "attendance_nightly"}))))]
pub(crate) async fn run(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: JsonBody<RunAsked>,
) -> Answer<(StatusCode, Json<PipelineRunAccepted>)> {
    let name = Name::parse(&body.value.pipeline_name).map_err(|error| {
        let message = error.to_string();
        Problem::invalid("invalid_body", message.clone()).at("/pipeline_name", "bad_name", message)
    })?;
    let hash = request_hash("run_pipeline", name.as_str().as_bytes());
    let (ports, surroundings) = (deps.run_ports(), deps.surroundings.as_ref());
    let begun = begin_pipeline_run(&ports, surroundings, &name, &caller.client_id, key.with(&hash)).await?;
    let run_id = match begun {
        BeginPipelineRun::Created { run_id } | BeginPipelineRun::Replayed { run_id } => run_id,
        BeginPipelineRun::NoPipeline => return Err(no_pipeline(&name)),
        BeginPipelineRun::Retired => {
            let detail = "the pipeline is retired: it does not run any more";
            return Err(Problem::conflict("spec_retired", detail));
        }
        BeginPipelineRun::KeyReused => return Err(Problem::idempotency_key_reused()),
    };
    let accepted = PipelineRunAccepted {
        message: "the pipeline is running".to_owned(),
        run_id,
        pipeline_name: name,
    };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

fn no_pipeline(name: &Name) -> Problem {
    Problem::not_found(format!("there is no pipeline {name}"))
}

/// Lists a pipeline's runs, the newest first.
#[utoipa::path(get, path = "/ingestion/pipeline/{name}/runs", operation_id = "list_pipeline_runs", tag = "pipelines",
    params(("name" = String, Path, description = "The pipeline", example = "attendance_nightly"), PageQuery),
    responses((status = 200, description = "A page.", body = PipelineRunPage, example = json!({"items": [],
        "next": null}))))]
pub(crate) async fn list_runs(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<PipelineRunPage>> {
    let before = cursor(&page)?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let runs = deps.store.list_pipeline_runs(&name, before, size.items()).await;
        let Some(runs) = size.take(runs) else { continue };
        let runs = runs?;
        if runs.is_empty()
            && deps
                .store
                .load_spec(SpecKind::Pipeline, name.as_str())
                .await?
                .is_none()
        {
            return Err(no_pipeline(&name));
        }
        let next = next(&runs, size, |run| run.sequence);
        let items = runs.into_iter().map(Into::into).collect();
        return Ok(Json(PipelineRunPage { items, next }));
    }
}

/// Reads a run, with what it found.
#[utoipa::path(get, path = "/ingestion/pipeline/{name}/runs/{run_id}", operation_id = "read_pipeline_run",
    tag = "pipelines", params(("name" = String, Path, description = "The pipeline", example = "attendance_nightly"),
        ("run_id" = String, Path, description = "The run", example = "01859000-0000-7000-8000-000000000000"), PageQuery),
    responses((status = 200, description = "The run and a page of what it found.", body = PipelineRunDetail,
        example = json!({"run_id": "01859000-0000-7000-8000-000000000000", "pipeline_name": "attendance_nightly",
        "spec_version": 1, "begun_by": "schedule", "requested_by": "schedule attendance_nightly", "state": "completed",
        "counts": {"found": 1, "held": 1, "validated": 0, "applied": 1, "superseded": 0, "refused": 0, "waiting": 0},
        "created_at": "2023-01-08T20:30:00Z", "finished_at": "2023-01-08T20:30:02Z", "steps": [{
            "file_id": "01859000-0000-7000-8000-000000000001", "version": 1,
            "target": "SAC_stds_atd_cmp_by_school", "held": true, "state": "applied",
            "ended_at": "2023-01-08T20:30:02Z"}], "next": null}))))]
pub(crate) async fn read_run(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    RunIdInPath(run_id): RunIdInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<PipelineRunDetail>> {
    let after = cursor(&page)?;
    let run = deps.store.load_pipeline_run(&name, run_id).await?;
    let run = run.ok_or_else(|| Problem::not_found("there is no such run of this pipeline"))?;
    let mut size = PageSize::at_most(page.limit.min(MAX_LINES));
    loop {
        let steps = deps.store.list_run_steps(run_id, after, size.items()).await;
        let Some(steps) = size.take(steps) else { continue };
        let steps = steps?;
        return Ok(Json(PipelineRunDetail {
            run: run.into(),
            next: next(&steps, size, |step| step.step_no),
            steps: steps.into_iter().map(Into::into).collect(),
        }));
    }
}
