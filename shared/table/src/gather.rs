//! Columns made of others: rows picked, values computed.

use millrace_core::condition::Literal;
use millrace_core::field::FieldType;

use crate::block::{Column, ColumnData, Validity};

impl ColumnData {
    /// The slots of these rows, in their order; a row may come several times. Absent columns stay absent.
    #[must_use]
    pub fn gather(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row]).collect()
        }
        let values = match &self.values {
            Column::Absent => Column::Absent,
            Column::Text { .. } => {
                let (mut offsets, mut bytes) = (Vec::with_capacity(rows.len() + 1), Vec::new());
                offsets.push(0);
                for row in rows {
                    bytes.extend_from_slice(self.values.text(*row).unwrap_or_default());
                    // A block's texts are bounded by the row limit times the longest cell, below 4 GiB.
                    offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                }
                Column::Text { offsets, bytes }
            }
            Column::Integer(values) => Column::Integer(pick(values, rows)),
            Column::Decimal(values) => Column::Decimal(pick(values, rows)),
            Column::Boolean(values) => Column::Boolean(pick(values, rows)),
            Column::Date(values) => Column::Date(pick(values, rows)),
            Column::Timestamp(values) => Column::Timestamp(pick(values, rows)),
        };
        let validity = match &self.validity {
            Validity::All => Validity::All,
            some @ Validity::Bitmap(_) => Validity::of(rows.iter().map(|row| some.is_valid(*row))),
        };
        Self { validity, values }
    }

    /// A column of computed values, null where there is none or where it is not of the type.
    #[must_use]
    pub fn of_literals(field_type: FieldType, literals: &[Option<Literal>]) -> Self {
        let mut values = Column::new(field_type);
        let is_valid: Vec<bool> = literals
            .iter()
            .map(|literal| values.push(literal.as_ref()))
            .collect();
        Self {
            validity: Validity::of(is_valid.into_iter()),
            values,
        }
    }

    /// The value of a slot; none for null and for what is not there.
    #[must_use]
    pub fn literal_at(&self, row: usize) -> Option<Literal> {
        if !self.validity.is_valid(row) {
            return None;
        }
        match &self.values {
            Column::Absent => None,
            Column::Text { .. } => {
                let text = std::str::from_utf8(self.values.text(row)?).ok()?;
                Some(Literal::Text(text.to_owned()))
            }
            Column::Integer(values) => values.get(row).copied().map(Literal::Integer),
            Column::Decimal(values) => values.get(row).copied().map(Literal::Decimal),
            Column::Boolean(values) => values.get(row).copied().map(Literal::Boolean),
            Column::Date(values) => values.get(row).copied().map(Literal::Date),
            Column::Timestamp(values) => values.get(row).copied().map(Literal::Timestamp),
        }
    }
}

impl Column {
    /// Adds a value; the default where there is none or where it is of another type, and whether it was one.
    fn push(&mut self, literal: Option<&Literal>) -> bool {
        match (&mut *self, literal) {
            (Self::Text { offsets, bytes }, Some(Literal::Text(text))) => {
                bytes.extend_from_slice(text.as_bytes());
                offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            (Self::Integer(values), Some(Literal::Integer(value))) => values.push(*value),
            (Self::Decimal(values), Some(Literal::Decimal(value))) => values.push(*value),
            (Self::Boolean(values), Some(Literal::Boolean(value))) => values.push(*value),
            (Self::Date(values), Some(Literal::Date(days))) => values.push(*days),
            (Self::Timestamp(values), Some(Literal::Timestamp(micros))) => values.push(*micros),
            _ => {
                self.push_default();
                return false;
            }
        }
        true
    }
}

impl Validity {
    /// Which of so many slots hold a value.
    #[must_use]
    pub fn of(slots: impl Iterator<Item = bool>) -> Self {
        let (mut words, mut is_all) = (Vec::new(), true);
        for (row, is_valid) in slots.enumerate() {
            if row % 64 == 0 {
                words.push(0_u64);
            }
            is_all &= is_valid;
            words[row / 64] |= u64::from(is_valid) << (row % 64);
        }
        if is_all { Self::All } else { Self::Bitmap(words) }
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::condition::Literal;
    use millrace_core::field::FieldType;

    use crate::block::{ColumnData, Validity};

    #[test]
    fn rows_are_picked_with_their_nulls() {
        for (field_type, literals) in [
            (
                FieldType::Integer,
                [Some(Literal::Integer(7)), None, Some(Literal::Integer(-1))],
            ),
            (
                FieldType::Text,
                [
                    Some(Literal::Text("é".into())),
                    None,
                    Some(Literal::Text(String::new())),
                ],
            ),
            (
                FieldType::Boolean,
                [Some(Literal::Boolean(true)), None, Some(Literal::Boolean(false))],
            ),
            (
                FieldType::Date,
                [Some(Literal::Date(3)), None, Some(Literal::Date(-3))],
            ),
        ] {
            let column = ColumnData::of_literals(field_type, &literals);
            let rows = [2, 1, 0, 0];
            let picked = column.gather(&rows);
            for (at, row) in rows.into_iter().enumerate() {
                assert_eq!(picked.literal_at(at), literals[row], "{field_type:?}");
            }
            assert_eq!(picked.values.len(), 4);
            assert_eq!(
                column.gather(&[0, 2]).validity,
                Validity::of([true, true].into_iter())
            );
        }
    }

    #[test]
    fn what_is_not_of_the_type_is_null() {
        let column = ColumnData::of_literals(FieldType::Integer, &[Some(Literal::Boolean(true))]);
        assert_eq!(column.literal_at(0), None);
        assert_eq!(column.literal_at(9), None);
    }
}
