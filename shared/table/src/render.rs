//! Values as the texts that PostgreSQL's casts take back.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::block::{Column, ColumnData};

const EPOCH: Date = Date::constant(1970, 1, 1);

impl ColumnData {
    /// The text of a slot, exact and in ISO form; `None` for null, a row that is not there or an absent column.
    #[must_use]
    pub fn text_at(&self, row: usize) -> Option<String> {
        if !self.validity.is_valid(row) {
            return None;
        }
        match &self.values {
            Column::Absent => None,
            Column::Text { .. } => self
                .values
                .text(row)
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            Column::Integer(values) => values.get(row).map(ToString::to_string),
            Column::Decimal(values) => values.get(row).map(ToString::to_string),
            Column::Boolean(values) => values.get(row).map(ToString::to_string),
            Column::Date(values) => EPOCH
                .checked_add(values.get(row).copied()?.days())
                .ok()
                .map(|date| date.to_string()),
            Column::Timestamp(values) => Timestamp::from_microsecond(*values.get(row)?)
                .ok()
                .map(|instant| instant.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::Decimal;

    use crate::block::{Column, ColumnData, Validity};

    fn text(values: Column) -> Option<String> {
        ColumnData {
            validity: Validity::All,
            values,
        }
        .text_at(0)
    }

    #[test]
    fn every_type_has_its_text() {
        assert_eq!(text(Column::Integer(vec![-7])).as_deref(), Some("-7"));
        assert_eq!(
            text(Column::Decimal(vec!["12.50".parse::<Decimal>().unwrap()])).as_deref(),
            Some("12.5")
        );
        assert_eq!(text(Column::Boolean(vec![true])).as_deref(), Some("true"));
        assert_eq!(text(Column::Date(vec![19_365])).as_deref(), Some("2023-01-08"));
        assert_eq!(
            text(Column::Timestamp(vec![1_500_000])).as_deref(),
            Some("1970-01-01T00:00:01.5Z")
        );
        let words = Column::Text {
            offsets: vec![0, 3],
            bytes: b"a\"b".to_vec(),
        };
        assert_eq!(text(words).as_deref(), Some("a\"b"));
        assert_eq!(text(Column::Absent), None);
        let null = ColumnData {
            validity: Validity::Bitmap(vec![0]),
            values: Column::Integer(vec![0]),
        };
        assert_eq!(null.text_at(0), None);
    }
}
