//! What the tables say of each other, for whoever checks that it adds up.

mod looks;
mod targets;

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::row_error::FileError;
use serde::Deserialize;

pub use looks::{FindingRecord, ReconciliationRecord};
pub use targets::TargetCounts;

use crate::files::IS_OPEN;
use crate::{Statement, Store};

/// The counts of a validated file version, and of its chunks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileCounts {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Its place in the order of arrival.
    pub sequence: i64,
    /// How many chunks it was split into.
    pub chunks_expected: Option<u64>,
    /// How many there are.
    pub chunks: u64,
    /// Rows, kept and rejected rows of the version.
    pub counted: [u64; 3],
    /// The same, added up over its chunks.
    pub added: [u64; 3],
    /// Why its object was not moved, of a file's newest version.
    pub move_error: Option<FileError>,
}

/// A contribution that counts, and its partial.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CountingPartial {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The dataset.
    pub dataset: String,
    /// The partial's object.
    pub partial_key: String,
    /// Its cells.
    pub cells: u64,
    /// Its rows.
    pub rows: u64,
    /// Kept rows of the file version, where all of them count.
    pub kept: Option<u64>,
}

/// A part of a file version that counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CountingPart {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The chunk.
    pub chunk: u32,
    /// The part's object.
    pub part_key: String,
    /// Its rows.
    pub kept: u64,
}

/// A file version of which nothing has been heard for long, though something is still to be done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SilentFile {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Its place in the order of arrival.
    pub sequence: i64,
    /// When it was heard of last (RFC 3339).
    pub since: String,
}

impl Store {
    /// Counts of validated file versions, in the order of their arrival, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_file_counts(&self, after: i64, limit: u32) -> Result<Vec<FileCounts>, Failure> {
        let text = "select jsonb_build_object('file_id', t.file_id, 'version', t.version, 'sequence', t.sequence, \
             'chunks_expected', t.chunks_expected, 'chunks', count(c.chunk), \
             'counted', jsonb_build_array(t.rows, t.kept, t.rejected), \
             'added', jsonb_build_array(coalesce(sum(c.rows), 0), coalesce(sum(c.kept), 0), \
                coalesce(sum(c.rejected), 0)), \
             'move_error', case when t.version = (select f.latest_version from ingestion.file f \
                where f.file_id = t.file_id) then t.move_error end)::text \
             from ingestion.file_tracker t left join ingestion.chunk c using (file_id, version) \
             where t.validated_at is not null and t.sequence > cast(:after as bigint) \
             group by t.file_id, t.version order by t.sequence limit cast(:limit as integer)";
        self.json_list(Statement::new(text).bind("after", after).bind("limit", limit))
            .await
    }

    /// Partials that count, by dataset and file, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_counting_partials(
        &self,
        after: (&str, Option<FileId>),
        limit: u32,
    ) -> Result<Vec<CountingPartial>, Failure> {
        let text = "select jsonb_build_object('file_id', c.file_id, 'version', c.version, 'dataset', c.target, \
             'partial_key', c.partial_key, 'cells', c.cells, 'rows', c.rows, \
             'kept', case when not s.definition ? 'filter' and not s.definition ? 'steps' then t.kept end)::text \
             from ingestion.contribution c join ingestion.file_tracker t using (file_id, version) \
             join lateral (select definition from spec.spec where kind = 'dataset' and name = c.target \
                order by version desc limit 1) s on true \
             where c.target_kind = 'dataset' and c.is_current and c.partial_key is not null \
             and (c.target, c.file_id) > (cast(:dataset as text), cast(:file_id as uuid)) \
             order by c.target, c.file_id limit cast(:limit as integer)";
        let (dataset, file) = after;
        let file = file.map_or_else(|| NO_FILE.to_owned(), |file| file.to_string());
        let statement = Statement::new(text)
            .bind("dataset", dataset)
            .bind("file_id", file);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Parts of file versions that count in some dataset, by file and chunk, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_counting_parts(
        &self,
        after: (Option<FileVersion>, u32),
        limit: u32,
    ) -> Result<Vec<CountingPart>, Failure> {
        let text = "select jsonb_build_object('file_id', k.file_id, 'version', k.version, 'chunk', k.chunk, \
             'part_key', k.part_key, 'kept', k.kept)::text from ingestion.chunk k where k.part_key is not null \
             and (k.file_id, k.version, k.chunk) > \
                (cast(:file_id as uuid), cast(:version as integer), cast(:chunk as integer)) \
             and exists (select from ingestion.contribution c where c.file_id = k.file_id and c.version = k.version \
                and c.is_current) order by k.file_id, k.version, k.chunk limit cast(:limit as integer)";
        let (file, chunk) = after;
        let (file_id, version) = match file {
            Some(file) => (file.file_id.to_string(), file.version),
            None => (NO_FILE.to_owned(), 0),
        };
        let statement = Statement::new(text)
            .bind("file_id", file_id)
            .bind("version", version)
            .bind("chunk", chunk);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// File versions whose bytes have come, for which something is still to be done, and of which nothing has been heard for
    /// longer than this: no chunk was checked, no contribution begun, told of or settled. In the order of their arrival,
    /// after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_silent_files(
        &self,
        after: i64,
        seconds: u32,
        limit: u32,
    ) -> Result<Vec<SilentFile>, Failure> {
        let text = format!(
            "select jsonb_build_object('file_id', o.file_id, 'version', o.version, 'sequence', o.sequence, \
                'since', o.since)::text from ( \
                select t.file_id, t.version, t.sequence, greatest(t.received_at, t.validated_at, \
                    (select max(k.finished_at) from ingestion.chunk k \
                        where k.file_id = t.file_id and k.version = t.version), \
                    (select max(greatest(c.created_at, c.told_at, c.settled_at)) from ingestion.contribution c \
                        where c.file_id = t.file_id and c.version = t.version)) as since \
                from ingestion.file_tracker t where t.received_at is not null and {IS_OPEN} \
                    and t.sequence > cast(:after as bigint)) o \
             where o.since < now() - make_interval(secs => cast(:seconds as integer)) \
             order by o.sequence limit cast(:limit as integer)"
        );
        let statement = Statement::new(text).bind("after", after).bind("seconds", seconds);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// How many messages have waited in the outbox for longer than this.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn count_waiting_messages(&self, seconds: u32) -> Result<u64, Failure> {
        let text = "select to_jsonb(count(*))::text from operations.outbox \
             where created_at < now() - make_interval(secs => cast(:seconds as integer))";
        let count: Option<u64> = self.json(Statement::new(text).bind("seconds", seconds)).await?;
        Ok(count.unwrap_or_default())
    }
}

/// Below every file.
const NO_FILE: &str = "00000000-0000-0000-0000-000000000000";
