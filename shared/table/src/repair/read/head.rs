//! The header of a repaired file, and its rows by it.

use millrace_core::csv::{CsvFormat, UnknownColumns};
use millrace_core::row_error::{FileError, Rule};
use millrace_core::value;

use super::{Row, RowName, refuse};
use crate::limits::{Limits, found};
use crate::rejected::RejectedRow;
use crate::repair::{COLUMNS, Cell, MEMBER_COLUMN, RowLayout, RowsOf, cells_of};
use crate::scan::{Dialect, Extent, Record, Scanner, Shape};

/// The header of a repaired file.
pub(super) struct Head {
    pub(super) dialect: Dialect,
    /// Where the name of the row's member stands, where rows are named by it.
    pub(super) member: Option<usize>,
    /// Where the row's line stands.
    line: usize,
    /// For each column of the file that is repaired, where it stands; none where a nameless one has gone.
    columns: Vec<Option<usize>>,
    count: usize,
}

impl Head {
    /// Reads the header; the scanner goes on behind it.
    pub(super) fn read(
        text: &[u8],
        dialect: Dialect,
        csv: &CsvFormat,
        rows: (&RowLayout, RowsOf),
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
        Ok((Self::of(&names, dialect, csv, rows)?, scanner))
    }

    fn of(
        names: &[String],
        dialect: Dialect,
        csv: &CsvFormat,
        (layout, rows_of): (&RowLayout, RowsOf),
    ) -> Result<Self, FileError> {
        // A file may have columns of such names itself: ours are the last.
        let last = |own: &str| names.iter().rposition(|name| name == own);
        let own = COLUMNS.map(last);
        let line = own[0].ok_or_else(|| missing(COLUMNS[0]))?;
        let member = match (rows_of, last(MEMBER_COLUMN)) {
            (RowsOf::File, _) => None,
            (RowsOf::Members, None) => return Err(missing_member()),
            (RowsOf::OneMember | RowsOf::Members, member) => member,
        };
        let is_own = |at: usize| own.contains(&Some(at)) || member == Some(at);
        let mut taken: Vec<bool> = (0..names.len()).map(is_own).collect();
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
                member,
                line,
                columns,
                count: names.len(),
            }),
        }
    }

    pub(super) fn row(
        &self,
        record: &Record,
        number: u64,
        raw: Vec<u8>,
        cells: Option<Vec<Cell<'_>>>,
        layout: &RowLayout,
    ) -> Result<(RowName, Row), RejectedRow> {
        let place = (number, record.line);
        let Some(cells) = cells else {
            let (rule, expected) = match record.shape {
                Shape::TooLong => (Rule::TooLong, "a shorter row"),
                _ => (Rule::BadQuoting, "quotes around a whole cell, doubled inside it"),
            };
            return Err(refuse(place, &raw, None, rule, expected.to_owned(), found(&raw)));
        };
        // Programs leave empty cells at a row's end away, or put some there.
        let own = self.line.max(self.member.unwrap_or(0));
        if cells.iter().skip(self.count).any(|cell| !cell.raw.is_empty()) || cells.len() <= own {
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
        let member = self.member.map(|at| &cells[at].text);
        let name = RowName {
            member: member.map(|text| String::from_utf8_lossy(text).into_owned()),
            line,
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
        Ok((name, row))
    }
}

pub(super) fn empty() -> FileError {
    FileError::of_file(Rule::EmptyFile, "the file is empty")
}

fn missing_member() -> FileError {
    FileError {
        message: format!(
            "the column `{MEMBER_COLUMN}` is missing: the rows came in an archive of several members, whose lines begin anew in \
             each, and a repaired file has the columns of its repair file"
        ),
        ..missing(MEMBER_COLUMN)
    }
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
