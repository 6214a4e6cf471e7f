//! Which files count in a dataset at present.

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::name::Name;
use serde::Deserialize;

use crate::{Statement, Store};

/// A file version that counts in a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Share {
    /// The file version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The file's name.
    pub file_name: String,
    /// The version of the event's spec that it was checked against.
    pub spec_version: u32,
    /// Its partial's object.
    pub partial_key: String,
}

const SHARE: &str = "jsonb_build_object('file_id', c.file_id, 'version', c.version, 'file_name', t.file_name, \
     'spec_version', t.spec_version, 'partial_key', c.partial_key)::text \
     from ingestion.contribution c join ingestion.file_tracker t using (file_id, version) \
     where c.target_kind = 'dataset' and c.target = cast(:dataset as text) and c.is_current \
     and c.partial_key is not null";

impl Store {
    /// File versions that count in a dataset and may hold cells between two keys, by file, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_shares(
        &self,
        dataset: &Name,
        (first_key, last_key): (&str, &str),
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<Share>, Failure> {
        let text = format!(
            "select {SHARE} and c.first_key <= cast(:last_key as text) and c.last_key >= cast(:first_key as text) \
             and (cast(:after as uuid) is null or c.file_id > cast(:after as uuid)) \
             order by c.file_id limit cast(:limit as integer)"
        );
        let statement = Statement::new(text)
            .bind("dataset", dataset.as_str())
            .bind("first_key", first_key)
            .bind("last_key", last_key)
            .bind("after", after.map(|file| file.to_string()))
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// The version of a file that counts in a dataset.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_share(&self, dataset: &Name, file: FileId) -> Result<Option<Share>, Failure> {
        let statement = Statement::new(format!("select {SHARE} and c.file_id = cast(:file_id as uuid)"));
        let statement = statement.bind("dataset", dataset.as_str());
        self.json(statement.bind("file_id", file.to_string())).await
    }
}
