//! Versions that try rejected rows again: repairs and replays.

use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, Version};
use millrace_core::row_error::RowCounts;
use serde::Deserialize;

use crate::files::{RegisteredVersion, for_file};
use crate::{Statement, Store, Value};

/// A repair or a replay to be registered.
#[derive(Debug, Clone, Copy)]
pub struct NewRepair<'a> {
    /// The file.
    pub file_id: FileId,
    /// Repair or replay.
    pub mode: Mode,
    /// The version whose rejected rows the caller has seen; none for whichever is the latest.
    pub base: Option<Version>,
    /// How long other versions' bytes are waited for.
    pub awaited_seconds: u32,
    /// Who sends it.
    pub client_id: &'a str,
    /// The caller's idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// What became of a request to try rejected rows again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginRepair {
    /// Registered now.
    Created(RegisteredVersion),
    /// Registered before, under the same idempotency key.
    Replayed(RegisteredVersion),
    /// A version of the file is on its way.
    UnderWay(FileVersion),
    /// The file has a later version than the caller has seen.
    MovedOn(FileVersion),
    /// The file's latest version has no rejected rows.
    NothingRejected(FileVersion),
    /// The file came as a batch, which has no repair file.
    NoRepairFile(FileVersion),
    /// The file's bytes are another file's, which is the one that counts.
    HeldElsewhere {
        /// The other file.
        file_id: FileId,
    },
    /// There is no such file, or nothing in it.
    NoFile,
    /// There is no such spec.
    NoSpec,
    /// The spec takes no files any more.
    Retired,
    /// The idempotency key stands for another request.
    KeyReused,
}

/// What came of trying rejected rows again.
#[derive(Debug, Clone, Copy)]
pub struct FinishedRepair<'a> {
    /// The part of the rows that became clean, if any did.
    pub part_key: Option<&'a str>,
    /// The row errors, if any row was rejected, and their size in bytes.
    pub row_errors: Option<(&'a str, u64)>,
    /// The rows that were tried.
    pub counts: RowCounts,
}

impl Store {
    /// Registers a version that tries the rejected rows of a file's latest one again.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_repair(&self, new: &NewRepair<'_>) -> Result<BeginRepair, Failure> {
        let text = "select ingestion.begin_repair(cast(:file_id as uuid), cast(:mode as text), \
             cast(:base as integer), cast(:awaited_seconds as integer), cast(:client_id as text), \
             cast(:key as text), cast(:request as text))::text";
        let statement = Statement::new(text)
            .bind("file_id", new.file_id.to_string())
            .bind("mode", new.mode.as_str())
            .bind("base", new.base)
            .bind("awaited_seconds", new.awaited_seconds)
            .bind("client_id", new.client_id)
            .bind("key", new.idempotency.map(|(key, _)| key))
            .bind("request", new.idempotency.map(|(_, request)| request));
        self.expect_json(statement).await
    }

    /// Whether the same repaired file was taken before, by a version that this one builds on.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn is_repeated_repair(&self, file: FileVersion, sha256: &str) -> Result<bool, Failure> {
        let text = "select ingestion.is_repeated_repair(cast(:file_id as uuid), cast(:version as integer), \
             cast(:sha256 as text))";
        self.is_true(for_file(text, file).bind("sha256", sha256)).await
    }

    /// Completes a repair or a replay, once; with nothing finished it has what its base has. True once it is validated.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn finish_repair(
        &self,
        file: FileVersion,
        finished: Option<FinishedRepair<'_>>,
        sha256: Option<&str>,
    ) -> Result<bool, Failure> {
        let text = "select ingestion.finish_repair(cast(:file_id as uuid), cast(:version as integer), \
             cast(:part_key as text), cast(:row_errors_key as text), cast(:row_errors_bytes as bigint), \
             cast(:rows as bigint), cast(:kept as bigint), cast(:rejected as bigint), cast(:sha256 as text))";
        let row_errors = finished.and_then(|finished| finished.row_errors);
        let count = |count: fn(RowCounts) -> u64| finished.map(|finished| count(finished.counts));
        let statement = for_file(text, file)
            .bind("part_key", finished.and_then(|finished| finished.part_key))
            .bind("row_errors_key", row_errors.map(|(key, _)| key))
            .bind("row_errors_bytes", row_errors.map_or(0, |(_, size)| size))
            .bind("rows", count(|counts| counts.rows))
            .bind("kept", count(|counts| counts.kept))
            .bind("rejected", count(|counts| counts.rejected))
            .bind("sha256", sha256.map_or(Value::Null, Value::from));
        self.is_true(statement).await
    }
}
