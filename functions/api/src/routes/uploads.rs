//! Files on their way in: addresses for uploads, small files in a form, deletions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::outbox::{send_outbox, send_reminder};
use millrace_app::upload::{UploadRequest, begin_version, delete_file, put_upload, sign_upload};
use millrace_core::FileId;
use millrace_core::facts::{FileStatus, Mode};
use millrace_core::ids::FileVersion;
use millrace_core::principal::Principal;
use millrace_store::files::{BeginVersion, RegisteredVersion};
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::uploads::{FileAccepted, UploadAsked, UploadOpened, UploadOrder, form_order};
use crate::extract::multipart::hex;
use crate::extract::{CsvForm, FileIdInPath, IdempotencyKey, JsonBody};
use crate::problem::{Answer, Problem};

/// Registers a file version and answers the address to send its bytes to.
#[utoipa::path(post, path = "/ingestion/uploads", operation_id = "open_upload", tag = "ingestion",
    request_body(content = UploadAsked, example = json!({"ingestion_type": "event",
        "ingestion_name": "event_students_attendance", "file_name": "attendance-2023-01.csv", "mode": "new"})),
    responses((status = 201, description = "Registered; send the bytes now.", body = UploadOpened, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "mode": "new", "upload": {
        "url": "https://landing.example/uploads/…", "method": "PUT", "headers": {"if-none-match": "*"},
        "expires_at": "2023-01-08T12:15:00Z"}}))))]
pub(crate) async fn open(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: JsonBody<UploadAsked>,
) -> Answer<(StatusCode, Json<UploadOpened>)> {
    let order = body.value.order()?;
    let version = register(
        &deps,
        &caller,
        &order,
        &key,
        &request_hash("open_upload", &body.bytes),
    )
    .await?;
    let signed = sign_upload(deps.signer.as_ref(), &version).await?;
    Ok((StatusCode::CREATED, Json(UploadOpened::new(&version, signed))))
}

/// Takes a small CSV in a form; larger ones go to the address of `POST /ingestion/uploads`.
#[utoipa::path(post, path = "/ingestion/csv", operation_id = "send_csv", tag = "ingestion",
    request_body(content = CsvFormBody, content_type = "multipart/form-data"),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "mode": "new",
        "status": "Upload_in_progress"}))))]
pub(crate) async fn send_csv(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    form: CsvForm,
) -> Answer<(StatusCode, Json<FileAccepted>)> {
    let order = form_order(&form)?;
    let version = register(
        &deps,
        &caller,
        &order,
        &key,
        &request_hash("send_csv", form.sha256().as_bytes()),
    )
    .await?;
    put_upload(deps.landing.as_ref(), &version, form.bytes.to_vec()).await?;
    Ok(accepted(version.file, version.mode, FileStatus::UploadInProgress))
}

/// 202: a version that is on its way.
pub(crate) fn accepted(
    file: FileVersion,
    mode: Mode,
    status: FileStatus,
) -> (StatusCode, Json<FileAccepted>) {
    let accepted = FileAccepted::new(file, mode, status.as_str());
    (StatusCode::ACCEPTED, Json(accepted))
}

/// The members of the form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; its members are read one by one")]
pub(crate) struct CsvFormBody {
    /// The file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `dimension`, `event` or `dataset`.
    ingestion_type: String,
    /// The name of the spec.
    ingestion_name: String,
    /// `new` (also when absent), `append` (a file beside those of that name), or `replace`.
    mode: Option<String>,
    /// The file to replace, when known by id rather than by name.
    file_id: Option<String>,
    /// `partial` or `reject_all`; as the spec says when absent.
    on_error: Option<String>,
}

/// Takes a file's contents back: registers a version without any.
#[utoipa::path(delete, path = "/ingestion/files/{file_id}", operation_id = "delete_file", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000")),
    responses((status = 202, description = "On its way; followed by the same id.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 2, "mode": "delete",
        "status": "Processing"}))))]
pub(crate) async fn delete(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    FileIdInPath(file_id): FileIdInPath,
) -> Answer<(StatusCode, Json<FileAccepted>)> {
    let hash = request_hash("delete_file", file_id.to_string().as_bytes());
    remind_of_next_version(&deps, file_id).await?;
    let (store, sender, client_id) = (&deps.store, deps.sender.as_ref(), caller.client_id.as_str());
    let begun = delete_file(
        store,
        sender,
        deps.surroundings.as_ref(),
        file_id,
        client_id,
        key.with(&hash),
    )
    .await?;
    let version = registered(begun)?;
    Ok(accepted(version.file, Mode::Delete, FileStatus::Processing))
}

/// The version to come fills its outbox in its commit: should we die before sending that, the reminder does.
async fn remind_of_next_version(deps: &Deps, file_id: FileId) -> Answer<()> {
    let latest = deps.store.latest_version(file_id).await?;
    let latest = latest.ok_or_else(|| Problem::not_found("there is no such file"))?;
    let file = FileVersion {
        file_id,
        version: latest.saturating_add(1),
    };
    Ok(send_reminder(deps.sender.as_ref(), file, deps.reminder_delay_seconds).await?)
}

pub(crate) fn request_hash(operation: &str, body: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(operation)
        .chain_update([0])
        .chain_update(body);
    hex(&hash.finalize())
}

pub(crate) async fn register(
    deps: &Deps,
    caller: &Principal,
    order: &UploadOrder,
    key: &IdempotencyKey,
    request_sha256: &str,
) -> Answer<RegisteredVersion> {
    let request = UploadRequest {
        spec: (order.kind, order.name.as_str()),
        file_name: &order.file_name,
        mode: order.mode,
        file_id: order.file_id,
        client_id: &caller.client_id,
        idempotency: key.with(request_sha256),
        handling: order.handling,
    };
    let version = registered(begin_version(&deps.store, deps.surroundings.as_ref(), &request).await?)?;
    if version.has_open_predecessors {
        // Those before it are looked for. Should we die here, the reminder that csv-ingest sends as its own bytes have come
        // does it (csv-ingest itself may not), or whoever drives open files on.
        send_outbox(&deps.store, deps.sender.as_ref(), version.file).await?;
    }
    Ok(version)
}

fn registered(begun: BeginVersion) -> Answer<RegisteredVersion> {
    match begun {
        BeginVersion::Created(version) | BeginVersion::Replayed(version) => Ok(version),
        BeginVersion::Exists(file) => {
            let detail = format!(
                "a file of that name is there: {}, version {}; replace it with \"mode\": \"replace\"",
                file.file_id, file.version
            );
            Err(Problem::conflict("file_exists", detail).about(file))
        }
        BeginVersion::NoFile => Err(Problem::not_found("there is no such file, or nothing in it")),
        BeginVersion::OtherSpec {
            ingestion_type,
            ingestion_name,
        } => {
            let detail = format!("the file is one of {} {ingestion_name}", ingestion_type.as_str());
            Err(Problem::conflict("other_spec", detail))
        }
        BeginVersion::NoSpec => Err(unknown_spec("/ingestion_name")),
        BeginVersion::Retired => {
            let detail = "the spec is retired: it takes no files any more";
            Err(Problem::conflict("spec_retired", detail))
        }
        BeginVersion::Computed => Err(computed_dataset("/ingestion_name")),
        BeginVersion::KeyReused => Err(Problem::idempotency_key_reused()),
    }
}

/// 422: the name at a pointer is that of a dataset which takes no files.
pub(crate) fn computed_dataset(pointer: &str) -> Problem {
    let message = "the dataset is computed and takes no rows: send them to what it is computed from";
    Problem::invalid("dataset_computed", message).at(pointer, "dataset_computed", message)
}

/// 422: the name at a pointer is no spec's.
pub(crate) fn unknown_spec(pointer: &str) -> Problem {
    let message = "there is no spec of that kind and name";
    Problem::invalid("unknown_spec", message).at(pointer, "unknown_spec", message)
}
