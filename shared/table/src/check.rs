//! The check: one streaming pass over records, clean rows to a part, bad ones to row errors.
//!
//! Invariant: `rows = kept + rejected`, and every record is in exactly one of the two outputs. A record is rejected
//! whole: when one cell is bad, the cells before it are taken back.
//!
//! **Two stray quotes, one at a cell's start and one at a cell's end some lines on, make one cell of all that lies between
//! them.** Where the record with that cell keeps every rule, it is a row: the valid reading always wins, whatever its
//! lines look like. Where it breaks one, its lines are looked at, each split at the delimiters as if no quote meant
//! anything. It is taken for lines between stray quotes
//!
//! - if it has the header's number of cells as it stands, where each line has a right number too, all of them the same;
//! - if it has another number, where the first line has a right number, and the last one and more than half of all have the
//!   same.
//!
//! Then its first line is the rejected record, of bad quoting, and reading goes on with the second. Otherwise it stays
//! one rejected record. Blank lines do not count; nor does the number of cells where the one column is a text, in which a
//! line end is at home.

mod column;
pub mod json;
mod one_of;
mod probe;
mod report;
mod row;
mod single;
mod words;

use millrace_core::Name;
use millrace_core::field::{Field, FieldType};
use millrace_core::row_error::{FileError, RowCounts, Rule};

use crate::block::{Block, ColumnData, PartSchema};
use crate::header::{FileFormat, Header, Start};
use crate::limits::Limits;
use crate::part::{PartError, PartSpec, PartWriter};
use crate::scan::{Extent, Scanner, Shape};
pub(crate) use probe::Probe;
pub(crate) use row::RowCheck;

/// Rows of a block that is written.
const BLOCK_ROWS: usize = 16 << 10;
/// Bytes of the file that a block that is written covers.
const BLOCK_BYTES: usize = 4 << 20;
/// Slots of a block that is written: rows × fields, so that many fields do not take much memory.
const BLOCK_SLOTS: usize = 512 << 10;

/// Why a check could not be done; bad data is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A field's pattern does not compile, or not within the memory that a pattern may take.
    #[error("the pattern of field {field} cannot be used")]
    BadPattern {
        /// The field.
        field: Name,
        /// What the regular-expression compiler says.
        source: Box<regex::Error>,
    },
    /// A field's time zone is none that is known here.
    #[error("the time zone {time_zone} of field {field} is not known")]
    UnknownTimeZone {
        /// The field.
        field: Name,
        /// The name of the zone.
        time_zone: String,
    },
    /// The header names a field that the spec does not have: it was read against another spec.
    #[error("the header was read against another spec")]
    ForeignHeader,
    /// The part could not be written.
    #[error("the part cannot be written")]
    Part(#[from] PartError),
    /// A row error could not be written.
    #[error("a row error cannot be written")]
    RowError(#[from] serde_json::Error),
}

impl CheckError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadPattern { .. } => "bad_pattern",
            Self::UnknownTimeZone { .. } => "unknown_time_zone",
            Self::ForeignHeader => "foreign_header",
            Self::Part(_) => "part_not_written",
            Self::RowError(_) => "row_error_not_written",
        }
    }
}

/// What a finished check has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSummary {
    /// The records: `rows = kept + rejected`.
    pub counts: RowCounts,
    /// The rows in the part; equals `counts.kept`.
    pub part_rows: u64,
    /// The number of the last record, 0 when there was none.
    pub last_record: u64,
    /// The bytes that were pushed.
    pub bytes: u64,
    /// The physical line behind the last one.
    pub next_line: u64,
}

impl CheckSummary {
    /// Whether there was not one record: for a whole file that is [`Self::empty_file`], for a chunk it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.rows == 0
    }

    /// The error of a file that has a header and nothing else.
    #[must_use]
    pub fn empty_file() -> FileError {
        FileError::of_file(Rule::EmptyFile, "the file has a header and no rows")
    }
}

/// A streaming check of a file's records, or of a chunk's.
///
/// Memory: a record, a piece, a block of rows and what the caller has not yet taken.
#[derive(Debug)]
pub struct FileCheck {
    scanner: Scanner,
    rows: RowCheck,
    /// Fields that the file has no column for.
    absent: Vec<(usize, FieldType)>,
    block: Block,
    block_bytes: usize,
    block_rows: usize,
    part: PartWriter,
    next_record: u64,
    counts: RowCounts,
    bytes: u64,
}

/// The fields that a file has no column for.
fn absent(fields: &[Field], header: &Header) -> Vec<(usize, FieldType)> {
    let types = fields.iter().map(|field| field.field_type).enumerate();
    types
        .filter(|(index, _)| !header.columns.contains(&Some(*index)))
        .collect()
}

impl FileCheck {
    /// A check that begins at `start`: [`Header::start`] for a whole file, the range's for a chunk.
    ///
    /// # Errors
    /// [`CheckError::BadPattern`], [`CheckError::ForeignHeader`], or when a part cannot be begun.
    pub fn new(
        format: FileFormat<'_>,
        header: &Header,
        start: Start,
        limits: Limits,
    ) -> Result<Self, CheckError> {
        Self::of_spec(format, header, start, limits, None)
    }

    /// The same, and the part names the spec that it was checked against.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_spec(
        format: FileFormat<'_>,
        header: &Header,
        start: Start,
        limits: Limits,
        spec: Option<PartSpec>,
    ) -> Result<Self, CheckError> {
        let fields = format.fields;
        Ok(Self {
            scanner: Scanner::new(header.dialect, limits.record_bytes, start.line),
            rows: RowCheck::new(format, header, limits)?,
            absent: absent(fields, header),
            block: Block::default(),
            block_bytes: 0,
            block_rows: (BLOCK_SLOTS / fields.len().max(1)).clamp(1, BLOCK_ROWS),
            part: PartWriter::new(&PartSchema::of(fields), spec)?,
            next_record: start.record,
            counts: RowCounts::default(),
            bytes: 0,
        })
    }

    /// Goes on with a member of an archive, whose header is another one and whose lines are numbered anew, from the one that
    /// is said; records are numbered on. What was pushed before is whole.
    ///
    /// # Errors
    /// As [`Self::new`] and [`Self::push`].
    pub fn begin_member(
        &mut self,
        format: FileFormat<'_>,
        header: &Header,
        first_line: u64,
        name: &str,
    ) -> Result<(), CheckError> {
        self.check_records(Extent::Whole)?;
        self.write_block()?;
        self.part.begin_member(name)?;
        self.rows.begin_member(format, header, name)?;
        self.scanner = Scanner::new(header.dialect, self.rows.report.limits.record_bytes, first_line);
        self.absent = absent(format.fields, header);
        Ok(())
    }

    /// Checks the next bytes, in pieces of any size.
    ///
    /// # Errors
    /// [`CheckError`] when an output cannot be written; bad rows are no error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CheckError> {
        for piece in bytes.chunks(Scanner::PIECE_BYTES) {
            self.bytes += piece.len() as u64;
            self.scanner.feed(piece);
            self.check_records(Extent::Prefix)?;
        }
        Ok(())
    }

    /// Checks what is left and ends the part; the outputs are complete once taken.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<CheckSummary, CheckError> {
        self.check_records(Extent::Whole)?;
        self.write_block()?;
        self.part.finish()?;
        Ok(CheckSummary {
            counts: self.counts,
            part_rows: self.part.rows(),
            last_record: self.next_record - 1,
            bytes: self.bytes,
            next_line: self.scanner.line(),
        })
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> RowCounts {
        self.counts
    }

    /// Hands out the part's bytes that are ready.
    #[must_use]
    pub fn take_part_bytes(&mut self) -> Vec<u8> {
        self.part.take_bytes()
    }

    /// Hands out the row errors that are ready: whole lines of JSON, see [`crate::rejected`].
    #[must_use]
    pub fn take_row_error_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rows.report.output)
    }

    fn check_records(&mut self, extent: Extent) -> Result<(), CheckError> {
        while let Some(record) = self.scanner.next_record(extent) {
            self.counts.rows += 1;
            let number = self.next_record;
            self.next_record += 1;
            let row = self.block.rows();
            if record.shape == Shape::Cells && self.rows.is_kept(row, &mut self.scanner, &record) {
                self.keep(number, record.line, record.end - record.start)?;
            } else {
                let record = self.rows.rejected(&mut self.scanner, record);
                self.rows.report.write(&mut self.scanner, &record, number)?;
                self.counts.rejected += 1;
            }
        }
        Ok(())
    }

    fn keep(&mut self, number: u64, line: u64, bytes: usize) -> Result<(), CheckError> {
        self.block.records.push(number);
        self.block.lines.push(line);
        self.counts.kept += 1;
        self.block_bytes += bytes;
        if self.block.rows() >= self.block_rows || self.block_bytes >= BLOCK_BYTES {
            self.write_block()?;
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<(), CheckError> {
        let rows = self.block.rows();
        if rows == 0 {
            return Ok(());
        }
        let fields = self.rows.columns.iter().flatten().count() + self.absent.len();
        let mut columns: Vec<_> = std::iter::repeat_with(|| None).take(fields).collect();
        for column in self.rows.columns.iter_mut().flatten() {
            columns[column.field] = Some(column.builder.take(rows));
        }
        for &(field, field_type) in &self.absent {
            columns[field] = Some(ColumnData::nulls(field_type, rows));
        }
        self.block.columns = columns.into_iter().flatten().collect();
        self.part.push_block(&self.block)?;
        let mut columns: Vec<_> = self.block.columns.drain(..).map(Some).collect();
        for column in self.rows.columns.iter_mut().flatten() {
            if let Some(data) = columns[column.field].take() {
                column.builder.reuse(data);
            }
        }
        self.block.records.clear();
        self.block.lines.clear();
        self.block_bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
