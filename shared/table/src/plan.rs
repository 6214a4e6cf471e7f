//! The plan: cuts a large object into chunks at record boundaries, by the same scanner and the same word on stray quotes as
//! the check of them.

use millrace_core::csv::Encoding;
use millrace_core::message::ChunkRange;

use crate::check::{CheckError, RowCheck};
use crate::decode::encoded_bytes;
use crate::header::{FileFormat, Header, Start};
use crate::limits::Limits;
use crate::scan::{Extent, Record, Scanner};

/// Runs ahead of the checks and cuts.
///
/// A chunk starts at its first record's first byte and ends where the next one starts; a check of it sees exactly the
/// records, numbers and lines that a check of the whole file sees there. Chunks are at least as long as asked, by less
/// than a record and a run of blank lines, but for the last. Offsets and lengths count the file's own bytes, in whatever
/// encoding; a chunk of an archive may begin in one member and end in another.
#[derive(Debug)]
pub struct Planner {
    scanner: Scanner,
    /// Tells records that a check takes line by line.
    rows: RowCheck,
    chunk_bytes: u64,
    member: Member,
    next_record: u64,
    /// The file's bytes that were pushed, of all members; and those that had been when a record was found last.
    pushed: u64,
    pushed_before_record: u64,
    chunks: u32,
    /// The chunk that is growing.
    open: Option<Open>,
}

/// The text that is being read: the object, or a member of an archive.
#[derive(Debug, Clone, Copy)]
struct Member {
    number: u32,
    encoding: Encoding,
    /// The offset of what comes next.
    end: u64,
}

/// A chunk whose end is not known yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: Start,
    member: u32,
    /// The bytes that had been pushed before it.
    pushed: u64,
}

/// A text that a plan reads: where it begins, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct PlannedText<'a> {
    /// What its spec says.
    pub format: FileFormat<'a>,
    /// Its header.
    pub header: &'a Header,
    /// Its encoding.
    pub encoding: Encoding,
    /// Where its first record starts, in the file's own bytes; or where a plan goes on in it.
    pub start: Start,
    /// The member of an archive that it is, from 0; 0 where the object is none.
    pub member: u32,
}

impl Planner {
    /// A plan for what lies behind a header, or behind the chunks that were found before.
    ///
    /// # Errors
    /// As [`crate::FileCheck::new`].
    pub fn new(
        chunk_bytes: u64,
        text: &PlannedText<'_>,
        chunks: u32,
        limits: &Limits,
    ) -> Result<Self, CheckError> {
        let start = text.start;
        Ok(Self {
            scanner: Scanner::new(text.header.dialect, limits.record_bytes, start.line),
            rows: RowCheck::new(text.format, text.header, *limits)?,
            chunk_bytes,
            member: Member::of(text),
            next_record: start.record,
            pushed: 0,
            pushed_before_record: 0,
            chunks,
            open: None,
        })
    }

    /// Ends a text whose bytes were all taken; hands out the chunk that is complete.
    #[must_use]
    pub fn end_text(&mut self) -> Vec<ChunkRange> {
        let mut ready = Vec::new();
        self.scan(Extent::Whole, &mut ready);
        ready
    }

    /// Goes on with the next member of an archive behind the end of the last, whose records are numbered on; hands out the
    /// chunk that is complete.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn begin_member(
        &mut self,
        text: &PlannedText<'_>,
        limits: &Limits,
    ) -> Result<Option<ChunkRange>, CheckError> {
        let is_full = |open: &Open| self.pushed - open.pushed >= self.chunk_bytes;
        let full = self.open.take_if(|open| is_full(open));
        let ready = full.map(|open| self.chunk(open, self.member.end));
        self.scanner = Scanner::new(text.header.dialect, limits.record_bytes, text.start.line);
        self.rows = RowCheck::new(text.format, text.header, *limits)?;
        self.member = Member::of(text);
        Ok(ready)
    }

    /// Takes the next bytes, decoded, and hands out the chunks that are complete.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<ChunkRange> {
        let mut ready = Vec::new();
        for piece in bytes.chunks(Scanner::PIECE_BYTES) {
            let length = encoded_bytes(self.member.encoding, piece);
            self.pushed += length;
            self.member.end += length;
            self.scanner.feed(piece);
            self.scan(Extent::Prefix, &mut ready);
        }
        ready
    }

    /// The file's bytes behind the last record that was found, or behind the beginning.
    #[must_use]
    pub fn bytes_without_record(&self) -> u64 {
        self.pushed - self.pushed_before_record
    }

    /// The chunk that is growing: its number, its member, and where it starts. A plan for a text that starts there goes on
    /// as this one would.
    #[must_use]
    pub fn open_chunk(&self) -> Option<(u32, u32, Start)> {
        self.open.map(|open| (self.chunks, open.member, open.start))
    }

    /// Ends the plan behind the last text's end: the chunk that is left, and the number of all; 0 when there was not one
    /// record.
    #[must_use]
    pub fn finish(mut self) -> (Option<ChunkRange>, u32) {
        let open = self.open.take();
        let rest = open.map(|open| self.chunk(open, self.member.end));
        (rest, self.chunks)
    }

    fn scan(&mut self, extent: Extent, ready: &mut Vec<ChunkRange>) {
        while let Some(record) = self.scanner.next_record(extent) {
            let record = self.rows.planned(&mut self.scanner, record);
            let here = self.next_record;
            self.next_record += 1;
            self.pushed_before_record = self.pushed;
            let is_full = |open: Open| self.grown(open, &record) >= self.chunk_bytes;
            match self.open {
                Some(open) if is_full(open) => {
                    let next = self.open_at(here, &record);
                    ready.push(self.chunk(open, next.start.offset));
                    self.open = Some(next);
                }
                Some(_) => {}
                None => self.open = Some(self.open_at(here, &record)),
            }
        }
    }

    /// How long a chunk is that would end before a record: no more than that, which costs little to say; just that where it
    /// is long enough.
    fn grown(&self, open: Open, record: &Record) -> u64 {
        let most = self.pushed - open.pushed;
        match most < self.chunk_bytes {
            true => most,
            false => most - self.behind(record),
        }
    }

    /// The file's bytes at hand from a record's first on.
    fn behind(&self, record: &Record) -> u64 {
        encoded_bytes(self.member.encoding, &self.scanner.data()[record.start..])
    }

    fn open_at(&self, number: u64, record: &Record) -> Open {
        let behind = self.behind(record);
        Open {
            start: Start {
                offset: self.member.end - behind,
                record: number,
                line: record.line,
            },
            member: self.member.number,
            pushed: self.pushed - behind,
        }
    }

    fn chunk(&mut self, open: Open, end: u64) -> ChunkRange {
        let chunk = self.chunks;
        self.chunks += 1;
        ChunkRange {
            chunk,
            member: open.member,
            last_member: self.member.number,
            start: open.start.offset,
            end,
            first_record: open.start.record,
            first_line: open.start.line,
        }
    }
}

impl Member {
    fn of(text: &PlannedText<'_>) -> Self {
        Self {
            number: text.member,
            encoding: text.encoding,
            end: text.start.offset,
        }
    }
}

#[cfg(test)]
mod tests;
