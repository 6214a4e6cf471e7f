//! Zip archives: one file version, whose rows come from all members in the directory's order, as one chunk.
//!
//! The object is read once for its hash, then its end, its directory, and each member once; nothing of it is held but a
//! piece. What is refused anywhere refuses the file: nothing is registered before the last byte was as declared.

use millrace_core::failure::Failure;
use millrace_core::object_key::ObjectAt;
use millrace_core::row_error::FileError;
use millrace_store::files::FileRecord;
use millrace_table::archive::in_member;
use millrace_table::{ArchiveLimits, Directory, End, FileFormat, Member, MemberReader};

use super::object::{Object, Stopped};
use super::{IngestPorts, finish_whole};
use crate::Disposition;
use crate::chunk_check::ChunkCheck;
use crate::ports::{ObjectReader, ObjectStream};

/// Validates an archive's members.
pub(super) async fn check_archive(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
    format: FileFormat<'_>,
    mut object: Object,
    size_bytes: u64,
) -> Result<Disposition, Stopped> {
    let limits = ArchiveLimits::default();
    let archive = Archive::open(ports.landing, record.object(), size_bytes, &limits).await?;
    object.read_over().await?;
    let mut chunk = None;
    let checked = check_members(ports, record, format, &archive, &mut chunk).await;
    match (checked, chunk) {
        (Ok(()), Some(chunk)) => Ok(finish_whole(ports, record, chunk, object).await?),
        // A directory has members.
        (Ok(()), None) => Err(Failure::invalid("ingest.archive", "the archive has no member").into()),
        (Err(stopped), chunk) => {
            if let Some(chunk) = chunk {
                chunk.abort().await;
            }
            Err(stopped)
        }
    }
}

async fn check_members<'a>(
    ports: &IngestPorts<'a>,
    record: &FileRecord,
    format: FileFormat<'_>,
    archive: &Archive<'_>,
    chunk: &mut Option<ChunkCheck<'a>>,
) -> Result<(), Stopped> {
    for member in &archive.directory.members {
        let named = |stopped| match stopped {
            Stopped::Refused(error) if !is_named(&error, member) => in_member(&member.name, error).into(),
            stopped => stopped,
        };
        let mut object = Object::member(archive.open_member(member).await?);
        let header = object.read_header(format).await.map_err(named)?;
        let chunk = match chunk {
            Some(chunk) => chunk,
            None => {
                let begun = ChunkCheck::begin(ports.collections, record, format, &header, header.start(), 0)?;
                chunk.insert(begun)
            }
        };
        chunk.begin_member(format, &header, &member.name).await?;
        while let Some(bytes) = object.next_record_bytes(&header).await.map_err(named)? {
            chunk.push(&bytes).await?;
        }
    }
    Ok(())
}

/// Whether the archive's own reader has named the member already.
fn is_named(error: &FileError, member: &Member) -> bool {
    error.message.starts_with(&format!("member `{}`", member.name))
}

/// An archive whose directory has been read.
struct Archive<'a> {
    landing: &'a dyn ObjectReader,
    object: ObjectAt,
    end: End,
    directory: Directory,
}

impl<'a> Archive<'a> {
    async fn open(
        landing: &'a dyn ObjectReader,
        object: ObjectAt,
        size_bytes: u64,
        limits: &ArchiveLimits,
    ) -> Result<Self, Stopped> {
        let tail_offset = size_bytes.saturating_sub(End::TAIL_BYTES);
        let tail = read_range(landing, &object, tail_offset, size_bytes).await?;
        let end = End::read(&tail, size_bytes, limits)?;
        let bytes = read_range(landing, &object, end.directory_offset, end.directory_end).await?;
        let directory = Directory::read(&bytes, &end, limits)?;
        Ok(Self {
            landing,
            object,
            end,
            directory,
        })
    }

    async fn open_member(&self, member: &Member) -> Result<MemberStream, Failure> {
        let end = Some(self.end.directory_offset);
        Ok(MemberStream {
            stream: self.landing.open_at(&self.object, member.offset, end).await?,
            reader: MemberReader::new(member),
            pending: Vec::new(),
            at: 0,
        })
    }
}

/// A range that is known to be small.
async fn read_range(
    landing: &dyn ObjectReader,
    object: &ObjectAt,
    start: u64,
    end: u64,
) -> Result<Vec<u8>, Failure> {
    let mut stream = landing.open_at(object, start, Some(end)).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A member's bytes, as they are inflated.
pub(super) struct MemberStream {
    stream: Box<dyn ObjectStream>,
    reader: MemberReader,
    /// Bytes of the archive that have come, and how many of them were taken.
    pending: Vec<u8>,
    at: usize,
}

impl MemberStream {
    /// The next piece; none once the last byte was as the directory declares.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        while !self.reader.is_done() {
            let inflated = self.reader.read(&self.pending[self.at..])?;
            self.at += inflated.taken;
            if !inflated.bytes.is_empty() {
                return Ok(Some(inflated.bytes));
            }
            if inflated.taken == 0 && !self.reader.is_done() {
                let more = self.stream.next().await?;
                (self.pending, self.at) = (more.ok_or_else(|| self.reader.cut_off())?, 0);
            }
        }
        Ok(None)
    }
}
