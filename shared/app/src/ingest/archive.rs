//! Zip archives: one file version, whose rows come from all members in the directory's order.
//!
//! Of the object its end is read, its directory, and each member; nothing of it is held but a piece. What is refused
//! anywhere refuses the file.

use millrace_core::access_point::AccessPoint;
use millrace_core::failure::Failure;
use millrace_core::object_key::ObjectAt;
use millrace_core::row_error::FileError;
use millrace_table::archive::in_member;
use millrace_table::{ArchiveLimits, Directory, End, Member, MemberReader};

use super::object::{Object, Stopped};
use crate::ports::{ObjectReader, ObjectStream};

/// What became of a member, with its name.
pub(super) fn named(member: &Member, stopped: Stopped) -> Stopped {
    match stopped {
        Stopped::Refused(error) if !is_named(&error, member) => in_member(&member.name, error).into(),
        stopped => stopped,
    }
}

/// Whether the archive's own reader has named the member already.
fn is_named(error: &FileError, member: &Member) -> bool {
    error.message.starts_with(&format!("member `{}`", member.name))
}

/// An archive whose directory has been read.
pub(super) struct Archive<'a> {
    landing: &'a dyn ObjectReader,
    object: ObjectAt,
    end: End,
    directory: Directory,
}

impl<'a> Archive<'a> {
    pub(super) async fn open(
        landing: &'a dyn ObjectReader,
        object: ObjectAt,
        size_bytes: u64,
    ) -> Result<Self, Stopped> {
        let limits = &ArchiveLimits::default();
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

    /// Its members, in the directory's order.
    pub(super) fn members(&self) -> &[Member] {
        &self.directory.members
    }

    /// How many bytes they have together.
    pub(super) fn inflated_bytes(&self) -> u64 {
        self.members().iter().map(Member::bytes).sum()
    }

    pub(super) async fn open_member(&self, member: &Member) -> Result<MemberStream, Failure> {
        let range = (member.offset, self.end.directory_offset);
        self.open_range(MemberReader::new(member), range).await
    }

    /// A member of which no more comes than a header takes, as a rule: it ends as one that is cut off does.
    pub(super) async fn open_beginning(&self, member: &Member) -> Result<MemberStream, Failure> {
        let end = member.offset.saturating_add(Object::BEGINNING_BYTES);
        let range = (member.offset, end.min(self.end.directory_offset));
        self.open_range(MemberReader::new(member), range).await
    }

    /// A member from one of its points on.
    pub(super) async fn open_member_at(
        &self,
        member: &Member,
        point: &AccessPoint,
    ) -> Result<MemberStream, Failure> {
        let no_point = || {
            let (name, offset) = (&member.name, point.offset);
            Failure::invalid(
                "ingest.member",
                format!("member `{name}` has no access point at {offset}"),
            )
        };
        let reader = MemberReader::at(member, point).ok_or_else(no_point)?;
        let range = (point.offset, self.end.directory_offset);
        self.open_range(reader, range).await
    }

    async fn open_range(
        &self,
        reader: MemberReader,
        (start, end): (u64, u64),
    ) -> Result<MemberStream, Failure> {
        Ok(MemberStream {
            stream: self.landing.open_at(&self.object, start, Some(end)).await?,
            reader,
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
    /// Keeps the last access points that are passed from here on.
    pub(super) fn keep_points(&mut self) {
        self.reader.keep_points();
    }

    /// Where the member can be inflated on, not behind an inflated byte.
    pub(super) fn point_before(&self, offset: u64) -> Option<&AccessPoint> {
        self.reader.point_before(offset)
    }

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
