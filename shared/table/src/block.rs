//! Typed columns: what a part holds and what aggregation reads.
//!
//! A null slot holds the type's default value, so that a column can be walked without looking at its validity first.

use millrace_core::Decimal;
use millrace_core::Name;
use millrace_core::field::{Field, FieldType};
use serde::{Deserialize, Serialize};

/// The fields of a part, in the spec's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSchema {
    /// Name and type of each field.
    pub fields: Vec<(Name, FieldType)>,
}

impl PartSchema {
    /// The schema of a spec's fields.
    #[must_use]
    pub fn of(fields: &[Field]) -> Self {
        let pair = |field: &Field| (field.name.clone(), field.field_type);
        Self {
            fields: fields.iter().map(pair).collect(),
        }
    }

    /// The position of a field; of the last one of that name, since what a step made hides what the event got later.
    #[must_use]
    pub fn position(&self, name: &Name) -> Option<usize> {
        self.fields.iter().rposition(|(field, _)| field == name)
    }
}

/// Rows that lie together in a part: equally long columns, one per field of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The record number of each row, counted from 1 after the header; rising.
    pub records: Vec<u64>,
    /// The physical line on which each row starts; rising.
    pub lines: Vec<u64>,
    /// The columns, in the schema's order; one that was not asked for is [`Column::Absent`].
    pub columns: Vec<ColumnData>,
}

impl Block {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.records.len()
    }
}

/// A column: its values and which of them are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnData {
    /// Which slots hold a value; the others are null.
    pub validity: Validity,
    /// The values.
    pub values: Column,
}

impl ColumnData {
    /// A column of nulls.
    #[must_use]
    pub fn nulls(field_type: FieldType, rows: usize) -> Self {
        let mut values = Column::new(field_type);
        for _ in 0..rows {
            values.push_default();
        }
        let validity = if rows == 0 {
            Validity::All
        } else {
            Validity::Bitmap(vec![0; rows.div_ceil(64)])
        };
        Self { validity, values }
    }
}

/// The values of a column, by type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The reader was told to leave this column out.
    Absent,
    /// Texts, one after the other; row `i` is `bytes[offsets[i]..offsets[i + 1]]`, valid UTF-8.
    Text {
        /// One more than there are rows; the first is 0.
        offsets: Vec<u32>,
        /// The texts.
        bytes: Vec<u8>,
    },
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Exact decimals.
    Decimal(Vec<Decimal>),
    /// Truth values.
    Boolean(Vec<bool>),
    /// Calendar days as days since 1970-01-01.
    Date(Vec<i32>),
    /// Instants as microseconds since 1970-01-01T00:00:00Z.
    Timestamp(Vec<i64>),
}

impl Column {
    /// An empty column of a type.
    #[must_use]
    pub fn new(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Text => Self::Text {
                offsets: vec![0],
                bytes: Vec::new(),
            },
            FieldType::Integer => Self::Integer(Vec::new()),
            FieldType::Decimal => Self::Decimal(Vec::new()),
            FieldType::Boolean => Self::Boolean(Vec::new()),
            FieldType::Date => Self::Date(Vec::new()),
            FieldType::Timestamp => Self::Timestamp(Vec::new()),
        }
    }

    /// The number of slots; 0 for [`Column::Absent`].
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Text { offsets, .. } => offsets.len().saturating_sub(1),
            Self::Integer(values) | Self::Timestamp(values) => values.len(),
            Self::Decimal(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Date(values) => values.len(),
        }
    }

    /// Whether there are no slots.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a text slot; `None` for another type or a row that is not there.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&[u8]> {
        let Self::Text { offsets, bytes } = self else {
            return None;
        };
        let start = usize::try_from(*offsets.get(row)?).ok()?;
        let end = usize::try_from(*offsets.get(row + 1)?).ok()?;
        bytes.get(start..end)
    }

    /// Adds a null slot: the type's default value.
    pub(crate) fn push_default(&mut self) {
        match self {
            Self::Absent => {}
            Self::Text { offsets, .. } => offsets.push(offsets.last().copied().unwrap_or(0)),
            Self::Integer(values) | Self::Timestamp(values) => values.push(0),
            Self::Decimal(values) => values.push(Decimal::ZERO),
            Self::Boolean(values) => values.push(false),
            Self::Date(values) => values.push(0),
        }
    }

    /// Takes back every slot from `rows` on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Absent => {}
            Self::Text { offsets, bytes } => {
                offsets.truncate(rows + 1);
                let end = offsets.last().copied().unwrap_or(0);
                bytes.truncate(usize::try_from(end).unwrap_or(usize::MAX));
            }
            Self::Integer(values) | Self::Timestamp(values) => values.truncate(rows),
            Self::Decimal(values) => values.truncate(rows),
            Self::Boolean(values) => values.truncate(rows),
            Self::Date(values) => values.truncate(rows),
        }
    }
}

/// Which slots of a column hold a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Validity {
    /// Every slot.
    #[default]
    All,
    /// Bit `row % 64` of word `row / 64` is set for a slot that holds a value; rows beyond the words do not.
    Bitmap(Vec<u64>),
}

impl Validity {
    /// Whether a row holds a value.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Bitmap(words) => words
                .get(row / 64)
                .is_some_and(|word| word >> (row % 64) & 1 == 1),
        }
    }

    /// The bits of so many rows, 64 a word; those behind the last row are not set.
    pub(crate) fn words(&self, rows: usize) -> impl Iterator<Item = u64> {
        let words: &[u64] = match self {
            Self::All => &[],
            Self::Bitmap(words) => words,
        };
        let absent = if self.is_all() { u64::MAX } else { 0 };
        (0..rows.div_ceil(64)).map(move |index| {
            let behind = (index * 64 + 64).saturating_sub(rows);
            words.get(index).copied().unwrap_or(absent) & (u64::MAX >> behind)
        })
    }

    /// How many of so many rows hold a value.
    pub(crate) fn valid_rows(&self, rows: usize) -> usize {
        self.words(rows).map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no slot is null.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The slots that are valid in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one.clone(),
            (Self::Bitmap(left), Self::Bitmap(right)) => {
                Self::Bitmap(left.iter().zip(right).map(|(left, right)| left & right).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests;
