//! `MRDP`: partials as permanent objects, version 1.
//!
//! All numbers are little-endian; a *varint* is LEB128 (seven bits a byte, least first, high bit = more follows).
//!
//! **Prologue**, at most 833 bytes, so that one ranged read of the first [`PartialSummary::BYTES`] gets it whole:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `MRDP` |
//! | 4 | 2 | version, 1 |
//! | 6 | 2 | *f*, length of the first bound |
//! | 8 | 2 | *l*, length of the last bound |
//! | 10 | 2 | 0 |
//! | 12 | 8 | number of entries |
//! | 20 | 8 | number of rows: the sum of the entries' rows |
//! | 28 | *f* | first bound: the first key, cut to 400 bytes |
//! | 28 + *f* | *l* | last bound: the last key; if longer than 400 bytes, its first 400 and `FF` (above any key that starts so) |
//! | 28 + *f* + *l* | 4 | CRC-32 (IEEE) of the prologue before it |
//!
//! **Layout**: length (4), that many bytes of JSON (`{"dataset","keys":[{"field","field_type"}],"measures":[{"field",
//! "field_type","extremes"}]}`), CRC-32 of the JSON (4).
//!
//! **Blocks** until all entries have been read, then the end of the object. A block: length of its compressed bytes
//! (4), length of the bytes (4, at most 1 MiB), number of its entries (4), CRC-32 of the compressed bytes (4), the
//! compressed bytes (one zstd frame). The bytes are entries, by ascending key:
//!
//! - varint: bytes that the key shares with the key before it (0 for the first of a block); varint: length of the
//!   rest; the rest,
//! - varint: rows, at least 1,
//! - for each measure: varint: count; if it is not 0 the sum, and if the layout keeps extremes least and greatest
//!   value. A decimal is a byte of scale (0 to 18) and its units as a zigzag varint of up to 128 bits.
//!
//! What a later version changes is announced by the version number; readers refuse versions that they do not know.

mod read;
mod varint;
mod write;

use std::io;

pub use read::PartialReader;
pub use write::encode;

use crate::partial::Partial;

const MAGIC: [u8; 4] = *b"MRDP";
const VERSION: u16 = 1;
const FIXED_PROLOGUE_BYTES: usize = 28;
const MAX_BOUND_BYTES: usize = 400;
const MAX_LAYOUT_BYTES: usize = 1 << 20;
const MAX_BLOCK_BYTES: usize = 1 << 20;

/// Why bytes are not a partial, or could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PartialFormatError {
    /// The bytes could not be read.
    #[error("could not read the partial")]
    Read(#[source] io::Error),
    /// The bytes do not begin like a partial.
    #[error("not a partial")]
    NotAPartial,
    /// Written by a later build.
    #[error("partial of version {0}, which this build does not know")]
    UnknownVersion(u16),
    /// The bytes end too early.
    #[error("the partial is cut short")]
    CutShort,
    /// A checksum or an invariant does not hold.
    #[error("the partial is damaged: {0}")]
    Damaged(&'static str),
    /// The partial is outside the format's limits: a defect.
    #[error("the partial cannot be written: {0}")]
    Unwritable(&'static str),
}

impl PartialFormatError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "read_failed",
            Self::NotAPartial => "not_a_partial",
            Self::UnknownVersion(_) => "unknown_version",
            Self::CutShort => "cut_short",
            Self::Damaged(_) => "damaged",
            Self::Unwritable(_) => "unwritable",
        }
    }

    fn of_read(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::CutShort
        } else {
            Self::Read(error)
        }
    }
}

/// What a partial's first bytes say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialSummary {
    /// Number of entries.
    pub entries: u64,
    /// Number of rows.
    pub rows: u64,
    /// No key is below it. Empty without entries.
    pub first_bound: Vec<u8>,
    /// No key is above it. Empty without entries, and not always UTF-8.
    pub last_bound: Vec<u8>,
}

impl PartialSummary {
    /// The bytes from the start of an object that are always enough for [`Self::parse`].
    pub const BYTES: usize = 1_024;

    /// Reads the summary from an object's first [`Self::BYTES`] (fewer if it is shorter).
    ///
    /// # Errors
    /// [`PartialFormatError`] when they are not the beginning of a partial.
    pub fn parse(bytes: &[u8]) -> Result<Self, PartialFormatError> {
        read::read_summary(&mut &bytes[..])
    }
}

/// Reads a whole partial.
///
/// # Errors
/// [`PartialFormatError`] when the bytes are anything but a complete, undamaged partial.
pub fn decode(bytes: &[u8]) -> Result<Partial, PartialFormatError> {
    PartialReader::new(bytes)?.read_to_end()
}

#[cfg(test)]
mod tests;
