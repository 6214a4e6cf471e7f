//! The chunks of a file version that were counted, and what they left in the collections bucket.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use serde::Deserialize;

use crate::Store;
use crate::files::for_file;

/// The row errors of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RowErrorObject {
    /// The chunk.
    pub chunk: u32,
    /// The object's key.
    pub key: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Store {
    /// Whether a chunk was counted.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn has_chunk(&self, file: FileVersion, chunk: u32) -> Result<bool, Failure> {
        let text = "select ingestion.has_chunk(cast(:file_id as uuid), cast(:version as integer), \
             cast(:chunk as integer))";
        self.is_true(for_file(text, file).bind("chunk", chunk)).await
    }

    /// The clean parts of a file version, in the order of its chunks.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_parts(&self, file: FileVersion) -> Result<Vec<String>, Failure> {
        let text = "select to_jsonb(part_key)::text from ingestion.chunk where file_id = cast(:file_id as uuid) \
             and version = cast(:version as integer) and part_key is not null order by chunk";
        self.json_list(for_file(text, file)).await
    }

    /// The row errors of a file version, in the order of its chunks.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_row_errors(&self, file: FileVersion) -> Result<Vec<RowErrorObject>, Failure> {
        let text = "select jsonb_build_object('chunk', chunk, 'key', row_errors_key, \
             'size_bytes', row_errors_bytes)::text from ingestion.chunk \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             and row_errors_key is not null order by chunk";
        self.json_list(for_file(text, file)).await
    }
}
