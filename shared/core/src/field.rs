//! The slots of a dimension or an event: name, type and the rules for a cell.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::name::Name;

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Any text (PostgreSQL `text`).
    Text,
    /// A whole number that fits 64 bits (`bigint`).
    Integer,
    /// An exact decimal (`numeric`).
    Decimal,
    /// `true`/`false`, also `1`/`0`, `yes`/`no`, `t`/`f`, `y`/`n` in any case (`boolean`).
    Boolean,
    /// A calendar day (`date`), in the field's date format.
    Date,
    /// An instant, RFC 3339 with an offset; without one it is UTC (`timestamptz`).
    Timestamp,
}

impl FieldType {
    /// The PostgreSQL type that holds such values.
    #[must_use]
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "bigint",
            Self::Decimal => "numeric",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamptz",
        }
    }

    /// Whether values can be added up.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal)
    }
}

/// How a date is written in the file; years have four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum DateFormat {
    /// `2023-01-08`.
    #[default]
    #[serde(rename = "YYYY-MM-DD")]
    YearMonthDay,
    /// `08/01/2023`.
    #[serde(rename = "DD/MM/YYYY")]
    DayMonthYearSlash,
    /// `08-01-2023`.
    #[serde(rename = "DD-MM-YYYY")]
    DayMonthYearDash,
}

/// The rules that a cell has to keep beside its type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldRules {
    /// Least value of a number, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Decimal>,
    /// Greatest value of a number, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Decimal>,
    /// Least value of a number, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_minimum: Option<Decimal>,
    /// Greatest value of a number, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_maximum: Option<Decimal>,
    /// Least length of a text in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Greatest length of a text in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression (linear-time) that a text must match somewhere, as in JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The only values allowed, compared as values of the field's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
}

/// A slot of a dimension or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name: the column header in a file, the column in the database.
    pub name: Name,
    /// The type of the values.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether the column must be there and every cell filled.
    pub required: bool,
    /// How dates are written; used by [`FieldType::Date`] alone.
    #[serde(default)]
    pub date_format: DateFormat,
    /// The other rules.
    #[serde(default)]
    pub rules: FieldRules,
}
