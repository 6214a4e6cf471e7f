//! From blocks of clean rows to a partial.
//!
//! Each block is walked by column: first every row gets the number of its group, then each measure is added up per
//! number. The key's text is made once per group, never per row.

use millrace_core::Name;
use millrace_core::definition::KeyField;
use millrace_core::field::FieldType;
use millrace_core::row_error::{FileError, Rule};
use millrace_table::block::{Block, Column, ColumnData, Validity};

use crate::accumulate::Accumulator;
use crate::group::{Found, Group, GroupIndex};
use crate::key::{CellKey, KeyError, KeyWriter};
use crate::partial::{Partial, PartialEntry};
use crate::plan::{AggregationPlan, Layout};

/// Why rows could not be reduced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartialError {
    /// The file is refused: too many groups, a sum or a key that does not fit.
    #[error("the file is refused: {}", .0.message)]
    File(FileError),
    /// A block is not of the schema that the plan was made for: a defect.
    #[error("a block does not have column {0} as the plan expects it")]
    BlockMismatch(Name),
}

impl PartialError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.rule.code(),
            Self::BlockMismatch(_) => "block_mismatch",
        }
    }
}

/// Reduces blocks to a partial. The result does not depend on the order of blocks and rows.
pub struct PartialBuilder {
    plan: AggregationPlan,
    index: GroupIndex,
    keys: Vec<CellKey>,
    rows: Vec<u64>,
    measures: Vec<Accumulator>,
    last_group: Option<Group>,
    row_groups: Vec<Group>,
    key_bytes: Vec<u8>,
}

impl PartialBuilder {
    /// Begins without rows.
    #[must_use]
    pub fn new(plan: AggregationPlan) -> Self {
        let measures = plan.layout().measures.iter().map(Accumulator::new).collect();
        Self {
            plan,
            index: GroupIndex::new(),
            keys: Vec::new(),
            rows: Vec::new(),
            measures,
            last_group: None,
            row_groups: Vec::new(),
            key_bytes: Vec::new(),
        }
    }

    /// Goes on with the blocks of another part, whose columns may lie elsewhere; it feeds the same dataset.
    pub fn follow(&mut self, plan: AggregationPlan) {
        self.plan = plan;
    }

    /// Adds the rows of a block. After an error the builder is of no further use.
    ///
    /// # Errors
    /// [`PartialError::File`] when the file is to be refused, [`PartialError::BlockMismatch`] for a foreign block.
    pub fn add_block(&mut self, block: &Block) -> Result<(), PartialError> {
        let transformed = self.plan.transform(block)?;
        let block = transformed.as_ref();
        self.check(block)?;
        let counting = self.plan.filter().rows(block);
        self.number_rows(block, &counting)?;
        for (position, measure) in self.measures.iter_mut().enumerate() {
            measure.resize(self.keys.len());
            let column = &block.columns[self.plan.measure_columns()[position]];
            let filter = &self.plan.measure_filters()[position];
            let combined = (!counting.is_all() || !filter.is_empty())
                .then(|| column.validity.and(&counting).and(&filter.rows(block)));
            let validity = combined.as_ref().unwrap_or(&column.validity);
            if measure.add(&column.values, validity, &self.row_groups).is_err() {
                return Err(sum_overflow(&self.plan.layout().measures[position].field));
            }
        }
        Ok(())
    }

    /// The partial of all rows.
    ///
    /// # Errors
    /// [`PartialError::File`] when a sum does not fit 38 digits.
    pub fn finish(self) -> Result<Partial, PartialError> {
        let Self {
            plan,
            keys,
            rows,
            measures,
            ..
        } = self;
        let layout = plan.layout().clone();
        let mut entries = Vec::with_capacity(keys.len());
        for (group, (key, rows)) in keys.into_iter().zip(rows).enumerate() {
            let mut cell = Vec::with_capacity(measures.len());
            for (position, measure) in measures.iter().enumerate() {
                let refused = |_| sum_overflow(&layout.measures[position].field);
                cell.push(measure.finish(group).map_err(refused)?);
            }
            entries.push(PartialEntry {
                key,
                rows,
                measures: cell.into_boxed_slice(),
            });
        }
        entries.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(Partial::from_ascending(layout, entries))
    }

    fn check(&self, block: &Block) -> Result<(), PartialError> {
        let layout = self.plan.layout();
        let keys = layout.keys.iter().map(|key| (&key.field, key.field_type));
        let measures = layout
            .measures
            .iter()
            .map(|measure| (&measure.field, measure.field_type));
        let filters = layout.measures.iter().map(|measure| &measure.filter);
        let conditions = std::iter::once(&layout.filter).chain(filters).flatten();
        let conditions = conditions.map(|condition| (&condition.field, condition.field_type));
        let positions = self.plan.key_columns().iter().chain(self.plan.measure_columns());
        let positions = positions.copied().chain(self.plan.filter_columns());
        for ((field, field_type), position) in keys.chain(measures).chain(conditions).zip(positions) {
            let fits = |column: &&ColumnData| {
                is_of_type(&column.values, field_type) && column.values.len() == block.rows()
            };
            if block.columns.get(position).filter(fits).is_none() {
                return Err(PartialError::BlockMismatch(field.clone()));
            }
        }
        Ok(())
    }

    /// Fills `row_groups` with the group of each row that counts, and counts those.
    fn number_rows(&mut self, block: &Block, counting: &Validity) -> Result<(), PartialError> {
        let columns: Vec<&ColumnData> = self
            .plan
            .key_columns()
            .iter()
            .map(|at| &block.columns[*at])
            .collect();
        self.row_groups.clear();
        for row in 0..block.rows() {
            if !counting.is_valid(row) {
                // Nobody looks at the group of a row that does not count.
                self.row_groups.push(0);
                continue;
            }
            self.key_bytes.clear();
            for (column, key) in columns.iter().zip(&self.plan.layout().keys) {
                let written = write_key_bytes(column, row, &mut self.key_bytes);
                written.ok_or_else(|| PartialError::BlockMismatch(key.field.clone()))?;
            }
            // Files tend to be sorted by day or school: the group before is the best guess.
            let group = match self.last_group {
                Some(group) if self.index.is_same(group, &self.key_bytes) => group,
                _ => self.find_group(&columns, block, row)?,
            };
            self.last_group = Some(group);
            self.rows[group as usize] += 1;
            self.row_groups.push(group);
        }
        Ok(())
    }

    fn find_group(
        &mut self,
        columns: &[&ColumnData],
        block: &Block,
        row: usize,
    ) -> Result<Group, PartialError> {
        match self.index.find_or_add(&self.key_bytes) {
            Some(Found::Known(group)) => Ok(group),
            Some(Found::Added(group)) if self.index.len() <= Partial::MAX_ENTRIES => {
                let key = cell_key(columns, &self.plan.layout().keys, row);
                let line = block.lines.get(row).copied();
                self.keys.push(key.map_err(|refused| refused.into_error(line))?);
                self.rows.push(0);
                Ok(group)
            }
            Some(Found::Added(_)) | None => Err(too_many_groups(self.plan.layout())),
        }
    }
}

fn is_of_type(column: &Column, field_type: FieldType) -> bool {
    match column {
        Column::Absent => false,
        Column::Text { .. } => field_type == FieldType::Text,
        Column::Integer(_) => field_type == FieldType::Integer,
        Column::Decimal(_) => field_type == FieldType::Decimal,
        Column::Boolean(_) => field_type == FieldType::Boolean,
        Column::Date(_) => field_type == FieldType::Date,
        Column::Timestamp(_) => field_type == FieldType::Timestamp,
    }
}

/// Writes a slot so that different values have different bytes, also when several are joined; `None` for a text that
/// is not there.
pub(crate) fn write_key_bytes(column: &ColumnData, row: usize, bytes: &mut Vec<u8>) -> Option<()> {
    if !column.validity.is_valid(row) {
        bytes.push(0);
        return Some(());
    }
    bytes.push(1);
    match &column.values {
        Column::Text { .. } => {
            let text = column.values.text(row)?;
            bytes.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(text);
        }
        Column::Integer(values) | Column::Timestamp(values) => {
            bytes.extend_from_slice(&values[row].to_le_bytes())
        }
        Column::Decimal(values) => {
            // Equal decimals have equal units and scale: they carry no trailing zeros.
            bytes.push(values[row].scale());
            bytes.extend_from_slice(&values[row].units().to_le_bytes());
        }
        Column::Boolean(values) => bytes.push(u8::from(values[row])),
        Column::Date(values) => bytes.extend_from_slice(&values[row].to_le_bytes()),
        Column::Absent => return None,
    }
    Some(())
}

/// A row whose key cannot be written.
pub(crate) struct RefusedKey {
    field: Option<Name>,
    error: KeyError,
}

impl RefusedKey {
    fn into_error(self, line: Option<u64>) -> PartialError {
        let rule = match self.error {
            KeyError::TooLong(_) => Rule::TooLong,
            KeyError::NulCharacter => Rule::NulByte,
            KeyError::OutOfCalendar => Rule::OutOfRange,
            KeyError::NotCanonical => Rule::InvalidUtf8,
        };
        PartialError::File(FileError {
            rule,
            line,
            column: self.field.map(String::from),
            message: self.error.to_string(),
            rows: None,
        })
    }
}

pub(crate) fn cell_key(
    columns: &[&ColumnData],
    keys: &[KeyField],
    row: usize,
) -> Result<CellKey, RefusedKey> {
    let mut writer = KeyWriter::default();
    for (column, key) in columns.iter().zip(keys) {
        write_part(&mut writer, column, row).map_err(|error| RefusedKey {
            field: Some(key.field.clone()),
            error,
        })?;
    }
    // All together are too long: the longest is named.
    let length = |column: &ColumnData| column.values.text(row).map_or(0, <[u8]>::len);
    let longest = columns
        .iter()
        .zip(keys)
        .rev()
        .max_by_key(|(column, _)| length(column));
    writer.finish().map_err(|error| RefusedKey {
        field: longest.map(|(_, key)| key.field.clone()),
        error,
    })
}

fn write_part(writer: &mut KeyWriter, column: &ColumnData, row: usize) -> Result<(), KeyError> {
    if !column.validity.is_valid(row) {
        writer.push_null();
        return Ok(());
    }
    match &column.values {
        Column::Text { .. } => {
            let text = column
                .values
                .text(row)
                .and_then(|bytes| std::str::from_utf8(bytes).ok());
            writer.push_text(text.ok_or(KeyError::NotCanonical)?)
        }
        Column::Integer(values) => writer.push_integer(values[row]),
        Column::Decimal(values) => writer.push_decimal(values[row]),
        Column::Boolean(values) => writer.push_boolean(values[row]),
        Column::Date(values) => writer.push_date(values[row]),
        Column::Timestamp(values) => writer.push_instant(values[row]),
        Column::Absent => Err(KeyError::NotCanonical),
    }
}

pub(crate) fn too_many_groups(layout: &Layout) -> PartialError {
    let message = format!(
        "the rows fall into more than {} groups of dataset {}",
        Partial::MAX_ENTRIES,
        layout.dataset
    );
    PartialError::File(FileError::of_file(Rule::TooManyGroups, message))
}

pub(crate) fn sum_overflow(measure: &Name) -> PartialError {
    PartialError::File(FileError {
        column: Some(measure.to_string()),
        ..FileError::of_file(
            Rule::SumOverflow,
            format!("the sum of measure {measure} does not fit 38 digits"),
        )
    })
}

#[cfg(test)]
mod tests;
