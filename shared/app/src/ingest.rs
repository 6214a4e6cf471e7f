//! From an object in the landing bucket to clean parts and row errors.
//!
//! Parts are written under keys that follow from file version and chunk, with bytes that follow from the object: a
//! repeat writes the same again. A part counts from the moment its chunk is registered, never before.

mod archive;
mod object;
mod repair;

use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, ChunkRange, Envelope, Queue};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::{FileRecord, FinishedChunk, WholeFile};
use millrace_table::{FileFormat, Header, Limits, Planner};

use self::archive::check_archive;
use self::object::Object;
pub(crate) use self::object::Stopped;
pub use self::repair::MAX_REPAIR_BYTES;
use self::repair::check_again;
pub(crate) use self::repair::read_layout;
use crate::chunk_check::{Checked, ChunkCheck};
use crate::format::{SpecFormat, load_format};
use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::{MessageSender, ObjectReader, ObjectStore, Surroundings};
use crate::upload::UPLOAD_VALID_SECONDS;
use crate::{Disposition, Handled};

/// The largest object that is taken, in GiB: what S3 takes in the one PUT that an upload's address is good for.
const MAX_FILE_GIB: u64 = 5;
/// The same in bytes.
pub const MAX_FILE_BYTES: u64 = MAX_FILE_GIB * 1024 * 1024 * 1024;

/// How long the bytes of a version are waited for: as long as its address is good, and as long again for those that are
/// on their way when it ends.
pub const UPLOAD_AWAITED_SECONDS: u32 = 2 * UPLOAD_VALID_SECONDS;

/// What ingestion needs.
pub struct IngestPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where objects arrive.
    pub landing: &'a dyn ObjectReader,
    /// Where parts and row errors go.
    pub collections: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// Clock and chance.
    pub surroundings: &'a dyn Surroundings,
    /// Objects above this size are split into chunks of about this size.
    pub chunk_bytes: u64,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

/// Handles "this object is there": validates a small object at once, splits a large one.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn ingest_file(ports: &IngestPorts<'_>, file: FileVersion) -> Handled {
    let Some(record) = ports.store.load_file(file).await? else {
        return Ok(Disposition::Reject(format!("there is no file version {file}")));
    };
    if is_decided(&record) {
        send_outbox(ports.store, ports.sender, file).await?;
        return Ok(Disposition::Done);
    }
    if record.mode == Mode::Replay {
        let checked = check_again(ports, &record).await;
        return handled(ports, file, checked).await;
    }
    let Some(size_bytes) = ports.landing.size_at(&record.object()).await? else {
        return match record.is_dropped() {
            true => refuse(ports, file, &gone()).await,
            false => end_upload(ports, file).await,
        };
    };
    // A plan that is made again makes the same chunks, whatever the setting has become.
    let chunk_bytes = ports
        .store
        .mark_received(file, size_bytes, ports.chunk_bytes)
        .await?;
    if size_bytes > MAX_FILE_BYTES {
        let message = format!(
            "the file has {size_bytes} bytes; at most {MAX_FILE_BYTES} ({MAX_FILE_GIB} GiB) are taken: send it in parts, \
             each a file of its own"
        );
        return refuse(ports, file, &FileError::of_file(Rule::FileTooLarge, message)).await;
    }
    let checked = match record.mode {
        Mode::Repair => {
            let record = FileRecord {
                size_bytes: Some(size_bytes),
                ..record
            };
            check_again(ports, &record).await
        }
        _ => check_object(ports, &record, size_bytes, chunk_bytes).await,
    };
    handled(ports, file, checked).await
}

/// What becomes of a file whose object was, or was not, read to its end.
async fn handled(
    ports: &IngestPorts<'_>,
    file: FileVersion,
    checked: Result<Disposition, Stopped>,
) -> Handled {
    match checked {
        Ok(disposition) => Ok(disposition),
        Err(Stopped::Refused(error)) => refuse(ports, file, &error).await,
        Err(Stopped::Failed(failure)) => Err(failure),
    }
}

async fn check_object(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    size_bytes: u64,
    chunk_bytes: u64,
) -> Result<Disposition, Stopped> {
    let spec = format_of(ports.store, record).await?;
    let format = spec.as_file_format();
    let mut object = Object::open(ports.landing, &record.object()).await?;
    if record.content_format == ContentFormat::JsonRows {
        return check_rows(ports, record, format, object).await;
    }
    if object.is_archive().await? {
        return check_archive(ports, record, format, object, size_bytes).await;
    }
    let header = object.read_header(format).await?;
    // What has to be decoded cannot be read in ranges: it goes through in one piece, in as little memory.
    if size_bytes <= chunk_bytes || !object.is_plain() {
        check_whole(ports, record, format, &header, object).await
    } else {
        plan(ports, record.file, &header, object, chunk_bytes).await
    }
}

/// Whether there is nothing left to read an object for.
fn is_decided(record: &FileRecord) -> bool {
    record.facts.validated || (record.facts.error.is_some() && !record.facts.is_given_up())
}

/// The object of an upload that nobody has made: its own event may still come, unless its time is up.
async fn end_upload(ports: &IngestPorts<'_>, file: FileVersion) -> Handled {
    let message = format!(
        "no bytes came within {} minutes of the registration; register the file again to send it",
        UPLOAD_AWAITED_SECONDS / 60
    );
    let error = FileError::of_file(Rule::NeverReceived, message);
    ports
        .store
        .end_upload(file, UPLOAD_AWAITED_SECONDS, &error)
        .await?;
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(Disposition::Done)
}

/// A dropped object that is not there as its event told.
fn gone() -> FileError {
    let message =
        "the object was written again, or removed, before it was read; a later write has an event of its own";
    FileError::of_file(Rule::ObjectGone, message)
}

/// Validates a range of a large object.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn validate_chunk(ports: &IngestPorts<'_>, file: FileVersion, range: ChunkRange) -> Handled {
    let Some(record) = ports.store.load_file(file).await? else {
        return Ok(Disposition::Reject(format!("there is no file version {file}")));
    };
    if is_decided(&record) {
        send_outbox(ports.store, ports.sender, file).await?;
        return Ok(Disposition::Done);
    }
    let checked = check_range(ports, &record, range).await;
    handled(ports, file, checked).await
}

async fn check_range(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    range: ChunkRange,
) -> Result<Disposition, Stopped> {
    let spec = format_of(ports.store, record).await?;
    let format = spec.as_file_format();
    let object = record.object();
    let mut beginning = Object::open(ports.landing, &object).await?;
    let header = beginning.read_header(format).await?;
    let end = Some(range.end);
    let mut stream = ports.landing.open_at(&object, range.start, end).await?;
    let (start, number) = (range.into(), range.chunk);
    let mut chunk = ChunkCheck::begin(ports.collections, record, format, &header, start, number)?;
    while let Some(bytes) = stream.next().await? {
        chunk.push(&bytes).await?;
    }
    let checked = chunk.finish().await?;
    Ok(register(ports, record.file, number, &checked, None).await?)
}

async fn check_whole(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    format: FileFormat<'_>,
    header: &Header,
    mut object: Object,
) -> Result<Disposition, Stopped> {
    let mut chunk = ChunkCheck::begin(ports.collections, record, format, header, header.start(), 0)?;
    while let Some(bytes) = object.next_record_bytes(header).await? {
        chunk.push(&bytes).await?;
    }
    Ok(finish_whole(ports, record, chunk, object).await?)
}

/// Validates a batch: a line a row, in one piece.
async fn check_rows(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    format: FileFormat<'_>,
    mut object: Object,
) -> Result<Disposition, Stopped> {
    let mut chunk = ChunkCheck::begin_rows(ports.collections, record, format)?;
    while let Some(bytes) = object.next_bytes().await? {
        chunk.push(&bytes).await?;
    }
    Ok(finish_whole(ports, record, chunk, object).await?)
}

/// Registers the only chunk of an object that was read to its end.
async fn finish_whole(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    chunk: ChunkCheck<'_>,
    mut object: Object,
) -> Handled {
    let checked = chunk.finish().await?;
    let sha256 = object.sha256();
    let whole = WholeFile {
        chunks: 1,
        sha256: &sha256,
        size_bytes: object.size_bytes,
    };
    register(ports, record.file, 0, &checked, Some(whole)).await
}

/// Runs ahead of the checks: sends a message a chunk as its end is found.
async fn plan(
    ports: &IngestPorts<'_>,
    file: FileVersion,
    header: &Header,
    mut object: Object,
    chunk_bytes: u64,
) -> Result<Disposition, Stopped> {
    let mut planner = Planner::new(chunk_bytes, header, &Limits::default());
    while let Some(bytes) = object.next_record_bytes(header).await? {
        for range in planner.push(&bytes) {
            send_chunk(ports.sender, file, range).await?;
        }
    }
    let (rest, summary) = planner.finish();
    for range in rest {
        send_chunk(ports.sender, file, range).await?;
    }
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    let sha256 = object.sha256();
    let whole = WholeFile {
        chunks: summary.chunks,
        sha256: &sha256,
        size_bytes: object.size_bytes,
    };
    if ports.store.finish_plan(file, whole).await? {
        send_outbox(ports.store, ports.sender, file).await?;
    }
    Ok(Disposition::Done)
}

async fn send_chunk(sender: &dyn MessageSender, file: FileVersion, range: ChunkRange) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(ChunkMessage::ValidateChunk { file, range }))?;
    sender.send(Queue::Chunk, body, 0).await
}

async fn refuse(ports: &IngestPorts<'_>, file: FileVersion, error: &FileError) -> Handled {
    ports.store.fail_file(file, error).await?;
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(Disposition::Done)
}

/// Registers a validated chunk, and sends on what that makes necessary.
async fn register(
    ports: &IngestPorts<'_>,
    file: FileVersion,
    chunk: u32,
    checked: &Checked,
    whole: Option<WholeFile<'_>>,
) -> Handled {
    let finished = FinishedChunk {
        file,
        chunk,
        part_key: checked.part_key.as_deref(),
        row_errors: checked
            .row_errors
            .as_ref()
            .map(|(key, size)| (key.as_str(), *size)),
        counts: checked.counts,
        whole,
    };
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    if ports.store.finish_chunk(&finished).await? {
        send_outbox(ports.store, ports.sender, file).await?;
    }
    Ok(Disposition::Done)
}

/// The format of the files of a record's spec.
async fn format_of(store: &Store, record: &FileRecord) -> Result<SpecFormat, Failure> {
    let (kind, name) = (record.ingestion_type, record.ingestion_name.as_str());
    let format = load_format(store, kind, name, Some(record.spec_version)).await?;
    format.ok_or_else(|| {
        let why = format!("{} {name} takes no files", kind.as_str());
        Failure::invalid("ingest.load_format", why)
    })
}
