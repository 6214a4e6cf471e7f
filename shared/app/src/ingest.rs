//! From an object in the landing bucket to clean parts and row errors.
//!
//! Parts are written under keys that follow from file version and chunk, with bytes that follow from the object: a
//! repeat writes the same again. A part counts from the moment its chunk is registered, never before.

use millrace_core::csv::{CsvFormat, Encoding};
use millrace_core::definition::{DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, ChunkRange, Envelope, Queue};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::{FileRecord, FinishedChunk, WholeFile};
use millrace_table::{Decoder, Extent, FileFormat, Header, HeaderErrors, HeaderRead, Limits, Planner};
use sha2::{Digest as _, Sha256};

use crate::chunk_check::{Checked, ChunkCheck};
use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::{MessageSender, ObjectStore, ObjectStream};
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
    pub landing: &'a dyn ObjectStore,
    /// Where parts and row errors go.
    pub collections: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
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
    let Some(size_bytes) = ports.landing.size(&record.landing_key()).await? else {
        return end_upload(ports, file).await;
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
    let (fields, csv) = load_format(ports.store, &record).await?;
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let mut object = Object::open(ports.landing, &record.landing_key()).await?;
    let header = match object.read_header(format).await? {
        Ok(header) => header,
        Err(errors) => return refuse(ports, file, &errors.into_file_error()).await,
    };
    // What has to be decoded cannot be read in ranges: it goes through in one piece, in as little memory.
    if size_bytes <= chunk_bytes || !object.is_plain() {
        check_whole(ports, &record, format, &header, object).await
    } else {
        plan(ports, file, &header, object, chunk_bytes).await
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
    let (fields, csv) = load_format(ports.store, &record).await?;
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let mut beginning = Object::open(ports.landing, &record.landing_key()).await?;
    let header = match beginning.read_header(format).await? {
        Ok(header) => header,
        Err(errors) => return refuse(ports, file, &errors.into_file_error()).await,
    };
    let key = record.landing_key();
    let mut stream = ports.landing.open(&key, range.start, Some(range.end)).await?;
    let mut chunk = ChunkCheck::begin(
        ports.collections,
        &record,
        format,
        &header,
        range.into(),
        range.chunk,
    )?;
    while let Some(bytes) = stream.next().await? {
        chunk.push(&bytes).await?;
    }
    let checked = chunk.finish().await?;
    register(ports, file, range.chunk, &checked, None).await
}

async fn check_whole(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    format: FileFormat<'_>,
    header: &Header,
    mut object: Object,
) -> Handled {
    let mut chunk = ChunkCheck::begin(ports.collections, record, format, header, header.start(), 0)?;
    while let Some(bytes) = object.next_record_bytes(header).await? {
        chunk.push(&bytes).await?;
    }
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
) -> Handled {
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

/// The fields and the format of the files of a record's spec.
async fn load_format(store: &Store, record: &FileRecord) -> Result<(Vec<Field>, CsvFormat), Failure> {
    let (kind, name, version) = (
        record.ingestion_type,
        record.ingestion_name.as_str(),
        Some(record.spec_version),
    );
    let format = match kind {
        SpecKind::Dimension => {
            let definition: Option<DimensionDefinition> = store.load_definition(kind, name, version).await?;
            definition.map(|definition| (definition.fields, definition.csv))
        }
        SpecKind::Event => {
            let definition: Option<EventDefinition> = store.load_definition(kind, name, version).await?;
            definition.map(|definition| (definition.fields, definition.csv))
        }
        SpecKind::Dataset | SpecKind::Source | SpecKind::Transformer => None,
    };
    let missing = || {
        Failure::invalid(
            "ingest.load_format",
            format!("{} {name} takes no files", kind.as_str()),
        )
    };
    format.ok_or_else(missing)
}

/// An object that is read from its beginning, hashed as it came and decoded on the way.
struct Object {
    stream: Box<dyn ObjectStream>,
    hash: Sha256,
    size_bytes: u64,
    decoder: Option<Decoder>,
    /// What was read for the header, decoded.
    beginning: Vec<u8>,
    header_is_passed: bool,
    is_over: bool,
}

impl Object {
    async fn open(landing: &dyn ObjectStore, key: &str) -> Result<Self, Failure> {
        let stream = landing.open(key, 0, None).await?;
        Ok(Self {
            stream,
            hash: Sha256::new(),
            size_bytes: 0,
            decoder: None,
            beginning: Vec::new(),
            header_is_passed: false,
            is_over: false,
        })
    }

    /// Whether offsets in what is read are those of the object.
    fn is_plain(&self) -> bool {
        self.decoder.as_ref().is_none_or(Decoder::is_plain)
    }

    async fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = self.stream.next().await?;
        if let Some(bytes) = &bytes {
            self.hash.update(bytes);
            self.size_bytes += bytes.len() as u64;
        }
        Ok(bytes)
    }

    /// The next bytes, decoded.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let bytes = self.next_bytes().await?;
        self.is_over = bytes.is_none();
        Ok(match (bytes, &mut self.decoder) {
            (Some(bytes), Some(decoder)) => Some(decoder.decode(bytes)),
            (None, Some(decoder)) => Some(decoder.finish()).filter(|rest| !rest.is_empty()),
            (bytes, None) => bytes,
        })
    }

    /// Reads as much as tells the encoding, and the decoder for it.
    async fn begin_decoding(&mut self, declared: Encoding) -> Result<(), Failure> {
        let mut beginning = Vec::new();
        while beginning.len() < Decoder::MARK_BYTES {
            match self.next_bytes().await? {
                Some(bytes) => beginning.extend(bytes),
                None => break,
            }
        }
        let mut decoder = Decoder::begin(&beginning, declared);
        self.beginning = decoder.decode(beginning);
        self.decoder = Some(decoder);
        Ok(())
    }

    async fn read_header(&mut self, format: FileFormat<'_>) -> Result<Result<Header, HeaderErrors>, Failure> {
        let limits = Limits::default();
        self.begin_decoding(format.csv.encoding).await?;
        let mut extent = Extent::Prefix;
        loop {
            match Header::read(&self.beginning, extent, format, &limits) {
                Ok(HeaderRead::Done(header)) => return Ok(Ok(header)),
                Ok(HeaderRead::NeedMore) if extent == Extent::Prefix => {}
                Ok(HeaderRead::NeedMore) => {
                    return Ok(Err(
                        FileError::of_file(Rule::EmptyFile, "the file is empty").into()
                    ));
                }
                Err(errors) => return Ok(Err(errors)),
            }
            match self.next().await? {
                Some(more) => self.beginning.extend(more),
                None => extent = Extent::Whole,
            }
        }
    }

    /// The next bytes behind the header.
    async fn next_record_bytes(&mut self, header: &Header) -> Result<Option<Vec<u8>>, Failure> {
        if !self.header_is_passed {
            self.header_is_passed = true;
            let used = usize::try_from(header.bytes_used)
                .unwrap_or(usize::MAX)
                .min(self.beginning.len());
            return Ok(Some(std::mem::take(&mut self.beginning).split_off(used)));
        }
        self.next().await
    }

    fn sha256(&mut self) -> String {
        let digest = std::mem::take(&mut self.hash).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
