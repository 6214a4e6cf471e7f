//! Repair files: the rejected rows of a file as a CSV that can be mended and sent back.
//!
//! A repair file has the columns of the file, in its dialect and with its header as it came, and four columns behind
//! them ([`COLUMNS`]): where the row stands, what is wrong, and what may be meant. Cells are given to the byte as they
//! came. A row that cannot be laid out under the header (its quoting is bad, it has too many or too few cells) is one
//! cell that holds its whole line, and is taken back as a line; so a row that nobody mended is still what it was.
//!
//! Of an archive the header is that of one member, and a column more names each row's ([`MEMBER_COLUMN`]), whose lines
//! begin anew. Rows of members whose header or dialect is another are one cell as well, and stay lines of their member.
//!
//! Nothing is put before a cell that begins like a formula: that would change the data. Whoever opens a repair file in a
//! spreadsheet program imports its columns as text.

mod read;
mod suggest;
mod write;

pub use read::{Mended, RepairFile};
pub use write::RepairWriter;

use millrace_core::csv::{CsvFormat, ShortRows};

use crate::cell;
use crate::header::Header;
use crate::limits::Limits;
use crate::rejected::RejectedRow;
use crate::scan::{Dialect, Extent, Record, Scanner, Shape};

/// The columns behind the file's own: the row's physical line in the file, the columns that are to blame, what is wrong,
/// what may be meant. Only the first is read back.
pub const COLUMNS: [&str; 4] = [
    "millrace_line",
    "millrace_column",
    "millrace_problem",
    "millrace_suggestion",
];

/// The column before those, where the rows came in an archive: the name of the member that the line is of.
pub const MEMBER_COLUMN: &str = "millrace_member";

/// Whose rows a repair file holds, and so what names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsOf {
    /// A file's: the line.
    File,
    /// Those of an archive's only member: member and line, of which a repaired file may leave the member out.
    OneMember,
    /// Those of an archive's members: member and line.
    Members,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How the rows of a file are laid out: its header as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLayout {
    /// The header's bytes, without a mark of byte order and a line end.
    header: Vec<u8>,
    /// Its cells; the last ones may be empty.
    names: Vec<String>,
    dialect: Dialect,
    /// Whether rows may lack cells at their end.
    fills_short_rows: bool,
}

impl RowLayout {
    /// The layout of a file that begins with these (decoded) bytes, of which the header was read.
    #[must_use]
    pub fn of(beginning: &[u8], header: &Header, csv: &CsvFormat) -> Self {
        let used = usize::try_from(header.bytes_used).unwrap_or(usize::MAX);
        let bytes = &beginning[..used.min(beginning.len())];
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let bytes = without_line_ends(bytes);
        Self {
            names: cut(bytes, header.dialect).map_or_else(Vec::new, |cells| {
                let text = |cell: &Cell<'_>| String::from_utf8_lossy(&cell.text).into_owned();
                cells.iter().map(text).collect()
            }),
            header: bytes.to_vec(),
            dialect: header.dialect,
            fills_short_rows: csv.short_rows == ShortRows::Fill,
        }
    }

    /// The header as it came, to be read again against another version of the spec.
    #[must_use]
    pub fn header_line(&self) -> Vec<u8> {
        [self.header.as_slice(), b"\n"].concat()
    }

    /// Whether the cells of the one can stand in the columns of the other as they are.
    fn is_like(&self, other: &Self) -> bool {
        self.dialect == other.dialect && self.names == other.names
    }

    /// The name of a member as it stands in a cell. Where nothing can be quoted, what would need it is escaped, and with it
    /// what escapes, so that no two names are shown as one.
    fn member_name(&self, name: &str) -> String {
        if self.dialect.quote != Dialect::NO_QUOTE {
            return name.to_owned();
        }
        let delimiter = char::from(self.dialect.delimiter);
        let mut shown = String::with_capacity(name.len());
        for character in name.chars() {
            match character == delimiter || matches!(character, '\n' | '\r' | '\\') {
                true => shown.extend(character.escape_unicode()),
                false => shown.push(character),
            }
        }
        shown
    }

    /// The row's cells where its own layout is like this one; else none, as where it cannot be laid out at all.
    fn cells_of_like<'a>(&self, row: &'a RejectedRow, own: &Self) -> Option<Vec<Cell<'a>>> {
        self.is_like(own).then(|| self.cells(row)).flatten()
    }

    /// The row's cells, one for each column; none where it cannot be laid out, and is shown as one cell.
    fn cells<'a>(&self, row: &'a RejectedRow) -> Option<Vec<Cell<'a>>> {
        let mut cells = cut(&row.raw, self.dialect).filter(|_| !row.raw_is_cut)?;
        let columns = self.names.len();
        let is_short = cells.len() < columns && !self.fills_short_rows;
        if is_short || cells.iter().skip(columns).any(|cell| !cell.raw.is_empty()) {
            return None;
        }
        cells.resize(columns, Cell::default());
        Some(cells)
    }

    /// Whether a text can stand in a cell.
    fn can_hold(&self, text: &[u8]) -> bool {
        self.dialect.quote != Dialect::NO_QUOTE || !needs_quotes(text, self.dialect)
    }

    /// Writes a text as a cell.
    fn write_cell(&self, text: &[u8], output: &mut Vec<u8>) {
        let Dialect { quote, .. } = self.dialect;
        if quote == Dialect::NO_QUOTE || !needs_quotes(text, self.dialect) {
            output.extend_from_slice(text);
            return;
        }
        output.push(quote);
        for byte in text {
            if *byte == quote {
                output.push(quote);
            }
            output.push(*byte);
        }
        output.push(quote);
    }
}

/// Takes blank lines before a header away, and the line end behind it.
fn without_line_ends(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b'\n' | b'\r');
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(is_text).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn needs_quotes(text: &[u8], dialect: Dialect) -> bool {
    let is_special =
        |byte: &u8| *byte == dialect.delimiter || *byte == dialect.quote || matches!(byte, b'\n' | b'\r');
    text.iter().any(is_special)
}

/// A cell: as it stands, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Cell<'a> {
    raw: &'a [u8],
    text: Vec<u8>,
}

/// The cells of a line that is one record; none where it is not.
fn cut(line: &[u8], dialect: Dialect) -> Option<Vec<Cell<'_>>> {
    let mut scanner = Scanner::new(dialect, Limits::RECORD_BYTES, 1);
    scanner.feed(line);
    let record = scanner.next_record(Extent::Whole)?;
    let is_whole = record.shape == Shape::Cells && record.start == 0 && record.end == line.len();
    is_whole.then(|| cells_of(line, &record, scanner.cells(), dialect))
}

fn cells_of<'a>(data: &'a [u8], record: &Record, ends: &[u32], dialect: Dialect) -> Vec<Cell<'a>> {
    let mut scratch = Vec::new();
    let cell = |(_, raw): (usize, &'a [u8])| Cell {
        raw,
        text: cell::text(raw, dialect.quote, record, &mut scratch).to_vec(),
    };
    cell::each(data, record, ends).map(cell).collect()
}

#[cfg(test)]
mod tests;
