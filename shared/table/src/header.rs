//! The header: which column of the file feeds which field of the spec.

use millrace_core::field::Field;
use millrace_core::row_error::{FileError, Rule};
use serde::{Deserialize, Serialize};

use crate::cell;
use crate::limits::{Limits, found};
use crate::scan::{Dialect, Extent, Record, Scanner, Shape};

/// A header that fits its spec.
///
/// Names must equal the fields' names to the byte; nothing is trimmed and case counts. The order is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// For each column of the file, the index of its field in the spec.
    pub columns: Vec<usize>,
    /// Offset of the first byte behind the header, mark of byte order included.
    pub bytes_used: u64,
    /// Physical lines that the header takes, blank ones before it included.
    pub lines_used: u64,
}

/// What came of reading a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderRead {
    /// The bytes end before the header does.
    NeedMore,
    /// The header.
    Done(Header),
}

/// What is wrong with a header; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header does not fit the spec")]
pub struct HeaderErrors(Vec<FileError>);

impl HeaderErrors {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.first().map_or("not_csv", |error| error.rule.code())
    }

    /// Every problem, in the order of the columns.
    #[must_use]
    pub fn all(&self) -> &[FileError] {
        &self.0
    }

    /// The file's one error: the first problem, with a message that names all of them.
    #[must_use]
    pub fn into_file_error(self) -> FileError {
        let shown = self.0.iter().take(PROBLEMS_SHOWN);
        let mut messages: Vec<_> = shown.map(|error| error.message.clone()).collect();
        if let Some(more) = self.0.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
            messages.push(format!("and {more} more problems"));
        }
        let message = messages.join("; ");
        let first = self.0.into_iter().next();
        first.map_or_else(
            || FileError::of_file(Rule::NotCsv, "not a CSV file"),
            |first| FileError { message, ..first },
        )
    }
}

impl From<FileError> for HeaderErrors {
    fn from(error: FileError) -> Self {
        Self(vec![error])
    }
}

/// Where the first record behind a header, or the first of a chunk, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Offset of the first byte in the object.
    pub offset: u64,
    /// Number of the first record, from 1.
    pub record: u64,
    /// Physical line on which it starts.
    pub line: u64,
}

impl From<millrace_core::message::ChunkRange> for Start {
    fn from(range: millrace_core::message::ChunkRange) -> Self {
        Self {
            offset: range.start,
            record: range.first_record,
            line: range.first_line,
        }
    }
}

/// How many problems one message names.
const PROBLEMS_SHOWN: usize = 50;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Beginnings of what people send instead of a CSV file.
const FOREIGN: [(&[u8], &str); 7] = [
    (b"\xFF\xFE", "UTF-16 text"),
    (b"\xFE\xFF", "UTF-16 text"),
    (b"\x1F\x8B", "compressed with gzip"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"PK\x05\x06", "a zip archive or a spreadsheet"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd"),
    (b"%PDF", "a PDF document"),
];
const FOREIGN_BYTES: usize = 4;

impl Header {
    /// Reads the header from an object's first bytes; at most a record limit and a few bytes are looked at, so that
    /// a chunk's worker can read it again cheaply.
    ///
    /// # Errors
    /// [`HeaderErrors`] when no reading of the header fits the spec, or the object is no CSV file.
    pub fn read(
        bytes: &[u8],
        extent: Extent,
        fields: &[Field],
        limits: &Limits,
    ) -> Result<HeaderRead, HeaderErrors> {
        if bytes.len() < FOREIGN_BYTES && extent == Extent::Prefix {
            return Ok(HeaderRead::NeedMore);
        }
        if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            let message = format!("the file is {what}, not UTF-8 CSV");
            return Err(FileError::of_file(Rule::NotCsv, message).into());
        }
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let mut scanner = Scanner::new(Dialect::default(), limits.record_bytes, 1);
        let mut rest = text;
        let record = loop {
            let (piece, more) = rest.split_at(rest.len().min(Scanner::PIECE_BYTES));
            let extent = if more.is_empty() { extent } else { Extent::Prefix };
            scanner.feed(piece);
            if let Some(record) = scanner.next_record(extent) {
                break record;
            }
            if more.is_empty() {
                return match extent {
                    Extent::Prefix => Ok(HeaderRead::NeedMore),
                    Extent::Whole => Err(FileError::of_file(Rule::EmptyFile, "the file is empty").into()),
                };
            }
            rest = more;
        };
        let columns = Names::read(&mut scanner, &record, limits)?.matched(fields, record.line)?;
        let mark_bytes = (bytes.len() - text.len()) as u64;
        // A header that the end of the object ends takes a line too.
        let has_line_end = record.end < scanner.data().len();
        Ok(HeaderRead::Done(Self {
            columns,
            bytes_used: scanner.offset() + mark_bytes,
            lines_used: scanner.line() - u64::from(has_line_end),
        }))
    }

    /// Where the first record starts.
    #[must_use]
    pub fn start(&self) -> Start {
        Start {
            offset: self.bytes_used,
            record: 1,
            line: self.lines_used + 1,
        }
    }
}

/// The names that a header record holds.
struct Names(Vec<String>);

impl Names {
    fn read(scanner: &mut Scanner, record: &Record, limits: &Limits) -> Result<Self, HeaderErrors> {
        let refuse = |rule, message: String| {
            Err(HeaderErrors::from(FileError {
                line: Some(record.line),
                ..FileError::of_file(rule, message)
            }))
        };
        match record.shape {
            Shape::Cells => {}
            Shape::BadQuoting => {
                return refuse(Rule::BadQuoting, "the header's quotes do not match".to_owned());
            }
            Shape::TooLong => {
                let message = format!("the header is longer than {} bytes", limits.record_bytes);
                return refuse(Rule::TooLong, message);
            }
        }
        if record.has_nul {
            return refuse(Rule::NulByte, "the header holds a NUL byte".to_owned());
        }
        if !scanner.is_utf8(record) {
            return refuse(Rule::InvalidUtf8, "the header is not UTF-8".to_owned());
        }
        let count = scanner.cells().len();
        if count > limits.columns {
            let message = format!("the header has {count} columns, more than {}", limits.columns);
            return refuse(Rule::TooManyColumns, message);
        }
        let mut scratch = Vec::new();
        let quote = Dialect::default().quote;
        let cells = cell::each(scanner.data(), record, scanner.cells());
        let name = |(_, cell)| String::from_utf8_lossy(cell::text(cell, quote, record, &mut scratch)).into();
        Ok(Self(cells.map(name).collect()))
    }

    fn matched(&self, fields: &[Field], line: u64) -> Result<Vec<usize>, HeaderErrors> {
        let mut errors = Vec::new();
        let mut refuse = |rule, column: &str, message: String| {
            errors.push(FileError {
                line: Some(line),
                column: Some(found(column.as_bytes())).filter(|column| !column.is_empty()),
                ..FileError::of_file(rule, message)
            });
        };
        let mut seen = vec![false; fields.len()];
        let mut columns = Vec::with_capacity(self.0.len());
        for (index, name) in self.0.iter().enumerate() {
            let shown = found(name.as_bytes());
            let field = fields.iter().position(|field| field.name.as_str() == name);
            match field {
                None if name.is_empty() => {
                    refuse(Rule::EmptyHeader, "", format!("column {} has no name", index + 1));
                }
                None => refuse(
                    Rule::UnknownHeader,
                    name,
                    format!("the spec has no column `{shown}`"),
                ),
                Some(field) if seen[field] => refuse(
                    Rule::DuplicateHeader,
                    name,
                    format!("column `{shown}` is there twice"),
                ),
                Some(field) => {
                    seen[field] = true;
                    columns.push(field);
                }
            }
        }
        for (field, _) in fields
            .iter()
            .zip(seen)
            .filter(|(field, seen)| field.required && !seen)
        {
            let name = field.name.as_str();
            refuse(
                Rule::MissingHeader,
                name,
                format!("the required column `{name}` is missing"),
            );
        }
        if errors.is_empty() {
            Ok(columns)
        } else {
            Err(HeaderErrors(errors))
        }
    }
}

#[cfg(test)]
mod tests;
