//! The rows of a small CSV file, read strictly by the scanner that reads the data.

use millrace_table::Extent;
use millrace_table::scan::{Dialect, Record, Scanner, Shape};

use super::SourceFile;
use super::place::{Finding, Place};

/// The most bytes of a record.
const RECORD_BYTES: usize = 256 << 10;
/// The most cells of a record: more than any spec has fields.
pub(crate) const MAX_CELLS: usize = 4_000;

/// A record: its cells without quotes and outer blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The physical line on which it starts.
    pub(crate) line: u64,
    /// The physical line behind it.
    pub(crate) next_line: u64,
    pub(crate) cells: Vec<String>,
    /// Where it stands.
    pub(crate) place: Place,
}

impl Row {
    /// A cell's text; empty where there is none.
    pub(crate) fn cell(&self, index: usize) -> &str {
        self.cells.get(index).map_or("", String::as_str)
    }

    /// A cell's place.
    pub(crate) fn at(&self, index: usize) -> Place {
        self.place.at_column(index)
    }

    /// Whether nothing is in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }
}

/// Reads the records of a file. Blank lines are none.
///
/// # Errors
/// Where a record's quoting is bad, or a record is too long, or has too many cells.
pub(crate) fn read(file: &SourceFile) -> Result<Vec<Row>, Finding> {
    let whole = Place::of_file(&file.name);
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let mut scanner = Scanner::new(Dialect::default(), RECORD_BYTES, 1);
    scanner.feed(text.as_bytes());
    let mut rows = Vec::new();
    while let Some(record) = scanner.next_record(Extent::Whole) {
        let place = whole.at_line(record.line);
        match record.shape {
            Shape::Cells => {}
            Shape::BadQuoting => {
                let reason = "a quote stands where none may stand, or is not closed";
                return Err(Finding::new(place, "bad_quoting", reason));
            }
            Shape::TooLong => {
                let reason = format!("the line has more than {RECORD_BYTES} bytes");
                return Err(Finding::new(place, "out_of_limits", reason));
            }
        }
        if scanner.cells().len() > MAX_CELLS {
            let reason = format!("the line has more than {MAX_CELLS} cells");
            return Err(Finding::new(place, "out_of_limits", reason));
        }
        rows.push(Row {
            line: record.line,
            next_line: scanner.line(),
            cells: cells(&scanner, &record),
            place,
        });
    }
    Ok(rows)
}

fn cells(scanner: &Scanner, record: &Record) -> Vec<String> {
    let bytes = &scanner.data()[record.start..record.end];
    let mut start = 0;
    let mut cells = Vec::with_capacity(scanner.cells().len());
    for end in scanner.cells() {
        let end = *end as usize;
        // Cells end at ASCII, so nothing is lost here.
        let cell = String::from_utf8_lossy(&bytes[start..end]);
        start = end + 1;
        let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
        let text = inner.map_or_else(|| cell.clone().into_owned(), |inner| inner.replace("\"\"", "\""));
        cells.push(text.trim().to_owned());
    }
    cells
}

/// The items of a cell that holds a list: between commas, without outer blanks; none in an empty cell, or in one that says `null`.
pub(crate) fn list(cell: &str) -> Vec<&str> {
    if is_nothing(cell) {
        return Vec::new();
    }
    cell.split(',').map(str::trim).collect()
}

/// Whether a cell holds nothing: it is empty, or says `null`.
pub(crate) fn is_nothing(cell: &str) -> bool {
    cell.is_empty() || cell == "null"
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, list, read};

    fn file(text: &str) -> SourceFile {
        SourceFile {
            name: "f.csv".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn cells_are_told_with_their_lines() {
        let rows = read(&file("\u{feff}a, b ,\"c,\"\"d\"\r\n\n\"x\ny\",2")).unwrap();
        let found: Vec<(u64, Vec<&str>)> = rows
            .iter()
            .map(|row| (row.line, row.cells.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(found, [(1, vec!["a", "b", "c,\"d"]), (3, vec!["x\ny", "2"])]);
        assert_eq!(rows[1].at(1).column, Some(2));
        assert_eq!((rows[1].cell(5), rows[1].is_blank()), ("", false));
    }

    #[test]
    fn bad_quoting_and_size_are_refused_with_the_line() {
        let refusal = read(&file("a,b\nc,\"d\"e\n")).unwrap_err();
        assert_eq!(
            (refusal.rule.as_str(), refusal.place.line),
            ("bad_quoting", Some(2))
        );
        let refusal = read(&file(&",".repeat(5_000))).unwrap_err();
        assert_eq!(
            (refusal.rule.as_str(), refusal.place.line),
            ("out_of_limits", Some(1))
        );
        let refusal = read(&file(&"x".repeat(300_000))).unwrap_err();
        assert_eq!(refusal.rule, "out_of_limits");
    }

    #[test]
    fn lists_lose_their_blanks() {
        assert_eq!(list("date, block_id,x"), ["date", "block_id", "x"]);
        assert_eq!(list("null"), Vec::<&str>::new());
        assert_eq!(list("a,,b"), ["a", "", "b"]);
    }
}
