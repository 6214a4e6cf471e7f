//! The names of a header, and the fields that they stand for.

use millrace_core::csv::UnknownColumns;
use millrace_core::field::Field;
use millrace_core::row_error::{FileError, Rule};

use super::{FileFormat, HeaderErrors};
use crate::cell;
use crate::limits::{Limits, found};
use crate::scan::{Dialect, Record, Scanner, Shape};

/// The header of a field's column.
pub(crate) fn header_of(field: &Field) -> &str {
    field
        .header
        .as_ref()
        .map_or(field.name.as_str(), |header| &header.text)
}

fn occurrence_of(field: &Field) -> u32 {
    field.header.as_ref().map_or(1, |header| header.occurrence)
}

/// The names that a header record holds.
pub(super) struct Names(pub(super) Vec<String>);

impl Names {
    pub(super) fn read(
        scanner: &mut Scanner,
        dialect: Dialect,
        record: &Record,
        limits: &Limits,
    ) -> Result<Self, HeaderErrors> {
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
            return refuse(Rule::NulByte, "the header holds a NUL byte: a file in UTF-16 without a mark of byte order needs `csv.encoding` in its spec".to_owned());
        }
        if !scanner.is_utf8(record) {
            return refuse(
                Rule::InvalidUtf8,
                "the header is not text in the file's encoding".to_owned(),
            );
        }
        let count = scanner.cells().len();
        if count > limits.columns {
            let message = format!("the header has {count} columns, more than {}", limits.columns);
            return refuse(Rule::TooManyColumns, message);
        }
        let mut scratch = Vec::new();
        let cells = cell::each(scanner.data(), record, scanner.cells());
        let name =
            |(_, cell)| String::from_utf8_lossy(cell::text(cell, dialect.quote, record, &mut scratch)).into();
        Ok(Self(cells.map(name).collect()))
    }

    /// The columns, and how many cells behind them may hold anything.
    pub(super) fn matched(
        &self,
        format: FileFormat<'_>,
        line: u64,
    ) -> Result<(Vec<Option<usize>>, usize), HeaderErrors> {
        let fields = format.fields;
        let mut matching = Matching {
            line,
            errors: Vec::new(),
            may_be_unknown: format.csv.unknown_columns == UnknownColumns::Ignore,
        };
        let named = self
            .0
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(0, |last| last + 1);
        let free_cells = if matching.may_be_unknown {
            self.0.len() - named
        } else {
            0
        };
        let mut columns = Vec::with_capacity(named);
        for (index, name) in self.0.iter().take(named).enumerate() {
            let before = self.0[..index].iter().filter(|other| *other == name).count();
            columns.push(matching.column(name, index, before, fields));
        }
        for (index, field) in fields.iter().enumerate() {
            if field.required && !columns.contains(&Some(index)) {
                matching.missing(field);
            }
        }
        if matching.errors.is_empty() && columns.iter().all(Option::is_none) {
            let message = "none of the columns is one of the spec's".to_owned();
            matching.refuse(Rule::UnknownHeader, "", message);
        }
        match matching.errors.is_empty() {
            true => Ok((columns, free_cells)),
            false => Err(HeaderErrors(matching.errors)),
        }
    }
}

/// The problems of a header whose columns are being found.
struct Matching {
    line: u64,
    errors: Vec<FileError>,
    may_be_unknown: bool,
}

impl Matching {
    fn refuse(&mut self, rule: Rule, column: &str, message: String) {
        self.errors.push(FileError {
            line: Some(self.line),
            column: Some(found(column.as_bytes())).filter(|column| !column.is_empty()),
            ..FileError::of_file(rule, message)
        });
    }

    /// The field of a column; `before` columns have the same name.
    fn column(&mut self, name: &str, index: usize, before: usize, fields: &[Field]) -> Option<usize> {
        let shown = found(name.as_bytes());
        let is_named = |field: &&Field| header_of(field) == name;
        let place = fields.iter().position(|field| {
            is_named(&field) && usize::try_from(occurrence_of(field)).is_ok_and(|wanted| wanted == before + 1)
        });
        if place.is_some() {
            return place;
        }
        // Where the spec tells apart columns of one name, it knows of the others.
        let is_told_apart = fields.iter().filter(is_named).any(|field| field.header.is_some());
        if fields.iter().any(|field| is_named(&field)) && !(self.may_be_unknown && is_told_apart) {
            let message = match before {
                0 | 1 => format!("column `{shown}` is there twice"),
                _ => format!("column `{shown}` is there {} times", before + 1),
            };
            self.refuse(Rule::DuplicateHeader, name, message);
        } else if self.may_be_unknown {
            return None;
        } else if name.is_empty() {
            self.refuse(Rule::EmptyHeader, "", format!("column {} has no name", index + 1));
        } else {
            self.refuse(
                Rule::UnknownHeader,
                name,
                format!("the spec has no column `{shown}`"),
            );
        }
        None
    }

    fn missing(&mut self, field: &Field) {
        let header = header_of(field);
        let message = match occurrence_of(field) {
            1 => format!("the required column `{header}` is missing"),
            number => format!("the required column `{header}`, number {number} of this name, is missing"),
        };
        self.refuse(Rule::MissingHeader, header, message);
    }
}
