//! Registering versions of files.

use millrace_core::content_hash::ContentHash;
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::name::Name;
use serde::Deserialize;

use super::for_file;
use crate::{Statement, Store};

/// A version to be registered.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// Dimension, event or dataset, and its name; that of the file where `file_id` is given, and ignored for a deletion.
    pub spec: (SpecKind, &'a str),
    /// The provider's name for the file; ignored where `file_id` is given.
    pub file_name: &'a str,
    /// How it changes the data.
    pub mode: Mode,
    /// The file to replace or delete, when known by id.
    pub file_id: Option<FileId>,
    /// The id that a new file gets.
    pub new_file_id: FileId,
    /// Who sends it.
    pub client_id: &'a str,
    /// The caller's idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
    /// How its object is to be read.
    pub handling: Handling,
}

/// How the object of a version is to be taken; most are CSV files that are handled as their spec says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handling {
    /// How it is written.
    pub content_format: ContentFormat,
    /// What a rejected row does to the rest, where the spec's choice is not wanted.
    pub on_error: Option<OnError>,
    /// What its sender says that will come.
    pub declared: Declared,
}

/// What the sender of a version says of its bytes; others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Declared {
    /// How many there are, 1 and more.
    pub size_bytes: Option<u64>,
    /// Their hash.
    pub sha256: Option<ContentHash>,
}

/// A version that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RegisteredVersion {
    /// The file and the version.
    #[serde(flatten)]
    pub file: FileVersion,
    /// The kind of its spec.
    pub ingestion_type: SpecKind,
    /// The name of its spec.
    pub ingestion_name: Name,
    /// The provider's name.
    pub file_name: String,
    /// How it changes the data.
    pub mode: Mode,
    /// Whether versions before it still wait for their bytes; its outbox then has messages that look for them.
    #[serde(default)]
    pub has_open_predecessors: bool,
}

/// What became of a request to register a version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginVersion {
    /// Registered now.
    Created(RegisteredVersion),
    /// Registered before, under the same idempotency key.
    Replayed(RegisteredVersion),
    /// Mode new, but a file of that name is there.
    Exists(FileVersion),
    /// Replace or delete, but there is no such file, or nothing in it.
    NoFile,
    /// The file is one of another spec.
    OtherSpec {
        /// The kind of its spec.
        ingestion_type: SpecKind,
        /// The name of its spec.
        ingestion_name: Name,
    },
    /// There is no such spec.
    NoSpec,
    /// The spec is retired: it takes no files any more.
    Retired,
    /// The spec is a dataset that is computed: it takes no files.
    Computed,
    /// The idempotency key stands for another request.
    KeyReused,
}

impl Store {
    /// Registers the next version of a file, with the idempotency key in the same commit.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_version(&self, new: &NewVersion<'_>) -> Result<BeginVersion, Failure> {
        let statement = Statement::new(
            "select ingestion.begin_version(cast(:type as text), cast(:name as text), cast(:file_name as text), \
             cast(:mode as text), cast(:new_file_id as uuid), cast(:file_id as uuid), cast(:client_id as text), \
             cast(:key as text), cast(:request as text), cast(:content_format as text), \
             cast(:on_error as text), cast(:declared_bytes as bigint), cast(:declared_sha256 as text))::text",
        );
        self.expect_json(
            statement
                .bind("type", new.spec.0.as_str())
                .bind("name", new.spec.1)
                .bind("file_name", new.file_name)
                .bind("mode", new.mode.as_str())
                .bind("new_file_id", new.new_file_id.to_string())
                .bind("file_id", new.file_id.map(|id| id.to_string()))
                .bind("client_id", new.client_id)
                .bind("key", new.idempotency.map(|(key, _)| key))
                .bind("request", new.idempotency.map(|(_, request)| request))
                .bind("content_format", new.handling.content_format.as_str())
                .bind("on_error", new.handling.on_error.map(OnError::as_str))
                .bind("declared_bytes", new.handling.declared.size_bytes)
                .bind(
                    "declared_sha256",
                    new.handling.declared.sha256.map(|hash| hash.to_string()),
                ),
        )
        .await
    }

    /// Notes by which multipart upload a version's bytes come, unless it has one; answers the one that it has.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn note_upload_id(
        &self,
        file: FileVersion,
        upload_id: &str,
    ) -> Result<Option<String>, Failure> {
        let text = "update ingestion.file_tracker set upload_id = coalesce(upload_id, cast(:upload_id as text)) \
             where file_id = cast(:file_id as uuid) and version = cast(:version as integer) \
             returning to_jsonb(upload_id)::text";
        self.json(for_file(text, file).bind("upload_id", upload_id)).await
    }
}
