//! The only values that a field may have, compared as values: `07` is 7, `1.0` is 1, `TRUE` is true.

use millrace_core::Decimal;
use millrace_core::field::{Field, FieldType};
use millrace_core::value::{self, Zone};

use crate::block::Column;

/// Allowed values, sorted, in the type of the field. One that is not of the type is left out: no cell ever equals it.
#[derive(Debug)]
pub(super) enum OneOf {
    Text(Vec<Box<[u8]>>),
    Integer(Vec<i64>),
    Decimal(Vec<Decimal>),
    Boolean(Vec<bool>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
}

fn sorted<T: Ord>(values: &[String], read: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    let read = values.iter().filter_map(|value| read(value.as_bytes()));
    let mut values: Vec<T> = read.collect();
    values.sort_unstable();
    values
}

impl OneOf {
    /// Of a field and the zone that it declares.
    pub(super) fn new(field: &Field, zone: Option<&Zone>, values: &[String]) -> Self {
        match field.field_type {
            FieldType::Text => Self::Text(sorted(values, |text| Some(text.into()))),
            FieldType::Integer => Self::Integer(sorted(values, value::integer)),
            FieldType::Decimal => Self::Decimal(sorted(values, value::decimal)),
            FieldType::Boolean => Self::Boolean(sorted(values, value::boolean)),
            FieldType::Date => Self::Date(sorted(values, |text| value::date(text, field.date_format))),
            FieldType::Timestamp => Self::Timestamp(sorted(values, |text| match zone {
                Some(zone) => zone.timestamp(text).ok(),
                None => value::timestamp(text),
            })),
        }
    }

    /// Whether the value that was added last, of this text, is among them.
    #[inline]
    pub(super) fn hold(&self, column: &Column, text: &[u8]) -> bool {
        match (self, column) {
            (Self::Text(allowed), _) => allowed.binary_search_by(|value| value.as_ref().cmp(text)).is_ok(),
            (Self::Integer(allowed), Column::Integer(values))
            | (Self::Timestamp(allowed), Column::Timestamp(values)) => holds(allowed, values.last()),
            (Self::Decimal(allowed), Column::Decimal(values)) => holds(allowed, values.last()),
            (Self::Boolean(allowed), Column::Boolean(values)) => holds(allowed, values.last()),
            (Self::Date(allowed), Column::Date(values)) => holds(allowed, values.last()),
            // Both come from the same field.
            _ => false,
        }
    }
}

fn holds<T: Ord>(allowed: &[T], value: Option<&T>) -> bool {
    value.is_some_and(|value| allowed.binary_search(value).is_ok())
}

#[cfg(test)]
mod tests {
    use millrace_core::Name;
    use millrace_core::field::{DateFormat, Field, FieldRules, FieldType};
    use millrace_core::row_error::Rule;

    use crate::check::column::CheckedColumn;

    fn refused<'a>(field_type: FieldType, allowed: &[&str], cells: &[&'a str]) -> Vec<&'a str> {
        let field = Field {
            name: Name::parse("x").unwrap(),
            field_type,
            required: false,
            header: None,
            number_format: None,
            time_zone: None,
            date_format: DateFormat::DayMonthYearSlash,
            rules: FieldRules {
                one_of: Some(allowed.iter().map(|value| (*value).to_owned()).collect()),
                ..FieldRules::default()
            },
        };
        let mut column = CheckedColumn::new(0, &field).unwrap();
        let mut refused = Vec::new();
        for (row, cell) in cells.iter().enumerate() {
            match column.push(row, cell.as_bytes()) {
                Ok(()) => {}
                Err(Rule::NotAllowed) => refused.push(*cell),
                Err(other) => panic!("{cell}: {other:?}"),
            }
        }
        refused
    }

    #[test]
    fn values_are_compared_as_values() {
        let cells = ["7", "07", "-0", "0", "8", "70", ""];
        assert_eq!(refused(FieldType::Integer, &["7", "0"], &cells), ["8", "70"]);
        let cells = ["1", "1.0", "01.00", "0.50", "1.01", "-1"];
        assert_eq!(refused(FieldType::Decimal, &["0.5", "1"], &cells), ["1.01", "-1"]);
        let cells = ["true", "TRUE", "yes", "1", "False", "n"];
        assert_eq!(refused(FieldType::Boolean, &["true"], &cells), ["False", "n"]);
        let cells = ["08/01/2023", "09/01/2023"];
        assert_eq!(refused(FieldType::Date, &["08/01/2023"], &cells), ["09/01/2023"]);
        let cells = [
            "2023-01-08T05:30:00+05:30",
            "2023-01-08 00:00:00",
            "2023-01-08T00:00:01Z",
        ];
        let allowed = ["2023-01-08T00:00:00Z"];
        assert_eq!(
            refused(FieldType::Timestamp, &allowed, &cells),
            ["2023-01-08T00:00:01Z"]
        );
        assert_eq!(
            refused(FieldType::Text, &["07", "a"], &["7", "A", "a", "07"]),
            ["7", "A"]
        );
    }

    #[test]
    fn a_value_that_is_not_of_the_type_allows_nothing() {
        assert_eq!(
            refused(FieldType::Integer, &["1.5", "x"], &["1", "2"]),
            ["1", "2"]
        );
    }
}
