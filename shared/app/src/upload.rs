//! Registering file versions: uploads by address, small uploads through the API, deletions.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::file_name::name_beside;
use millrace_core::ids::FileId;
use millrace_core::object_key;
use millrace_store::Store;
use millrace_store::files::{BeginVersion, Handling, NewVersion, RegisteredVersion};

use crate::outbox::send_outbox;
use crate::ports::{MessageSender, ObjectStore, PresignedUpload, Surroundings, UploadSigner, write_all};

/// How long an upload address is good for.
pub const UPLOAD_VALID_SECONDS: u32 = 900;

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct UploadRequest<'a> {
    /// Dimension or event, and its name.
    pub spec: (SpecKind, &'a str),
    /// The provider's name for the file.
    pub file_name: &'a str,
    /// New, append, replace or delete.
    pub mode: Mode,
    /// The file, when it is known by id.
    pub file_id: Option<FileId>,
    /// Who asks.
    pub client_id: &'a str,
    /// The idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
    /// How its object is to be read.
    pub handling: Handling,
}

/// An id for a file that is not there yet.
pub fn new_file_id(surroundings: &dyn Surroundings) -> FileId {
    FileId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes())
}

/// Registers a version.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn begin_version(
    store: &Store,
    surroundings: &dyn Surroundings,
    request: &UploadRequest<'_>,
) -> Result<BeginVersion, Failure> {
    let new_file_id = new_file_id(surroundings);
    let beside;
    let (mode, file_name) = match request.mode {
        Mode::Append => {
            beside = name_beside(request.file_name, new_file_id);
            (Mode::New, beside.as_str())
        }
        mode => (mode, request.file_name),
    };
    let version = NewVersion {
        spec: request.spec,
        file_name,
        mode,
        file_id: request.file_id,
        new_file_id,
        client_id: request.client_id,
        idempotency: request.idempotency,
        handling: request.handling,
    };
    store.begin_version(&version).await
}

/// The address to which a registered version's object is sent.
///
/// # Errors
/// [`Failure`] of the signer.
pub async fn sign_upload(
    signer: &dyn UploadSigner,
    version: &RegisteredVersion,
) -> Result<PresignedUpload, Failure> {
    signer
        .sign_upload(&object_key::upload(version.file), UPLOAD_VALID_SECONDS)
        .await
}

/// Puts a small object where an upload would have put it; S3 tells the rest of the road.
///
/// # Errors
/// [`Failure`] of the bucket.
pub async fn put_upload(
    landing: &dyn ObjectStore,
    version: &RegisteredVersion,
    bytes: Vec<u8>,
) -> Result<(), Failure> {
    write_all(landing, &object_key::upload(version.file), bytes).await
}

/// Takes a file's contents back: registers a version without content and starts it on its way.
///
/// # Errors
/// [`Failure`] of the database or the queues.
pub async fn delete_file(
    store: &Store,
    sender: &dyn MessageSender,
    surroundings: &dyn Surroundings,
    file_id: FileId,
    client_id: &str,
    idempotency: Option<(&str, &str)>,
) -> Result<BeginVersion, Failure> {
    let request = UploadRequest {
        spec: (SpecKind::Event, ""),
        file_name: "",
        mode: Mode::Delete,
        file_id: Some(file_id),
        client_id,
        idempotency,
        handling: Handling::default(),
    };
    let begun = begin_version(store, surroundings, &request).await?;
    if let BeginVersion::Created(version) | BeginVersion::Replayed(version) = &begun {
        send_outbox(store, sender, version.file).await?;
    }
    Ok(begun)
}
