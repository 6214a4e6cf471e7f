//! From an object in the landing bucket to clean parts and row errors.
//!
//! Parts are written under keys that follow from file version and chunk, with bytes that follow from the object: a
//! repeat writes the same again. A part counts from the moment its chunk is registered, never before.

use millrace_core::definition::{DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, ChunkRange, Envelope, Queue};
use millrace_core::object_key;
use millrace_core::row_error::{FileError, RowCounts, Rule};
use millrace_store::Store;
use millrace_store::files::{FileRecord, FinishedChunk, WholeFile};
use millrace_table::{Extent, FileCheck, Header, HeaderErrors, HeaderRead, Limits, PartSpec, Planner, Start};
use sha2::{Digest as _, Sha256};

use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::{MessageSender, ObjectSink, ObjectStore, ObjectStream};
use crate::{Disposition, Handled};

/// The largest object that is taken.
pub const MAX_FILE_BYTES: u64 = 50 * 1024 * 1024 * 1024;

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
    if record.facts.validated || record.facts.error.is_some() {
        send_outbox(ports.store, ports.sender, file).await?;
        return Ok(Disposition::Done);
    }
    // The object of an upload that nobody has made yet: its own event will come.
    let Some(size_bytes) = ports.landing.size(&record.landing_key()).await? else {
        return Ok(Disposition::Done);
    };
    ports.store.mark_received(file, size_bytes).await?;
    if size_bytes > MAX_FILE_BYTES {
        let message = format!("the file has {size_bytes} bytes; at most {MAX_FILE_BYTES} are taken");
        return refuse(ports, file, &FileError::of_file(Rule::FileTooLarge, message)).await;
    }
    let fields = load_fields(ports.store, &record).await?;
    let mut object = Object::open(ports.landing, &record.landing_key()).await?;
    let header = match object.read_header(&fields).await? {
        Ok(header) => header,
        Err(errors) => return refuse(ports, file, &errors.into_file_error()).await,
    };
    if size_bytes <= ports.chunk_bytes {
        check_whole(ports, &record, &fields, &header, object).await
    } else {
        plan(ports, file, &header, object).await
    }
}

/// Validates a range of a large object.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn validate_chunk(ports: &IngestPorts<'_>, file: FileVersion, range: ChunkRange) -> Handled {
    let Some(record) = ports.store.load_file(file).await? else {
        return Ok(Disposition::Reject(format!("there is no file version {file}")));
    };
    if record.facts.validated || record.facts.error.is_some() {
        send_outbox(ports.store, ports.sender, file).await?;
        return Ok(Disposition::Done);
    }
    let fields = load_fields(ports.store, &record).await?;
    let mut beginning = Object::open(ports.landing, &record.landing_key()).await?;
    let header = match beginning.read_header(&fields).await? {
        Ok(header) => header,
        Err(errors) => return refuse(ports, file, &errors.into_file_error()).await,
    };
    let key = record.landing_key();
    let mut stream = ports.landing.open(&key, range.start, Some(range.end)).await?;
    let mut chunk = ChunkCheck::begin(ports, &record, &fields, &header, range.into(), range.chunk)?;
    while let Some(bytes) = stream.next().await? {
        chunk.push(&bytes).await?;
    }
    let checked = chunk.finish().await?;
    register(ports, file, range.chunk, &checked, None).await
}

async fn check_whole(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    fields: &[Field],
    header: &Header,
    mut object: Object,
) -> Handled {
    let mut chunk = ChunkCheck::begin(ports, record, fields, header, header.start(), 0)?;
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
async fn plan(ports: &IngestPorts<'_>, file: FileVersion, header: &Header, mut object: Object) -> Handled {
    let mut planner = Planner::new(ports.chunk_bytes, header.start(), &Limits::default());
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

async fn load_fields(store: &Store, record: &FileRecord) -> Result<Vec<Field>, Failure> {
    let (kind, name, version) = (
        record.ingestion_type,
        record.ingestion_name.as_str(),
        Some(record.spec_version),
    );
    let fields = match kind {
        SpecKind::Dimension => {
            let definition: Option<DimensionDefinition> = store.load_definition(kind, name, version).await?;
            definition.map(|definition| definition.fields)
        }
        SpecKind::Event => {
            let definition: Option<EventDefinition> = store.load_definition(kind, name, version).await?;
            definition.map(|definition| definition.fields)
        }
        SpecKind::Dataset | SpecKind::Source => None,
    };
    let missing = || {
        Failure::invalid(
            "ingest.load_fields",
            format!("{} {name} takes no files", kind.as_str()),
        )
    };
    fields.ok_or_else(missing)
}

/// An object that is read from its beginning, hashed on the way.
struct Object {
    stream: Box<dyn ObjectStream>,
    hash: Sha256,
    size_bytes: u64,
    /// What was read for the header.
    beginning: Vec<u8>,
    header_is_passed: bool,
}

impl Object {
    async fn open(landing: &dyn ObjectStore, key: &str) -> Result<Self, Failure> {
        let stream = landing.open(key, 0, None).await?;
        Ok(Self {
            stream,
            hash: Sha256::new(),
            size_bytes: 0,
            beginning: Vec::new(),
            header_is_passed: false,
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = self.stream.next().await?;
        if let Some(bytes) = &bytes {
            self.hash.update(bytes);
            self.size_bytes += bytes.len() as u64;
        }
        Ok(bytes)
    }

    async fn read_header(&mut self, fields: &[Field]) -> Result<Result<Header, HeaderErrors>, Failure> {
        let limits = Limits::default();
        loop {
            let next = self.next().await?;
            let extent = if next.is_some() {
                Extent::Prefix
            } else {
                Extent::Whole
            };
            self.beginning.extend_from_slice(&next.unwrap_or_default());
            match Header::read(&self.beginning, extent, fields, &limits) {
                Ok(HeaderRead::Done(header)) => return Ok(Ok(header)),
                Ok(HeaderRead::NeedMore) if extent == Extent::Prefix => {}
                Ok(HeaderRead::NeedMore) => {
                    return Ok(Err(
                        FileError::of_file(Rule::EmptyFile, "the file is empty").into()
                    ));
                }
                Err(errors) => return Ok(Err(errors)),
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

/// What came out of a chunk.
struct Checked {
    part_key: Option<String>,
    row_errors: Option<(String, u64)>,
    counts: RowCounts,
}

/// A chunk that is being checked, with its two outputs.
struct ChunkCheck<'a> {
    check: FileCheck,
    part: Output<'a>,
    row_errors: Output<'a>,
}

/// An object that comes into being with its first bytes.
struct Output<'a> {
    store: &'a dyn ObjectStore,
    key: String,
    sink: Option<Box<dyn ObjectSink>>,
}

impl<'a> ChunkCheck<'a> {
    fn begin(
        ports: &IngestPorts<'a>,
        record: &FileRecord,
        fields: &[Field],
        header: &Header,
        start: Start,
        chunk: u32,
    ) -> Result<Self, Failure> {
        let (kind, name) = (record.ingestion_type, &record.ingestion_name);
        let spec = PartSpec {
            kind,
            name: name.clone(),
            version: record.spec_version,
        };
        let check =
            FileCheck::of_spec(fields, header, start, Limits::default(), Some(spec)).map_err(defect)?;
        let output = |key: String| Output {
            store: ports.collections,
            key,
            sink: None,
        };
        Ok(Self {
            check,
            part: output(object_key::part(kind, name, record.file, chunk)),
            row_errors: output(object_key::row_errors(kind, name, record.file, chunk)),
        })
    }

    async fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.check.push(bytes).map_err(defect)?;
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), Failure> {
        let part = self.check.take_part_bytes();
        self.part.write(part).await?;
        let row_errors = self.check.take_row_error_bytes();
        self.row_errors.write(row_errors).await
    }

    async fn finish(mut self) -> Result<Checked, Failure> {
        let summary = self.check.finish().map_err(defect)?;
        self.drain().await?;
        let counts = summary.counts;
        let part_key = self.part.finish(counts.kept > 0).await?.map(|(key, _)| key);
        let row_errors = self.row_errors.finish(counts.rejected > 0).await?;
        Ok(Checked {
            part_key,
            row_errors,
            counts,
        })
    }
}

impl Output<'_> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.sink.is_none() {
            self.sink = Some(self.store.create(&self.key).await?);
        }
        match &mut self.sink {
            Some(sink) => sink.write(bytes).await,
            None => Ok(()),
        }
    }

    async fn finish(self, is_wanted: bool) -> Result<Option<(String, u64)>, Failure> {
        match self.sink {
            Some(sink) if is_wanted => {
                let size_bytes = sink.finish().await?;
                Ok(Some((self.key, size_bytes)))
            }
            Some(sink) => {
                sink.abort().await;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// Bad data is never an error of the check: this is a defect, or a spec that should not have been taken.
fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("ingest.check", error.to_string())
}
