//! The scanner: from bytes in pieces of any size to records, cells and physical lines.
//!
//! RFC 4180 with these decisions, which hold whatever the pieces are:
//!
//! - A line ends with LF, CRLF or CR, also inside quotes; the last one needs no end. Blank lines are skipped and are
//!   no records.
//! - A cell is quoted when its first byte is the quote; then it ends at the next quote that is not doubled, which a
//!   delimiter or a line end must follow. Blanks around quotes are not trimmed.
//! - **Where quoting is bad, one physical line is one rejected record**, and reading goes on with the next line. Bad
//!   is: a quote in the middle of an unquoted cell; anything but a delimiter or line end behind a closing quote; a
//!   quote that does not close before the end of the file or of the record limit. So a stray or missing quote costs
//!   the line it stands on. Here a quoted cell with line ends in it is one cell as long as it closes properly; the
//!   check, which knows the columns, takes such a record back where it is lines between two stray quotes
//!   ([`Scanner::take_first_line`]; the rule stands with [`crate::check`]).
//! - A physical line above the record limit is one rejected record; its rest is skipped without being kept.
//!
//! The decision on a line never depends on what lies beyond the next record boundary, so that a chunk that ends at
//! one is read as the same records alone. Looking ahead is bounded: an odd number of quotes opens a line, and the
//! next such line ends the look-ahead, so no byte is looked at more than a few times.

mod index;
mod walk;

use walk::{Outcome, Walk};

/// Delimiter and quote of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: u8,
    /// What encloses cells that hold delimiters, line ends or quotes.
    pub quote: u8,
}

impl Dialect {
    /// The quote of files without one: a byte that no text holds.
    pub const NO_QUOTE: u8 = 0xFF;
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
        }
    }
}

/// Whether more bytes may follow those at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// They are a beginning.
    Prefix,
    /// They are all.
    Whole,
}

/// What a record turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Cells, well quoted.
    Cells,
    /// A physical line whose quoting is bad.
    BadQuoting,
    /// The beginning of a physical line that is longer than a record may be.
    TooLong,
}

/// Where a record stands. `start` and `end` index [`Scanner::data`] until the next [`Scanner::feed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its first byte.
    pub start: usize,
    /// After its last byte, without the line end.
    pub end: usize,
    /// Offset of the first byte from the scanner's first byte.
    pub offset: u64,
    /// The physical line on which it starts.
    pub line: u64,
    /// What it is.
    pub shape: Shape,
    /// Whether it holds a NUL byte.
    pub has_nul: bool,
    /// Whether a quoted cell holds doubled quotes.
    pub has_doubled_quotes: bool,
    /// Whether a quoted cell holds line ends; such a record has the shape [`Shape::Cells`].
    pub has_line_ends: bool,
}

/// A streaming reader of records; it keeps one record and the piece at hand.
#[derive(Debug)]
pub struct Scanner {
    dialect: Dialect,
    record_bytes: usize,
    data: Vec<u8>,
    /// Positions of delimiters, quotes, line ends and NULs in `data`, rising.
    marks: Vec<u32>,
    cells: Vec<u32>,
    /// Start of what comes next, and the first mark at or behind it.
    at: usize,
    mark: usize,
    line: u64,
    /// Offset of `data[0]`.
    dropped: u64,
    is_skipping: bool,
    /// Looking again is useless before `data` has this length.
    wake: usize,
    /// Bytes from `at` to here are known to be UTF-8.
    utf8_until: usize,
}

/// How far UTF-8 is checked at once.
const UTF8_PIECE: usize = 16 << 10;
/// Below this a record is looked at again with every piece.
const SMALL_RECORD: usize = 4 << 10;

impl Scanner {
    /// The most bytes that are worth feeding at once.
    pub const PIECE_BYTES: usize = 64 << 10;

    /// A scanner whose first byte stands at the beginning of a physical line.
    #[must_use]
    pub fn new(dialect: Dialect, record_bytes: usize, first_line: u64) -> Self {
        Self {
            dialect,
            record_bytes,
            data: Vec::new(),
            marks: Vec::new(),
            cells: Vec::new(),
            at: 0,
            mark: 0,
            line: first_line,
            dropped: 0,
            is_skipping: false,
            wake: 0,
            utf8_until: 0,
        }
    }

    /// Takes more bytes; those of records handed out before are dropped.
    pub fn feed(&mut self, piece: &[u8]) {
        self.compact();
        let from = self.data.len();
        self.data.extend_from_slice(piece);
        index::append(&self.data, from, self.dialect, &mut self.marks);
    }

    /// The bytes at hand, which records index.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Ends of the last record's cells, relative to its start; empty unless its shape is [`Shape::Cells`].
    #[must_use]
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }

    /// What stands between cells, and around them.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Offset, from the scanner's first byte, of what comes next.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.dropped + self.at as u64
    }

    /// Physical line of what comes next.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next record; `None` when it needs more bytes, or there is none.
    pub fn next_record(&mut self, extent: Extent) -> Option<Record> {
        if extent == Extent::Prefix && self.data.len() < self.wake {
            return None;
        }
        if self.is_skipping {
            self.skip_line(extent)?;
        }
        self.skip_blank_lines(extent)?;
        let mut walk = Walk::new(self.dialect, &self.data, &self.marks, self.at, extent);
        let outcome = walk.run(self.mark, &mut self.cells);
        let (has_nul, has_doubled_quotes) = (walk.has_nul, walk.has_doubled_quotes);
        let has_line_ends = walk.inner_line_ends > 0;
        let record = |start: usize, end: usize, shape: Shape| Record {
            start,
            end,
            offset: self.dropped + start as u64,
            line: self.line,
            shape,
            has_nul,
            has_doubled_quotes,
            has_line_ends,
        };
        match outcome {
            Outcome::Complete {
                end,
                next,
                mark,
                line_ends,
            } if end - self.at <= self.record_bytes => {
                let record = record(self.at, end, Shape::Cells);
                (self.at, self.mark) = (next, mark);
                self.line += line_ends;
                Some(record)
            }
            // One byte more than the limit: a CR there may still end the record.
            Outcome::NeedMore if self.data.len() - self.at <= self.record_bytes + 1 => {
                self.sleep();
                None
            }
            Outcome::Bad | Outcome::Complete { .. } | Outcome::NeedMore => self.reject_line(extent),
        }
    }

    /// Whether a record is UTF-8; call it before the next record is taken.
    pub fn is_utf8(&mut self, record: &Record) -> bool {
        if record.end > self.utf8_until {
            let to = self.data.len().min(record.end.max(record.start + UTF8_PIECE));
            self.utf8_until = match simdutf8::compat::from_utf8(&self.data[record.start..to]) {
                Ok(_) => to,
                Err(error) => record.start + error.valid_up_to(),
            };
        }
        record.end <= self.utf8_until
    }

    /// Takes back the record that was handed out last, and makes a badly quoted one of its first line; reading goes on
    /// with the second. Call it before more bytes are fed.
    pub fn take_first_line(&mut self, record: &Record) -> Record {
        self.at = record.start;
        self.mark = self.marks.partition_point(|mark| (*mark as usize) < record.start);
        self.line = record.line;
        // The line ends within the record, so that nothing need follow the bytes at hand.
        self.reject_line(Extent::Whole).unwrap_or(*record)
    }

    fn compact(&mut self) {
        if self.at == 0 {
            return;
        }
        self.data.drain(..self.at);
        self.marks.drain(..self.mark);
        let moved = u32::try_from(self.at).unwrap_or(u32::MAX);
        for mark in &mut self.marks {
            *mark -= moved;
        }
        self.dropped += self.at as u64;
        self.wake = self.wake.saturating_sub(self.at);
        self.utf8_until = self.utf8_until.saturating_sub(self.at);
        (self.at, self.mark) = (0, 0);
    }

    /// Waits until a long unfinished record has grown by half, so that tiny pieces do not cost quadratic time.
    fn sleep(&mut self) {
        let pending = self.data.len() - self.at;
        self.wake = if pending < SMALL_RECORD {
            0
        } else {
            self.at + (pending + pending / 2).min(self.record_bytes + 2)
        };
    }

    fn skip_blank_lines(&mut self, extent: Extent) -> Option<()> {
        while let Some(&byte) = self.data.get(self.at) {
            if byte != b'\n' && byte != b'\r' {
                return Some(());
            }
            let (next, mark) = walk::line_end(&self.data, self.at, self.mark, extent)?;
            (self.at, self.mark) = (next, mark);
            self.line += 1;
        }
        None
    }

    fn skip_line(&mut self, extent: Extent) -> Option<()> {
        while let Some(&position) = self.marks.get(self.mark) {
            let position = position as usize;
            if matches!(self.data[position], b'\n' | b'\r') {
                self.at = position;
                let (next, mark) = walk::line_end(&self.data, position, self.mark, extent)?;
                (self.at, self.mark) = (next, mark);
                self.line += 1;
                self.is_skipping = false;
                return Some(());
            }
            self.mark += 1;
        }
        self.at = self.data.len();
        None
    }

    /// Makes a rejected record of the physical line at hand.
    fn reject_line(&mut self, extent: Extent) -> Option<Record> {
        self.cells.clear();
        let is_line_end = |mark: &u32| matches!(self.data[*mark as usize], b'\n' | b'\r');
        let found = self.marks[self.mark..].iter().position(is_line_end);
        let limit = self.at + self.record_bytes;
        let end = found.map_or(self.data.len(), |found| self.marks[self.mark + found] as usize);
        let mut record = Record {
            start: self.at,
            end,
            offset: self.offset(),
            line: self.line,
            shape: Shape::BadQuoting,
            has_nul: false,
            has_doubled_quotes: false,
            has_line_ends: false,
        };
        if end > limit {
            record.end = limit;
            record.shape = Shape::TooLong;
            self.at = limit;
            self.mark += self.marks[self.mark..].partition_point(|mark| (*mark as usize) < limit);
            self.is_skipping = true;
            return Some(record);
        }
        match found {
            Some(found) => {
                let (next, mark) = walk::line_end(&self.data, end, self.mark + found, extent)?;
                (self.at, self.mark) = (next, mark);
                self.line += 1;
            }
            None if extent == Extent::Whole => (self.at, self.mark) = (end, self.marks.len()),
            None => {
                self.sleep();
                return None;
            }
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests;
