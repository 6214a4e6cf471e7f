//! Runs of pipelines: what is open for what a pipeline names is driven on, what is held for it let go.
//!
//! The messages of a run are written in the commit that begins it, and sent by the status queue, a page at a time. The
//! message that has them sent goes out late before the commit, as its reminder, and once more behind it.

use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_core::ids::RunId;
use millrace_core::name::Name;
use millrace_store::pipelines::{BeginPipelineRun, NewPipelineRun};

use crate::outbox::send_pipeline;
use crate::ports::Surroundings;
use crate::sources::RunPorts;

/// Begins a run that a caller asks for.
///
/// # Errors
/// [`Failure`] of the database, or of the queue before anything was begun.
pub async fn begin_pipeline_run(
    ports: &RunPorts<'_>,
    surroundings: &dyn Surroundings,
    pipeline: &Name,
    client_id: &str,
    idempotency: Option<(&str, &str)>,
) -> Result<BeginPipelineRun, Failure> {
    // Nothing is left behind by names that are none.
    if ports
        .store
        .load_spec(SpecKind::Pipeline, pipeline.as_str())
        .await?
        .is_none()
    {
        return Ok(BeginPipelineRun::NoPipeline);
    }
    let new = NewPipelineRun {
        run_id: RunId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes()),
        pipeline,
        is_scheduled: false,
        requested_by: client_id,
        idempotency,
    };
    begin(ports, &new).await
}

/// Begins a run, once for an id. After the commit a message that cannot be sent is no failure: the one that went before
/// comes a little later.
pub(crate) async fn begin(
    ports: &RunPorts<'_>,
    new: &NewPipelineRun<'_>,
) -> Result<BeginPipelineRun, Failure> {
    send_pipeline(ports.sender, new.pipeline, ports.reminder_delay_seconds).await?;
    let begun = ports.store.begin_pipeline_run(new).await?;
    if let BeginPipelineRun::Created { .. } | BeginPipelineRun::Replayed { .. } = begun {
        let _ = send_pipeline(ports.sender, new.pipeline, 0).await;
    }
    Ok(begun)
}
