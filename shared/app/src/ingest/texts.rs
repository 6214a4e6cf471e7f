//! The texts of an object: the object itself, or the members of a zip archive.

use millrace_core::access_point::AccessPoint;
use millrace_core::csv::Encoding;
use millrace_core::failure::Failure;
use millrace_core::message::ChunkRange;
use millrace_core::object_key::ObjectAt;
use millrace_store::files::FileRecord;
use millrace_table::{FileFormat, Header, Member, PlannedText, Start};

use super::IngestPorts;
use super::archive::{Archive, named};
use super::object::{Object, Stopped};
use crate::chunk_check::ChunkCheck;
use crate::ports::ObjectReader;

/// An object whose texts can be opened.
pub(super) enum Texts<'a> {
    /// A CSV file.
    One(Box<Single<'a>>),
    /// An archive of them.
    Members(Box<Archive<'a>>),
}

/// A CSV file of its own.
pub(super) struct Single<'a> {
    landing: &'a dyn ObjectReader,
    object: ObjectAt,
    size_bytes: u64,
    /// Its beginning, until somebody reads on from there.
    beginning: Option<Object>,
}

/// Where in a text somebody begins.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The record.
    pub(super) start: Start,
    /// Where an archive can be inflated on for it, if that is known.
    pub(super) point: Option<&'a AccessPoint>,
}

/// The range that a chunk is.
#[derive(Clone, Copy)]
pub(super) struct PlannedChunk<'a> {
    pub(super) range: ChunkRange,
    /// Where an archive can be inflated on for its start, if that is known.
    pub(super) point: Option<&'a AccessPoint>,
}

/// A text that stands behind its header, or where a chunk starts.
pub(super) struct Text {
    pub(super) object: Object,
    pub(super) header: Header,
    pub(super) encoding: Encoding,
    /// Where it stands.
    pub(super) start: Start,
}

impl<'a> Texts<'a> {
    /// The texts of an object of a size, to be read as a whole.
    pub(super) async fn open(
        landing: &'a dyn ObjectReader,
        object: ObjectAt,
        size_bytes: u64,
    ) -> Result<Self, Stopped> {
        let beginning = Object::open(landing, &object).await?;
        Self::begin(landing, object, size_bytes, beginning).await
    }

    /// The same for headers or a chunk: no more than that is asked for.
    pub(super) async fn open_for_parts(
        landing: &'a dyn ObjectReader,
        object: ObjectAt,
        size_bytes: u64,
    ) -> Result<Self, Stopped> {
        let beginning = Object::open_beginning(landing, &object, size_bytes).await?;
        Self::begin(landing, object, size_bytes, beginning).await
    }

    async fn begin(
        landing: &'a dyn ObjectReader,
        object: ObjectAt,
        size_bytes: u64,
        mut beginning: Object,
    ) -> Result<Self, Stopped> {
        Ok(match beginning.is_archive().await? {
            true => Self::Members(Box::new(Archive::open(landing, object, size_bytes).await?)),
            false => Self::One(Box::new(Single {
                landing,
                object,
                size_bytes,
                beginning: Some(beginning),
            })),
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        match self {
            Self::One(_) => 1,
            Self::Members(archive) => u32::try_from(archive.members().len()).unwrap_or(u32::MAX),
        }
    }

    /// How many bytes they have together, of an object of a size.
    pub(super) fn bytes(&self, size_bytes: u64) -> u64 {
        match self {
            Self::One(_) => size_bytes,
            Self::Members(archive) => archive.inflated_bytes(),
        }
    }

    /// Opens a text: behind its header, or from a record on, or up to an end.
    pub(super) async fn text(
        &mut self,
        number: u32,
        format: FileFormat<'_>,
        at: Option<Place<'_>>,
        end: Option<u64>,
    ) -> Result<Text, Stopped> {
        match self {
            Self::One(single) if at.is_none() && end.is_none() => single.text(format).await,
            Self::One(single) => single.range(format, at, end).await,
            Self::Members(archive) => {
                let member = archive.member(number)?;
                let opened = text_of_member(archive, member, format, at, end).await;
                opened.map_err(|stopped| named(member, stopped))
            }
        }
    }

    /// The text in which the rows of a member stand, or of no member.
    pub(super) fn number_of(&self, member: Option<&str>) -> Option<u32> {
        match (self, member) {
            (Self::One(_), None) => Some(0),
            (Self::Members(archive), Some(name)) => {
                let mut members = archive.members().iter();
                let number = members.position(|member| member.name == name)?;
                u32::try_from(number).ok()
            }
            (Self::One(_), Some(_)) | (Self::Members(_), None) => None,
        }
    }

    /// Opens a text for its header alone.
    pub(super) async fn beginning(&mut self, number: u32, format: FileFormat<'_>) -> Result<Text, Stopped> {
        match self {
            Self::One(single) => single.header(format).await,
            Self::Members(archive) => archive.read_header(number, format).await,
        }
    }

    /// What becomes of a text, with its name.
    fn named(&self, number: u32, stopped: Stopped) -> Stopped {
        match self.name(number) {
            Some(member) => named(member, stopped),
            None => stopped,
        }
    }

    fn name(&self, number: u32) -> Option<&Member> {
        match self {
            Self::One(_) => None,
            Self::Members(archive) => archive.members().get(number as usize),
        }
    }

    /// The next bytes of one of the texts, decoded.
    pub(super) async fn next_bytes(&self, number: u32, text: &mut Text) -> Result<Option<Vec<u8>>, Stopped> {
        let next = text.object.next_record_bytes(&text.header).await;
        next.map_err(|stopped| self.named(number, stopped))
    }

    /// Checks the records of a range, or of all texts; the object of the last one, read to its end.
    pub(super) async fn check(
        &mut self,
        ports: &IngestPorts<'a>,
        record: &FileRecord,
        format: FileFormat<'_>,
        planned: Option<PlannedChunk<'_>>,
    ) -> Result<(ChunkCheck<'a>, Object), Stopped> {
        let mut chunk = None;
        match self.check_into(ports, record, format, planned, &mut chunk).await {
            Ok(object) => match (chunk, object) {
                (Some(chunk), Some(object)) => Ok((chunk, object)),
                _ => Err(Failure::invalid("ingest.check", "there is no text").into()),
            },
            Err(stopped) => {
                if let Some(chunk) = chunk {
                    chunk.abort().await;
                }
                Err(stopped)
            }
        }
    }

    async fn check_into(
        &mut self,
        ports: &IngestPorts<'a>,
        record: &FileRecord,
        format: FileFormat<'_>,
        planned: Option<PlannedChunk<'_>>,
        chunk: &mut Option<ChunkCheck<'a>>,
    ) -> Result<Option<Object>, Stopped> {
        let all = (0, self.count().saturating_sub(1));
        let range = planned.map(|planned| planned.range);
        let (first, last) = range.map_or(all, |range| (range.member, range.last_member));
        let mut object = None;
        for number in first..=last {
            let at = planned.filter(|_| number == first).map(|planned| Place {
                start: Start::from(planned.range),
                point: planned.point,
            });
            let end = range.filter(|_| number == last).map(|range| range.end);
            let mut text = self.text(number, format, at, end).await?;
            let (header, start) = (&text.header, text.start);
            let chunk = match chunk {
                Some(chunk) => chunk,
                None => {
                    let number = range.map_or(0, |range| range.chunk);
                    let begun = ChunkCheck::begin(ports.collections, record, format, header, start, number);
                    chunk.insert(begun?)
                }
            };
            if let Some(member) = self.name(number) {
                chunk
                    .begin_member(format, header, start.line, &member.name)
                    .await?;
            }
            while let Some(bytes) = self.next_bytes(number, &mut text).await? {
                chunk.push(&bytes).await?;
            }
            object = Some(text.object);
        }
        Ok(object)
    }
}

impl Single<'_> {
    /// All of it.
    async fn text(&mut self, format: FileFormat<'_>) -> Result<Text, Stopped> {
        let whole = match self.beginning.take() {
            Some(beginning) => beginning,
            None => Object::open(self.landing, &self.object).await?,
        };
        Text::read(whole, format).await
    }

    /// Its records from one on, or up to an end.
    async fn range(
        &mut self,
        format: FileFormat<'_>,
        at: Option<Place<'_>>,
        end: Option<u64>,
    ) -> Result<Text, Stopped> {
        let mut text = self.header(format).await?;
        text.start = at.map_or(text.start, |at| at.start);
        let range = (text.start.offset, end);
        text.object = Object::open_at(self.landing, &self.object, range, text.encoding).await?;
        Ok(text)
    }

    /// Its beginning, for its header alone.
    async fn header(&mut self, format: FileFormat<'_>) -> Result<Text, Stopped> {
        let beginning = match self.beginning.take() {
            Some(beginning) => beginning,
            None => Object::open_beginning(self.landing, &self.object, self.size_bytes).await?,
        };
        match Text::read(beginning, format).await {
            // The header may be longer than that: all of it says.
            Err(Stopped::Refused(_)) => {
                let whole = Object::open(self.landing, &self.object).await?;
                Text::read(whole, format).await
            }
            read => read,
        }
    }
}

async fn text_of_member(
    archive: &Archive<'_>,
    member: &Member,
    format: FileFormat<'_>,
    at: Option<Place<'_>>,
    end: Option<u64>,
) -> Result<Text, Stopped> {
    if at.is_none() && end.is_none() {
        let beginning = Object::member(archive.open_member(member).await?);
        return Text::read(beginning, format).await;
    }
    let mut text = beginning_of_member(archive, member, format).await?;
    text.start = at.map_or(text.start, |at| at.start);
    let point = at.and_then(|at| at.point);
    let point = point.filter(|point| point.inflated_bytes <= text.start.offset);
    let (passed, again) = match point {
        Some(point) => (point.inflated_bytes, archive.open_member_at(member, point).await?),
        None => (0, archive.open_member(member).await?),
    };
    let range = (text.start.offset, end);
    text.object = Object::member_at(again, passed, range, text.encoding).await?;
    Ok(text)
}

impl Archive<'_> {
    /// A member for its header alone.
    pub(super) async fn read_header(&self, number: u32, format: FileFormat<'_>) -> Result<Text, Stopped> {
        let member = self.member(number)?;
        let opened = beginning_of_member(self, member, format).await;
        opened.map_err(|stopped| named(member, stopped))
    }

    fn member(&self, number: u32) -> Result<&Member, Failure> {
        let member = self.members().get(number as usize);
        member.ok_or_else(|| Failure::invalid("ingest.text", "there is no such member"))
    }
}

/// A member for its header alone.
async fn beginning_of_member(
    archive: &Archive<'_>,
    member: &Member,
    format: FileFormat<'_>,
) -> Result<Text, Stopped> {
    let beginning = Object::member(archive.open_beginning(member).await?);
    match Text::read(beginning, format).await {
        // The header may be longer than that: all of the member says.
        Err(Stopped::Refused(_)) => {
            let whole = Object::member(archive.open_member(member).await?);
            Text::read(whole, format).await
        }
        read => read,
    }
}

impl Text {
    async fn read(mut object: Object, format: FileFormat<'_>) -> Result<Self, Stopped> {
        let header = object.read_header(format).await?;
        Ok(Self {
            encoding: object.encoding(),
            start: object.record_start(&header),
            object,
            header,
        })
    }

    /// The text as a plan reads it.
    pub(super) fn planned<'a>(&'a self, number: u32, format: FileFormat<'a>) -> PlannedText<'a> {
        PlannedText {
            format,
            header: &self.header,
            encoding: self.encoding,
            start: self.start,
            member: number,
        }
    }
}
