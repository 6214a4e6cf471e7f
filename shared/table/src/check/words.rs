//! What a rule asks for, in words for the one who sent the file.

use millrace_core::field::{Field, FieldType};
use millrace_core::row_error::Rule;

use crate::limits::{FOUND_CHARACTERS, Limits};

/// What a cell should have been, given the rule that it breaks; there is no field where its column is read over.
pub(super) fn expected(rule: Rule, field: Option<&Field>, limits: &Limits) -> String {
    let words = match (rule, field) {
        (Rule::Required, _) => "a value".to_owned(),
        (Rule::InvalidUtf8, _) => "text in the file's encoding".to_owned(),
        (Rule::NulByte, _) => "text without NUL bytes".to_owned(),
        (Rule::TooLong, _) => format!("at most {} bytes in a cell", limits.cell_bytes),
        (Rule::SkippedTime, Some(field)) => {
            let zone = field.time_zone.as_deref().unwrap_or_default();
            format!(
                "a time that the clocks in {zone} show: they were put forward over this one; write its offset"
            )
        }
        (Rule::OutOfRange, Some(field)) => range(field),
        (Rule::Length, Some(field)) => length(field),
        (Rule::PatternMismatch, Some(field)) => {
            let pattern = field.rules.pattern.as_deref().unwrap_or_default();
            format!("text that matches {pattern}")
        }
        (Rule::NotAllowed, Some(field)) => {
            let allowed = field.rules.one_of.as_deref().unwrap_or_default();
            format!("one of {}", allowed.join(", "))
        }
        (_, Some(field)) => kind(field),
        (_, None) => "text".to_owned(),
    };
    words.chars().take(FOUND_CHARACTERS).collect()
}

fn kind(field: &Field) -> String {
    let words = match field.field_type {
        FieldType::Text => "text",
        FieldType::Integer => "a whole number of at most 64 bits, such as -42",
        FieldType::Decimal => "a decimal number of at most 28 digits and 18 decimal places, such as -12.5",
        FieldType::Boolean => "true, false, yes, no, t, f, y, n, 1 or 0",
        FieldType::Date => return format!("a day as {}", field.date_format.as_str()),
        FieldType::Timestamp if field.time_zone.is_some() => {
            let zone = field.time_zone.as_deref().unwrap_or_default();
            return format!(
                "an instant such as 2023-01-08T09:30:00+05:30, or a time in {zone} such as 2023-01-08T09:30:00"
            );
        }
        FieldType::Timestamp => "an instant such as 2023-01-08T09:30:00Z or 2023-01-08T09:30:00+05:30",
    };
    let Some(format) = field.number_format else {
        return words.to_owned();
    };
    let group = format
        .group_mark
        .map(|mark| format!(", digits in groups by `{mark}`"));
    let decimal = format
        .decimal_mark
        .map(|mark| format!(", decimals behind `{mark}`"));
    [words, &group.unwrap_or_default(), &decimal.unwrap_or_default()].concat()
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
