//! The check of a batch: a line a row, each of them a JSON object whose members are the spec's fields.
//!
//! The same columns, rules and outputs as for CSV records; only how a value is written differs. A text of JSON is read
//! as the same text in a cell. A number is read digit by digit, whatever its exponent. What is null or not there is an
//! empty cell. Anything else where a text or a number belongs is of the wrong type.

use std::borrow::Cow;
use std::fmt;

use millrace_core::csv::UnknownColumns;
use millrace_core::field::{Field, FieldType};
use millrace_core::row_error::Rule;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{CheckError, CheckSummary, FileCheck};
use crate::header::{FileFormat, Header, Start};
use crate::limits::Limits;
use crate::part::PartSpec;
use crate::rejected::RejectedRow;
use crate::scan::Dialect;

/// A streaming check of a batch's rows; record and line are both the row's place in the batch, from 1.
///
/// Memory: a row, a block of rows and what the caller has not yet taken.
#[derive(Debug)]
pub struct JsonCheck {
    /// Columns, outputs and counts; its scanner sees nothing.
    check: FileCheck,
    fields: Vec<Field>,
    refuses_unknown: bool,
    /// The beginning of a row whose end has not come.
    line: Vec<u8>,
    bytes: u64,
    seen: Vec<bool>,
}

impl JsonCheck {
    /// A check of a batch against a spec's fields. Of the format of its files, only what becomes of unknown columns
    /// holds for members too.
    ///
    /// # Errors
    /// [`CheckError::BadPattern`], or when a part cannot be begun.
    pub fn new(format: FileFormat<'_>, limits: Limits, spec: Option<PartSpec>) -> Result<Self, CheckError> {
        let under_its_name = |field: &Field| Field {
            header: None,
            ..field.clone()
        };
        let fields: Vec<Field> = format.fields.iter().map(under_its_name).collect();
        let header = Header {
            columns: (0..fields.len()).map(Some).collect(),
            free_cells: 0,
            dialect: Dialect::default(),
            bytes_used: 0,
            lines_used: 0,
        };
        let start = Start {
            offset: 0,
            record: 1,
            line: 1,
        };
        let plain = FileFormat::plain(&fields);
        Ok(Self {
            check: FileCheck::of_spec(plain, &header, start, limits, spec)?,
            refuses_unknown: format.csv.unknown_columns == UnknownColumns::Refuse,
            line: Vec::new(),
            bytes: 0,
            seen: vec![false; fields.len()],
            fields,
        })
    }

    /// Checks the next bytes, in pieces of any size.
    ///
    /// # Errors
    /// [`CheckError`] when an output cannot be written; bad rows are no error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CheckError> {
        self.bytes += bytes.len() as u64;
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.check_line()?;
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Checks what is left and ends the part; the outputs are complete once taken.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<CheckSummary, CheckError> {
        if !self.line.is_empty() {
            self.check_line()?;
        }
        let next_line = self.check.next_record;
        let summary = self.check.finish()?;
        Ok(CheckSummary {
            bytes: self.bytes,
            next_line,
            ..summary
        })
    }

    /// Hands out the part's bytes that are ready.
    #[must_use]
    pub fn take_part_bytes(&mut self) -> Vec<u8> {
        self.check.take_part_bytes()
    }

    /// Hands out the row errors that are ready, as [`FileCheck::take_row_error_bytes`] does.
    #[must_use]
    pub fn take_row_error_bytes(&mut self) -> Vec<u8> {
        self.check.take_row_error_bytes()
    }

    /// Checks a row under a number of its own; numbers rise from row to row.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_row(&mut self, number: u64, row: &[u8]) -> Result<(), CheckError> {
        self.bytes += row.len() as u64;
        self.check.next_record = number;
        self.line.clear();
        self.line.extend_from_slice(row);
        self.check_line()
    }

    /// Hands a rejected row on as it is.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_rejected(&mut self, row: &RejectedRow) -> Result<(), CheckError> {
        self.check.push_rejected(row)
    }

    fn check_line(&mut self) -> Result<(), CheckError> {
        let line = std::mem::take(&mut self.line);
        let number = self.check.next_record;
        self.check.next_record += 1;
        self.check.counts.rows += 1;
        let is_kept = self.is_kept(&line);
        if is_kept {
            self.check.keep(number, number, line.len())?;
        } else {
            self.check.rows.report.write_raw(&line, number, number, false)?;
            self.check.counts.rejected += 1;
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// Adds the row's values to the columns, or notes its broken rules and adds nothing.
    fn is_kept(&mut self, line: &[u8]) -> bool {
        let row = self.check.block.rows();
        self.check.rows.report.errors.clear();
        let limit = self.check.rows.report.limits.record_bytes;
        if line.len() > limit {
            let expected = format!("at most {limit} bytes in a row");
            self.check.rows.report.row(None, Rule::TooLong, expected, line);
            return false;
        }
        let Ok(Members(members)) = serde_json::from_slice(line) else {
            let expected = "an object whose members are the spec's fields".to_owned();
            self.check.rows.report.row(None, Rule::WrongType, expected, line);
            return false;
        };
        self.seen.fill(false);
        for (name, value) in &members {
            self.add(row, name, value.get());
        }
        for (index, column) in self.check.rows.columns.iter_mut().enumerate() {
            if let Some(column) = column
                && !self.seen[index]
                && let Err(rule) = column.push(row, b"")
            {
                self.check.rows.report.cell(index, rule, b"");
            }
        }
        if self.check.rows.report.errors.is_empty() {
            return true;
        }
        self.check.rows.take_back(row);
        false
    }

    fn add(&mut self, row: usize, name: &str, value: &str) {
        let report = &mut self.check.rows.report;
        let Some(index) = self.fields.iter().position(|field| field.name.as_str() == name) else {
            if self.refuses_unknown {
                let expected = "a member that is a field of the spec".to_owned();
                report.row(Some(name), Rule::UnknownHeader, expected, value.as_bytes());
            }
            return;
        };
        if std::mem::replace(&mut self.seen[index], true) {
            let expected = "the member once".to_owned();
            report.row(Some(name), Rule::DuplicateHeader, expected, value.as_bytes());
            return;
        }
        let Some(column) = self.check.rows.columns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let broken = match Written::of(value, self.fields[index].field_type) {
            Written::Nothing => column.push(row, b"").map_err(|rule| (rule, Cow::Borrowed(""))),
            Written::Text(text) => match report.broken_bytes(text.as_bytes()) {
                Some(rule) => Err((rule, Cow::Owned(text))),
                None => column
                    .push(row, text.as_bytes())
                    .map_err(|rule| (rule, Cow::Owned(text))),
            },
            Written::Plain(text) => column
                .push_plain(row, text.as_bytes())
                .map_err(|rule| (rule, Cow::Borrowed(value))),
            Written::Broken(rule) => Err((rule, Cow::Borrowed(value))),
        };
        if let Err((rule, found)) = broken {
            report.cell(index, rule, found.as_bytes());
        }
    }
}

/// A value as the columns take it.
enum Written<'a> {
    /// Null.
    Nothing,
    /// A text, read as a cell's.
    Text(String),
    /// A number without exponent, or a truth value: read in no format but the plain one.
    Plain(Cow<'a, str>),
    /// Something else.
    Broken(Rule),
}

impl<'a> Written<'a> {
    fn of(value: &'a str, field_type: FieldType) -> Self {
        match (value.as_bytes().first(), field_type) {
            (Some(b'n'), _) => Self::Nothing,
            // All that a text of JSON may hold and a text may not is half of a surrogate pair.
            (Some(b'"'), _) => {
                serde_json::from_str(value).map_or(Self::Broken(Rule::InvalidUtf8), Self::Text)
            }
            (Some(b't' | b'f'), FieldType::Boolean) => Self::Plain(Cow::Borrowed(value)),
            (Some(b'-' | b'0'..=b'9'), FieldType::Integer) => Self::Plain(whole(plain_number(value))),
            (Some(b'-' | b'0'..=b'9'), FieldType::Decimal) => Self::Plain(plain_number(value)),
            _ => Self::Broken(Rule::WrongType),
        }
    }
}

/// How far an exponent moves the point at most: beyond that no field holds the number.
const MAX_EXPONENT: u32 = 100;

/// A number of JSON without its exponent, digit by digit; as it is where the exponent is none that a field could hold.
fn plain_number(text: &str) -> Cow<'_, str> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Cow::Borrowed(text);
    };
    let exponent: Option<i32> = exponent.trim_start_matches('+').parse().ok();
    let Some(exponent) = exponent.filter(|exponent| exponent.unsigned_abs() <= MAX_EXPONENT) else {
        return Cow::Borrowed(text);
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let steps = exponent.unsigned_abs() as usize;
    let point = if exponent < 0 {
        whole.len().checked_sub(steps)
    } else {
        Some(whole.len() + steps)
    };
    let zeros = |count: usize| "0".repeat(count);
    let (whole, fraction) = match point {
        None => ("0".to_owned(), [zeros(steps - whole.len()), digits].concat()),
        Some(point) if point >= digits.len() => (
            [digits.clone(), zeros(point - digits.len())].concat(),
            String::new(),
        ),
        Some(point) => {
            let (whole, fraction) = digits.split_at(point);
            (whole.to_owned(), fraction.to_owned())
        }
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction.trim_end_matches('0') {
        "" => Cow::Owned([sign, whole].concat()),
        fraction => Cow::Owned([sign, whole, ".", fraction].concat()),
    }
}

/// A whole number is one whatever zeros stand behind its point.
fn whole(number: Cow<'_, str>) -> Cow<'_, str> {
    match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => {
            Cow::Owned(whole.to_owned())
        }
        _ => number,
    }
}

/// The members of an object in their order, repeated ones too, values as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Self)
    }
}

#[cfg(test)]
mod tests;
