//! Uploads in parts: opened, listed, completed, broken off.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use millrace_app::multipart::{MultipartError, begin_multipart, load_multipart, part_count};
use millrace_core::facts::{FileStatus, status};

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::multipart_uploads::{MultipartOpened, PartPage, PartQuery};
use crate::dto::uploads::{FileAccepted, UploadAsked};
use crate::extract::{FileVersionInPath, IdempotencyKey, JsonBody, Query};
use crate::problem::{Answer, Problem};
use crate::routes::uploads::{accepted, register, request_hash};

/// The most missing parts that a problem names.
const MISSING_SHOWN: usize = 100;

/// Registers a file version whose bytes come in parts: for large files, and for lines that break.
///
/// Parts are sent in any order, several at once, and again where one failed. Whoever dies in between asks for the parts
/// again, which says what is there. The file is checked once the upload is completed. After a day its parts go; the version
/// ends (`never_received`) when it is looked for then, as the next one of the file is registered or files are driven on. A
/// zip archive is taken up to 2 GiB, and 10 GiB inflated.
#[utoipa::path(post, path = "/ingestion/multipart-uploads", operation_id = "open_multipart_upload", tag = "ingestion",
    request_body(content = UploadAsked, example = json!({"ingestion_type": "event",
        "ingestion_name": "event_students_attendance", "file_name": "attendance-2023.csv", "mode": "new",
        "size_bytes": 10_000_000_000_u64})),
    responses((status = 201, description = "Registered; ask for the parts now.", body = MultipartOpened,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "mode": "new",
        "size_bytes": 10_000_000_000_u64, "part_bytes": 8_388_608, "parts": 1193,
        "expires_at": "2023-01-09T12:00:00Z"}))))]
pub(crate) async fn open(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    body: JsonBody<UploadAsked>,
) -> Answer<(StatusCode, Json<MultipartOpened>)> {
    let order = body.value.order_in_parts()?;
    let hash = request_hash("open_multipart_upload", &body.bytes);
    let version = register(&deps, &caller, &order, &key, &hash).await?;
    let upload = begin_multipart(&deps.multipart_ports(), version.file).await?;
    Ok((StatusCode::CREATED, Json(upload.into())))
}

/// Lists the parts of an upload, with addresses for those that are not there yet.
///
/// An address takes a part of just its size, for fifteen minutes; later, ask again. With the header `Content-MD5` S3
/// compares the bytes of a part as they come.
#[utoipa::path(get, path = "/ingestion/multipart-uploads/{file_id}/{version}/parts", operation_id = "list_parts",
    tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        ("version" = u32, Path, description = "Its version", example = 1), PartQuery),
    responses((status = 200, description = "A page.", body = PartPage, example = json!({"items": [{"number": 1,
        "offset": 0, "size_bytes": 8_388_608, "is_received": false, "upload": {"url": "https://landing.example/uploads/…",
        "method": "PUT", "headers": {"content-length": "8388608"}, "expires_at": "2023-01-08T12:15:00Z"}}],
        "next": "1"}))))]
pub(crate) async fn list_parts(
    State(deps): State<Arc<Deps>>,
    FileVersionInPath(file): FileVersionInPath,
    Query(query): Query<PartQuery>,
) -> Answer<Json<PartPage>> {
    let upload = load_multipart(&deps.store, file).await?;
    let after = query.cursor.unwrap_or(0);
    let listed = upload
        .list_parts(&deps.multipart_ports(), after, query.limit)
        .await?;
    Ok(Json(PartPage::new(listed, part_count(upload.size_bytes))))
}

/// Makes the file of its parts and starts it on its way. Once more, it says where the file stands.
#[utoipa::path(post, path = "/ingestion/multipart-uploads/{file_id}/{version}/complete",
    operation_id = "complete_multipart_upload", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        ("version" = u32, Path, description = "Its version", example = 1)),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "mode": "new",
        "status": "Upload_in_progress"}))))]
pub(crate) async fn complete(
    State(deps): State<Arc<Deps>>,
    FileVersionInPath(file): FileVersionInPath,
) -> Answer<(StatusCode, Json<FileAccepted>)> {
    let upload = load_multipart(&deps.store, file).await?;
    upload.complete(&deps.multipart_ports()).await?;
    Ok(accepted(file, upload.record.mode, status(&upload.record.facts)))
}

/// Breaks an upload off: its parts go, and the file version ends. Once more, nothing happens.
#[utoipa::path(delete, path = "/ingestion/multipart-uploads/{file_id}/{version}",
    operation_id = "abort_multipart_upload", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        ("version" = u32, Path, description = "Its version", example = 1)),
    responses((status = 200, description = "Broken off.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "mode": "new",
        "status": "Error"}))))]
pub(crate) async fn abort(
    State(deps): State<Arc<Deps>>,
    FileVersionInPath(file): FileVersionInPath,
) -> Answer<Json<FileAccepted>> {
    let upload = load_multipart(&deps.store, file).await?;
    upload.abort(&deps.multipart_ports()).await?;
    let aborted = FileAccepted::new(file, upload.record.mode, FileStatus::Error.as_str());
    Ok(Json(aborted))
}

impl From<MultipartError> for Problem {
    fn from(error: MultipartError) -> Self {
        let detail = error.to_string();
        match error {
            MultipartError::None => Self::not_found(detail),
            MultipartError::Completed => Self::conflict("upload_completed", detail),
            MultipartError::Ended => Self::conflict("upload_ended", detail),
            MultipartError::PartsMissing { missing, .. } => {
                let shown = missing.iter().take(MISSING_SHOWN);
                shown.fold(Self::conflict("parts_missing", detail), |problem, number| {
                    let message = "the part is not there, or has another size";
                    problem.at(format!("/parts/{number}"), "part_missing", message)
                })
            }
            MultipartError::Failed(failure) => failure.into(),
        }
    }
}
