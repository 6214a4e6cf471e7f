//! The outbox: messages that were written with the state that makes them necessary.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use serde::Deserialize;

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

impl Store {
    /// The messages of a file version that were not sent, oldest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_outbox(&self, file: FileVersion) -> Result<Vec<OutboxMessage>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('outbox_id', outbox_id, 'queue', queue, 'body', body)::text \
             from operations.outbox where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             order by outbox_id limit 1000",
        );
        let bound = statement
            .bind("file_id", file.file_id.to_string())
            .bind("version", file.version);
        self.json_list(bound).await
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

    /// Every file version that has messages waiting, for whoever drives files on.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_files_with_outbox(&self, limit: u32) -> Result<Vec<FileVersion>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('file_id', file_id, 'version', version)::text from operations.outbox \
             group by file_id, version order by min(outbox_id) limit cast(:limit as integer)",
        );
        self.json_list(statement.bind("limit", limit)).await
    }
}
