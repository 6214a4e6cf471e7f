//! The header: which column of the file feeds which field of the spec, and what stands between its cells.

mod names;

use millrace_core::csv::{CsvFormat, DETECTED_DELIMITERS, Quote};
use millrace_core::field::Field;
use millrace_core::row_error::{FileError, Rule};

use self::names::Names;
pub(crate) use self::names::header_of;
use crate::limits::Limits;
use crate::scan::{Dialect, Extent, Scanner};

/// What a spec says of the files that are read against it.
#[derive(Debug, Clone, Copy)]
pub struct FileFormat<'a> {
    /// The fields.
    pub fields: &'a [Field],
    /// How the files are written.
    pub csv: &'a CsvFormat,
}

/// A header that fits its spec.
///
/// Names must equal the fields' headers to the byte; nothing is trimmed and case counts. The order is free. Columns
/// without a name behind the last named one are no columns, as long as their cells are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// For each column of the file, the index of its field in the spec; none where it is read over.
    pub columns: Vec<Option<usize>>,
    /// Cells behind the columns that may hold anything: those of columns without a name, where unknown ones are read over.
    pub free_cells: usize,
    /// Delimiter and quote: as declared, or as the header's names show.
    pub dialect: Dialect,
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
const FOREIGN: [(&[u8], &str); 5] = [
    (b"\x1F\x8B", "compressed with gzip"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"PK\x05\x06", "a zip archive or a spreadsheet"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd"),
    (b"%PDF", "a PDF document"),
];
const FOREIGN_BYTES: usize = 4;

impl<'a> FileFormat<'a> {
    /// Files that are written as most are.
    #[must_use]
    pub fn plain(fields: &'a [Field]) -> Self {
        const PLAIN: &CsvFormat = &CsvFormat::PLAIN;
        Self { fields, csv: PLAIN }
    }
}

impl Header {
    /// Reads the header from a file's first bytes, decoded; at most a record limit and a few bytes are looked at, so
    /// that a chunk's worker can read it again cheaply.
    ///
    /// A delimiter or a quote that the spec does not declare is the one with which most names fit; the double quote where
    /// both fit alike.
    ///
    /// # Errors
    /// [`HeaderErrors`] when no reading of the header fits the spec, or the object is no CSV file.
    pub fn read(
        bytes: &[u8],
        extent: Extent,
        format: FileFormat<'_>,
        limits: &Limits,
    ) -> Result<HeaderRead, HeaderErrors> {
        if bytes.len() < FOREIGN_BYTES && extent == Extent::Prefix {
            return Ok(HeaderRead::NeedMore);
        }
        if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            let message = format!("the file is {what}, not CSV");
            return Err(FileError::of_file(Rule::NotCsv, message).into());
        }
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let mut best: Option<(usize, Reading)> = None;
        for dialect in dialects(format.csv) {
            let Some(reading) = Reading::begin(text, extent, dialect, limits)? else {
                return Ok(HeaderRead::NeedMore);
            };
            if dialect.quote == SINGLE_QUOTE && !reading.has_single_quotes(text, format.csv) {
                continue;
            }
            let fits = reading.count_fitting(format.fields);
            if best.as_ref().is_none_or(|(most, _)| fits > *most) {
                best = Some((fits, reading));
            }
        }
        let Some((_, reading)) = best else {
            return Ok(HeaderRead::NeedMore);
        };
        let (columns, free_cells) = match &reading.names {
            Ok(names) => names.matched(format, reading.line)?,
            Err(errors) => return Err(errors.clone()),
        };
        Ok(HeaderRead::Done(Self {
            columns,
            free_cells,
            dialect: reading.dialect,
            bytes_used: reading.bytes_used + (bytes.len() - text.len()) as u64,
            lines_used: reading.lines_used,
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

const SINGLE_QUOTE: u8 = b'\'';

/// The dialects that a file may have, in the order of preference.
pub(crate) fn dialects(csv: &CsvFormat) -> Vec<Dialect> {
    const DETECTED_QUOTES: [Quote; 2] = [Quote::Double, Quote::Single];
    let quotes = csv
        .quote
        .map_or_else(|| DETECTED_QUOTES.to_vec(), |quote| vec![quote]);
    let declared = csv.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok());
    let delimiters = declared.map_or_else(|| DETECTED_DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let dialect = |quote: Quote| {
        let quote = quote.byte().unwrap_or(Dialect::NO_QUOTE);
        delimiters.iter().map(move |delimiter| Dialect {
            delimiter: *delimiter,
            quote,
        })
    };
    quotes.into_iter().flat_map(dialect).collect()
}

/// A header, read in one dialect.
struct Reading {
    dialect: Dialect,
    names: Result<Names, HeaderErrors>,
    line: u64,
    bytes_used: u64,
    lines_used: u64,
}

impl Reading {
    /// None when the bytes end before the header does.
    fn begin(
        text: &[u8],
        extent: Extent,
        dialect: Dialect,
        limits: &Limits,
    ) -> Result<Option<Self>, HeaderErrors> {
        let mut scanner = Scanner::new(dialect, limits.record_bytes, 1);
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
                    Extent::Prefix => Ok(None),
                    Extent::Whole => Err(FileError::of_file(Rule::EmptyFile, "the file is empty").into()),
                };
            }
            rest = more;
        };
        let names = Names::read(&mut scanner, dialect, &record, limits);
        // A header that the end of the object ends takes a line too.
        let has_line_end = record.end < scanner.data().len();
        Ok(Some(Self {
            dialect,
            names,
            line: record.line,
            bytes_used: scanner.offset(),
            lines_used: scanner.line() - u64::from(has_line_end),
        }))
    }

    /// Whether single quotes are declared, or stand in the header.
    fn has_single_quotes(&self, text: &[u8], csv: &CsvFormat) -> bool {
        let used = usize::try_from(self.bytes_used).unwrap_or(usize::MAX);
        csv.quote.is_some() || text[..used.min(text.len())].contains(&SINGLE_QUOTE)
    }

    fn count_fitting(&self, fields: &[Field]) -> usize {
        let names = self
            .names
            .as_ref()
            .map(|names| names.0.as_slice())
            .unwrap_or_default();
        names
            .iter()
            .filter(|name| fields.iter().any(|field| header_of(field) == name.as_str()))
            .count()
    }
}

#[cfg(test)]
mod tests;
