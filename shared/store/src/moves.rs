//! Objects on their way out of the landing bucket: which are to be moved, where they lie then, and which have left.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::object_key::DROPS;
use millrace_core::pipeline::MoveKind;
use millrace_core::row_error::FileError;
use serde::Deserialize;

use crate::files::{FileRecord, for_file};
use crate::{Statement, Store};

/// A file version whose object was moved, and is to leave the landing bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MovedFile {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// Its place in the order of arrival.
    pub sequence: i64,
    /// Where its object lies in the collections bucket.
    pub moved_key: String,
    /// Where it came, when that is not where an upload would have put it.
    pub object_key: Option<String>,
    /// Which write of that key it is.
    pub landing_version: Option<String>,
}

/// Files that everything has which they feed.
const READY: &str = "t.validated_at is not null and t.error is null and t.archived_at is null";

/// Files that were refused once their bytes had come.
const REFUSED: &str = "t.error is not null and t.moved_at is null and t.received_at is not null";

/// Of both, those that may be moved: nothing of the file is on its way into a dataset, no version of it that reads this
/// one's object is, and nobody has found that it cannot be.
const MAY_BE_MOVED: &str = "t.move_error is null \
     and not exists (select from ingestion.contribution c where c.file_id = t.file_id and c.version = t.version \
        and c.state = 'pending') \
     and not exists (select from ingestion.file_tracker r where r.file_id = t.file_id and r.base_version is not null \
        and r.validated_at is null and r.error is null)";

impl Store {
    /// File versions whose objects are to be moved, the newest first, before one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_to_move(
        &self,
        moves: MoveKind,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<FileRecord>, Failure> {
        let which = match moves {
            MoveKind::Archive => READY,
            MoveKind::Error => REFUSED,
        };
        self.list_files_where(&format!("{which} and {MAY_BE_MOVED}"), before, limit)
            .await
    }

    /// Says why a version's object was not moved; it is not listed any more before that is forgotten.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn record_move_error(&self, file: FileVersion, error: &FileError) -> Result<(), Failure> {
        let text = "update ingestion.file_tracker set move_error = cast(:error as jsonb) \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) and moved_at is null";
        let error = serde_json::to_string(error).map_err(crate::unreadable)?;
        self.rows(for_file(text, file).bind("error", error))
            .await
            .map(|_| ())
    }

    /// Lets the next move try a version's object again.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn forget_move_error(&self, file: FileVersion) -> Result<(), Failure> {
        let text = "update ingestion.file_tracker set move_error = null \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) and move_error is not null";
        self.rows(for_file(text, file)).await.map(|_| ())
    }

    /// Says that a version's object lies in the collections bucket (without a key, that it has none), and that the version
    /// is archived if it is; false where that was said before or does not hold any more.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn record_move(
        &self,
        file: FileVersion,
        moves: MoveKind,
        moved_key: Option<&str>,
        landing_version: Option<&str>,
    ) -> Result<bool, Failure> {
        let text = "select ingestion.record_move(cast(:file_id as uuid), cast(:version as integer), \
             cast(:kind as text), cast(:moved_key as text), cast(:landing_version as text))";
        let statement = for_file(text, file)
            .bind("kind", moves.as_str())
            .bind("moved_key", moved_key)
            .bind("landing_version", landing_version);
        self.is_true(statement).await
    }

    /// File versions whose objects were moved so many seconds ago and are to leave the landing bucket, the newest first,
    /// before one. Dropped ones without a version stay: nobody could tell their write from one that came after it.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_to_leave(
        &self,
        after_seconds: u32,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MovedFile>, Failure> {
        let text = "select jsonb_build_object('file_id', t.file_id, 'version', t.version, 'sequence', t.sequence, \
             'moved_key', t.moved_key, 'object_key', t.object_key, 'landing_version', t.landing_version)::text \
             from ingestion.file_tracker t where t.moved_key is not null and t.left_at is null \
             and (t.landing_version is not null or not starts_with(coalesce(t.object_key, ''), cast(:drops as text))) \
             and t.moved_at <= now() - make_interval(secs => cast(:after_seconds as integer)) \
             and (cast(:before as bigint) is null or t.sequence < cast(:before as bigint)) \
             order by t.sequence desc limit cast(:limit as integer)";
        let statement = Statement::new(text)
            .bind("drops", DROPS)
            .bind("after_seconds", after_seconds)
            .bind("before", before);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// Says that a version's object has left the landing bucket.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn record_left(&self, file: FileVersion) -> Result<(), Failure> {
        let text = "update ingestion.file_tracker set left_at = coalesce(left_at, now()) \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             and moved_key is not null";
        self.rows(for_file(text, file)).await.map(|_| ())
    }
}
