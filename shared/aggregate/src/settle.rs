//! Looking up extremes that a new version took back.
//!
//! A cell knows its least and greatest value, not which file they came from. Where a replaced partial's extreme got
//! worse, the right one is the extreme over the new partial and the current partials of all other files; of those
//! only the ones whose keys overlap the retracted cells need be read. The answer is right for exactly those
//! partials: whoever applies it must make sure that the dataset has not moved since they were listed.

use std::io::Read;

use crate::difference::{CellDifference, Extremes};
use crate::format::{PartialFormatError, PartialReader};
use crate::key::CellKey;
use crate::partial::{Bounds, Partial, PartialEntry};
use crate::plan::Layout;

/// The keys of cells in which an extreme must be looked up, ascending.
#[must_use]
pub fn retracted_keys(differences: &[CellDifference]) -> Vec<CellKey> {
    let retracted = differences.iter().filter(|difference| is_retracted(difference));
    retracted.map(|difference| difference.key.clone()).collect()
}

/// Whether a partial with keys from `first` to `last` (or bounds of them) may hold one of the ascending `keys`.
#[must_use]
pub fn overlaps(first: &[u8], last: &[u8], keys: &[CellKey]) -> bool {
    let candidate = keys.partition_point(|key| key.as_bytes() < first);
    keys.get(candidate).is_some_and(|key| key.as_bytes() <= last)
}

fn is_retracted(difference: &CellDifference) -> bool {
    let mut measures = difference.measures.iter();
    measures.any(|measure| measure.extremes == Extremes::Retracted)
}

/// Why a partial could not be taken into account.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// It is not of the same dataset, keys and measures.
    #[error("the partials have different layouts")]
    LayoutChanged,
    /// Its object cannot be read.
    #[error("another file's partial could not be read")]
    Format(#[from] PartialFormatError),
}

impl SettleError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LayoutChanged => "layout_changed",
            Self::Format(error) => error.code(),
        }
    }
}

/// Collects the bounds of retracted cells from one partial after the other, in any order.
#[derive(Debug)]
pub struct Settlement {
    layout: Layout,
    keys: Vec<CellKey>,
    /// One for each key, then for each measure.
    bounds: Vec<Vec<Option<Bounds>>>,
}

impl Settlement {
    /// Begins with the new partial's own values.
    #[must_use]
    pub fn begin(differences: &[CellDifference], new: &Partial) -> Self {
        let keys = retracted_keys(differences);
        let mut settlement = Self {
            layout: new.layout().clone(),
            bounds: vec![vec![None; new.layout().measures.len()]; keys.len()],
            keys,
        };
        settlement.merge_partial(new);
        settlement
    }

    /// The keys of the cells that are looked up, ascending: read only partials that [`overlaps`] them.
    #[must_use]
    pub fn keys(&self) -> &[CellKey] {
        &self.keys
    }

    /// Takes another file's current partial into account, reading no further than the last retracted cell.
    ///
    /// # Errors
    /// [`SettleError`] when it cannot be read or is of something else.
    pub fn add_reader<R: Read>(&mut self, other: PartialReader<R>) -> Result<(), SettleError> {
        if *other.layout() != self.layout {
            return Err(SettleError::LayoutChanged);
        }
        let mut position = 0;
        for entry in other {
            let entry = entry?;
            position += self.keys[position..].partition_point(|key| *key < entry.key);
            match self.keys.get(position) {
                None => break,
                Some(key) if *key == entry.key => self.merge_entry(position, &entry),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Writes what was found into the differences that it was begun with.
    pub fn finish(self, differences: &mut [CellDifference]) {
        let retracted = differences
            .iter_mut()
            .filter(|difference| is_retracted(difference));
        for (difference, found) in retracted.zip(self.bounds) {
            for (measure, bounds) in difference.measures.iter_mut().zip(found) {
                if measure.extremes == Extremes::Retracted {
                    measure.extremes = Extremes::Exact {
                        min: bounds.map(|bounds| bounds.min),
                        max: bounds.map(|bounds| bounds.max),
                    };
                }
            }
        }
    }

    fn merge_partial(&mut self, partial: &Partial) {
        for position in 0..self.keys.len() {
            let entries = partial.entries();
            let found = entries.binary_search_by(|entry| entry.key.cmp(&self.keys[position]));
            if let Some(entry) = found.ok().and_then(|at| entries.get(at)) {
                self.merge_entry(position, entry);
            }
        }
    }

    fn merge_entry(&mut self, position: usize, entry: &PartialEntry) {
        for (bounds, measure) in self.bounds[position].iter_mut().zip(&entry.measures) {
            if let Some(other) = measure.bounds.as_deref() {
                *bounds = Some(bounds.map_or(*other, |bounds| bounds.merged(*other)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
