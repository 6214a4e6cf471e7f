//! Reading repaired files: rows that find their way back to the rejected ones by their line.

use std::collections::BTreeMap;

use millrace_core::csv::{CsvFormat, UnknownColumns};
use millrace_core::row_error::{FileError, RowError, Rule};
use millrace_core::value;

use super::{BYTE_ORDER_MARK, COLUMNS, Cell, RowLayout, cells_of};
use crate::header::dialects;
use crate::limits::{Limits, found};
use crate::rejected::RejectedRow;
use crate::scan::{Dialect, Extent, Record, Scanner, Shape};

/// The rows of a repaired file, by the line that each stands for.
#[derive(Debug, Default)]
pub struct RepairFile {
    rows: BTreeMap<u64, Row>,
    refused: Vec<RejectedRow>,
}

/// A row as it was sent.
#[derive(Debug)]
struct Row {
    /// Where it stands in the repaired file.
    record: u64,
    line: u64,
    raw: Vec<u8>,
    /// In the layout of the file that is repaired.
    laid_out: Vec<u8>,
    /// The first cell's text, where all others are empty.
    only: Option<Vec<u8>>,
}

/// What becomes of a rejected row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// Nobody sent anything else: it stays as it is.
    No,
    /// It is to be checked as this line.
    Line(Vec<u8>),
}

impl RepairFile {
    /// Reads a (decoded) repaired file of a file that is laid out so. Its delimiter and the order of its columns may have
    /// changed, as spreadsheet programs do.
    ///
    /// # Errors
    /// [`FileError`] where its header is not that of a repair file.
    pub fn read(bytes: &[u8], csv: &CsvFormat, layout: &RowLayout) -> Result<Self, FileError> {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let head = |dialect| Head::read(text, dialect, csv, layout);
        let mut heads = dialects(csv).into_iter().map(head);
        let first = heads.next().ok_or_else(empty)?;
        // Of several delimiters the first with which the header is one of a repair file; else the first one's words.
        let (head, mut scanner) = match first {
            Ok(head) => head,
            Err(error) => heads.find_map(Result::ok).ok_or(error)?,
        };
        let mut file = Self::default();
        let mut number = 0;
        while let Some(record) = scanner.next_record(Extent::Whole) {
            number += 1;
            let raw = scanner.data()[record.start..record.end].to_vec();
            let cells = (record.shape == Shape::Cells)
                .then(|| cells_of(scanner.data(), &record, scanner.cells(), head.dialect));
            match head.row(&record, number, raw, cells, layout) {
                Ok((line, row)) => file.add(line, row),
                Err(refused) => file.refused.push(refused),
            }
        }
        Ok(file)
    }

    fn add(&mut self, line: u64, row: Row) {
        let Some(twin) = self.rows.get(&line) else {
            self.rows.insert(line, row);
            return;
        };
        // Which of them is meant nobody knows; the line is kept so that a third one is found too.
        let expected = format!("one row for line {line}");
        if !twin.raw.is_empty() {
            self.refused
                .push(twin.refused(Rule::RepeatedLine, expected.clone(), line));
        }
        self.refused.push(row.refused(Rule::RepeatedLine, expected, line));
        if let Some(twin) = self.rows.get_mut(&line) {
            twin.raw.clear();
        }
    }

    /// What becomes of a rejected row of the file; each is asked for once.
    pub fn take(&mut self, row: &RejectedRow, layout: &RowLayout) -> Mended {
        let Some(sent) = self.rows.remove(&row.line).filter(|sent| !sent.raw.is_empty()) else {
            return Mended::No;
        };
        let line = match (layout.cells(row), sent.only) {
            // It was shown as one cell: as long as it is one, that is the whole line.
            (None, Some(text)) if layout.names.len() > 1 || text == row.raw => text,
            _ => sent.laid_out,
        };
        let is_as_it_was = row.raw_is_cut && line == row.raw;
        match line.is_empty() || is_as_it_was {
            true => Mended::No,
            false => Mended::Line(line),
        }
    }

    /// The rows that stand for no rejected row, once all of those were asked for: in the order of the repaired file, with
    /// its records and lines.
    #[must_use]
    pub fn into_refused(self) -> Vec<RejectedRow> {
        let Self { rows, mut refused } = self;
        let left = rows.into_iter().filter(|(_, row)| !row.raw.is_empty());
        refused.extend(left.map(|(line, row)| {
            row.refused(
                Rule::LineNotRejected,
                "the line of a rejected row".to_owned(),
                line,
            )
        }));
        refused.sort_by_key(|row| row.record);
        refused
    }
}

impl Row {
    fn refused(&self, rule: Rule, expected: String, line: u64) -> RejectedRow {
        refuse(
            (self.record, self.line),
            &self.raw,
            Some(COLUMNS[0]),
            rule,
            expected,
            line.to_string(),
        )
    }
}

/// A row of the repaired file that stands for no rejected row.
fn refuse(
    (record, line): (u64, u64),
    raw: &[u8],
    column: Option<&str>,
    rule: Rule,
    expected: String,
    found: String,
) -> RejectedRow {
    let kept = raw.len().min(Limits::RAW_BYTES);
    RejectedRow {
        record,
        line,
        member: None,
        is_of_repair: true,
        raw: raw[..kept].to_vec(),
        raw_is_cut: kept < raw.len(),
        errors: vec![RowError {
            record,
            line,
            column: column.map(str::to_owned),
            rule,
            expected,
            found,
        }],
    }
}

/// The header of a repaired file.
struct Head {
    dialect: Dialect,
    /// Where the row's line stands.
    line: usize,
    /// For each column of the file that is repaired, where it stands; none where a nameless one has gone.
    columns: Vec<Option<usize>>,
    count: usize,
}

impl Head {
    /// Reads the header; the scanner goes on behind it.
    fn read(
        text: &[u8],
        dialect: Dialect,
        csv: &CsvFormat,
        layout: &RowLayout,
    ) -> Result<(Self, Scanner), FileError> {
        let mut scanner = Scanner::new(dialect, Limits::RECORD_BYTES, 1);
        scanner.feed(text);
        let record = scanner.next_record(Extent::Whole).ok_or_else(empty)?;
        if record.shape != Shape::Cells {
            let message = "the header's quotes do not match, or it is too long";
            return Err(FileError::of_file(Rule::BadQuoting, message));
        }
        let cells = cells_of(scanner.data(), &record, scanner.cells(), dialect);
        let names = cells
            .iter()
            .map(|cell| String::from_utf8_lossy(&cell.text).into_owned());
        let names: Vec<String> = names.collect();
        Ok((Self::of(&names, dialect, csv, layout)?, scanner))
    }

    fn of(
        names: &[String],
        dialect: Dialect,
        csv: &CsvFormat,
        layout: &RowLayout,
    ) -> Result<Self, FileError> {
        // A file may have columns of such names itself: ours are the last.
        let own = COLUMNS.map(|own| names.iter().rposition(|name| name == own));
        let line = own[0].ok_or_else(|| missing(COLUMNS[0]))?;
        let mut taken: Vec<bool> = (0..names.len()).map(|at| own.contains(&Some(at))).collect();
        let mut columns = Vec::with_capacity(layout.names.len());
        for name in &layout.names {
            let at = (0..names.len()).find(|at| !taken[*at] && names[*at] == *name);
            match at {
                Some(at) => taken[at] = true,
                None if name.is_empty() => {}
                None => return Err(missing(name)),
            }
            columns.push(at);
        }
        let unknown = (0..names.len()).find(|at| !taken[*at] && !names[*at].is_empty());
        match unknown {
            Some(at) if csv.unknown_columns == UnknownColumns::Refuse => {
                let name = found(names[at].as_bytes());
                let message = format!("the file that is repaired has no column `{name}`");
                Err(FileError {
                    column: Some(name),
                    ..FileError::of_file(Rule::UnknownHeader, message)
                })
            }
            _ => Ok(Self {
                dialect,
                line,
                columns,
                count: names.len(),
            }),
        }
    }

    fn row(
        &self,
        record: &Record,
        number: u64,
        raw: Vec<u8>,
        cells: Option<Vec<Cell<'_>>>,
        layout: &RowLayout,
    ) -> Result<(u64, Row), RejectedRow> {
        let place = (number, record.line);
        let Some(cells) = cells else {
            let (rule, expected) = match record.shape {
                Shape::TooLong => (Rule::TooLong, "a shorter row"),
                _ => (Rule::BadQuoting, "quotes around a whole cell, doubled inside it"),
            };
            return Err(refuse(place, &raw, None, rule, expected.to_owned(), found(&raw)));
        };
        // Programs leave empty cells at a row's end away, or put some there.
        if cells.iter().skip(self.count).any(|cell| !cell.raw.is_empty()) || cells.len() <= self.line {
            let (expected, count) = (format!("{} cells", self.count), format!("{} cells", cells.len()));
            return Err(refuse(place, &raw, None, Rule::WrongCellCount, expected, count));
        }
        let text = cells[self.line].text.trim_ascii();
        let Some(line) = value::integer(text).and_then(|line| u64::try_from(line).ok()) else {
            let (column, expected) = (Some(COLUMNS[0]), "the line of a rejected row".to_owned());
            return Err(refuse(
                place,
                &raw,
                column,
                Rule::WrongType,
                expected,
                found(text),
            ));
        };
        let texts = self.columns.iter().map(|at| at.and_then(|at| cells.get(at)));
        let texts = texts.map(|cell| cell.map_or(&b""[..], |cell| cell.text.as_slice()));
        let texts: Vec<&[u8]> = texts.collect();
        let mut laid_out = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                laid_out.push(layout.dialect.delimiter);
            }
            layout.write_cell(text, &mut laid_out);
        }
        let only = texts
            .split_first()
            .filter(|(_, rest)| rest.iter().all(|text| text.is_empty()));
        let row = Row {
            record: number,
            line: record.line,
            raw,
            laid_out,
            only: only.map(|(text, _)| text.to_vec()),
        };
        Ok((line, row))
    }
}

fn empty() -> FileError {
    FileError::of_file(Rule::EmptyFile, "the file is empty")
}

fn missing(column: &str) -> FileError {
    let name = found(column.as_bytes());
    FileError {
        message: format!(
            "the column `{name}` is missing: a repaired file has the columns of its repair file"
        ),
        column: Some(name),
        ..FileError::of_file(Rule::MissingHeader, "")
    }
}
