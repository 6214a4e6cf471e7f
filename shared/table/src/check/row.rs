//! The check of one record, and what becomes of one that is no row.

use millrace_core::csv::ShortRows;

use super::CheckError;
use super::column::CheckedColumn;
use super::report::Report;
use crate::block::Column;
use crate::cell;
use crate::header::{FileFormat, Header};
use crate::limits::Limits;
use crate::scan::{Record, Scanner, Shape};

/// The rules of a file's rows: what checks them and what plans the checks ask it alike.
#[derive(Debug)]
pub(crate) struct RowCheck {
    delimiter: u8,
    quote: u8,
    /// The file's columns; none where one is read over.
    pub(super) columns: Vec<Option<CheckedColumn>>,
    /// Texts that mean an empty cell.
    null_values: Vec<Box<[u8]>>,
    fills_short_rows: bool,
    /// Cells behind the columns that may hold anything.
    free_cells: usize,
    pub(super) report: Report,
    scratch: Vec<u8>,
}

fn columns(format: FileFormat<'_>, header: &Header) -> Result<Vec<Option<CheckedColumn>>, CheckError> {
    let column = |index: &Option<usize>| {
        let Some(index) = *index else { return Ok(None) };
        let field = format.fields.get(index).ok_or(CheckError::ForeignHeader)?;
        CheckedColumn::new(index, field).map(Some)
    };
    header.columns.iter().map(column).collect()
}

impl RowCheck {
    pub(crate) fn new(format: FileFormat<'_>, header: &Header, limits: Limits) -> Result<Self, CheckError> {
        let null_values = format.csv.null_values.iter();
        Ok(Self {
            delimiter: header.dialect.delimiter,
            quote: header.dialect.quote,
            columns: columns(format, header)?,
            null_values: null_values.map(|text| text.as_bytes().into()).collect(),
            fills_short_rows: format.csv.short_rows == ShortRows::Fill,
            free_cells: header.free_cells,
            report: Report::new(format.fields, header, limits),
            scratch: Vec::new(),
        })
    }

    /// Goes on with a member of an archive.
    pub(super) fn begin_member(
        &mut self,
        format: FileFormat<'_>,
        header: &Header,
        name: &str,
    ) -> Result<(), CheckError> {
        self.columns = columns(format, header)?;
        (self.delimiter, self.quote) = (header.dialect.delimiter, header.dialect.quote);
        self.free_cells = header.free_cells;
        self.report.begin_member(format.fields, header, name);
        Ok(())
    }

    /// Adds the record's cells to the columns as a row, or notes its broken rules and adds nothing.
    pub(super) fn is_kept(&mut self, row: usize, scanner: &mut Scanner, record: &Record) -> bool {
        self.report.errors.clear();
        let count = scanner.cells().len();
        if count != self.columns.len() && !self.has_right_cells(scanner, record) {
            self.report.wrong_cell_count(count);
            return false;
        }
        let is_suspect = record.has_nul
            || record.end - record.start > self.report.limits.cell_bytes
            || !scanner.is_utf8(record);
        let cells = cell::each(scanner.data(), record, scanner.cells());
        let has_null_values = !self.null_values.is_empty();
        for ((index, cell), column) in cells.zip(&mut self.columns) {
            if is_suspect && let Some(rule) = self.report.broken_bytes(cell) {
                self.report.cell(index, rule, cell);
                continue;
            }
            let Some(column) = column else { continue };
            let mut text = cell::text(cell, self.quote, record, &mut self.scratch);
            if has_null_values && self.null_values.iter().any(|null| **null == *text) {
                text = b"";
            }
            if let Err(rule) = column.push(row, text) {
                self.report.cell(index, rule, text);
            }
        }
        for (index, column) in self.columns.iter_mut().enumerate().skip(count) {
            if let Some(column) = column
                && let Err(rule) = column.push(row, b"")
            {
                self.report.cell(index, rule, b"");
            }
        }
        if self.report.errors.is_empty() {
            return true;
        }
        self.take_back(row);
        false
    }

    /// Takes back the cells of a row that is not kept.
    pub(super) fn take_back(&mut self, row: usize) {
        for column in self.columns.iter_mut().flatten() {
            column.builder.truncate(row);
        }
    }

    /// The record that is rejected in the place of the one that was handed out last and is no row.
    pub(super) fn rejected(&self, scanner: &mut Scanner, record: Record) -> Record {
        match self.may_be_rows(scanner, &record) {
            true => scanner.take_first_line(&record),
            false => record,
        }
    }

    /// The record that a check makes of the one that was handed out last.
    pub(crate) fn planned(&mut self, scanner: &mut Scanner, record: Record) -> Record {
        // Few records need be checked for that: those of which the lines do not tell enough.
        if !self.may_be_rows(scanner, &record) {
            return record;
        }
        let is_row = self.is_kept(0, scanner, &record);
        self.take_back(0);
        match is_row {
            true => record,
            false => scanner.take_first_line(&record),
        }
    }

    /// Whether a record that is no row is one of several lines that are rows, or would be but for stray quotes.
    fn may_be_rows(&self, scanner: &Scanner, record: &Record) -> bool {
        if record.shape != Shape::Cells || !record.has_line_ends || self.is_one_text() {
            return false;
        }
        let bytes = &scanner.data()[record.start..record.end];
        let mut widths = bytes
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .filter(|line| !line.is_empty())
            .map(|line| self.width(line));
        let Some(Some(width)) = widths.next() else {
            return false;
        };
        let mut is_as_wide = widths.map(|other| other == Some(width));
        if self.has_right_cells(scanner, record) {
            return is_as_wide.all(|is_as_wide| is_as_wide);
        }
        let (mut count, mut fitting, mut last) = (1_usize, 1_usize, true);
        for is_as_wide in is_as_wide {
            (count, fitting) = (count + 1, fitting + usize::from(is_as_wide));
            last = is_as_wide;
        }
        last && 2 * fitting > count
    }

    /// Whether the only column is a text.
    fn is_one_text(&self) -> bool {
        let [Some(column)] = self.columns.as_slice() else {
            return false;
        };
        matches!(column.builder.values, Column::Text { .. })
    }

    /// The number of a line's cells, quotes aside, where there is one for each column.
    fn width(&self, line: &[u8]) -> Option<usize> {
        let cells = line.split(|byte| *byte == self.delimiter).enumerate();
        self.right_count(cells)
    }

    /// Whether the record has a cell for each column: missing ones may be filled, and empty ones behind the last column
    /// are nobody's.
    fn has_right_cells(&self, scanner: &Scanner, record: &Record) -> bool {
        let cells = scanner.cells();
        if cells.len() < self.columns.len() {
            return self.fills_short_rows;
        }
        self.right_count(cell::each(scanner.data(), record, cells))
            .is_some()
    }

    /// How many cells there are, if there is one for each column, and behind them none that is neither empty nor free.
    fn right_count<'a>(&self, cells: impl Iterator<Item = (usize, &'a [u8])>) -> Option<usize> {
        let columns = self.columns.len();
        let mut count = 0;
        for (index, cell) in cells {
            if index >= columns + self.free_cells && !cell.is_empty() {
                return None;
            }
            count = index + 1;
        }
        (count >= columns).then_some(count)
    }
}
