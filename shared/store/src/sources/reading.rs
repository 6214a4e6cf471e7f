//! Runs, their lines and the registry, as they are shown.

use std::collections::BTreeMap;

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, RunId, Version};
use millrace_core::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Statement, Store};

/// A run as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub run_id: RunId,
    /// Order of all runs.
    pub sequence: i64,
    /// The source.
    pub source: Name,
    /// The version of its spec.
    pub spec_version: u32,
    /// `schedule` or `request`.
    pub begun_by: String,
    /// Who asked for it.
    pub requested_by: String,
    /// `queued`, `running`, `completed`, `failed` or `skipped`.
    pub state: String,
    /// Files that the source lists, once it was asked.
    pub listed: Option<u32>,
    /// Lines by state.
    pub files: BTreeMap<String, u64>,
    /// Why it failed or was skipped.
    pub error: Option<Json>,
    /// When it was asked for (RFC 3339).
    pub created_at: String,
    /// When the work began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// A line of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its place, from 0: the oldest file first.
    pub position: u32,
    /// The file's name in the registry.
    pub file_name: String,
    /// `waiting`, `fetched`, `replaced`, `unchanged`, `same_bytes` or `failed`.
    pub state: String,
    /// How often the work was begun.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<Json>,
    /// Bytes that came.
    pub size_bytes: Option<u64>,
    /// The file that it became.
    pub file_id: Option<FileId>,
    /// The file's version.
    pub version: Option<Version>,
    /// When it was settled.
    pub finished_at: Option<String>,
}

/// A listed file as the registry holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryEntry {
    /// Its number.
    pub entry_id: i64,
    /// Its name.
    pub file_name: String,
    /// Where it is.
    pub url: String,
    /// Its date (`YYYY-MM-DD`).
    pub listed_date: Option<String>,
    /// `listed`, `held` or `failed`.
    pub state: String,
    /// Hash of the held bytes.
    pub sha256: Option<String>,
    /// Their size.
    pub size_bytes: Option<u64>,
    /// The file of the source whose bytes they are too.
    pub same_as: Option<String>,
    /// The run that last had to do with it.
    pub run_id: RunId,
    /// How often the work was begun since it was last held.
    pub attempts: u32,
    /// What went wrong last; none after a success.
    pub error: Option<Json>,
    /// The file that it became.
    pub file_id: Option<FileId>,
    /// The file's version.
    pub version: Option<Version>,
    /// When it was first listed (RFC 3339).
    pub first_listed_at: String,
    /// When it was last settled.
    pub fetched_at: Option<String>,
}

const RUN_RECORD: &str = "jsonb_build_object('run_id', r.run_id, 'sequence', r.sequence, 'source', r.source, \
     'spec_version', r.spec_version, 'begun_by', r.begun_by, 'requested_by', r.requested_by, 'state', r.state, \
     'listed', r.listed, 'error', r.error, 'created_at', r.created_at, 'started_at', r.started_at, \
     'finished_at', r.finished_at, 'files', (select coalesce(jsonb_object_agg(f.state, f.files), jsonb_build_object()) \
     from (select state, count(*) as files from operations.run_file where run_id = r.run_id group by state) f))::text";

impl Store {
    /// A run.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_run(&self, source: &Name, run_id: RunId) -> Result<Option<RunRecord>, Failure> {
        let text = format!(
            "select {RUN_RECORD} from operations.run r where r.run_id = cast(:run_id as uuid) \
             and r.source = cast(:source as text)"
        );
        let statement = Statement::new(text)
            .bind("run_id", run_id.to_string())
            .bind("source", source.as_str());
        self.json(statement).await
    }

    /// Whether there is a source of this name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn has_source(&self, source: &Name) -> Result<bool, Failure> {
        let text =
            "select exists (select from spec.spec where kind = 'source' and name = cast(:source as text))";
        let statement = Statement::new(text).bind("source", source.as_str());
        self.is_true(statement).await
    }

    /// Runs for which something is still to be done, the oldest first, behind a number: their numbers, sources and ids.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_open_runs(&self, after: i64, limit: u32) -> Result<Vec<(i64, Name, RunId)>, Failure> {
        let text = "select jsonb_build_array(sequence, source, run_id)::text from operations.run \
             where state in ('queued', 'running') and sequence > cast(:after as bigint) \
             order by sequence limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("after", after).bind("limit", limit);
        self.json_list(statement).await
    }

    /// Runs of a source, the newest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_runs(
        &self,
        source: &Name,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunRecord>, Failure> {
        let text = format!(
            "select {RUN_RECORD} from operations.run r where r.source = cast(:source as text) \
             and (cast(:before as bigint) is null or r.sequence < cast(:before as bigint)) \
             order by r.sequence desc limit cast(:limit as integer)"
        );
        let statement = Statement::new(text)
            .bind("source", source.as_str())
            .bind("before", before)
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// Lines of a run, the oldest file first, behind a position.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_run_files(
        &self,
        run_id: RunId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RunFile>, Failure> {
        let text = "select (to_jsonb(f) - 'run_id')::text from operations.run_file f \
             where f.run_id = cast(:run_id as uuid) \
             and (cast(:after as bigint) is null or f.position > cast(:after as bigint)) \
             order by f.position limit cast(:limit as integer)";
        let statement = Statement::new(text)
            .bind("run_id", run_id.to_string())
            .bind("after", after)
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// What the registry holds of a source, in the order in which files were first listed, behind a number.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_registry(
        &self,
        source: &Name,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RegistryEntry>, Failure> {
        let text = "select (to_jsonb(e) - 'source' - 'object_key')::text from operations.datafile_registry e \
             where e.source = cast(:source as text) \
             and (cast(:after as bigint) is null or e.entry_id > cast(:after as bigint)) \
             order by e.entry_id limit cast(:limit as integer)";
        let statement = Statement::new(text)
            .bind("source", source.as_str())
            .bind("after", after)
            .bind("limit", limit);
        self.json_list(statement).await
    }
}
