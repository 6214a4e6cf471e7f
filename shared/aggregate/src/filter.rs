//! Which rows of a block meet a dataset's conditions.

use std::cmp::Ordering;

use millrace_core::condition::{Condition, Literal, Operator};
use millrace_table::block::{Block, Column, PartSchema, Validity};

use crate::plan::{PlanError, find};

/// Conditions over the columns of a part; a row meets them when it meets all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RowFilter {
    tests: Vec<Test>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Test {
    column: usize,
    operator: Operator,
    literal: Literal,
}

impl RowFilter {
    /// Finds the conditions' columns in a part.
    pub(crate) fn new(conditions: &[Condition], schema: &PartSchema) -> Result<Self, PlanError> {
        let test = |condition: &Condition| {
            Ok(Test {
                column: find(schema, &condition.field, condition.field_type)?,
                operator: condition.operator,
                literal: condition
                    .literal()
                    .ok_or_else(|| PlanError::BadValue(condition.field.clone()))?,
            })
        };
        let tests = conditions.iter().map(test).collect::<Result<_, _>>()?;
        Ok(Self { tests })
    }

    /// Positions in the part of the columns that are looked at.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.tests.iter().map(|test| test.column)
    }

    /// Whether every row meets it, whatever it holds.
    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// The rows that meet it. Columns that are not as the plan expects them meet nothing: the builder has checked them.
    pub(crate) fn rows(&self, block: &Block) -> Validity {
        let tests = self.tests.iter().map(|test| test.rows(block));
        tests.fold(Validity::All, |all, one| all.and(&one))
    }
}

impl Test {
    fn rows(&self, block: &Block) -> Validity {
        let Some(column) = block.columns.get(self.column) else {
            return Validity::Bitmap(Vec::new());
        };
        let mut words = vec![0_u64; block.rows().div_ceil(64)];
        for (at, word) in words.iter_mut().enumerate() {
            for bit in 0..64.min(block.rows() - at * 64) {
                let row = at * 64 + bit;
                let meets = compare(&column.values, row, &self.literal);
                *word |= u64::from(meets.is_some_and(|ordering| self.operator.accepts(ordering))) << bit;
            }
        }
        Validity::Bitmap(words).and(&column.validity)
    }
}

/// How a slot compares with a value of the column's type.
fn compare(column: &Column, row: usize, literal: &Literal) -> Option<Ordering> {
    match (column, literal) {
        (Column::Text { .. }, Literal::Text(text)) => Some(column.text(row)?.cmp(text.as_bytes())),
        (Column::Integer(values), Literal::Integer(value))
        | (Column::Timestamp(values), Literal::Timestamp(value)) => Some(values.get(row)?.cmp(value)),
        (Column::Decimal(values), Literal::Decimal(value)) => Some(values.get(row)?.cmp(value)),
        (Column::Boolean(values), Literal::Boolean(value)) => Some(values.get(row)?.cmp(value)),
        (Column::Date(values), Literal::Date(value)) => Some(values.get(row)?.cmp(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
