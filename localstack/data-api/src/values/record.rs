//! Rows: PostgreSQL's text into fields, or into one JSON text.

use serde_json::{Map, Value as Json};

use super::array;
use super::types::{Kind, PgType};
use crate::api::{
    ApiError, ApiErrorKind, ArrayValue, DecimalReturnType, Double, Field, LongReturnType, ResultSetOptions,
};
use crate::wire::{Column, Rows, Value};

/// The rows as fields.
pub(crate) fn records(
    rows: &Rows,
    types: &[PgType],
    options: ResultSetOptions,
) -> Result<Vec<Vec<Field>>, ApiError> {
    if let Some(refused) = types.iter().find(|pg_type| pg_type.kind == Kind::Unsupported) {
        return Err(unsupported(&refused.name));
    }
    let row = |row: &Vec<Value>| {
        row.iter()
            .zip(types)
            .map(|(value, pg_type)| field(value, pg_type, options))
            .collect()
    };
    rows.rows.iter().map(row).collect()
}

fn unsupported(name: &str) -> ApiError {
    let message = format!("The result contains the unsupported data type {name}.");
    ApiError::new(ApiErrorKind::UnsupportedResult, message)
}

fn field(value: &Value, pg_type: &PgType, options: ResultSetOptions) -> Result<Field, ApiError> {
    let Some(bytes) = value else {
        return Ok(Field::IsNull(true));
    };
    // client_encoding is UTF8
    let text = String::from_utf8_lossy(bytes);
    if !pg_type.is_array() {
        return scalar(&text, pg_type, options).ok_or_else(|| unsupported(&pg_type.name));
    }
    let elements = array::elements(&text).ok_or_else(|| unsupported(&pg_type.name))?;
    Ok(Field::ArrayValue(match pg_type.kind {
        Kind::Bool => ArrayValue::BooleanValues(each(elements, |text| text == "t")),
        Kind::Long => ArrayValue::LongValues(each(elements, |text| text.parse().unwrap_or_default())),
        Kind::Double => ArrayValue::DoubleValues(each(elements, |text| Double(double(&text)))),
        Kind::TimestampTz => ArrayValue::StringValues(each(elements, |text| without_offset(&text))),
        _ => ArrayValue::StringValues(elements),
    }))
}

fn each<T>(elements: Vec<Option<String>>, read: impl Fn(String) -> T) -> Vec<Option<T>> {
    elements.into_iter().map(|element| element.map(&read)).collect()
}

fn scalar(text: &str, pg_type: &PgType, options: ResultSetOptions) -> Option<Field> {
    Some(match pg_type.kind {
        Kind::Bool => Field::BooleanValue(text == "t"),
        Kind::Long if options.long_return_type == LongReturnType::String => {
            Field::StringValue(text.to_owned())
        }
        Kind::Long => Field::LongValue(text.parse().ok()?),
        Kind::Double => Field::DoubleValue(double(text)),
        Kind::Numeric if options.decimal_return_type == DecimalReturnType::DoubleOrLong => match text.parse()
        {
            Ok(long) => Field::LongValue(long),
            Err(_) => Field::DoubleValue(double(text)),
        },
        Kind::Numeric | Kind::Text => Field::StringValue(text.to_owned()),
        Kind::TimestampTz => Field::StringValue(without_offset(text)),
        Kind::Bytes => Field::BlobValue(crate::api::Blob(read_hexadecimal(text)?)),
        Kind::Unsupported => return None,
    })
}

/// Rust reads `NaN`, `Infinity` and `-Infinity` as PostgreSQL writes them.
fn double(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// The session's zone is UTC, so that the offset is always `+00`.
fn without_offset(text: &str) -> String {
    match text.split_once("+00") {
        Some((time, era)) => format!("{time}{era}"),
        None => text.to_owned(),
    }
}

fn read_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// The records as `formattedRecords`: an array of objects by label.
pub(crate) fn json_text(columns: &[Column], records: Vec<Vec<Field>>) -> Result<String, ApiError> {
    let mut labels = std::collections::HashSet::new();
    if let Some(column) = columns
        .iter()
        .find(|column| !labels.insert(column.label.as_str()))
    {
        let message = format!(
            "The result contains more than one column with the label {}.",
            column.label
        );
        return Err(ApiError::new(ApiErrorKind::BadRequest, message));
    }
    let object = |record: Vec<Field>| {
        let members = columns
            .iter()
            .zip(record)
            .map(|(column, field)| (column.label.clone(), json(field)));
        Json::Object(members.collect::<Map<_, _>>())
    };
    Ok(Json::Array(records.into_iter().map(object).collect()).to_string())
}

fn json(field: Field) -> Json {
    match field {
        Field::IsNull(_) => Json::Null,
        Field::BooleanValue(value) => value.into(),
        Field::LongValue(value) => value.into(),
        Field::StringValue(value) => value.into(),
        Field::DoubleValue(value) => serde_json::to_value(Double(value)).unwrap_or_default(),
        Field::BlobValue(value) => serde_json::to_value(value).unwrap_or_default(),
        Field::ArrayValue(ArrayValue::BooleanValues(values)) => values.into(),
        Field::ArrayValue(ArrayValue::LongValues(values)) => values.into(),
        Field::ArrayValue(ArrayValue::StringValues(values)) => values.into(),
        Field::ArrayValue(ArrayValue::DoubleValues(values)) => {
            serde_json::to_value(values).unwrap_or_default()
        }
        Field::ArrayValue(ArrayValue::ArrayValues(values)) => values
            .into_iter()
            .map(|value| json(Field::ArrayValue(value)))
            .collect(),
    }
}
