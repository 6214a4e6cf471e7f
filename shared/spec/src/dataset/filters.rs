//! Conditions on the rows or groups that a dataset is computed from.

use millrace_core::condition::{Condition, Operator};
use millrace_core::field::FieldType;

use super::feed::FeedColumns;
use super::parts::{FilterPart, Parts};
use crate::problem::{Problems, quoted};

/// The declared conditions.
pub(super) fn read(parts: &Parts<'_>, feed: &FeedColumns, problems: &mut Problems) -> Vec<Condition> {
    let filters = parts.filters.iter();
    filters
        .filter_map(|filter| read_one(filter, feed, problems))
        .collect()
}

fn read_one(filter: &FilterPart<'_>, feed: &FeedColumns, problems: &mut Problems) -> Option<Condition> {
    let Some((field, field_type)) = feed.column(filter.column.name) else {
        problems.add(
            &filter.column.at,
            "unknown_column",
            feed.has_none(filter.column.name),
        );
        return None;
    };
    let Some(operator) = Operator::parse(filter.operator.name.trim()) else {
        let message = "must be one of =, !=, <, <=, > and >=";
        problems.add(&filter.operator.at, "unknown_operator", message);
        return None;
    };
    if !operator.is_equality() && matches!(field_type, FieldType::Text | FieldType::Boolean) {
        let message = format!("{field} is neither a number nor a date: only = and != are defined for it");
        problems.add(&filter.operator.at, "unknown_operator", message);
        return None;
    }
    let condition = Condition {
        field: field.clone(),
        field_type: *field_type,
        operator,
        value: filter.value.name.to_owned(),
    };
    if condition.literal().is_none() || filter.value.name.contains('\0') {
        let message = format!(
            "{} cannot be compared with {field}, which is {}",
            quoted(filter.value.name),
            words(*field_type)
        );
        problems.add(&filter.value.at, "wrong_type", message);
        return None;
    }
    Some(condition)
}

fn words(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "a text without U+0000",
        FieldType::Integer => "a whole number",
        FieldType::Decimal => "a number",
        FieldType::Boolean => "a truth value",
        FieldType::Date => "a date: YYYY-MM-DD",
        FieldType::Timestamp => "an instant: RFC 3339",
    }
}
