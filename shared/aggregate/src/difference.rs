//! What changes in the dataset's cells when one partial takes the place of another.

use std::cmp::Ordering;

use millrace_core::row_error::{FileError, Rule};
use millrace_core::{Decimal, Name};

use crate::key::CellKey;
use crate::partial::{Bounds, MeasurePartial, Partial, PartialEntry};

/// What changes in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellDifference {
    /// The cell's key.
    pub key: CellKey,
    /// To be added to the cell's rows; a cell whose rows come to zero is gone.
    pub rows: i64,
    /// One for each measure of the layout.
    pub measures: Vec<MeasureDifference>,
}

/// What changes in one measure of one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureDifference {
    /// To be added to the count of filled cells.
    pub count: i64,
    /// To be added to the sum.
    pub sum: Decimal,
    /// What happens to least and greatest value.
    pub extremes: Extremes,
}

/// What happens to least and greatest value of a measure in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremes {
    /// The dataset keeps none for this measure.
    None,
    /// The cell's least becomes the lesser of itself and `min`, its greatest the greater of itself and `max`;
    /// what is `None` leaves the cell as it is.
    Combine {
        /// A value below the old least.
        min: Option<Decimal>,
        /// A value above the old greatest.
        max: Option<Decimal>,
    },
    /// An extreme of the old partial got worse or vanished: the cell's must be looked up in all partials
    /// ([`Settlement`](crate::Settlement)) before the difference can be staged.
    Retracted,
    /// The cell's least and greatest value are these from now on; `None` when no row fills the measure.
    Exact {
        /// The least value.
        min: Option<Decimal>,
        /// The greatest value.
        max: Option<Decimal>,
    },
}

/// Why two partials have no difference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceError {
    /// They are not of the same dataset, keys and measures.
    #[error("the partials have different layouts")]
    LayoutChanged,
    /// The change of a sum does not fit 38 digits.
    #[error("the change of the sum of measure {0} does not fit 38 digits")]
    SumOverflow(Name),
    /// The change of a count does not fit 64 bits.
    #[error("the change of a count does not fit 64 bits")]
    CountOverflow,
}

impl DifferenceError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LayoutChanged => "layout_changed",
            Self::SumOverflow(_) => "sum_overflow",
            Self::CountOverflow => "count_overflow",
        }
    }

    /// Why the new file version is refused, if that is what it comes to.
    #[must_use]
    pub fn file_error(&self) -> Option<FileError> {
        let Self::SumOverflow(measure) = self else {
            return None;
        };
        Some(FileError {
            column: Some(measure.to_string()),
            ..FileError::of_file(Rule::SumOverflow, self.to_string())
        })
    }
}

/// What must be done to the cells so that `new` counts instead of `old`; by ascending key, without cells that do not
/// change. Without `old` the file is new; an empty `new` deletes it.
///
/// # Errors
/// [`DifferenceError`] when the partials cannot be compared or a change does not fit.
pub fn difference(old: Option<&Partial>, new: &Partial) -> Result<Vec<CellDifference>, DifferenceError> {
    if old.is_some_and(|old| old.layout() != new.layout()) {
        return Err(DifferenceError::LayoutChanged);
    }
    let mut olds = old.map_or(&[][..], Partial::entries);
    let mut news = new.entries();
    let mut differences = Vec::new();
    loop {
        let order = match (olds.first(), news.first()) {
            (None, None) => return Ok(differences),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.key.cmp(&new.key),
        };
        let before = if order.is_le() {
            olds.split_off_first()
        } else {
            None
        };
        let after = if order.is_ge() {
            news.split_off_first()
        } else {
            None
        };
        differences.extend(cell_difference(before, after, new)?);
    }
}

/// The difference of one cell, of which at least one side is there; `None` when nothing changes.
fn cell_difference(
    old: Option<&PartialEntry>,
    new: Option<&PartialEntry>,
    partial: &Partial,
) -> Result<Option<CellDifference>, DifferenceError> {
    let Some(key) = new.or(old).map(|entry| &entry.key) else {
        return Ok(None);
    };
    let rows = change(
        old.map_or(0, |entry| entry.rows),
        new.map_or(0, |entry| entry.rows),
    )?;
    let mut measures = Vec::with_capacity(partial.layout().measures.len());
    for (position, measure) in partial.layout().measures.iter().enumerate() {
        let before = old.and_then(|entry| entry.measures.get(position));
        let after = new.and_then(|entry| entry.measures.get(position));
        let sum = |side: Option<&MeasurePartial>| side.map_or(Decimal::ZERO, |measure| measure.sum);
        let count = |side: Option<&MeasurePartial>| side.map_or(0, |measure| measure.count);
        let bounds =
            |side: Option<&MeasurePartial>| side.and_then(|measure| measure.bounds.as_deref().copied());
        measures.push(MeasureDifference {
            count: change(count(before), count(after))?,
            sum: sum(after)
                .checked_sub(sum(before))
                .map_err(|_| DifferenceError::SumOverflow(measure.field.clone()))?,
            extremes: if measure.extremes {
                extremes(bounds(before), bounds(after))
            } else {
                Extremes::None
            },
        });
    }
    let is_change = rows != 0 || measures.iter().any(|measure| !measure.is_nothing());
    Ok(is_change.then(|| CellDifference {
        key: key.clone(),
        rows,
        measures,
    }))
}

fn change(old: u64, new: u64) -> Result<i64, DifferenceError> {
    new.checked_signed_diff(old).ok_or(DifferenceError::CountOverflow)
}

fn extremes(old: Option<Bounds>, new: Option<Bounds>) -> Extremes {
    match (old, new) {
        (None, new) => Extremes::Combine {
            min: new.map(|bounds| bounds.min),
            max: new.map(|bounds| bounds.max),
        },
        (Some(_), None) => Extremes::Retracted,
        (Some(old), Some(new)) if new.min > old.min || new.max < old.max => Extremes::Retracted,
        (Some(old), Some(new)) => Extremes::Combine {
            min: (new.min < old.min).then_some(new.min),
            max: (new.max > old.max).then_some(new.max),
        },
    }
}

impl MeasureDifference {
    fn is_nothing(&self) -> bool {
        let keeps_extremes = matches!(
            self.extremes,
            Extremes::None | Extremes::Combine { min: None, max: None }
        );
        self.count == 0 && self.sum.is_zero() && keeps_extremes
    }
}

#[cfg(test)]
mod tests;
