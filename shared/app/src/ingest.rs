//! From an object in the landing bucket to clean parts and row errors.
//!
//! Parts are written under keys that follow from file version and chunk, with bytes that follow from the object: a
//! repeat writes the same again. A part counts from the moment its chunk is registered, never before.

mod archive;
mod hash;
mod layouts;
mod object;
mod plan;
mod repair;
mod texts;

use millrace_core::access_point::AccessPoint;
use millrace_core::content_hash::ContentHash;
use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkRange, PlanCheckpoint};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::{FileRecord, FinishedChunk, WholeFile};
use millrace_table::FileFormat;

use self::hash::PassedHash;
pub(crate) use self::layouts::Layouts;
use self::object::Object;
pub(crate) use self::object::Stopped;
use self::plan::{Plan, hash_of};
pub use self::repair::MAX_REPAIR_BYTES;
use self::repair::check_again;
use self::texts::{PlannedChunk, Texts};
use crate::chunk_check::{Checked, ChunkCheck};
use crate::format::{SpecFormat, load_format};
use crate::multipart::PARTS_AWAITED_SECONDS;
use crate::outbox::{send_outbox, send_reminder};
use crate::ports::{MessageSender, ObjectReader, ObjectStore, Surroundings};
use crate::upload::UPLOAD_VALID_SECONDS;
use crate::{Disposition, Handled};

/// The largest object that is taken, in GiB.
const MAX_FILE_GIB: u64 = 10;
/// The same in bytes.
pub const MAX_FILE_BYTES: u64 = MAX_FILE_GIB * 1024 * 1024 * 1024;

/// Bytes after which a plan goes on in another message: what a function reads in a fraction of its time.
pub const PLAN_BYTES: u64 = 1 << 30;

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
    /// Bytes after which a plan goes on in another message.
    pub plan_bytes: u64,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

/// Handles "this object is there": validates a small object at once, splits a large one.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn ingest_file(ports: &IngestPorts<'_>, file: FileVersion) -> Handled {
    let record = match open_record(ports, file).await? {
        Opened::Record(record) => *record,
        Opened::Over(disposition) => return Ok(disposition),
    };
    if record.mode == Mode::Replay {
        let checked = check_again(ports, &record).await;
        return handled(ports, file, checked).await;
    }
    let Some(size_bytes) = ports.landing.size_at(&record.object()).await? else {
        return match record.is_dropped() {
            true => refuse(ports, file, &gone()).await,
            false => end_upload(ports, &record).await,
        };
    };
    // A plan that is made again makes the same chunks, whatever the setting has become.
    let chunk_bytes = ports
        .store
        .mark_received(file, size_bytes, ports.chunk_bytes)
        .await?;
    if size_bytes > MAX_FILE_BYTES {
        let message = format!(
            "the file has {size_bytes} bytes; at most {MAX_FILE_BYTES} ({MAX_FILE_GIB} GiB) are taken: send its rows \
             in several files"
        );
        return refuse(ports, file, &FileError::of_file(Rule::FileTooLarge, message)).await;
    }
    if let Some(declared) = record.declared_bytes
        && declared != size_bytes
    {
        let message = format!("the file has {size_bytes} bytes; its sender declared {declared}");
        return refuse(ports, file, &FileError::of_file(Rule::NotAsDeclared, message)).await;
    }
    let checked = match record.mode {
        Mode::Repair => {
            let record = FileRecord {
                size_bytes: Some(size_bytes),
                ..record
            };
            check_again(ports, &record).await
        }
        _ => check_object(ports, &record, (size_bytes, chunk_bytes), None).await,
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

/// Checks an object of a size that is not above the size of a chunk; plans a larger one, or goes on with its plan.
async fn check_object(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    (size_bytes, chunk_bytes): (u64, u64),
    at: Option<PlanCheckpoint>,
) -> Result<Disposition, Stopped> {
    let spec = format_of(ports.store, record).await?;
    let format = spec.as_file_format();
    if record.content_format == ContentFormat::JsonRows {
        let object = Object::open(ports.landing, &record.object()).await?;
        return check_rows(ports, record, format, (object, size_bytes)).await;
    }
    let mut texts = Texts::open(ports.landing, record.object(), size_bytes).await?;
    if texts.bytes(size_bytes) > chunk_bytes {
        let plan = Plan {
            ports,
            record,
            format,
            texts,
            size_bytes,
            chunk_bytes,
            growing: None,
        };
        return plan.make(at).await;
    }
    let hash_of_members = match texts {
        Texts::One(_) => None,
        Texts::Members(_) => Some(hash_of(ports, record).await?),
    };
    let (chunk, object) = texts.check(ports, record, format, None).await?;
    let hash = hash_of_members.unwrap_or_else(|| object.into_hash());
    finish_whole(ports, record, chunk, (hash, size_bytes)).await
}

/// Goes on with the plan of a large object.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn plan_on(ports: &IngestPorts<'_>, file: FileVersion, at: PlanCheckpoint) -> Handled {
    let record = match open_record(ports, file).await? {
        Opened::Record(record) => record,
        Opened::Over(disposition) => return Ok(disposition),
    };
    let size_bytes = known_size(&record)?;
    let chunk_bytes = ports
        .store
        .mark_received(file, size_bytes, ports.chunk_bytes)
        .await?;
    let planned = check_object(ports, &record, (size_bytes, chunk_bytes), Some(at)).await;
    handled(ports, file, planned).await
}

/// A file version of which a message tells.
enum Opened {
    /// It is there, and not decided.
    Record(Box<FileRecord>),
    /// There is nothing to be done for it.
    Over(Disposition),
}

async fn open_record(ports: &IngestPorts<'_>, file: FileVersion) -> Result<Opened, Failure> {
    let Some(record) = ports.store.load_file(file).await? else {
        let why = format!("there is no file version {file}");
        return Ok(Opened::Over(Disposition::Reject(why)));
    };
    if is_decided(&record) {
        send_outbox(ports.store, ports.sender, file).await?;
        return Ok(Opened::Over(Disposition::Done));
    }
    Ok(Opened::Record(Box::new(record)))
}

/// Whether there is nothing left to read an object for.
fn is_decided(record: &FileRecord) -> bool {
    record.facts.validated || (record.facts.error.is_some() && !record.facts.is_given_up())
}

/// The object of an upload that nobody has made: its own event may still come, unless its time is up.
async fn end_upload(ports: &IngestPorts<'_>, record: &FileRecord) -> Handled {
    let (seconds, awaited) = match record.upload_id {
        None => (UPLOAD_AWAITED_SECONDS, "no bytes came"),
        Some(_) => (PARTS_AWAITED_SECONDS, "the upload in parts was not completed"),
    };
    let message = format!(
        "{awaited} within {} minutes of the registration; register the file again to send it",
        seconds / 60
    );
    let error = FileError::of_file(Rule::NeverReceived, message);
    let file = record.file;
    ports.store.end_upload(file, seconds, &error).await?;
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(Disposition::Done)
}

/// A dropped object that is not there as its event told.
fn gone() -> FileError {
    let message =
        "the object was written again, or removed, before it was read; a later write has an event of its own";
    FileError::of_file(Rule::ObjectGone, message)
}

/// The size of an object that was planned.
fn known_size(record: &FileRecord) -> Result<u64, Failure> {
    let unknown = || Failure::invalid("ingest.size", "the object has not been received");
    record.size_bytes.ok_or_else(unknown)
}

/// Validates a range of a large object; of an archive, inflated from a point before it where one is known.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn validate_chunk(
    ports: &IngestPorts<'_>,
    file: FileVersion,
    range: ChunkRange,
    point: Option<&AccessPoint>,
) -> Handled {
    let record = match open_record(ports, file).await? {
        Opened::Record(record) => record,
        Opened::Over(disposition) => return Ok(disposition),
    };
    let checked = check_chunk(ports, &record, PlannedChunk { range, point }).await;
    handled(ports, file, checked).await
}

async fn check_chunk(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    planned: PlannedChunk<'_>,
) -> Result<Disposition, Stopped> {
    let chunk = planned.range.chunk;
    if ports.store.has_chunk(record.file, chunk).await? {
        send_outbox(ports.store, ports.sender, record.file).await?;
        return Ok(Disposition::Done);
    }
    let spec = format_of(ports.store, record).await?;
    let format = spec.as_file_format();
    let size_bytes = known_size(record)?;
    let mut texts = Texts::open_for_parts(ports.landing, record.object(), size_bytes).await?;
    let (check, _) = texts.check(ports, record, format, Some(planned)).await?;
    let checked = check.finish().await?;
    Ok(register(ports, record.file, chunk, &checked, None).await?)
}

/// Validates a batch: a line a row, in one piece.
async fn check_rows(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    format: FileFormat<'_>,
    (mut object, size_bytes): (Object, u64),
) -> Result<Disposition, Stopped> {
    let mut chunk = ChunkCheck::begin_rows(ports.collections, record, format)?;
    while let Some(bytes) = object.next_bytes().await? {
        chunk.push(&bytes).await?;
    }
    finish_whole(ports, record, chunk, (object.into_hash(), size_bytes)).await
}

/// Registers the only chunk of an object that was read to its end.
async fn finish_whole(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    chunk: ChunkCheck<'_>,
    (hash, size_bytes): (PassedHash, u64),
) -> Result<Disposition, Stopped> {
    let read = hash.check_size(size_bytes);
    let sha256 = hash.finish();
    let right = read
        .map_err(Stopped::from)
        .and_then(|()| Ok(check_declared(record, sha256)?));
    if let Err(stopped) = right {
        chunk.abort().await;
        return Err(stopped);
    }
    let sha256 = sha256.to_string();
    let checked = chunk.finish().await?;
    let whole = WholeFile {
        chunks: 1,
        sha256: &sha256,
        size_bytes,
    };
    Ok(register(ports, record.file, 0, &checked, Some(whole)).await?)
}

/// Whether the bytes are those that their sender has declared.
fn check_declared(record: &FileRecord, sha256: ContentHash) -> Result<(), FileError> {
    match record.declared_sha256 {
        Some(declared) if declared != sha256 => {
            let message = format!("the file's SHA-256 is {sha256}; its sender declared {declared}");
            Err(FileError::of_file(Rule::NotAsDeclared, message))
        }
        _ => Ok(()),
    }
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
