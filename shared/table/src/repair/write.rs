//! Writing repair files.

use millrace_core::field::Field;
use millrace_core::row_error::RowError;

use super::suggest::suggestion;
use super::{BYTE_ORDER_MARK, COLUMNS, MEMBER_COLUMN, RowLayout, RowsOf};
use crate::check::{CheckError, Probe};
use crate::header::header_of;
use crate::rejected::RejectedRow;

/// What stands between the problems of a row.
const BETWEEN: &str = "; ";

/// Writes the rejected rows of a file, one after the other.
#[derive(Debug)]
pub struct RepairWriter<'a> {
    layout: RowLayout,
    rows_of: RowsOf,
    fields: Vec<(&'a Field, Probe)>,
}

impl<'a> RepairWriter<'a> {
    /// Begins a repair file of rows of which the first are laid out so; suggestions keep the rules of these fields.
    ///
    /// # Errors
    /// [`CheckError::BadPattern`].
    pub fn new(layout: RowLayout, rows_of: RowsOf, fields: &'a [Field]) -> Result<Self, CheckError> {
        let fields = fields.iter().map(|field| Ok((field, Probe::new(field)?)));
        let fields = fields.collect::<Result<_, CheckError>>()?;
        Ok(Self {
            layout,
            rows_of,
            fields,
        })
    }

    /// Appends the header. A mark of byte order tells every program that the text is UTF-8.
    pub fn write_header(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(BYTE_ORDER_MARK);
        output.extend_from_slice(&self.layout.header);
        let member = (self.rows_of != RowsOf::File).then_some(MEMBER_COLUMN);
        for name in member.into_iter().chain(COLUMNS) {
            output.push(self.layout.dialect.delimiter);
            output.extend_from_slice(name.as_bytes());
        }
        output.extend_from_slice(b"\r\n");
    }

    /// Appends a row, which is laid out so where it stands.
    pub fn write_row(&mut self, row: &RejectedRow, own: &RowLayout, output: &mut Vec<u8>) {
        let delimiter = self.layout.dialect.delimiter;
        match self.layout.cells_of_like(row, own) {
            Some(cells) => {
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        output.push(delimiter);
                    }
                    output.extend_from_slice(cell.raw);
                }
            }
            None => {
                // Where nothing can be quoted, the line stays away: what is taken back without it is not mended.
                if self.layout.can_hold(&row.raw) {
                    self.layout.write_cell(&row.raw, output);
                }
                output.extend(std::iter::repeat_n(
                    delimiter,
                    self.layout.names.len().saturating_sub(1),
                ));
            }
        }
        if self.rows_of != RowsOf::File {
            output.push(delimiter);
            let name = self.layout.member_name(row.member.as_deref().unwrap_or_default());
            self.layout.write_cell(name.as_bytes(), output);
        }
        for text in [
            row.line.to_string(),
            columns(&row.errors),
            row.errors.iter().map(problem).collect::<Vec<_>>().join(BETWEEN),
            self.suggestions(&row.errors),
        ] {
            output.push(delimiter);
            self.write_own(&text, output);
        }
        output.extend_from_slice(b"\r\n");
    }

    /// Writes a text of ours; where nothing can be quoted, without what would need it.
    fn write_own(&self, text: &str, output: &mut Vec<u8>) {
        if self.layout.can_hold(text.as_bytes()) {
            self.layout.write_cell(text.as_bytes(), output);
        } else {
            let delimiter = char::from(self.layout.dialect.delimiter);
            let plain = text.replace([delimiter, '\n', '\r'], " ");
            self.layout.write_cell(plain.as_bytes(), output);
        }
    }

    /// What may be meant: the value alone where one thing is wrong, else each behind its column.
    fn suggestions(&mut self, errors: &[RowError]) -> String {
        let mut suggestions = Vec::new();
        for error in errors {
            let Some(column) = &error.column else { continue };
            let named = self.fields.iter_mut();
            let mut named = named.filter(|(field, _)| header_of(field) == column);
            let text = named.find_map(|(field, probe)| suggestion(field, probe, error));
            suggestions.extend(text.map(|text| (column, text)));
        }
        let texts = suggestions.into_iter().map(|(column, text)| match errors.len() {
            1 => text,
            _ => format!("{column}: {text}"),
        });
        texts.collect::<Vec<_>>().join(BETWEEN)
    }
}

fn columns(errors: &[RowError]) -> String {
    let named = errors.iter().filter_map(|error| error.column.as_deref());
    named.collect::<Vec<_>>().join(BETWEEN)
}

/// A problem in words: begins with the rule's code, so that no program takes it for a formula.
fn problem(error: &RowError) -> String {
    let RowError {
        rule,
        expected,
        found,
        ..
    } = error;
    match found.as_str() {
        "" => format!("{}: expected {expected}", rule.code()),
        found => format!("{}: expected {expected}, found `{found}`", rule.code()),
    }
}
