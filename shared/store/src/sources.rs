//! External sources: runs, and the registry of the files that they list.
//!
//! What a worker writes carries the fencing token of the lock that it holds; a newer holder's token makes it void. A
//! listed file is one row of the registry, and its bytes become a file version in the commit that says so there.

use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, RunId, Version};
use millrace_core::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Statement, Store};

mod reading;

pub use reading::{RegistryEntry, RunFile, RunRecord};

/// Listed files that are noted in one statement.
const FILES_A_STATEMENT: usize = 1_000;

/// What became of a request for a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginRun {
    /// Begun now.
    Created {
        /// The run.
        run_id: RunId,
    },
    /// Begun before, under the same idempotency key.
    Replayed {
        /// The run.
        run_id: RunId,
    },
    /// There is no such source.
    NoSource,
    /// The source is retired.
    Retired,
    /// The idempotency key stands for another request.
    KeyReused,
}

/// A run to be begun.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// The id that it gets.
    pub run_id: RunId,
    /// The source.
    pub source: &'a Name,
    /// Whether the schedule began it, or a caller.
    pub is_scheduled: bool,
    /// Who asked for it.
    pub client_id: &'a str,
    /// The caller's idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// A run's work, held by whoever has the source's lock.
#[derive(Debug, Clone, Copy)]
pub struct RunWork<'a> {
    /// The run.
    pub run_id: RunId,
    /// The source.
    pub source: &'a Name,
    /// The lock's fencing token.
    pub token: u64,
}

/// Whether a run may be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TakenRun {
    /// Yes.
    Working {
        /// Whether its files were listed before.
        is_listed: bool,
        /// The version of the source's spec that it follows.
        spec_version: u32,
    },
    /// The database has seen a newer token than the lock's: the locks were restored from a backup.
    Overtaken {
        /// The newest token seen.
        token: u64,
    },
    /// There is no such run: what began it never committed.
    NoRun,
    /// It is over.
    Settled,
    /// Another run of the source is on its way; this one is over and says so.
    Skipped {
        /// The other run.
        at_work: RunId,
        /// Since when nobody has been seen at it.
        silent_seconds: u64,
    },
}

/// A run whose source is busy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SkippedRun {
    /// Its state: `skipped`, unless it had begun, or no other run of the source is at work.
    pub state: String,
    /// The run that is.
    pub at_work: Option<RunId>,
    /// Since when nobody has been seen at that one.
    pub silent_seconds: Option<u64>,
}

/// A listed file that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FetchEntry {
    /// Its number in the registry.
    pub entry_id: i64,
    /// Its name.
    pub file_name: String,
    /// Where it is.
    pub url: String,
    /// Whether bytes of it are held.
    pub is_held: bool,
    /// Their hash.
    pub sha256: Option<String>,
    /// What the source called them.
    pub etag: Option<String>,
    /// When they were changed, in the source's words.
    pub last_modified: Option<String>,
    /// The file that they became.
    pub file_id: Option<FileId>,
    /// The file whose bytes they are too.
    pub same_as: Option<String>,
    /// The file that new bytes replace; without one they make another file.
    pub replaces: Option<FileId>,
    /// The version at which that file stands.
    pub latest_version: Option<Version>,
}

/// What is next in a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum NextFile {
    /// A listed file.
    File(Box<FetchEntry>),
    /// Nothing is left.
    None,
    /// A newer worker has the run.
    Stale,
}

/// What came of a listed file.
#[derive(Debug, Clone, Default)]
pub struct Fetched<'a> {
    /// The file's name in the registry.
    pub file_name: &'a str,
    /// Hash and size of the bytes; none when the source said that nothing has changed.
    pub bytes: Option<(&'a str, u64)>,
    /// What the source calls them.
    pub etag: Option<&'a str>,
    /// When they were changed, in the source's words.
    pub last_modified: Option<&'a str>,
    /// Where they lie; none when they seemed to be held already.
    pub object_key: Option<&'a str>,
}

/// How a listed file was settled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SettledFetch {
    /// New: it became a file.
    Fetched(FileVersion),
    /// Issued again with other bytes: it became a version that replaces the one before.
    Replaced(FileVersion),
    /// As it is held.
    Unchanged,
    /// Another name for bytes that are held.
    SameBytes,
    /// A newer worker has the run.
    Stale,
    /// What seemed to be held is not.
    NotHeld,
}

fn bound(text: &'static str, work: &RunWork<'_>) -> Statement {
    Statement::new(text)
        .bind("run_id", work.run_id.to_string())
        .bind("source", work.source.as_str())
        .bind("token", work.token)
}

fn encoded<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(crate::unreadable)
}

impl Store {
    /// Begins a run; the same id again changes nothing.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_run(&self, new: &NewRun<'_>) -> Result<BeginRun, Failure> {
        let statement = Statement::new(
            "select operations.begin_run(cast(:run_id as uuid), cast(:source as text), cast(:begun_by as text), \
             cast(:client_id as text), cast(:key as text), cast(:request as text))::text",
        );
        let begun_by = if new.is_scheduled { "schedule" } else { "request" };
        self.expect_json(
            statement
                .bind("run_id", new.run_id.to_string())
                .bind("source", new.source.as_str())
                .bind("begun_by", begun_by)
                .bind("client_id", new.client_id)
                .bind("key", new.idempotency.map(|(key, _)| key))
                .bind("request", new.idempotency.map(|(_, request)| request)),
        )
        .await
    }

    /// The names of all sources that are not retired.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_source_names(&self) -> Result<Vec<Name>, Failure> {
        let text = "select distinct to_jsonb(s.name)::text from spec.spec s where s.kind = 'source' and not exists \
             (select from spec.retired r where r.kind = s.kind and r.name = s.name) order by 1";
        self.json_list(Statement::new(text)).await
    }

    /// Begins or goes on with a run; `silence_seconds` is how long another run may have been silent and still be on its
    /// way.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn take_run(&self, work: &RunWork<'_>, silence_seconds: u32) -> Result<TakenRun, Failure> {
        let text = "select operations.take_run(cast(:run_id as uuid), cast(:source as text), \
             cast(:token as bigint), cast(:silence as integer))::text";
        self.expect_json(bound(text, work).bind("silence", silence_seconds))
            .await
    }

    /// Ends a run that has not begun, where another one of its source is at work; none without such a run.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn skip_run(&self, run_id: RunId) -> Result<Option<SkippedRun>, Failure> {
        let text = "select operations.skip_run(cast(:run_id as uuid))::text";
        self.json(Statement::new(text).bind("run_id", run_id.to_string()))
            .await
    }

    /// Notes the files of a list, in their order, then that all are noted; false for a worker that was replaced.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn note_listed(
        &self,
        work: &RunWork<'_>,
        files: &[(&str, &str, Option<&str>, Option<Json>)],
    ) -> Result<bool, Failure> {
        let text = "select operations.note_listed(cast(:run_id as uuid), cast(:source as text), \
             cast(:token as bigint), cast(:files as jsonb), cast(:position as integer))";
        for (at, some) in files.chunks(FILES_A_STATEMENT).enumerate() {
            let statement = bound(text, work).bind("files", encoded(&some)?).bind(
                "position",
                u64::try_from(at * FILES_A_STATEMENT).unwrap_or(u64::MAX),
            );
            if !self.is_true(statement).await? {
                return Ok(false);
            }
        }
        let text = "update operations.run set listed = cast(:count as integer) \
             where run_id = cast(:run_id as uuid) and source = cast(:source as text) \
             and not operations.is_fenced_off(source, cast(:token as bigint)) returning true";
        let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
        self.is_true(bound(text, work).bind("count", count)).await
    }

    /// The listed file that is next, with this attempt counted.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_file(&self, work: &RunWork<'_>, most_attempts: u32) -> Result<NextFile, Failure> {
        let text = "select operations.begin_file(cast(:run_id as uuid), cast(:source as text), \
             cast(:token as bigint), cast(:attempts as integer))::text";
        self.expect_json(bound(text, work).bind("attempts", most_attempts))
            .await
    }

    /// Whether a source holds some bytes, under whichever name they became a file.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn holds_bytes(&self, source: &Name, sha256: &str) -> Result<bool, Failure> {
        let text = "select exists (select from operations.datafile_registry where source = cast(:source as text) \
             and sha256 = cast(:sha256 as text) and state = 'held' and same_as is null)";
        let statement = Statement::new(text)
            .bind("source", source.as_str())
            .bind("sha256", sha256);
        self.is_true(statement).await
    }

    /// Says why a listed file was not fetched; false for a worker that was replaced.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn fail_fetch(
        &self,
        work: &RunWork<'_>,
        file_name: &str,
        error: &impl Serialize,
    ) -> Result<bool, Failure> {
        let text = "select operations.fail_fetch(cast(:run_id as uuid), cast(:source as text), \
             cast(:token as bigint), cast(:file_name as text), cast(:error as jsonb))";
        let statement = bound(text, work)
            .bind("file_name", file_name)
            .bind("error", encoded(error)?);
        self.is_true(statement).await
    }

    /// Notes why the work on a listed file failed for a reason of ours; the file waits on. False where it does not.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn note_failure(
        &self,
        work: &RunWork<'_>,
        file_name: &str,
        failure: &Failure,
    ) -> Result<bool, Failure> {
        let text = "update operations.run_file set error = cast(:error as jsonb) \
             where run_id = cast(:run_id as uuid) and file_name = cast(:file_name as text) and state = 'waiting' \
             and not operations.is_fenced_off(cast(:source as text), cast(:token as bigint)) returning true";
        let error = serde_json::json!({"rule": failure.code(), "message": failure.to_string()});
        let statement = bound(text, work).bind("file_name", file_name);
        self.is_true(statement.bind("error", error.to_string())).await
    }

    /// Settles what came of a listed file; new bytes become a file version of the target, posted to ingest, in the same
    /// commit.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn settle_fetch(
        &self,
        work: &RunWork<'_>,
        fetched: &Fetched<'_>,
        new_file_id: FileId,
        target: (SpecKind, &Name),
    ) -> Result<SettledFetch, Failure> {
        let text = "select operations.settle_fetch(cast(:run_id as uuid), cast(:source as text), \
             cast(:token as bigint), cast(:file_name as text), cast(:sha256 as text), cast(:size as bigint), \
             cast(:etag as text), cast(:last_modified as text), cast(:object_key as text), \
             cast(:new_file_id as uuid), cast(:type as text), cast(:name as text))::text";
        let statement = bound(text, work)
            .bind("file_name", fetched.file_name)
            .bind("sha256", fetched.bytes.map(|(sha256, _)| sha256))
            .bind("size", fetched.bytes.map(|(_, size)| size))
            .bind("etag", fetched.etag)
            .bind("last_modified", fetched.last_modified)
            .bind("object_key", fetched.object_key)
            .bind("new_file_id", new_file_id.to_string())
            .bind("type", target.0.as_str())
            .bind("name", target.1.as_str());
        self.expect_json(statement).await
    }

    /// Ends a run, as a failure where there is an error; false for a worker that was replaced, and the second time.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn finish_run(
        &self,
        work: &RunWork<'_>,
        error: Option<&(impl Serialize + Sync)>,
    ) -> Result<bool, Failure> {
        let text = "update operations.run set finished_at = now(), error = cast(:error as jsonb), \
             state = case when cast(:error as jsonb) is null then 'completed' else 'failed' end \
             where run_id = cast(:run_id as uuid) and source = cast(:source as text) and state = 'running' \
             and not operations.is_fenced_off(source, cast(:token as bigint)) returning true";
        let error = error.map(encoded).transpose()?;
        self.is_true(bound(text, work).bind("error", error)).await
    }

    /// Files of a run whose messages were not sent.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_unsent_of_run(&self, run_id: RunId) -> Result<Vec<FileVersion>, Failure> {
        let text = "select distinct jsonb_build_object('file_id', o.file_id, 'version', o.version)::text \
             from operations.run_file f join operations.outbox o on o.file_id = f.file_id and o.version = f.version \
             where f.run_id = cast(:run_id as uuid)";
        self.json_list(Statement::new(text).bind("run_id", run_id.to_string()))
            .await
    }
}
