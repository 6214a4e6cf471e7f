//! What a rule asks for, in words for the one who sent the file.

use millrace_core::field::{DateFormat, Field, FieldType};
use millrace_core::row_error::Rule;

use crate::limits::{FOUND_CHARACTERS, Limits};

/// What a cell of `field` should have been, given the rule that it breaks.
pub(super) fn expected(rule: Rule, field: &Field, limits: &Limits) -> String {
    let words = match rule {
        Rule::Required => "a value".to_owned(),
        Rule::OutOfRange => range(field),
        Rule::Length => length(field),
        Rule::PatternMismatch => {
            let pattern = field.rules.pattern.as_deref().unwrap_or_default();
            format!("text that matches {pattern}")
        }
        Rule::NotAllowed => {
            let allowed = field.rules.one_of.as_deref().unwrap_or_default();
            format!("one of {}", allowed.join(", "))
        }
        Rule::InvalidUtf8 => "UTF-8 text".to_owned(),
        Rule::NulByte => "text without NUL bytes".to_owned(),
        Rule::TooLong => format!("at most {} bytes in a cell", limits.cell_bytes),
        _ => kind(field).to_owned(),
    };
    words.chars().take(FOUND_CHARACTERS).collect()
}

fn kind(field: &Field) -> &'static str {
    match field.field_type {
        FieldType::Text => "text",
        FieldType::Integer => "a whole number of at most 64 bits, such as -42",
        FieldType::Decimal => "a decimal number of at most 28 digits and 18 decimal places, such as -12.5",
        FieldType::Boolean => "true, false, yes, no, t, f, y, n, 1 or 0",
        FieldType::Date => match field.date_format {
            DateFormat::YearMonthDay => "a day as YYYY-MM-DD",
            DateFormat::DayMonthYearSlash => "a day as DD/MM/YYYY",
            DateFormat::DayMonthYearDash => "a day as DD-MM-YYYY",
        },
        FieldType::Timestamp => "an instant such as 2023-01-08T09:30:00Z or 2023-01-08T09:30:00+05:30",
    }
}

fn range(field: &Field) -> String {
    let rules = &field.rules;
    let bounds = [
        ("at least", rules.minimum),
        ("more than", rules.exclusive_minimum),
        ("at most", rules.maximum),
        ("less than", rules.exclusive_maximum),
    ];
    let words = bounds
        .iter()
        .filter_map(|(words, bound)| Some(format!("{words} {}", (*bound)?)));
    words.collect::<Vec<_>>().join(" and ")
}

fn length(field: &Field) -> String {
    match (field.rules.min_length, field.rules.max_length) {
        (Some(least), Some(greatest)) => format!("{least} to {greatest} characters"),
        (Some(least), None) => format!("at least {least} characters"),
        (None, Some(greatest)) => format!("at most {greatest} characters"),
        (None, None) => "text".to_owned(),
    }
}
