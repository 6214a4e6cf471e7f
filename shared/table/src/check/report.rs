//! The broken rules of the record at hand, and the row errors written so far.

use millrace_core::field::Field;
use millrace_core::row_error::{RowError, Rule};

use super::words;
use crate::header::{Header, header_of};
use crate::limits::{Limits, found};
use crate::rejected::RejectedRow;
use crate::scan::{Dialect, Record, Scanner, Shape};

#[derive(Debug)]
pub(super) struct Report {
    /// The fields of the file's columns, in the file's order; none where a column is read over.
    fields: Vec<Option<Field>>,
    dialect: Dialect,
    /// The member of an archive that the rows stand in.
    member: Option<String>,
    pub(super) limits: Limits,
    /// The record's broken rules, record and line still to be filled in.
    pub(super) errors: Vec<RowError>,
    pub(super) output: Vec<u8>,
}

impl Report {
    pub(super) fn new(fields: &[Field], header: &Header, limits: Limits) -> Self {
        let field = |index: &Option<usize>| index.and_then(|index| fields.get(index).cloned());
        Self {
            fields: header.columns.iter().map(field).collect(),
            dialect: header.dialect,
            member: None,
            limits,
            errors: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Goes on with a member of an archive.
    pub(super) fn begin_member(&mut self, fields: &[Field], header: &Header, name: &str) {
        let output = std::mem::take(&mut self.output);
        *self = Self {
            member: Some(name.to_owned()),
            output,
            ..Self::new(fields, header, self.limits)
        };
    }

    fn note(&mut self, column: Option<String>, rule: Rule, expected: String, found: String) {
        self.errors.push(RowError {
            record: 0,
            line: 0,
            column,
            rule,
            expected,
            found,
        });
    }

    /// Notes that a cell breaks a rule.
    #[cold]
    pub(super) fn cell(&mut self, index: usize, rule: Rule, text: &[u8]) {
        let field = self.fields.get(index).and_then(Option::as_ref);
        let expected = words::expected(rule, field, &self.limits);
        self.note(field.map(column_name), rule, expected, found(text));
    }

    /// Notes a rule that no field is to blame for, at a name of the row's own where there is one.
    #[cold]
    pub(super) fn row(&mut self, column: Option<&str>, rule: Rule, expected: String, text: &[u8]) {
        let column = column.map(|name| found(name.as_bytes()));
        self.note(column, rule, expected, found(text));
    }

    /// Notes that the record has fewer or more cells than the header.
    #[cold]
    pub(super) fn wrong_cell_count(&mut self, count: usize) {
        let cells = |count: usize| format!("{count} {}", if count == 1 { "cell" } else { "cells" });
        let expected = cells(self.fields.len());
        self.note(None, Rule::WrongCellCount, expected, cells(count));
    }

    /// The rule that a cell's bytes break, whatever they mean.
    pub(super) fn broken_bytes(&self, cell: &[u8]) -> Option<Rule> {
        if cell.len() > self.limits.cell_bytes {
            Some(Rule::TooLong)
        } else if memchr::memchr(0, cell).is_some() {
            Some(Rule::NulByte)
        } else if std::str::from_utf8(cell).is_err() {
            Some(Rule::InvalidUtf8)
        } else {
            None
        }
    }

    /// Writes the record with its broken rules.
    #[cold]
    pub(super) fn write(
        &mut self,
        scanner: &mut Scanner,
        record: &Record,
        number: u64,
    ) -> Result<(), serde_json::Error> {
        let bytes = &scanner.data()[record.start..record.end];
        match record.shape {
            Shape::Cells => {}
            Shape::BadQuoting => self.bad_quoting(bytes),
            Shape::TooLong => {
                self.errors.clear();
                let expected = format!("at most {} bytes in a record", self.limits.record_bytes);
                self.note(None, Rule::TooLong, expected, found(bytes));
            }
        }
        self.write_raw(bytes, number, record.line, record.shape == Shape::TooLong)
    }

    /// Writes a row's bytes with its broken rules; `is_beginning` where there was more of it.
    #[cold]
    pub(super) fn write_raw(
        &mut self,
        bytes: &[u8],
        number: u64,
        line: u64,
        is_beginning: bool,
    ) -> Result<(), serde_json::Error> {
        for error in &mut self.errors {
            (error.record, error.line) = (number, line);
        }
        let kept = bytes.len().min(self.limits.raw_bytes);
        let row = RejectedRow {
            record: number,
            line,
            member: self.member.clone(),
            is_of_repair: false,
            raw: bytes[..kept].to_vec(),
            raw_is_cut: kept < bytes.len() || is_beginning,
            errors: std::mem::take(&mut self.errors),
        };
        row.write(&mut self.output)?;
        self.errors = row.errors;
        Ok(())
    }

    /// Notes bad quoting in a line. Which cell is to blame is told from the line alone, so that the words are the same
    /// whatever follows it.
    pub(super) fn bad_quoting(&mut self, line: &[u8]) {
        self.errors.clear();
        let (index, start) = blamed_cell(line, self.dialect);
        let field = self.fields.get(index).and_then(Option::as_ref);
        let column = field.map(column_name);
        let expected = "quotes around a whole cell, doubled inside it".to_owned();
        self.note(column, Rule::BadQuoting, expected, found(&line[start..]));
    }

    /// Notes that a row alone is several lines that no quote holds together: what is left where somebody took the stray
    /// quotes out of a record that had lines between them.
    #[cold]
    pub(super) fn several_lines(&mut self, row: &[u8]) {
        self.errors.clear();
        let lines = row
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .filter(|line| !line.is_empty());
        let expected = "one row, with line ends in quotes alone; rows that stray quotes had made one can only be mended in the \
                        file, which is to be sent again"
            .to_owned();
        self.note(
            None,
            Rule::BadQuoting,
            expected,
            format!("{} lines", lines.count()),
        );
    }
}

/// The name of a field's column, as the file has it.
fn column_name(field: &Field) -> String {
    header_of(field).to_owned()
}

/// Index and start of the first badly quoted cell of a line.
fn blamed_cell(line: &[u8], dialect: Dialect) -> (usize, usize) {
    let Dialect { delimiter, quote } = dialect;
    let (mut index, mut start) = (0, 0);
    loop {
        let end = if line.get(start) == Some(&quote) {
            let Some(close) = closing_quote(line, start + 1, quote) else {
                return (index, start);
            };
            close + 1
        } else {
            start + memchr::memchr2(delimiter, quote, &line[start..]).unwrap_or(line.len() - start)
        };
        if line.get(end) != Some(&delimiter) {
            return (index, start);
        }
        (index, start) = (index + 1, end + 1);
    }
}

/// The next quote from `at` on that is not doubled.
fn closing_quote(line: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        let position = at + memchr::memchr(quote, &line[at..])?;
        if line.get(position + 1) != Some(&quote) {
            return Some(position);
        }
        at = position + 2;
    }
}
