//! Back from cells to the rows that made them.

use std::collections::BTreeSet;

use millrace_table::block::{Block, ColumnData};

use crate::builder::{PartialError, cell_key, write_key_bytes};
use crate::group::{Found, GroupIndex};
use crate::key::CellKey;
use crate::plan::AggregationPlan;

/// A row that counts in one of the cells that are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRow {
    /// Its place in the block.
    pub row: usize,
    /// For each measure whether the row's value is part of it.
    pub counts: Vec<bool>,
}

/// Finds the rows of cells, with the same keys and filters by which the cells were made.
pub struct RowTracer<'a> {
    plan: AggregationPlan,
    wanted: &'a BTreeSet<CellKey>,
    index: GroupIndex,
    /// Whether a group's key is one of those that are looked for.
    is_wanted: Vec<bool>,
    key_bytes: Vec<u8>,
}

impl<'a> RowTracer<'a> {
    /// Looks for the rows of these cells.
    #[must_use]
    pub fn new(plan: AggregationPlan, wanted: &'a BTreeSet<CellKey>) -> Self {
        Self {
            plan,
            wanted,
            index: GroupIndex::new(),
            is_wanted: Vec::new(),
            key_bytes: Vec::new(),
        }
    }

    /// The rows of a block that count in the cells, in order.
    ///
    /// # Errors
    /// [`PartialError::BlockMismatch`] for a block that the plan was not made for.
    pub fn trace(&mut self, block: &Block) -> Result<Vec<TracedRow>, PartialError> {
        let counting = self.plan.filter().rows(block);
        let mut columns: Vec<&ColumnData> = Vec::with_capacity(self.plan.key_columns().len());
        for (key, position) in self.plan.layout().keys.iter().zip(self.plan.key_columns()) {
            let mismatch = || PartialError::BlockMismatch(key.field.clone());
            columns.push(block.columns.get(*position).ok_or_else(mismatch)?);
        }
        let mut rows = Vec::new();
        for row in 0..block.rows() {
            if counting.is_valid(row) && self.is_wanted(&columns, row)? {
                rows.push(row);
            }
        }
        let mut traced: Vec<TracedRow> = rows
            .into_iter()
            .map(|row| TracedRow {
                row,
                counts: Vec::new(),
            })
            .collect();
        let measures = self
            .plan
            .measure_columns()
            .iter()
            .zip(self.plan.measure_filters());
        if traced.is_empty() {
            return Ok(traced);
        }
        for (position, filter) in measures {
            let meets = filter.rows(block);
            let column = block.columns.get(*position);
            for one in &mut traced {
                let has_value = column.is_some_and(|column| column.validity.is_valid(one.row));
                one.counts.push(has_value && meets.is_valid(one.row));
            }
        }
        Ok(traced)
    }

    fn is_wanted(&mut self, columns: &[&ColumnData], row: usize) -> Result<bool, PartialError> {
        let keys = &self.plan.layout().keys;
        self.key_bytes.clear();
        for (column, key) in columns.iter().zip(keys) {
            write_key_bytes(column, row, &mut self.key_bytes)
                .ok_or_else(|| PartialError::BlockMismatch(key.field.clone()))?;
        }
        Ok(match self.index.find_or_add(&self.key_bytes) {
            Some(Found::Known(group)) => self.is_wanted[group as usize],
            Some(Found::Added(_)) => {
                // A key that cannot be written made no cell.
                let key = cell_key(columns, keys, row).ok();
                let is_wanted = key.is_some_and(|key| self.wanted.contains(&key));
                self.is_wanted.push(is_wanted);
                is_wanted
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::RowTracer;
    use crate::key::CellKey;
    use crate::sample::{any_rows, block, fees_plan, partial};

    proptest! {
        #[test]
        fn the_rows_of_a_cell_make_it_again(rows in any_rows(), chosen in any::<proptest::sample::Index>()) {
            let whole = partial(&rows, 7);
            prop_assume!(!whole.entries().is_empty());
            let entry = chosen.get(whole.entries());
            let wanted: BTreeSet<CellKey> = [entry.key.clone()].into();
            let mut tracer = RowTracer::new(fees_plan(), &wanted);
            let mut traced = Vec::new();
            for some in rows.chunks(7) {
                traced.extend(tracer.trace(&block(some)).unwrap().into_iter().map(|one| some[one.row].clone()));
            }
            let again = partial(&traced, 3);
            prop_assert_eq!(again.entries(), std::slice::from_ref(entry));
        }
    }
}
