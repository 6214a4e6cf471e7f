//! Reading repaired files: rows that find their way back to the rejected ones by their line, and their member.

mod head;

use std::collections::BTreeMap;

use millrace_core::csv::CsvFormat;
use millrace_core::row_error::{FileError, RowError, Rule};

use super::{BYTE_ORDER_MARK, COLUMNS, RowLayout, RowsOf, cells_of};
use crate::header::dialects;
use crate::limits::{Limits, found};
use crate::rejected::RejectedRow;
use crate::scan::{Extent, Shape};
use head::{Head, empty};

/// The rows of a repaired file, by the rejected row that each stands for.
#[derive(Debug)]
pub struct RepairFile {
    layout: RowLayout,
    /// Whether each row says its member.
    says_members: bool,
    rows: BTreeMap<RowName, Row>,
    refused: Vec<RejectedRow>,
}

/// What names a rejected row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RowName {
    /// Its member as a repair file shows it, where each row says its own.
    member: Option<String>,
    /// Its line, in the member.
    line: u64,
}

impl std::fmt::Display for RowName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.member {
            Some(member) => write!(
                formatter,
                "line {} of member `{}`",
                self.line,
                found(member.as_bytes())
            ),
            None => write!(formatter, "line {}", self.line),
        }
    }
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
    /// Reads a (decoded) repaired file of rows of which the first are laid out so. Its delimiter, also one that the spec
    /// declares, and the order of its columns may have changed, as spreadsheet programs do.
    ///
    /// # Errors
    /// [`FileError`] where its header is not that of a repair file.
    pub fn read(
        bytes: &[u8],
        csv: &CsvFormat,
        layout: RowLayout,
        rows_of: RowsOf,
    ) -> Result<Self, FileError> {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let head = |dialect| Head::read(text, dialect, csv, (&layout, rows_of));
        let any_delimiter = CsvFormat {
            delimiter: None,
            ..csv.clone()
        };
        let own = dialects(csv)
            .into_iter()
            .filter(|dialect| *dialect != layout.dialect);
        let others = dialects(&any_delimiter)
            .into_iter()
            .filter(|_| csv.delimiter.is_some());
        let mut heads = std::iter::once(layout.dialect).chain(own).chain(others).map(head);
        let first = heads.next().ok_or_else(empty)?;
        // Of several delimiters the first with which the header is one of a repair file; else the first one's words.
        let (head, mut scanner) = match first {
            Ok(head) => head,
            Err(error) => heads.find_map(Result::ok).ok_or(error)?,
        };
        let mut file = Self {
            layout,
            says_members: head.member.is_some(),
            rows: BTreeMap::new(),
            refused: Vec::new(),
        };
        let mut number = 0;
        while let Some(record) = scanner.next_record(Extent::Whole) {
            number += 1;
            let raw = scanner.data()[record.start..record.end].to_vec();
            let cells = (record.shape == Shape::Cells)
                .then(|| cells_of(scanner.data(), &record, scanner.cells(), head.dialect));
            match head.row(&record, number, raw, cells, &file.layout) {
                Ok((name, row)) => file.add(name, row),
                Err(refused) => file.refused.push(refused),
            }
        }
        Ok(file)
    }

    fn add(&mut self, name: RowName, row: Row) {
        let Some(twin) = self.rows.get_mut(&name) else {
            self.rows.insert(name, row);
            return;
        };
        // Which of them is meant nobody knows; the name is kept so that a third one is found too.
        let expected = format!("one row for {name}");
        if !twin.raw.is_empty() {
            let refused = twin.refused(Rule::RepeatedLine, expected.clone(), name.line);
            self.refused.push(refused);
        }
        self.refused
            .push(row.refused(Rule::RepeatedLine, expected, name.line));
        twin.raw.clear();
    }

    /// Whether a row was sent for a rejected one.
    #[must_use]
    pub fn has(&self, row: &RejectedRow) -> bool {
        self.rows.contains_key(&self.name_of(row))
    }

    fn name_of(&self, row: &RejectedRow) -> RowName {
        let member = row.member.as_deref().filter(|_| self.says_members);
        RowName {
            member: member.map(|name| self.layout.member_name(name)),
            line: row.line,
        }
    }

    /// What becomes of a rejected row of the file, which is laid out so where it stands; each is asked for once.
    pub fn take(&mut self, row: &RejectedRow, own: &RowLayout) -> Mended {
        let name = self.name_of(row);
        let Some(sent) = self.rows.remove(&name).filter(|sent| !sent.raw.is_empty()) else {
            return Mended::No;
        };
        let is_like = self.layout.is_like(own);
        let line = match (self.layout.cells_of_like(row, own), &sent.only) {
            // It was shown as one cell: as long as it is one, that is the whole line.
            (None, Some(text)) if !is_like || own.names.len() > 1 || *text == row.raw => text.clone(),
            _ if is_like => sent.laid_out,
            _ => {
                self.refused.push(sent.spread(&name));
                return Mended::No;
            }
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
        let Self {
            rows, mut refused, ..
        } = self;
        let left = rows.into_iter().filter(|(_, row)| !row.raw.is_empty());
        refused.extend(left.map(|(name, row)| {
            let expected = match &name.member {
                Some(member) => {
                    let member = found(member.as_bytes());
                    format!("the line of a rejected row of member `{member}`, as its repair file names it")
                }
                None => "the line of a rejected row".to_owned(),
            };
            row.refused(Rule::LineNotRejected, expected, name.line)
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

    /// Its line was cut into the columns of another member.
    fn spread(&self, name: &RowName) -> RejectedRow {
        refuse(
            (self.record, self.line),
            &self.raw,
            None,
            Rule::WrongCellCount,
            format!("the whole {name} in the first cell, as its member has another header"),
            "several cells".to_owned(),
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
