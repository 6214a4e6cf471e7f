//! Pipelines: what they name, and their runs.

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, RunId};
use millrace_core::name::Name;
use serde::Deserialize;

use crate::{Statement, Store};

/// A run that is to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewPipelineRun<'a> {
    /// Its id: the same again begins nothing.
    pub run_id: RunId,
    /// The pipeline.
    pub pipeline: &'a Name,
    /// Whether the clock asks, or somebody.
    pub is_scheduled: bool,
    /// Who asks: a client, or the schedule.
    pub requested_by: &'a str,
    /// The caller's key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// What became of a request to begin a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginPipelineRun {
    /// Begun now.
    Created {
        /// The run.
        run_id: RunId,
    },
    /// Begun before, by the same request or trigger.
    Replayed {
        /// The run.
        run_id: RunId,
    },
    /// There is no such pipeline.
    NoPipeline,
    /// The pipeline is retired.
    Retired,
    /// The key stands for another request.
    KeyReused,
}

/// What a run found open, by how it stands now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct RunCounts {
    /// Contributions and files on their way.
    pub found: u64,
    /// Of these, the contributions that were held for it.
    pub held: u64,
    /// Files that were on their way and are validated.
    pub validated: u64,
    /// Contributions that are applied.
    pub applied: u64,
    /// Contributions that a later version of their file has made needless.
    pub superseded: u64,
    /// Contributions, and files, that were refused.
    pub refused: u64,
    /// What is not through.
    pub waiting: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PipelineRunRecord {
    /// Its id.
    pub run_id: RunId,
    /// Its place among all.
    pub sequence: i64,
    /// The pipeline.
    pub pipeline: Name,
    /// The version of its spec that the run began with.
    pub spec_version: u32,
    /// `schedule` or `request`.
    pub begun_by: String,
    /// A client, or the schedule.
    pub requested_by: String,
    /// When it began (RFC 3339).
    pub created_at: String,
    /// When the last of what it found was through; none while something waits.
    pub finished_at: Option<String>,
    /// What it found.
    pub counts: RunCounts,
}

/// Something that a run found open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunStep {
    /// Its place in the run.
    pub step_no: i64,
    /// The file.
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// The dataset or dimension that was to take it in; empty for a file that was on its way.
    pub target: String,
    /// Whether it was held for the run.
    pub was_held: bool,
    /// `waiting`, or how it ended: `applied`, `superseded`, `refused`, `validated`.
    pub state: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

const RUN: &str = "jsonb_build_object('run_id', r.run_id, 'sequence', r.sequence, 'pipeline', r.pipeline, \
     'spec_version', r.spec_version, 'begun_by', r.begun_by, 'requested_by', r.requested_by, \
     'created_at', r.created_at, 'finished_at', case when n.waiting = 0 then coalesce(n.ended_at, r.created_at) end, \
     'counts', jsonb_build_object('found', n.found, 'held', n.held, 'validated', n.validated, 'applied', n.applied, \
        'superseded', n.superseded, 'refused', n.refused, 'waiting', n.waiting))::text \
     from operations.pipeline_run r cross join lateral (select count(*) as found, \
        count(*) filter (where s.was_held) as held, count(*) filter (where s.state = 'validated') as validated, \
        count(*) filter (where s.state = 'applied') as applied, \
        count(*) filter (where s.state = 'superseded') as superseded, \
        count(*) filter (where s.state = 'refused') as refused, \
        count(*) filter (where s.state = 'waiting') as waiting, max(s.ended_at) as ended_at \
        from operations.steps_of_run(r.run_id) s) n";

impl Store {
    /// The datasets with cells that a dataset's figures come from, itself among them, each with its event.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_stored_upstream(&self, dataset: &Name) -> Result<Vec<(Name, Name)>, Failure> {
        let text = "select jsonb_build_array(d.name, d.event)::text from ingestion.upstream(cast(:dataset as text)) u \
             join ingestion.dataset d on u.kind = 'dataset' and d.name = u.name order by d.name";
        self.json_list(Statement::new(text).bind("dataset", dataset.as_str()))
            .await
    }

    /// Begins a run, once for an id.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_pipeline_run(&self, new: &NewPipelineRun<'_>) -> Result<BeginPipelineRun, Failure> {
        let statement = Statement::new(
            "select operations.begin_pipeline_run(cast(:run_id as uuid), cast(:pipeline as text), \
             cast(:begun_by as text), cast(:client_id as text), cast(:idempotency_key as text), \
             cast(:request_sha256 as text))::text",
        );
        let bound = statement
            .bind("run_id", new.run_id.to_string())
            .bind("pipeline", new.pipeline.as_str())
            .bind("begun_by", if new.is_scheduled { "schedule" } else { "request" })
            .bind("client_id", new.requested_by)
            .bind("idempotency_key", new.idempotency.map(|(key, _)| key))
            .bind("request_sha256", new.idempotency.map(|(_, hash)| hash));
        self.expect_json(bound).await
    }

    /// Runs of a pipeline, the newest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_pipeline_runs(
        &self,
        pipeline: &Name,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PipelineRunRecord>, Failure> {
        let text = format!(
            "select {RUN} where r.pipeline = cast(:pipeline as text) \
             and (cast(:before as bigint) is null or r.sequence < cast(:before as bigint)) \
             order by r.sequence desc limit cast(:limit as integer)"
        );
        let statement = Statement::new(text).bind("pipeline", pipeline.as_str());
        self.json_list(statement.bind("before", before).bind("limit", limit))
            .await
    }

    /// A run of a pipeline.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_pipeline_run(
        &self,
        pipeline: &Name,
        run_id: RunId,
    ) -> Result<Option<PipelineRunRecord>, Failure> {
        let text = format!(
            "select {RUN} where r.run_id = cast(:run_id as uuid) and r.pipeline = cast(:pipeline as text)"
        );
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.json(statement.bind("pipeline", pipeline.as_str())).await
    }

    /// What a run found open, in order, after a place in it.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_run_steps(
        &self,
        run_id: RunId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunStep>, Failure> {
        let text = "select jsonb_build_object('step_no', s.step_no, 'file_id', s.file_id, 'version', s.version, \
             'target', s.target, 'was_held', s.was_held, 'state', s.state, 'ended_at', s.ended_at)::text \
             from operations.steps_of_run(cast(:run_id as uuid)) s where s.step_no > cast(:after as bigint) \
             order by s.step_no limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.json_list(statement.bind("after", after.unwrap_or(0)).bind("limit", limit))
            .await
    }
}
