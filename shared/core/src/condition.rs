//! Conditions on the rows of an event or the groups of a dataset.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::field::{DateFormat, FieldType};
use crate::name::Name;
use crate::value;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal.
    #[serde(rename = ">=")]
    GreaterOrEqual,
}

impl Operator {
    /// All operators.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    /// The operator as it is written in specs; SQL understands it too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Reads what [`Self::as_str`] wrote, also `==` and `<>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "==" => Some(Self::Equal),
            "<>" => Some(Self::NotEqual),
            text => Self::ALL.into_iter().find(|operator| operator.as_str() == text),
        }
    }

    /// Whether only equality is asked for, which every type has.
    #[must_use]
    pub fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Whether a value that compares so with the condition's passes.
    #[inline]
    #[must_use]
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A text, compared byte by byte.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A truth value.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

impl Literal {
    /// Its type.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Text(_) => FieldType::Text,
            Self::Integer(_) => FieldType::Integer,
            Self::Decimal(_) => FieldType::Decimal,
            Self::Boolean(_) => FieldType::Boolean,
            Self::Date(_) => FieldType::Date,
            Self::Timestamp(_) => FieldType::Timestamp,
        }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The number as a decimal, if it is one.
    #[must_use]
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Integer(value) => Some(Decimal::from(*value)),
            Self::Decimal(value) => Some(*value),
            _ => None,
        }
    }

    /// Reads a value of a type: dates are `YYYY-MM-DD`, instants RFC 3339, the rest as in files.
    #[must_use]
    pub fn parse(field_type: FieldType, text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        match field_type {
            FieldType::Text => Some(Self::Text(text.to_owned())),
            FieldType::Integer => value::integer(bytes).map(Self::Integer),
            FieldType::Decimal => value::decimal(bytes).map(Self::Decimal),
            FieldType::Boolean => value::boolean(bytes).map(Self::Boolean),
            FieldType::Date => value::date(bytes, DateFormat::YearMonthDay).map(Self::Date),
            FieldType::Timestamp => value::timestamp(bytes).map(Self::Timestamp),
        }
    }
}

/// A condition on one field; a row without a value does not meet it, whatever the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The field.
    pub field: Name,
    /// Its type.
    pub field_type: FieldType,
    /// How it is compared.
    pub operator: Operator,
    /// What with, as [`Condition::literal`] reads it: dates are `YYYY-MM-DD`, instants RFC 3339, the rest as in files.
    pub value: String,
}

impl Condition {
    /// The value, typed; none when it is not of the field's type.
    #[must_use]
    pub fn literal(&self) -> Option<Literal> {
        Literal::parse(self.field_type, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Literal, Operator};
    use crate::field::FieldType;
    use crate::name::Name;

    #[test]
    fn operators_are_read_as_they_are_written() {
        for operator in Operator::ALL {
            assert_eq!(Operator::parse(operator.as_str()), Some(operator));
            let json = serde_json::to_string(&operator).unwrap();
            assert_eq!(json, format!("\"{}\"", operator.as_str()));
        }
        assert_eq!(Operator::parse("=="), Some(Operator::Equal));
        assert_eq!(Operator::parse("<>"), Some(Operator::NotEqual));
        assert_eq!(Operator::parse("like"), None);
    }

    #[test]
    fn a_value_is_of_its_fields_type_or_none() {
        let read = |field_type, value: &str| {
            let field = Name::parse("x").unwrap();
            let value = value.to_owned();
            let operator = Operator::Equal;
            Condition {
                field,
                field_type,
                operator,
                value,
            }
            .literal()
        };
        assert_eq!(read(FieldType::Integer, "50"), Some(Literal::Integer(50)));
        assert_eq!(read(FieldType::Integer, "50.5"), None);
        assert_eq!(
            read(FieldType::Decimal, "50.50"),
            Some(Literal::Decimal("50.5".parse().unwrap()))
        );
        assert_eq!(read(FieldType::Boolean, "yes"), Some(Literal::Boolean(true)));
        assert_eq!(read(FieldType::Date, "1970-01-02"), Some(Literal::Date(1)));
        assert_eq!(
            read(FieldType::Timestamp, "1970-01-01T00:00:01Z"),
            Some(Literal::Timestamp(1_000_000))
        );
        assert_eq!(read(FieldType::Text, ""), Some(Literal::Text(String::new())));
    }
}
