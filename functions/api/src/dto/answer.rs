//! Rows and columns, with exact values.

use millrace_core::field::FieldType;
use millrace_store::datasets::Answer;
use millrace_store::selection::OutputColumn;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::query::bad_member;
use crate::problem::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The greatest whole number that every JSON reader holds exactly.
const MAX_SAFE_INTEGER: u64 = 1 << 53;
/// The most bytes of a page's values, well below what the gateway takes.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Column {
    /// Its name.
    #[schema(example = "date")]
    pub name: String,
    /// The type of its values: `text`, `integer`, `decimal`, `boolean`, `date` or `timestamp`.
    ///
    /// Decimals, and whole numbers beyond 2^53, travel as strings, so that no reader rounds them.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "date")]
    pub column_type: FieldType,
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RowPage {
    /// The columns, in the order of the values.
    pub columns: Vec<Column>,
    /// The rows: an array of values each.
    pub rows: Vec<Vec<Value>>,
    /// The version of the dataset that was read; absent for dimensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Makes a page of an answer that was asked for one row more than the page may have.
#[must_use]
pub fn row_page(answer: Answer, limit: u32, version: Option<i64>) -> RowPage {
    let mut rows = Vec::new();
    let mut size_bytes = 0;
    let mut last_key = None;
    let mut next = None;
    for (key, values) in answer.rows {
        size_bytes += values
            .iter()
            .map(|value| value.as_ref().map_or(4, String::len) + 4)
            .sum::<usize>();
        if rows.len() >= limit as usize || (size_bytes > MAX_PAGE_BYTES && last_key.is_some()) {
            next = last_key.map(|key: String| encode_cursor(&key));
            break;
        }
        rows.push(values.into_iter().zip(&answer.columns).map(json_value).collect());
        last_key = Some(key);
    }
    let columns = answer.columns.into_iter().map(column).collect();
    RowPage {
        columns,
        rows,
        version,
        next,
    }
}

fn column(column: OutputColumn) -> Column {
    Column {
        name: column.name.into(),
        column_type: column.field_type,
    }
}

/// A value as JSON holds it exactly.
fn json_value((text, column): (Option<String>, &OutputColumn)) -> Value {
    let Some(text) = text else {
        return Value::Null;
    };
    match column.field_type {
        FieldType::Integer => match text.parse::<i64>() {
            Ok(number) if number.unsigned_abs() <= MAX_SAFE_INTEGER => Value::from(number),
            _ => Value::String(text),
        },
        FieldType::Boolean => match text.as_str() {
            "true" | "t" => Value::Bool(true),
            "false" | "f" => Value::Bool(false),
            _ => Value::String(text),
        },
        FieldType::Text | FieldType::Decimal | FieldType::Date | FieldType::Timestamp => Value::String(text),
    }
}

/// A row key as a cursor.
pub(crate) fn encode_cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Reads what a page's `next` was.
///
/// # Errors
/// 400 for anything else.
pub fn decode_cursor(cursor: Option<String>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let key = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|key| !key.contains('\0'));
    key.map(Some)
        .ok_or_else(|| bad_member("cursor", "has to be the next of a page"))
}
