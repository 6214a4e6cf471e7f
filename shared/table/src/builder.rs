//! A column that grows cell by cell and can take back the cells of a rejected row.

use millrace_core::field::FieldType;

use crate::block::{Column, ColumnData, Validity};

/// A growing column.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    field_type: FieldType,
    pub(crate) values: Column,
    /// Kept only from the first null on: bit set = value there.
    words: Vec<u64>,
    has_nulls: bool,
}

impl ColumnBuilder {
    pub(crate) fn new(field_type: FieldType) -> Self {
        Self {
            field_type,
            values: Column::new(field_type),
            words: Vec::new(),
            has_nulls: false,
        }
    }

    /// Notes that the value just pushed for `row` is there.
    #[inline]
    pub(crate) fn set_valid(&mut self, row: usize) {
        if self.has_nulls {
            self.reach(row);
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    /// Adds a null for `row`.
    #[inline]
    pub(crate) fn push_null(&mut self, row: usize) {
        if !self.has_nulls {
            self.has_nulls = true;
            self.words = vec![u64::MAX; row / 64];
            self.words.push((1 << (row % 64)) - 1);
        }
        self.reach(row);
        self.values.push_default();
    }

    #[inline]
    fn reach(&mut self, row: usize) {
        if self.words.len() <= row / 64 {
            self.words.resize(row / 64 + 1, 0);
        }
    }

    /// Takes back every cell from `rows` on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        if self.has_nulls {
            self.words.truncate(rows.div_ceil(64));
            if !rows.is_multiple_of(64) && self.words.len() == rows.div_ceil(64) {
                self.words[rows / 64] &= (1 << (rows % 64)) - 1;
            }
        }
    }

    /// Hands out the column of `rows` cells and starts anew.
    pub(crate) fn take(&mut self, rows: usize) -> ColumnData {
        let values = std::mem::replace(&mut self.values, Column::new(self.field_type));
        let words = std::mem::take(&mut self.words);
        let has_nulls = std::mem::take(&mut self.has_nulls);
        let set: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        let validity = if has_nulls && set < rows {
            Validity::Bitmap(words)
        } else {
            Validity::All
        };
        ColumnData { validity, values }
    }

    /// Takes the memory of a column that was handed out, to grow the next in it.
    pub(crate) fn reuse(&mut self, data: ColumnData) {
        if self.values.is_empty() {
            self.values = data.values;
            self.values.truncate(0);
        }
    }
}

#[cfg(test)]
mod tests;
