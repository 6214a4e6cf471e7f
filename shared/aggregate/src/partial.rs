//! A file version's contribution to a dataset, in memory.

use millrace_core::Decimal;
use millrace_core::field::FieldType;

use crate::calendar;
use crate::key::CellKey;
use crate::plan::Layout;

/// Least and greatest value: numbers as they are, days as days since 1970, instants as microseconds since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Least value.
    pub min: Decimal,
    /// Greatest value.
    pub max: Decimal,
}

/// A bound as a value of its field's type: a number, `2023-01-08`, or an instant as RFC 3339 has it.
#[must_use]
pub fn bound_text(bound: Decimal, field_type: FieldType) -> Option<String> {
    let mut text = String::new();
    let number = i64::try_from(bound.units()).ok().filter(|_| bound.scale() == 0);
    match field_type {
        FieldType::Date => calendar::write_date(number?, &mut text).ok()?,
        FieldType::Timestamp => calendar::write_instant(number?, &mut text).ok()?,
        FieldType::Integer | FieldType::Decimal => text = bound.to_string(),
        FieldType::Text | FieldType::Boolean => return None,
    }
    Some(text)
}

impl Bounds {
    /// The bounds of both.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// What a file version contributes to one measure of one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurePartial {
    /// Rows in which the measure is filled.
    pub count: u64,
    /// Their exact sum; zero when there are none.
    pub sum: Decimal,
    /// Their bounds, exactly when the layout keeps extremes and `count` is not zero (boxed: most measures keep none,
    /// and there may be a million cells).
    pub bounds: Option<Box<Bounds>>,
}

/// What a file version contributes to one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialEntry {
    /// The cell's key.
    pub key: CellKey,
    /// Rows that fall into the cell, at least one.
    pub rows: u64,
    /// One for each measure of the layout.
    pub measures: Box<[MeasurePartial]>,
}

/// A file version's contribution to a dataset: entries with ascending keys, each key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    layout: Layout,
    entries: Vec<PartialEntry>,
}

impl Partial {
    /// The most entries of a partial, and so the most cells that one file may touch.
    pub const MAX_ENTRIES: usize = 1_000_000;

    /// The contribution of a file version without rows: of a deleted file.
    #[must_use]
    pub fn empty(layout: Layout) -> Self {
        Self {
            layout,
            entries: Vec::new(),
        }
    }

    /// A partial from entries whose keys ascend.
    pub(crate) fn from_ascending(layout: Layout, entries: Vec<PartialEntry>) -> Self {
        debug_assert!(entries.is_sorted_by(|left, right| left.key < right.key));
        Self { layout, entries }
    }

    pub(crate) fn into_entries(self) -> (Layout, Vec<PartialEntry>) {
        (self.layout, self.entries)
    }

    /// What the cells consist of.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The entries, by ascending key.
    #[must_use]
    pub fn entries(&self) -> &[PartialEntry] {
        &self.entries
    }

    /// The least key; `None` without entries.
    #[must_use]
    pub fn first_key(&self) -> Option<&CellKey> {
        self.entries.first().map(|entry| &entry.key)
    }

    /// The greatest key; `None` without entries.
    #[must_use]
    pub fn last_key(&self) -> Option<&CellKey> {
        self.entries.last().map(|entry| &entry.key)
    }

    /// The rows that went in: the sum of the entries' rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.entries
            .iter()
            .fold(0, |rows, entry| rows.saturating_add(entry.rows))
    }
}
