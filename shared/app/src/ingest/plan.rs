//! Plans of large objects: run ahead of the checks, and send a message a chunk as its end is found.
//!
//! A plan goes on in another message before its function's time is up, so that an object may be of any size; a message that
//! comes again finds the same chunks again.

use millrace_core::access_point::AccessPoint;
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, ChunkRange, Envelope, PlanCheckpoint, Queue};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::{FileRecord, WholeFile};
use millrace_table::{FileFormat, Limits, Planner, Start};

use super::hash::PassedHash;
use super::object::{Object, Stopped};
use super::texts::{Place, Text, Texts};
use super::{IngestPorts, check_declared};
use crate::Disposition;
use crate::chunk_check::defect;
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
    pub(super) size_bytes: u64,
    pub(super) chunk_bytes: u64,
    pub(super) growing: Option<Growing>,
}

/// The chunk whose end is not known yet.
pub(super) struct Growing {
    chunk: u32,
    /// Where an archive can be inflated on for its start.
    point: Option<AccessPoint>,
}

impl Plan<'_> {
    /// Makes the plan from its beginning, or from where it was.
    pub(super) async fn make(mut self, at: Option<PlanCheckpoint>) -> Result<Disposition, Stopped> {
        let limits = Limits::default();
        let (first, chunks) = at.as_ref().map_or((0, 0), |at| (at.member, at.chunk));
        self.growing = at.as_ref().map(|at| Growing {
            chunk: at.chunk,
            point: at.point.clone(),
        });
        let mut planner: Option<Planner> = None;
        let (mut read_bytes, mut hash) = (0, None);
        for number in first..self.texts.count() {
            let mut text = self.text(number, at.as_ref().filter(|_| number == first)).await?;
            text.object.keep_points();
            let planned = text.planned(number, self.format);
            let planner = match &mut planner {
                Some(planner) => {
                    let ready = planner.begin_member(&planned, &limits).map_err(defect)?;
                    self.send(ready, number, &text.object).await?;
                    planner
                }
                None => {
                    let begun = Planner::new(self.chunk_bytes, &planned, chunks, &limits);
                    planner.insert(begun.map_err(defect)?)
                }
            };
            while let Some(bytes) = self.texts.next_bytes(number, &mut text).await? {
                read_bytes += bytes.len() as u64;
                let ready = planner.push(&bytes);
                self.send(ready, number, &text.object).await?;
                self.grow(planner.open_chunk(), number, &text.object);
                if planner.bytes_without_record() > MOST_WITHOUT_RECORD {
                    return Err(without_record().into());
                }
                if read_bytes >= self.ports.plan_bytes
                    && let Some(open) = planner.open_chunk().filter(|(chunk, ..)| *chunk > chunks)
                {
                    return Ok(self.go_on(open, text.object.hash()).await?);
                }
            }
            let ready = planner.end_text();
            self.send(ready, number, &text.object).await?;
            self.grow(planner.open_chunk(), number, &text.object);
            hash = Some(text.object.into_hash());
        }
        let (rest, chunks) = planner.map(Planner::finish).unwrap_or_default();
        if let Some(range) = rest {
            let point = self.known_point(range.chunk);
            send_chunk(self.ports.sender, self.record.file, range, point).await?;
        }
        self.finish(chunks, hash).await
    }

    async fn text(&mut self, number: u32, at: Option<&PlanCheckpoint>) -> Result<Text, Stopped> {
        let place = at.map(|at| Place {
            start: Start {
                offset: at.start,
                record: at.first_record,
                line: at.first_line,
            },
            point: at.point.as_ref(),
        });
        let mut text = self.texts.text(number, self.format, place, None).await?;
        if let (Texts::One(_), Some(at)) = (&self.texts, at) {
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
            point: self.known_point(chunk).cloned(),
        };
        let file = self.record.file;
        let body = to_body(&Envelope::new(ChunkMessage::PlanOn { file, at }))?;
        self.ports.sender.send(Queue::Chunk, body, 0).await?;
        Ok(Disposition::Done)
    }

    async fn finish(&self, chunks: u32, hash: Option<PassedHash>) -> Result<Disposition, Stopped> {
        let (ports, file) = (self.ports, self.record.file);
        let hash = match (&self.texts, hash) {
            (Texts::One(_), Some(hash)) => hash,
            // Its members are not its bytes.
            _ => hash_of(ports, self.record).await?,
        };
        let size_bytes = self.size_bytes;
        hash.check_size(size_bytes)?;
        send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
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

    /// Sends the chunks that were found while a text was read.
    async fn send(
        &self,
        ranges: impl IntoIterator<Item = ChunkRange>,
        number: u32,
        object: &Object,
    ) -> Result<(), Failure> {
        for range in ranges {
            let found = match range.member == number {
                true => object.point_before(range.start),
                false => None,
            };
            let point = self.known_point(range.chunk).or(found);
            send_chunk(self.ports.sender, self.record.file, range, point).await?;
        }
        Ok(())
    }

    /// The point of the chunk that is growing.
    fn known_point(&self, chunk: u32) -> Option<&AccessPoint> {
        let growing = self.growing.as_ref().filter(|growing| growing.chunk == chunk);
        growing?.point.as_ref()
    }

    /// Keeps the point of a chunk that has begun; those that were passed are not kept until its end.
    fn grow(&mut self, open: Option<(u32, u32, Start)>, number: u32, object: &Object) {
        let Some((chunk, member, start)) = open else {
            return;
        };
        if self.growing.as_ref().is_none_or(|growing| growing.chunk != chunk) {
            let point = object.point_before(start.offset).filter(|_| member == number);
            self.growing = Some(Growing {
                chunk,
                point: point.cloned(),
            });
        }
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

async fn send_chunk(
    sender: &dyn MessageSender,
    file: FileVersion,
    range: ChunkRange,
    point: Option<&AccessPoint>,
) -> Result<(), Failure> {
    let point = point.cloned();
    let body = to_body(&Envelope::new(ChunkMessage::ValidateChunk { file, range, point }))?;
    sender.send(Queue::Chunk, body, 0).await
}
