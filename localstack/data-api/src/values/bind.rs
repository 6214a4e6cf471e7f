//! Parameters: each gets an explicit type, never one that PostgreSQL may guess (but for null, which has none).

use std::collections::HashMap;

use bytes::Bytes;

use super::types::{BOOL, BYTEA, DATE, FLOAT8, INT8, JSONB, NUMERIC, TEXT, TIME, TIMESTAMP, UUID};
use crate::api::{ApiError, ApiErrorKind, Field, SqlParameter, TypeHint};
use crate::wire::Value;

/// The type for "none given": PostgreSQL infers it.
const UNKNOWN: u32 = 0;

/// Types and values in the order of the statement's numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) types: Vec<u32>,
    pub(crate) values: Vec<Value>,
}

/// Gives each of the statement's `names` its parameter's type and value. Parameters that the statement does not name
/// are ignored; of two with one name the last counts.
pub(crate) fn bind(names: &[String], parameters: &[SqlParameter]) -> Result<Binding, ApiError> {
    let mut by_name = HashMap::new();
    for parameter in parameters {
        // an array is refused even where no one uses it
        let typed = typed_value(parameter)?;
        if let Some(name) = &parameter.name {
            by_name.insert(name.as_str(), typed);
        }
    }
    let mut binding = Binding::default();
    for name in names {
        let missing = || ApiError::new(ApiErrorKind::BadRequest, format!("Cannot find parameter: {name}"));
        let (oid, value) = by_name.get(name.as_str()).cloned().ok_or_else(missing)?;
        binding.types.push(oid);
        binding.values.push(value);
    }
    Ok(binding)
}

fn typed_value(parameter: &SqlParameter) -> Result<(u32, Value), ApiError> {
    let text = |text: String| Some(Bytes::from(text));
    Ok(match &parameter.value {
        Some(Field::StringValue(value)) => return string(value, parameter.type_hint),
        Some(Field::LongValue(value)) => (INT8, text(value.to_string())),
        Some(Field::DoubleValue(value)) => (FLOAT8, text(value.to_string())),
        Some(Field::BooleanValue(value)) => (BOOL, text(value.to_string())),
        Some(Field::BlobValue(value)) => (BYTEA, text(hexadecimal(&value.0))),
        Some(Field::IsNull(true)) => (UNKNOWN, None),
        Some(Field::ArrayValue(_)) => {
            return Err(ApiError::validation("Array parameters are not supported."));
        }
        Some(Field::IsNull(false)) | None => {
            let name = parameter.name.as_deref().unwrap_or_default();
            return Err(ApiError::validation(format!(
                "The value of parameter {name} is not set."
            )));
        }
    })
}

fn string(value: &str, hint: Option<TypeHint>) -> Result<(u32, Value), ApiError> {
    let (oid, name, fits) = match hint {
        None => (TEXT, "text", true),
        // what these accept is what PostgreSQL accepts
        Some(TypeHint::Json) => (JSONB, "json", true),
        Some(TypeHint::Uuid) => (UUID, "uuid", true),
        Some(TypeHint::Decimal) => (NUMERIC, "numeric", true),
        Some(TypeHint::Date) => (DATE, "date", is_date(value)),
        Some(TypeHint::Time) => (TIME, "time", is_time(value)),
        Some(TypeHint::Timestamp) => (TIMESTAMP, "timestamp", is_timestamp(value)),
    };
    if fits {
        return Ok((oid, Some(Bytes::copy_from_slice(value.as_bytes()))));
    }
    // PostgreSQL would take `now`, `T` and offsets; the service documents one form
    let message = format!("ERROR: invalid input syntax for type {name}: \"{value}\"; SQLState: 22007");
    Err(ApiError::new(ApiErrorKind::DatabaseError, message))
}

/// `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    matches_pattern(text, "9999-99-99")
}

/// `HH:MM:SS[.FFF]`, with one to nine digits of a second.
fn is_time(text: &str) -> bool {
    let (time, fraction) = text
        .split_once('.')
        .map_or((text, None), |(time, rest)| (time, Some(rest)));
    let is_fraction =
        |digits: &str| (1..=9).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    matches_pattern(time, "99:99:99") && fraction.is_none_or(is_fraction)
}

/// `YYYY-MM-DD HH:MM:SS[.FFF]`.
fn is_timestamp(text: &str) -> bool {
    text.split_once(' ')
        .is_some_and(|(date, time)| is_date(date) && is_time(time))
}

/// Where the pattern has a `9`, the text has a digit; elsewhere they are equal.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, wanted)| match wanted {
                b'9' => byte.is_ascii_digit(),
                _ => byte == wanted,
            })
}

/// `\x…`, as PostgreSQL reads bytes.
fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
