//! The outbox: messages that were written with the state that makes them necessary.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use millrace_core::name::Name;
use serde::Deserialize;

use crate::files::IS_OPEN;
use crate::{Statement, Store};

/// A message that waits to be sent.
#[derive(Debug, Clone, Deserialize)]
pub struct OutboxMessage {
    /// Its number.
    pub outbox_id: i64,
    /// Where it goes.
    pub queue: Queue,
    /// What is sent.
    pub body: serde_json::Value,
}

/// A file version that is not at its end, and its place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct OpenFile {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Order of arrival over all files.
    pub sequence: i64,
}

/// Messages of a file version that are listed at once.
const MOST_OF_A_FILE: u32 = 1_000;

/// The oldest messages that fit a condition. They are written out once they are chosen, not before.
fn waiting(condition: &str) -> Statement {
    Statement::new(format!(
        "select jsonb_build_object('outbox_id', o.outbox_id, 'queue', o.queue, 'body', o.body)::text \
         from (select * from operations.outbox where {condition} order by outbox_id limit cast(:limit as integer)) o \
         order by o.outbox_id"
    ))
}

impl Store {
    /// The messages of a file version that were not sent, oldest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_outbox(&self, file: FileVersion) -> Result<Vec<OutboxMessage>, Failure> {
        let statement = waiting("file_id = cast(:file_id as uuid) and version = cast(:version as integer)");
        let bound = statement
            .bind("file_id", file.file_id.to_string())
            .bind("version", file.version)
            .bind("limit", MOST_OF_A_FILE);
        self.json_list(bound).await
    }

    /// Messages that have files contribute to a dataset and were not sent, oldest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_outbox_of_dataset(
        &self,
        dataset: &Name,
        limit: u32,
    ) -> Result<Vec<OutboxMessage>, Failure> {
        let statement = waiting(
            "queue = 'perf' and body ->> 'kind' = 'aggregate' and body ->> 'dataset' = cast(:dataset as text)",
        );
        self.json_list(statement.bind("dataset", dataset.as_str()).bind("limit", limit))
            .await
    }

    /// A pipeline's messages that were not sent, oldest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_outbox_of_pipeline(
        &self,
        pipeline: &Name,
        limit: u32,
    ) -> Result<Vec<OutboxMessage>, Failure> {
        let statement =
            waiting("file_id = operations.pipeline_outbox(cast(:pipeline as text)) and version = 0");
        let statement = statement.bind("pipeline", pipeline.as_str());
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Forgets messages that were sent.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn complete_outbox(&self, outbox_ids: &[i64]) -> Result<(), Failure> {
        let ids = serde_json::to_string(outbox_ids).map_err(crate::unreadable)?;
        let statement = Statement::new(
            "delete from operations.outbox where outbox_id in \
             (select id::bigint from jsonb_array_elements_text(cast(:ids as jsonb)) as x (id))",
        );
        self.rows(statement.bind("ids", ids)).await.map(|_| ())
    }

    /// File versions for which something is still to be done or to be sent, the newest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_open_files(&self, before: Option<i64>, limit: u32) -> Result<Vec<OpenFile>, Failure> {
        const PAGE: &str = "(cast(:before as bigint) is null or t.sequence < cast(:before as bigint)) \
             order by t.sequence desc limit cast(:limit as integer)";
        let open = "select t.file_id, t.version, t.sequence from ingestion.file_tracker t where";
        let text = format!(
            "with open as (({open} {IS_OPEN} and {PAGE}) union ({open} (t.file_id, t.version) in \
                (select o.file_id, o.version from operations.outbox o) and {PAGE})) \
             select jsonb_build_object('file_id', t.file_id, 'version', t.version, 'sequence', t.sequence)::text \
             from open t where {PAGE}"
        );
        self.json_list(Statement::new(text).bind("before", before).bind("limit", limit))
            .await
    }
}
