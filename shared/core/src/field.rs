//! The slots of a dimension or an event: name, type and the rules for a cell.

use serde::{Deserialize, Serialize};

use crate::csv::NumberFormat;
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
    /// An instant, RFC 3339 with an offset; without one it is UTC, or of the field's time zone (`timestamptz`).
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

/// How a date is written in the file: `YYYY` or `YY` (00 to 69 are 2000 to 2069, 70 to 99 are 1970 to 1999, as in
/// POSIX), `MM`, `MON` (`Jan`) or `MONTH` (`January`, also `Jan`) in any case, `DD` or `D` (one digit or two).
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
    /// `08.01.2023`.
    #[serde(rename = "DD.MM.YYYY")]
    DayMonthYearDot,
    /// `2023/01/08`.
    #[serde(rename = "YYYY/MM/DD")]
    YearMonthDaySlash,
    /// `20230108`.
    #[serde(rename = "YYYYMMDD")]
    YearMonthDayCompact,
    /// `01/08/2023`.
    #[serde(rename = "MM/DD/YYYY")]
    MonthDayYearSlash,
    /// `08/01/23`.
    #[serde(rename = "DD/MM/YY")]
    DayMonthShortYearSlash,
    /// `08-01-23`.
    #[serde(rename = "DD-MM-YY")]
    DayMonthShortYearDash,
    /// `08-Jan-2023`.
    #[serde(rename = "DD-MON-YYYY")]
    DayMonthNameYear,
    /// `January 8, 2023`.
    #[serde(rename = "MONTH D, YYYY")]
    MonthNameDayYear,
}

impl DateFormat {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::YearMonthDay,
        Self::DayMonthYearSlash,
        Self::DayMonthYearDash,
        Self::DayMonthYearDot,
        Self::YearMonthDaySlash,
        Self::YearMonthDayCompact,
        Self::MonthDayYearSlash,
        Self::DayMonthShortYearSlash,
        Self::DayMonthShortYearDash,
        Self::DayMonthNameYear,
        Self::MonthNameDayYear,
    ];

    /// The format as specs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::YearMonthDay => "YYYY-MM-DD",
            Self::DayMonthYearSlash => "DD/MM/YYYY",
            Self::DayMonthYearDash => "DD-MM-YYYY",
            Self::DayMonthYearDot => "DD.MM.YYYY",
            Self::YearMonthDaySlash => "YYYY/MM/DD",
            Self::YearMonthDayCompact => "YYYYMMDD",
            Self::MonthDayYearSlash => "MM/DD/YYYY",
            Self::DayMonthShortYearSlash => "DD/MM/YY",
            Self::DayMonthShortYearDash => "DD-MM-YY",
            Self::DayMonthNameYear => "DD-MON-YYYY",
            Self::MonthNameDayYear => "MONTH D, YYYY",
        }
    }
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

/// The header of a field's column, where it is not the field's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnHeader {
    /// The header's text, to the byte.
    pub text: String,
    /// Which of the columns with this header, from 1.
    pub occurrence: u32,
}

/// A slot of a dimension or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name: the column in the database, and the column header in a file unless `header` says otherwise.
    pub name: Name,
    /// The type of the values.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether the column must be there and every cell filled.
    pub required: bool,
    /// The column's header in a file, where it is not the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<ColumnHeader>,
    /// How dates are written; used by [`FieldType::Date`] alone.
    #[serde(default)]
    pub date_format: DateFormat,
    /// The IANA name of the time zone of times without an offset; used by [`FieldType::Timestamp`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How numbers are written; used by [`FieldType::Integer`] and [`FieldType::Decimal`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_format: Option<NumberFormat>,
    /// The other rules.
    #[serde(default)]
    pub rules: FieldRules,
}
