//! Plans of large objects: run ahead of the checks, and send a message a chunk as its end is found.
//!
//! A plan goes on in another message before its function's time is up, so that an object may be of any size; a message that
//! comes again finds the same chunks again.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, ChunkRange, Envelope, PlanCheckpoint, Queue};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::{FileRecord, WholeFile};
use millrace_table::{FileFormat, Limits, Planner, Start};

use super::hash::PassedHash;
use super::object::{Object, Stopped};
use super::texts::{Text, Texts};
use super::{IngestPorts, check_declared};
use crate::Disposition;
use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::MessageSender;

/// Bytes without a record behind which nobody looks for one: a function could not read much more within its time.
const MOST_WITHOUT_RECORD: u64 = 1 << 30;

/// A plan that is being made.
pub(super) struct Plan<'a> {
    pub(super) ports: &'a IngestPorts<'a>,
    pub(super) record: &'a FileRecord,
    pub(super) format: FileFormat<'a>,
    pub(super) texts: Texts<'a>,
    pub(super) chunk_bytes: u64,
}

impl Plan<'_> {
    /// Makes the plan from its beginning, or from where it was.
    pub(super) async fn make(mut self, at: Option<PlanCheckpoint>) -> Result<Disposition, Stopped> {
        let limits = Limits::default();
        let (first, chunks) = at.as_ref().map_or((0, 0), |at| (at.member, at.chunk));
        let mut planner: Option<Planner> = None;
        let (mut read_bytes, mut hash) = (0, None);
        for number in first..self.texts.count() {
            let mut text = self.text(number, at.as_ref().filter(|_| number == first)).await?;
            let planned = text.planned(number);
            let planner = match &mut planner {
                Some(planner) => {
                    self.send(planner.begin_member(&planned, &limits)).await?;
                    planner
                }
                None => planner.insert(Planner::new(self.chunk_bytes, &planned, chunks, &limits)),
            };
            while let Some(bytes) = self.texts.next_bytes(number, &mut text).await? {
                read_bytes += bytes.len() as u64;
                self.send(planner.push(&bytes)).await?;
                if planner.bytes_without_record() > MOST_WITHOUT_RECORD {
                    return Err(without_record().into());
                }
                if read_bytes >= self.ports.plan_bytes
                    && let Some(open) = planner.open_chunk().filter(|(chunk, ..)| *chunk > chunks)
                {
                    return Ok(self.go_on(open, text.object.hash()).await?);
                }
            }
            hash = Some(text.object.into_hash());
        }
        let (rest, chunks) = planner.map(Planner::finish).unwrap_or_default();
        self.send(rest).await?;
        self.finish(chunks, hash).await
    }

    async fn text(&mut self, number: u32, at: Option<&PlanCheckpoint>) -> Result<Text, Stopped> {
        let start = at.map(|at| Start {
            offset: at.start,
            record: at.first_record,
            line: at.first_line,
        });
        let mut text = self.texts.text(number, self.format, start, None).await?;
        if let (Texts::One { .. }, Some(at)) = (&self.texts, at) {
            let hash = PassedHash::resume(at.hashed_bytes, &at.hash, at.start)?;
            text.object.hash_on(hash);
        }
        Ok(text)
    }

    /// Leaves the rest to another message.
    async fn go_on(
        &self,
        (chunk, member, start): (u32, u32, Start),
        hash: Option<&PassedHash>,
    ) -> Result<Disposition, Failure> {
        let at = PlanCheckpoint {
            chunk,
            member,
            start: start.offset,
            first_record: start.record,
            first_line: start.line,
            hashed_bytes: hash.map_or(0, PassedHash::bytes),
            hash: hash.map(PassedHash::state).unwrap_or_default(),
        };
        let file = self.record.file;
        let body = to_body(&Envelope::new(ChunkMessage::PlanOn { file, at }))?;
        self.ports.sender.send(Queue::Chunk, body, 0).await?;
        Ok(Disposition::Done)
    }

    async fn finish(&self, chunks: u32, hash: Option<PassedHash>) -> Result<Disposition, Stopped> {
        let (ports, file) = (self.ports, self.record.file);
        let hash = match (&self.texts, hash) {
            (Texts::One { .. }, Some(hash)) => hash,
            // Its members are not its bytes.
            _ => hash_of(ports, self.record).await?,
        };
        send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
        let size_bytes = hash.bytes();
        let sha256 = hash.finish();
        check_declared(self.record, sha256)?;
        let sha256 = sha256.to_string();
        let whole = WholeFile {
            chunks,
            sha256: &sha256,
            size_bytes,
        };
        if ports.store.finish_plan(file, whole).await? {
            send_outbox(ports.store, ports.sender, file).await?;
        }
        Ok(Disposition::Done)
    }

    async fn send(&self, ranges: Vec<ChunkRange>) -> Result<(), Failure> {
        for range in ranges {
            send_chunk(self.ports.sender, self.record.file, range).await?;
        }
        Ok(())
    }
}

fn without_record() -> FileError {
    let message =
        format!("more than {MOST_WITHOUT_RECORD} bytes hold no row: blank lines, or one line without an end");
    FileError::of_file(Rule::NotCsv, message)
}

/// The hash of an object as it lies there.
pub(super) async fn hash_of(ports: &IngestPorts<'_>, record: &FileRecord) -> Result<PassedHash, Stopped> {
    let mut object = Object::open(ports.landing, &record.object()).await?;
    object.read_over().await?;
    Ok(object.into_hash())
}

async fn send_chunk(sender: &dyn MessageSender, file: FileVersion, range: ChunkRange) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(ChunkMessage::ValidateChunk { file, range }))?;
    sender.send(Queue::Chunk, body, 0).await
}
