//! Rejected rows: fetched as a repair file, sent back mended, checked again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use millrace_app::repair::{
    REPAIR_MEDIA_TYPE, RepairCsv, RepairFileError, RepairRequest, begin_repair, repair_file_name,
    write_repair_file,
};
use millrace_app::upload::{put_upload, sign_upload};
use millrace_core::FileId;
use millrace_core::facts::{FileStatus, Mode};
use millrace_core::file_name::attachment;
use millrace_core::ids::Version;
use millrace_core::principal::Principal;
use millrace_store::files::RegisteredVersion;
use millrace_store::repairs::BeginRepair;

use crate::auth::Caller;
use crate::deps::Deps;
use crate::dto::files::VersionQuery;
use crate::dto::uploads::{FileAccepted, UploadOpened};
use crate::extract::multipart::bad_member;
use crate::extract::{CsvForm, FileIdInPath, IdempotencyKey, Query};
use crate::problem::{Answer, Problem};
use crate::routes::files::load_rejecting;
use crate::routes::uploads::{accepted, request_hash, unknown_spec};

/// Fetches a file version's rejected rows as one CSV, to be mended and sent back.
///
/// It has the file's own header and dialect, the cells as they came, and four columns behind them: `millrace_line`,
/// `millrace_column`, `millrace_problem` and `millrace_suggestion`. A row that cannot be laid out under the header is one
/// cell, which is read back as a line. Of a zip archive the header is that of the first member that had rejected rows, and
/// `millrace_member` names each row's, before its line there; rows of a member whose header or dialect is another are one
/// cell, too, and stay lines of that member. A suggestion is made where one reading is left; nothing applies it. The text is
/// Where the latest version is a repair that was refused as a whole, and no version is said, the file is that of the version
/// that it was to mend.
///
/// UTF-8 with a mark of byte order. Cells are data: one that begins with `=`, `+`, `-` or `@` is not changed. Open the
/// file in a spreadsheet program by importing it with all columns as text; that also keeps leading zeros and dates.
#[utoipa::path(get, path = "/ingestion/files/{file_id}/repair.csv", operation_id = "fetch_repair_file",
    tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    responses(
        (status = 200, description = "The repair file.", body = String, content_type = "text/csv",
            headers(("Content-Disposition" = String, description = "The name to save it under.")),
            example = json!("\u{feff}date,grade,millrace_line,millrace_column,millrace_problem,millrace_suggestion\r\n\
                2023-01-08,'4,18,grade,\"wrong_type: expected a whole number, found `'4`\",4\r\n")),
        (status = 303, description = "The repair file is large, or holds bytes that are no text: it lies at an address \
            that is good for five minutes, without a token.",
            headers(("Location" = String, description = "The address."))),
    ))]
pub(crate) async fn fetch(
    State(deps): State<Arc<Deps>>,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
) -> Answer<Response> {
    let record = load_rejecting(&deps, file_id, query.version).await?;
    let written = write_repair_file(&deps.repair_file_ports(), &record).await;
    match written.map_err(no_repair_file)? {
        RepairCsv::Here(text) => {
            let name = attachment(&repair_file_name(&record));
            let headers = [
                (CONTENT_TYPE, REPAIR_MEDIA_TYPE.to_owned()),
                (CONTENT_DISPOSITION, name),
            ];
            Ok((headers, text).into_response())
        }
        RepairCsv::At(address) => Ok((StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()),
    }
}

fn no_repair_file(error: RepairFileError) -> Problem {
    match error {
        RepairFileError::UnderWay => Problem::conflict("file_under_way", error.to_string()),
        RepairFileError::None(_) => Problem::conflict("no_repair_file", error.to_string()),
        RepairFileError::Failed(failure) => failure.into(),
    }
}

/// Takes a repaired file: registers a new version of the file, with the mended rows in their places.
///
/// Rows find their places by `millrace_line`, those of a zip archive by `millrace_member` too, which may be left out where
/// it has one member; the other three columns are not looked at. A row of a line that was not
/// rejected, or that is there twice, becomes a row error of the new version (`is_of_repair`). Rows that are still wrong,
/// and rejected rows that are left out, stay rejected. `version` names the version whose repair file it was; without it,
/// the latest is meant. At most 32 MiB are taken, larger ones in several: what does not fit in a form goes to the address
/// of `POST /ingestion/files/{file_id}/repair/upload`.
#[utoipa::path(post, path = "/ingestion/files/{file_id}/repair", operation_id = "send_repaired_file",
    tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    request_body(content = RepairFormBody, content_type = "multipart/form-data"),
    responses((status = 202, description = "Stored; its way through is followed by its id.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 2, "mode": "repair",
        "status": "Upload_in_progress"}))))]
pub(crate) async fn send(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
    form: CsvForm,
) -> Answer<(StatusCode, Json<FileAccepted>)> {
    if let Some(name) = form.texts.keys().next() {
        return Err(bad_member(name, "is not a member of this form"));
    }
    let sha256 = form.sha256();
    let asked = Asked::of("send_repaired_file", Mode::Repair, file_id, query).with(&sha256);
    let version = asked.begin(&deps, &caller, &key).await?;
    put_upload(deps.landing.as_ref(), &version, form.bytes.to_vec()).await?;
    Ok(accepted(version.file, version.mode, FileStatus::UploadInProgress))
}

/// The members of the form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form; its members are read one by one")]
pub(crate) struct RepairFormBody {
    /// The repaired file, with its name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Registers a new version of the file for a repaired file, and answers the address to send it to.
#[utoipa::path(post, path = "/ingestion/files/{file_id}/repair/upload", operation_id = "open_repair_upload",
    tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    responses((status = 201, description = "Registered; send the bytes now.", body = UploadOpened, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 2, "mode": "repair", "upload": {
        "url": "https://landing.example/uploads/…", "method": "PUT", "headers": {"if-none-match": "*"},
        "expires_at": "2023-01-08T12:15:00Z"}}))))]
pub(crate) async fn open(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
) -> Answer<(StatusCode, Json<UploadOpened>)> {
    let asked = Asked::of("open_repair_upload", Mode::Repair, file_id, query);
    let version = asked.begin(&deps, &caller, &key).await?;
    let signed = sign_upload(deps.signer.as_ref(), &version).await?;
    Ok((StatusCode::CREATED, Json(UploadOpened::new(&version, signed))))
}

/// Has a file's rejected rows checked against the newest version of its spec: registers a new version of the file.
///
/// Rows of a zip archive are read by the headers of their members. Where no row becomes clean, that version says that it
/// changed nothing (`unchanged_of`).
#[utoipa::path(post, path = "/ingestion/files/{file_id}/replay", operation_id = "replay_file", tag = "ingestion",
    params(("file_id" = String, Path, description = "The file", example = "01859000-0000-7000-8000-000000000000"),
        VersionQuery),
    responses((status = 202, description = "On its way; followed by the same id.", body = FileAccepted,
        example = json!({"file_id": "01859000-0000-7000-8000-000000000000", "version": 2, "mode": "replay",
        "status": "Uploaded"}))))]
pub(crate) async fn replay(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    key: IdempotencyKey,
    FileIdInPath(file_id): FileIdInPath,
    Query(query): Query<VersionQuery>,
) -> Answer<(StatusCode, Json<FileAccepted>)> {
    let asked = Asked::of("replay_file", Mode::Replay, file_id, query);
    let version = asked.begin(&deps, &caller, &key).await?;
    Ok(accepted(version.file, version.mode, FileStatus::Uploaded))
}

/// What is to be tried again.
struct Asked {
    file_id: FileId,
    mode: Mode,
    base: Option<Version>,
    operation: &'static str,
    /// What the request's hash is made of.
    said: String,
}

impl Asked {
    fn of(operation: &'static str, mode: Mode, file_id: FileId, query: VersionQuery) -> Self {
        Self {
            file_id,
            mode,
            base: query.version,
            operation,
            said: format!("{file_id} {:?}", query.version),
        }
    }

    /// With the hash of the bytes that came along.
    fn with(mut self, sha256: &str) -> Self {
        self.said = format!("{} {sha256}", self.said);
        self
    }

    /// Registers the version.
    async fn begin(self, deps: &Deps, caller: &Principal, key: &IdempotencyKey) -> Answer<RegisteredVersion> {
        let hash = request_hash(self.operation, self.said.as_bytes());
        let request = RepairRequest {
            file_id: self.file_id,
            mode: self.mode,
            base: self.base,
            client_id: &caller.client_id,
            idempotency: key.with(&hash),
        };
        let delay_seconds = deps.reminder_delay_seconds;
        registered(begin_repair(&deps.store, deps.sender.as_ref(), request, delay_seconds).await?)
    }
}

fn registered(begun: BeginRepair) -> Answer<RegisteredVersion> {
    let conflict = |code, detail: String| Err(Problem::conflict(code, detail));
    match begun {
        BeginRepair::Created(version) | BeginRepair::Replayed(version) => Ok(version),
        BeginRepair::UnderWay(file) => Err(Problem::conflict(
            "file_under_way",
            format!(
                "version {} is on its way: wait until it is validated",
                file.version
            ),
        )
        .about(file)),
        BeginRepair::MovedOn(file) => Err(Problem::conflict(
            "file_moved_on",
            format!(
                "the file is at version {} by now: fetch its repair file",
                file.version
            ),
        )
        .about(file)),
        BeginRepair::NothingRejected(file) => Err(Problem::conflict(
            "nothing_rejected",
            format!("version {} has no rejected rows", file.version),
        )
        .about(file)),
        BeginRepair::NoRepairFile(_) => conflict(
            "no_repair_file",
            "the rows came as a batch; send those that were rejected in another one".to_owned(),
        ),
        BeginRepair::HeldElsewhere { file_id } => conflict(
            "held_elsewhere",
            format!(
                "the file's bytes are those of file {file_id}, which is the one that counts: repair that"
            ),
        ),
        BeginRepair::Retired => conflict("spec_retired", "the spec takes no files any more".to_owned()),
        BeginRepair::NoFile => Err(Problem::not_found("there is no such file, or nothing in it")),
        BeginRepair::NoSpec => Err(unknown_spec("/file_id")),
        BeginRepair::KeyReused => Err(Problem::idempotency_key_reused()),
    }
}
