//! Numbers for group keys: the same bytes get the same number, new bytes the next one, without an allocation per row.
//!
//! An open-addressed table over one arena. The hash is seeded per process, since key bytes come from those who send
//! files: a file made of colliding keys must not make the table slow.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The number of a group, from 0 in order of first appearance.
pub(crate) type Group = u32;

/// What [`GroupIndex::find_or_add`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Known(Group),
    Added(Group),
}

pub(crate) struct GroupIndex {
    seed: u64,
    /// Group number + 1; 0 is a free slot. A power of two long, at most half full.
    slots: Vec<u32>,
    hashes: Vec<u64>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

const FIRST_SLOTS: usize = 1 << 10;

impl GroupIndex {
    pub(crate) fn new() -> Self {
        Self {
            seed: RandomState::new().build_hasher().finish(),
            slots: vec![0; FIRST_SLOTS],
            hashes: Vec::new(),
            ends: Vec::new(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The number of these bytes; `None` when there are no numbers left.
    pub(crate) fn find_or_add(&mut self, key: &[u8]) -> Option<Found> {
        let hash = hash(self.seed, key);
        let mut slot = slot_of(hash, self.slots.len());
        while let Some(index) = self.slots[slot].checked_sub(1) {
            if self.is_key(index, hash, key) {
                return Some(Found::Known(index));
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let group = Group::try_from(self.len())
            .ok()
            .filter(|group| *group < u32::MAX)?;
        self.slots[slot] = group + 1;
        self.hashes.push(hash);
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        if self.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(Found::Added(group))
    }

    /// Whether the group has these bytes.
    pub(crate) fn is_same(&self, group: Group, key: &[u8]) -> bool {
        let index = group as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]] == key
    }

    fn is_key(&self, group: Group, hash: u64, key: &[u8]) -> bool {
        self.hashes[group as usize] == hash && self.is_same(group, key)
    }

    fn grow(&mut self) {
        let mut slots = vec![0; self.slots.len() * 2];
        for (group, hash) in (1..).zip(&self.hashes) {
            let mut slot = slot_of(*hash, slots.len());
            while slots[slot] != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = group;
        }
        self.slots = slots;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the slot is cut to the table's length anyway"
)]
fn slot_of(hash: u64, slots: usize) -> usize {
    hash as usize & (slots - 1)
}

/// A folded multiplication per eight bytes, as foldhash and wyhash do it.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = seed ^ bytes.len() as u64;
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MULTIPLIER);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(
        fold(state ^ u64::from_le_bytes(last), MULTIPLIER) ^ seed,
        MULTIPLIER,
    )
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "both halves of the product are used"
)]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
