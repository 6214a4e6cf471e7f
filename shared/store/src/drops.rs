//! Objects that other systems put into the landing bucket.

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::object_key::{ArrivedObject, DropKey};
use millrace_core::row_error::FileError;
use serde::Deserialize;

use crate::{Statement, Store};

/// What became of the event of a dropped object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginDrop {
    /// Registered, now or before.
    Taken {
        /// What is to be ingested, the newest first: its file version, and the one that a later write has.
        files: Vec<FileVersion>,
    },
    /// Refused, with a reason that is stored.
    Refused,
}

/// A dropped object, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DropRecord {
    /// Order of arrival over all dropped objects.
    pub drop_id: i64,
    /// Its key.
    pub object_key: String,
    /// Its version in a bucket that keeps them.
    pub object_version: Option<String>,
    /// Its size, where it was told.
    pub size_bytes: Option<u64>,
    /// Why it is refused, if it is.
    pub error: Option<FileError>,
    /// The file, where it was taken.
    pub file_id: Option<FileId>,
    /// The file's version that it is.
    pub version: Option<u32>,
    /// When its event was taken (RFC 3339).
    pub created_at: String,
}

/// A dropped object that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefusedDrop {
    /// Order of arrival over all dropped objects.
    pub drop_id: i64,
    /// Its key.
    pub object_key: String,
    /// Its version in a bucket that keeps them.
    pub object_version: Option<String>,
}

/// A write of a dropped object, as its event told of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DroppedWrite {
    /// The object's key.
    pub object_key: String,
    write_id: String,
    object_version: Option<String>,
    object_etag: Option<String>,
    place: Option<String>,
    size_bytes: Option<u64>,
}

impl From<&ArrivedObject> for DroppedWrite {
    fn from(arrived: &ArrivedObject) -> Self {
        let object = &arrived.object;
        Self {
            object_key: object.key.clone(),
            write_id: arrived.write_id().to_owned(),
            object_version: object.version.clone(),
            object_etag: object.etag.clone(),
            place: arrived.sequencer.clone(),
            size_bytes: arrived.size_bytes,
        }
    }
}

/// Which dropped objects a listing shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct DropFilter {
    /// Only those that were refused.
    pub refused_only: bool,
    /// Only those before this one: the newest come first.
    pub before: Option<i64>,
    /// The most that are shown.
    pub limit: u32,
}

impl Store {
    /// Registers a dropped object's file version, or why there is none; a repeat registers nothing. One that was refused is
    /// looked at anew.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_drop(
        &self,
        write: &DroppedWrite,
        key: Result<&DropKey<'_>, &FileError>,
        new_file_id: FileId,
    ) -> Result<BeginDrop, Failure> {
        let text = "select ingestion.begin_drop(cast(:key as text), cast(:write_id as text), \
             cast(:object_version as text), cast(:etag as text), cast(:sequencer as text), cast(:size as bigint), \
             cast(:type as text), cast(:name as text), cast(:file_name as text), cast(:new_file_id as uuid), \
             cast(:error as jsonb))::text";
        let error = key.err().map(serde_json::to_string).transpose();
        let key = key.ok();
        let statement = Statement::new(text)
            .bind("key", write.object_key.as_str())
            .bind("write_id", write.write_id.as_str())
            .bind("object_version", write.object_version.clone())
            .bind("etag", write.object_etag.clone())
            .bind("sequencer", write.place.clone())
            .bind("size", write.size_bytes)
            .bind("type", key.map(|key| key.kind.as_str()))
            .bind("name", key.map(|key| key.name.to_string()))
            .bind("file_name", key.map(|key| key.file_name))
            .bind("new_file_id", new_file_id.to_string())
            .bind("error", error.map_err(crate::unreadable)?);
        self.expect_json(statement).await
    }

    /// The write that a dropped object is, by its place in the order of arrival.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_drop(&self, drop_id: i64) -> Result<Option<DroppedWrite>, Failure> {
        let text = "select jsonb_build_object('object_key', d.object_key, 'write_id', d.write_id, \
             'object_version', d.object_version, 'object_etag', d.object_etag, 'place', d.place, \
             'size_bytes', d.size_bytes)::text from operations.dropped_object d \
             where d.drop_id = cast(:drop_id as bigint)";
        self.json(Statement::new(text).bind("drop_id", drop_id)).await
    }

    /// Refused objects, the oldest first, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_refused_drops(
        &self,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<RefusedDrop>, Failure> {
        let text = "select jsonb_build_object('drop_id', d.drop_id, 'object_key', d.object_key, \
             'object_version', d.object_version)::text from operations.dropped_object d \
             where d.state = 'refused' and (cast(:after as bigint) is null or d.drop_id > cast(:after as bigint)) \
             order by d.drop_id limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("after", after);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Dropped objects, the newest first.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_drops(&self, filter: DropFilter) -> Result<Vec<DropRecord>, Failure> {
        let text = "select jsonb_build_object('drop_id', d.drop_id, 'object_key', d.object_key, \
             'object_version', d.object_version, 'size_bytes', d.size_bytes, 'error', d.error, 'file_id', d.file_id, \
             'version', d.version, 'created_at', d.created_at)::text from operations.dropped_object d \
             where (not cast(:refused_only as boolean) or d.state = 'refused') \
             and (cast(:before as bigint) is null or d.drop_id < cast(:before as bigint)) \
             order by d.drop_id desc limit cast(:limit as integer)";
        let statement = Statement::new(text)
            .bind("refused_only", filter.refused_only)
            .bind("before", filter.before)
            .bind("limit", filter.limit);
        self.json_list(statement).await
    }
}
