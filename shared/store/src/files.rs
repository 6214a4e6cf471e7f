//! Files: registering versions, the chunk fan-in, facts and listings.

mod registering;

use millrace_core::content_hash::ContentHash;
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{ContentFormat, FileFacts, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, Version};
use millrace_core::name::Name;
use millrace_core::object_key::{self, DROPS, ObjectAt};
use millrace_core::row_error::{FileError, RowCounts};
use serde::{Deserialize, Serialize};

pub use registering::{BeginVersion, Declared, Handling, NewVersion, RegisteredVersion};

use crate::{Statement, Store, Value};

/// A chunk that was validated.
#[derive(Debug, Clone)]
pub struct FinishedChunk<'a> {
    /// The file version.
    pub file: FileVersion,
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// The clean part, if any row was kept.
    pub part_key: Option<&'a str>,
    /// The row errors, if any row was rejected, and their size in bytes.
    pub row_errors: Option<(&'a str, u64)>,
    /// The rows.
    pub counts: RowCounts,
    /// Known when this is the file's only chunk.
    pub whole: Option<WholeFile<'a>>,
}

/// What is known once a whole object has been read.
#[derive(Debug, Clone, Copy)]
pub struct WholeFile<'a> {
    /// How many chunks there are.
    pub chunks: u32,
    /// Hash of the object, lowercase hexadecimal.
    pub sha256: &'a str,
    /// Size of the object.
    pub size_bytes: u64,
}

/// A file version as it is shown, with its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The file and the version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Order of arrival over all files.
    pub sequence: i64,
    /// The kind of its spec.
    pub ingestion_type: SpecKind,
    /// The name of its spec.
    pub ingestion_name: Name,
    /// The spec version that it is checked against.
    pub spec_version: u32,
    /// The provider's name.
    pub file_name: String,
    /// How it changes the data.
    pub mode: Mode,
    /// Size of the object, once read.
    pub size_bytes: Option<u64>,
    /// Hash of the object, once read.
    pub sha256: Option<String>,
    /// Where the object lies, when it is not where an upload would have put it.
    #[serde(default)]
    pub object_key: Option<String>,
    /// Where the object lies in the collections bucket, once it was moved there.
    #[serde(default)]
    pub moved_key: Option<String>,
    /// Which write of the object holds the bytes: its version in the bucket, where it may be written again.
    #[serde(default)]
    pub object_version: Option<String>,
    /// What the bucket calls those bytes.
    #[serde(default)]
    pub object_etag: Option<String>,
    /// How the object is written.
    #[serde(default)]
    pub content_format: ContentFormat,
    /// What a rejected row does to the rest, where the version itself says.
    #[serde(default)]
    pub on_error: Option<OnError>,
    /// How many bytes its sender says that there are.
    #[serde(default)]
    pub declared_bytes: Option<u64>,
    /// Their hash, as its sender says.
    #[serde(default)]
    pub declared_sha256: Option<ContentHash>,
    /// The multipart upload by which its bytes come, if they come by one.
    #[serde(default)]
    pub upload_id: Option<String>,
    /// The version whose rejected rows it tries again.
    #[serde(default)]
    pub base_version: Option<Version>,
    /// The version that came as the file whose rows these are; its lines are the rows'.
    #[serde(default)]
    pub root_version: Option<Version>,
    /// The file whose bytes these are, when nothing was changed.
    pub unchanged_of: Option<FileId>,
    /// Files that were sent with these bytes later, the first hundred: the first counts once this one lets them go.
    #[serde(default)]
    pub copies: Vec<FileId>,
    /// Chunks that are expected, once planned.
    pub chunks_expected: Option<u32>,
    /// The status that was stored last; [`millrace_core::facts::status`] of the facts is the truth.
    pub stored_status: String,
    /// When it was registered (RFC 3339).
    pub created_at: String,
    /// When its object was first read.
    pub received_at: Option<String>,
    /// When it was validated.
    pub validated_at: Option<String>,
    /// When its last contribution was settled.
    pub settled_at: Option<String>,
    /// The facts.
    pub facts: FileFacts,
}

impl FileRecord {
    /// The version's object where it lies: in the landing bucket, or in the collections bucket once it was moved there
    /// ([`object_key::is_moved`]).
    #[must_use]
    pub fn object(&self) -> ObjectAt {
        match &self.moved_key {
            Some(key) => key.clone().into(),
            None => self.landing_object(),
        }
    }

    /// The version's object in the landing bucket, where it came.
    #[must_use]
    pub fn landing_object(&self) -> ObjectAt {
        let upload = || object_key::upload(self.file);
        ObjectAt {
            key: self.object_key.clone().unwrap_or_else(upload),
            version: self.object_version.clone(),
            etag: self.object_etag.clone(),
        }
    }

    /// Whether another system has put the object there, and may write it again.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.object_key.as_ref().is_some_and(|key| key.starts_with(DROPS))
    }
}

/// Which files a listing shows.
#[derive(Debug, Clone, Default)]
pub struct FileFilter {
    /// Only those of a kind.
    pub ingestion_type: Option<SpecKind>,
    /// Only those of a spec.
    pub ingestion_name: Option<String>,
    /// Only those of a name.
    pub file_name: Option<String>,
    /// Only those for which something is still to be done.
    pub open_only: bool,
    /// Only those before this sequence: the listing shows the newest first.
    pub before: Option<i64>,
    /// The most that are shown.
    pub limit: u32,
}

/// A file version and its facts as one JSON object.
const FILE_RECORD: &str = "
    jsonb_build_object(
        'file_id', t.file_id, 'version', t.version, 'sequence', t.sequence,
        'ingestion_type', t.ingestion_type, 'ingestion_name', t.ingestion_name, 'spec_version', t.spec_version,
        'file_name', t.file_name, 'mode', t.mode, 'size_bytes', t.size_bytes, 'sha256', t.sha256,
        'object_key', t.object_key, 'moved_key', t.moved_key, 'object_version', t.object_version, 'object_etag', t.object_etag, 'content_format', t.content_format, 'on_error', t.on_error,
        'declared_bytes', t.declared_bytes, 'declared_sha256', t.declared_sha256, 'upload_id', t.upload_id,
        'base_version', t.base_version, 'root_version', t.root_version,
        'unchanged_of', t.unchanged_of, 'copies', (select coalesce(jsonb_agg(file_id), '[]') from (select o.file_id
            from ingestion.file_tracker o where o.unchanged_of = t.file_id and o.file_id <> t.file_id and o.sha256 = t.sha256
                and o.error is null and not exists (select from ingestion.file_tracker l where l.file_id = o.file_id
                    and l.version > o.version and l.error is null and l.validated_at is not null)
            order by o.sequence limit 100) first),
        'chunks_expected', t.chunks_expected, 'stored_status', t.file_status,
        'created_at', t.created_at, 'received_at', t.received_at, 'validated_at', t.validated_at,
        'settled_at', (select max(c.settled_at) from ingestion.contribution c
            where c.file_id = t.file_id and c.version = t.version),
        'facts', jsonb_build_object(
            'received', t.received_at is not null, 'validated', t.validated_at is not null,
            'counts', jsonb_build_object('rows', t.rows, 'kept', t.kept, 'rejected', t.rejected),
            'datasets', (select coalesce(jsonb_agg(jsonb_build_object('dataset', c.target,
                'applied', c.state <> 'pending', 'held', c.is_held and c.state = 'pending', 'refused', c.state = 'refused') order by c.target), '[]')
                from ingestion.contribution c where c.file_id = t.file_id and c.version = t.version),
            'error', t.error, 'unchanged', t.unchanged_of is not null, 'archived', t.archived_at is not null,
            'move_error', t.move_error))::text";

/// Whether something is still to be done for a file version, found by the two indexes of what is open: it is not
/// validated, or has a contribution that is neither settled nor held.
pub(crate) const IS_OPEN: &str = "(t.sequence in ( \
         select o.sequence from ingestion.file_tracker o where o.validated_at is null and o.error is null \
         union all select p.sequence from ingestion.contribution c \
             join ingestion.file_tracker p on p.file_id = c.file_id and p.version = c.version \
             where c.state = 'pending' and not c.is_held and p.error is null) \
     and t.archived_at is null and t.unchanged_of is null)";

pub(crate) fn for_file(text: impl Into<std::borrow::Cow<'static, str>>, file: FileVersion) -> Statement {
    Statement::new(text)
        .bind("file_id", file.file_id.to_string())
        .bind("version", file.version)
}

impl Store {
    /// Records that the object is there, also where it had been given up; answers the size that it is split by, which
    /// is the one that was asked for first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn mark_received(
        &self,
        file: FileVersion,
        size_bytes: u64,
        chunk_bytes: u64,
    ) -> Result<u64, Failure> {
        let text = "update ingestion.file_tracker set received_at = coalesce(received_at, now()), \
             size_bytes = coalesce(size_bytes, cast(:size as bigint)), \
             chunk_bytes = coalesce(chunk_bytes, cast(:chunk_bytes as bigint)), \
             error = case when error ->> 'rule' not in ('never_received', 'upload_aborted') then error end \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             returning chunk_bytes::text";
        let statement = for_file(text, file)
            .bind("size", size_bytes)
            .bind("chunk_bytes", chunk_bytes);
        Ok(self.json(statement).await?.unwrap_or(chunk_bytes))
    }

    /// Ends a version whose bytes have not come in so many seconds; false when they have, or may still come.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn end_upload(
        &self,
        file: FileVersion,
        after_seconds: u32,
        error: &FileError,
    ) -> Result<bool, Failure> {
        let text = "select ingestion.end_upload(cast(:file_id as uuid), cast(:version as integer), \
             cast(:after_seconds as integer), cast(:error as jsonb))";
        let error = serde_json::to_string(error).map_err(crate::unreadable)?;
        let statement = for_file(text, file)
            .bind("after_seconds", after_seconds)
            .bind("error", error);
        self.is_true(statement).await
    }

    /// Counts a chunk once, and completes the file when it was the last; true once the file is validated.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn finish_chunk(&self, chunk: &FinishedChunk<'_>) -> Result<bool, Failure> {
        let statement = fan_in(chunk.file)
            .bind("chunk", chunk.chunk)
            .bind("part_key", chunk.part_key)
            .bind("row_errors_key", chunk.row_errors.map(|(key, _)| key))
            .bind("row_errors_bytes", chunk.row_errors.map_or(0, |(_, size)| size))
            .bind("rows", chunk.counts.rows)
            .bind("kept", chunk.counts.kept)
            .bind("rejected", chunk.counts.rejected);
        self.is_true(bind_whole(statement, chunk.whole)).await
    }

    /// Says how many chunks a file has, once the planner knows; true once the file is validated.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn finish_plan(&self, file: FileVersion, whole: WholeFile<'_>) -> Result<bool, Failure> {
        let mut statement = fan_in(file).bind("row_errors_bytes", 0_u32);
        for name in ["chunk", "part_key", "row_errors_key", "rows", "kept", "rejected"] {
            statement = statement.bind(name, Value::Null);
        }
        self.is_true(bind_whole(statement, Some(whole))).await
    }

    /// Refuses a file version as a whole; false when it was settled before.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn fail_file(&self, file: FileVersion, error: &FileError) -> Result<bool, Failure> {
        let text = "select ingestion.fail_file(cast(:file_id as uuid), cast(:version as integer), cast(:error as jsonb))";
        let error = serde_json::to_string(error).map_err(crate::unreadable)?;
        self.is_true(for_file(text, file).bind("error", error)).await
    }

    /// A file version with its facts.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_file(&self, file: FileVersion) -> Result<Option<FileRecord>, Failure> {
        let text = format!(
            "select {FILE_RECORD} from ingestion.file_tracker t \
             where t.file_id = cast(:file_id as uuid) and t.version = cast(:version as integer)"
        );
        self.json(for_file(text, file)).await
    }

    /// The latest version of a file, with its facts.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_latest_file(&self, file_id: FileId) -> Result<Option<FileRecord>, Failure> {
        let text = format!(
            "select {FILE_RECORD} from ingestion.file_tracker t \
             where t.file_id = cast(:file_id as uuid) order by t.version desc limit 1"
        );
        self.json(Statement::new(text).bind("file_id", file_id.to_string()))
            .await
    }

    /// File versions, the newest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_files(&self, filter: &FileFilter) -> Result<Vec<FileRecord>, Failure> {
        let open = if filter.open_only {
            format!("and {IS_OPEN}")
        } else {
            String::new()
        };
        let text = format!(
            "select {FILE_RECORD} from ingestion.file_tracker t \
             where (cast(:type as text) is null or t.ingestion_type = cast(:type as text)) \
             and (cast(:name as text) is null or t.ingestion_name = cast(:name as text)) \
             and (cast(:file_name as text) is null or t.file_name = cast(:file_name as text)) \
             and (cast(:before as bigint) is null or t.sequence < cast(:before as bigint)) {open} \
             order by t.sequence desc limit cast(:limit as integer)"
        );
        let statement = Statement::new(text)
            .bind("type", filter.ingestion_type.map(SpecKind::as_str))
            .bind("name", filter.ingestion_name.clone())
            .bind("file_name", filter.file_name.clone())
            .bind("before", filter.before)
            .bind("limit", filter.limit);
        self.json_list(statement).await
    }

    /// File versions of which something holds (an expression over `t`, of our own), the newest first, before one.
    pub(crate) async fn list_files_where(
        &self,
        holds: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<FileRecord>, Failure> {
        let text = format!(
            "select {FILE_RECORD} from ingestion.file_tracker t where {holds} \
             and (cast(:before as bigint) is null or t.sequence < cast(:before as bigint)) \
             order by t.sequence desc limit cast(:limit as integer)"
        );
        let statement = Statement::new(text).bind("before", before);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Stores the status that follows from the facts, where people look for it with SQL.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn store_status(&self, file: FileVersion, status: &str) -> Result<(), Failure> {
        let text = "update ingestion.file_tracker set file_status = cast(:status as text) \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             and file_status <> cast(:status as text)";
        self.rows(for_file(text, file).bind("status", status))
            .await
            .map(|_| ())
    }

    /// The version that a file stands at.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn latest_version(&self, file_id: FileId) -> Result<Option<Version>, Failure> {
        let text = "select to_jsonb(latest_version)::text from ingestion.file where file_id = cast(:file_id as uuid)";
        self.json(Statement::new(text).bind("file_id", file_id.to_string()))
            .await
    }
}

fn fan_in(file: FileVersion) -> Statement {
    for_file(
        "select ingestion.finish_chunk(cast(:file_id as uuid), cast(:version as integer), cast(:chunk as integer), \
         cast(:part_key as text), cast(:row_errors_key as text), cast(:row_errors_bytes as bigint), \
         cast(:rows as bigint), cast(:kept as bigint), cast(:rejected as bigint), \
         cast(:chunks_expected as integer), cast(:sha256 as text), cast(:size_bytes as bigint))",
        file,
    )
}

fn bind_whole(statement: Statement, whole: Option<WholeFile<'_>>) -> Statement {
    statement
        .bind("chunks_expected", whole.map(|whole| whole.chunks))
        .bind("sha256", whole.map(|whole| whole.sha256))
        .bind("size_bytes", whole.map(|whole| whole.size_bytes))
}
