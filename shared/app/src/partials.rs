//! Partials that are read to look something up: several at a time, and kept for the next attempt of the same message.
//!
//! A partial's object never changes under its key, so what was read once is good for as long as there is room.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use millrace_core::failure::Failure;
use millrace_store::contributions::OtherPartial;

use crate::ports::{ObjectStore, read_all};

/// Partials that are read at a time.
const MAX_READS: usize = 8;
/// Cells of the partials that are read at a time: as many as the largest one may have alone.
const MAX_CELLS: u64 = 1_000_000;
/// Bytes that are kept.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The bucket of partials, with those that were read before.
pub(crate) struct Partials<'a> {
    collections: &'a dyn ObjectStore,
    kept: BTreeMap<String, Arc<Vec<u8>>>,
    room_bytes: usize,
}

impl<'a> Partials<'a> {
    pub(crate) fn new(collections: &'a dyn ObjectStore) -> Self {
        Self {
            collections,
            kept: BTreeMap::new(),
            room_bytes: MAX_KEPT_BYTES,
        }
    }

    /// One partial's object.
    pub(crate) async fn read(&mut self, key: &str) -> Result<Arc<Vec<u8>>, Failure> {
        let bytes = match self.kept.get(key) {
            Some(bytes) => Arc::clone(bytes),
            None => Arc::new(read_all(self.collections, key).await?),
        };
        self.keep(key, &bytes);
        Ok(bytes)
    }

    /// The objects of the first few partials, which are taken off the list, read at the same time.
    pub(crate) async fn read_some(
        &mut self,
        partials: &mut &[&OtherPartial],
    ) -> Result<Vec<Arc<Vec<u8>>>, Failure> {
        let (some, rest) = partials.split_at(batch_len(partials));
        *partials = rest;
        let read = some.iter().map(async |partial| {
            let key = partial.partial_key.as_str();
            match self.kept.get(key) {
                Some(bytes) => Ok::<_, Failure>(Arc::clone(bytes)),
                None => Ok(Arc::new(read_all(self.collections, key).await?)),
            }
        });
        let read = try_join_all(read).await?;
        for (partial, bytes) in some.iter().zip(&read) {
            self.keep(&partial.partial_key, bytes);
        }
        Ok(read)
    }

    fn keep(&mut self, key: &str, bytes: &Arc<Vec<u8>>) {
        if self.room_bytes >= bytes.len() && !self.kept.contains_key(key) {
            self.room_bytes -= bytes.len();
            self.kept.insert(key.to_owned(), Arc::clone(bytes));
        }
    }
}

/// How many of the first partials are read at a time; at least one, where there is one.
fn batch_len(partials: &[&OtherPartial]) -> usize {
    let mut cells = 0_u64;
    let fitting = partials.iter().take(MAX_READS).take_while(|partial| {
        cells = cells.saturating_add(partial.cells);
        cells <= MAX_CELLS
    });
    fitting.count().max(1).min(partials.len())
}

#[cfg(test)]
mod tests {
    use millrace_store::contributions::OtherPartial;

    use super::{MAX_CELLS, MAX_READS, batch_len};

    #[test]
    fn batches_are_bounded_by_number_and_by_cells() {
        let partial = |cells: u64| OtherPartial {
            partial_key: String::new(),
            first_key: String::new(),
            last_key: String::new(),
            cells,
        };
        for (cells, expected) in [
            (vec![], 0),
            (vec![MAX_CELLS + 1], 1),
            (vec![MAX_CELLS, 1], 1),
            (vec![MAX_CELLS / 2; 5], 2),
            (vec![1; MAX_READS + 5], MAX_READS),
        ] {
            let partials: Vec<OtherPartial> = cells.into_iter().map(partial).collect();
            assert_eq!(batch_len(&partials.iter().collect::<Vec<_>>()), expected);
        }
    }
}
