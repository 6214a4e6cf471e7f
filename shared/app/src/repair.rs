//! Repair files as callers fetch them, and versions that try rejected rows again as callers ask for them.

use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion, Version};
use millrace_core::object_key;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::FileRecord;
use millrace_store::repairs::{BeginRepair, NewRepair};
use millrace_table::RepairWriter;

use crate::format::load_format;
use crate::ingest::{Layouts, Stopped, UPLOAD_AWAITED_SECONDS};
use crate::outbox::{send_outbox, send_reminder};
use crate::ports::{DownloadSigner, MessageSender, ObjectReader, ObjectSink, ObjectStore};
use crate::row_errors::RejectedRows;

/// The most bytes of a repair file that is handed out itself; a larger one lies in the documents bucket.
const MAX_HERE_BYTES: usize = 2 * 1024 * 1024;
/// Bytes that are collected before they are written there.
const PIECE_BYTES: usize = 1024 * 1024;
/// How long an address of a repair file is good.
pub const REPAIR_ADDRESS_SECONDS: u32 = 300;
/// The media type of a repair file.
pub const REPAIR_MEDIA_TYPE: &str = "text/csv; charset=utf-8; header=present";

/// What fetching a repair file needs.
pub struct RepairFilePorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where the file lies whose header the repair file has.
    pub landing: &'a dyn ObjectReader,
    /// Where the rejected rows lie.
    pub collections: &'a dyn ObjectStore,
    /// Where large repair files are put.
    pub documents: &'a dyn ObjectStore,
    /// Signs addresses there.
    pub signer: &'a dyn DownloadSigner,
}

/// A repair file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairCsv {
    /// Here it is.
    Here(String),
    /// It can be fetched here for a while.
    At(String),
}

/// Why there is no repair file.
#[derive(Debug, thiserror::Error)]
pub enum RepairFileError {
    /// Not all rows have been checked yet.
    #[error("the version is being checked: ask again once it is validated")]
    UnderWay,
    /// The version has no repair file for a reason of its own.
    #[error("there is no repair file: {}", .0.message)]
    None(FileError),
    /// A bucket or the database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<Stopped> for RepairFileError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(error) => Self::None(error),
            Stopped::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// The name under which a repair file is saved.
#[must_use]
pub fn repair_file_name(record: &FileRecord) -> String {
    let name = record.file_name.as_str();
    let stem = name
        .rsplit_once('.')
        .map_or(name, |(stem, _)| stem)
        .trim_end_matches('.');
    format!("{stem}.v{}.repair.csv", record.file.version)
}

/// All rejected rows of a file version as one CSV.
///
/// # Errors
/// [`RepairFileError`].
pub async fn write_repair_file(
    ports: &RepairFilePorts<'_>,
    record: &FileRecord,
) -> Result<RepairCsv, RepairFileError> {
    check_has_rows(record)?;
    let root = match record.root_version {
        None => record.clone(),
        Some(version) => {
            let root = FileVersion {
                version,
                ..record.file
            };
            let root = ports.store.load_file(root).await?;
            root.ok_or_else(|| Failure::invalid("repair.write", "the version's root is gone"))?
        }
    };
    let (kind, name) = (record.ingestion_type, record.ingestion_name.as_str());
    let spec = load_format(ports.store, kind, name, Some(record.spec_version)).await?;
    let spec = spec.ok_or_else(|| Failure::invalid("repair.write", "the spec takes no files"))?;
    let mut rejected = RejectedRows::of(ports.store, ports.collections, record.file).await?;
    let key = object_key::repair_file(record.file);
    // It was large, and is still there.
    if rejected.size_bytes() > MAX_HERE_BYTES as u64 && ports.documents.size(&key).await?.is_some() {
        return Ok(RepairCsv::At(sign(ports, record, &key).await?));
    }
    let mut layouts = Layouts::open(ports.landing, &root, spec.as_file_format()).await?;
    let layout = layouts
        .of_file(ports.store, ports.collections)
        .await?
        .rows
        .clone();
    let mut writer = RepairWriter::new(layout, layouts.rows_of(), &spec.fields).map_err(defect)?;
    let mut output = Output {
        bytes: Vec::new(),
        sink: None,
    };
    writer.write_header(&mut output.bytes);
    while let Some(rows) = rejected.next_rows().await? {
        layouts.prepare(&rows).await?;
        for row in &rows {
            let own = layouts.of(row).await?;
            writer.write_row(row, &own.rows, &mut output.bytes);
        }
        output.write_large(ports.documents, &key).await?;
    }
    match output.finish(ports.documents, &key).await? {
        Some(text) => Ok(RepairCsv::Here(text)),
        None => Ok(RepairCsv::At(sign(ports, record, &key).await?)),
    }
}

fn check_has_rows(record: &FileRecord) -> Result<(), RepairFileError> {
    if record.content_format == ContentFormat::JsonRows {
        let message = "the rows came as a batch; send those that were rejected in another one";
        return Err(RepairFileError::None(FileError::of_file(Rule::NotCsv, message)));
    }
    match &record.facts.error {
        Some(error) if error.rule != Rule::RowsRejected && !record.facts.validated => {
            Err(RepairFileError::None(error.clone()))
        }
        None if !record.facts.validated => Err(RepairFileError::UnderWay),
        _ => Ok(()),
    }
}

async fn sign(ports: &RepairFilePorts<'_>, record: &FileRecord, key: &str) -> Result<String, Failure> {
    let name = repair_file_name(record);
    let signed = ports
        .signer
        .sign_download(key, &name, REPAIR_MEDIA_TYPE, REPAIR_ADDRESS_SECONDS);
    signed.await
}

/// A repair file that grows, here as long as it is small.
struct Output {
    bytes: Vec<u8>,
    sink: Option<Box<dyn ObjectSink>>,
}

impl Output {
    async fn write_large(&mut self, documents: &dyn ObjectStore, key: &str) -> Result<(), Failure> {
        let limit = if self.sink.is_some() {
            PIECE_BYTES
        } else {
            MAX_HERE_BYTES
        };
        match self.bytes.len() > limit {
            true => self.write(documents, key).await,
            false => Ok(()),
        }
    }

    async fn write(&mut self, documents: &dyn ObjectStore, key: &str) -> Result<(), Failure> {
        let sink = match &mut self.sink {
            Some(sink) => sink,
            None => self.sink.insert(documents.create(key).await?),
        };
        sink.write(std::mem::take(&mut self.bytes)).await
    }

    /// The text, where it is one and stayed small. Bytes that are no text cannot be handed out as one.
    async fn finish(mut self, documents: &dyn ObjectStore, key: &str) -> Result<Option<String>, Failure> {
        if self.sink.is_none() {
            match String::from_utf8(std::mem::take(&mut self.bytes)) {
                Ok(text) => return Ok(Some(text)),
                Err(error) => self.bytes = error.into_bytes(),
            }
        }
        self.write(documents, key).await?;
        if let Some(sink) = self.sink {
            sink.finish().await?;
        }
        Ok(None)
    }
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy)]
pub struct RepairRequest<'a> {
    /// The file.
    pub file_id: FileId,
    /// Repair or replay.
    pub mode: Mode,
    /// The version whose rejected rows the caller has seen.
    pub base: Option<Version>,
    /// Who asks.
    pub client_id: &'a str,
    /// The idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// Registers a repair, whose object is sent afterwards, or a replay, which starts on its way.
///
/// # Errors
/// [`Failure`] of the database or the queues.
pub async fn begin_repair(
    store: &Store,
    sender: &dyn MessageSender,
    request: RepairRequest<'_>,
    reminder_delay_seconds: u16,
) -> Result<BeginRepair, Failure> {
    if request.mode == Mode::Replay
        && let Some(latest) = store.latest_version(request.file_id).await?
    {
        // The version to come fills its outbox in its commit: should we die before sending that, the reminder does.
        let file = FileVersion {
            file_id: request.file_id,
            version: latest.saturating_add(1),
        };
        send_reminder(sender, file, reminder_delay_seconds).await?;
    }
    let new = NewRepair {
        file_id: request.file_id,
        mode: request.mode,
        base: request.base,
        awaited_seconds: UPLOAD_AWAITED_SECONDS,
        client_id: request.client_id,
        idempotency: request.idempotency,
    };
    let begun = store.begin_repair(&new).await?;
    if let BeginRepair::Created(version) | BeginRepair::Replayed(version) = &begun
        && (request.mode == Mode::Replay || version.has_open_predecessors)
    {
        send_outbox(store, sender, version.file).await?;
    }
    Ok(begun)
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("repair.write", error.to_string())
}
