//! Two partials as one.

use std::cmp::Ordering;

use crate::builder::{PartialError, sum_overflow, too_many_groups};
use crate::partial::{Bounds, MeasurePartial, Partial, PartialEntry};
use crate::plan::Layout;

impl Partial {
    /// What both contribute together: the partial of the rows of both. They are of the same layout.
    ///
    /// # Errors
    /// [`PartialError::File`] when a sum does not fit 38 digits, or there are too many groups.
    pub fn merged(self, other: Self) -> Result<Self, PartialError> {
        let (layout, left) = self.into_entries();
        let (_, right) = other.into_entries();
        let mut entries = Vec::with_capacity(left.len().max(right.len()));
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(one), Some(other)) => one.key.cmp(&other.key),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            let one = left.next_if(|_| order.is_le());
            let other = right.next_if(|_| order.is_ge());
            entries.push(match (one, other) {
                (Some(one), Some(other)) => merged(one, other, &layout)?,
                (Some(entry), None) | (None, Some(entry)) => entry,
                (None, None) => break,
            });
        }
        if entries.len() > Self::MAX_ENTRIES {
            return Err(too_many_groups(&layout));
        }
        Ok(Self::from_ascending(layout, entries))
    }
}

/// Both entries of a key.
fn merged(one: PartialEntry, other: PartialEntry, layout: &Layout) -> Result<PartialEntry, PartialError> {
    let measures = one.measures.into_iter().zip(other.measures).enumerate();
    let measures = measures.map(|(position, (one, other))| {
        let sum = one.sum.checked_add(other.sum);
        Ok(MeasurePartial {
            count: one.count.saturating_add(other.count),
            sum: sum.map_err(|_| sum_overflow(&layout.measures[position].field))?,
            bounds: either(one.bounds, other.bounds),
        })
    });
    Ok(PartialEntry {
        key: one.key,
        rows: one.rows.saturating_add(other.rows),
        measures: measures.collect::<Result<_, PartialError>>()?,
    })
}

fn either(one: Option<Box<Bounds>>, other: Option<Box<Bounds>>) -> Option<Box<Bounds>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Box::new(one.merged(*other))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
