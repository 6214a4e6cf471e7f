#![doc = include_str!("part/FORMAT.md")]

mod decode;
mod encode;
mod integers;
mod pieces;
mod reader;
mod writer;

use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::field::FieldType;
use serde::{Deserialize, Serialize};

pub use pieces::PartPieces;
pub use reader::PartReader;
pub use writer::PartWriter;

const MAGIC: [u8; 4] = *b"MRPT";
const VERSION: u16 = 1;
/// The version of a part whose blocks are of members.
const VERSION_OF_MEMBERS: u16 = 2;
const HEADER_BYTES: usize = 1 << 20;
const FRAME_END: u8 = 0;
const FRAME_BLOCK: u8 = 1;
const FRAME_MEMBER: u8 = 2;
/// The most rows of a block.
pub const BLOCK_ROWS: usize = 1 << 16;
const PAYLOAD_BYTES: usize = 32 << 20;
const SECTION_BYTES: usize = 32 << 20;
/// The longest name of a member.
const MEMBER_BYTES: usize = 1 << 10;
const DIRECTORY_ENTRY_BYTES: usize = 9;
const METHOD_STORED: u8 = 0;
const METHOD_ZSTD: u8 = 1;
const VALIDITY_ALL: u8 = 0;
const VALIDITY_BITMAP: u8 = 1;
const VALIDITY_NONE: u8 = 2;
const ENCODING_PLAIN: u8 = 1;
/// Decimals with a scale each; texts by dictionary.
const ENCODING_OTHER: u8 = 2;
const DICTIONARY_ENTRIES: usize = 1 << 16;

/// The spec that a part's rows were checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSpec {
    /// Its kind.
    pub kind: SpecKind,
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: u32,
}

/// The header of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PartHeader {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spec: Option<PartSpec>,
    fields: Vec<(Name, FieldType)>,
}

/// What the end of a part says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartEnd {
    /// Its rows.
    pub rows: u64,
    /// Its blocks.
    pub blocks: u32,
}

impl PartEnd {
    /// The last bytes of a part, of which its end consists.
    pub const BYTES: usize = 17;

    /// Reads the last bytes of a part; none where they are not the end of one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first_chunk::<1>()?;
        let (rows, rest) = rest.split_first_chunk()?;
        let (blocks, rest) = rest.split_first_chunk()?;
        let end = Self {
            rows: u64::from_le_bytes(*rows),
            blocks: u32::from_le_bytes(*blocks),
        };
        // A block has a row at least.
        let (least, most) = (u64::from(end.blocks), u64::from(end.blocks) * BLOCK_ROWS as u64);
        let is_end = *kind == [FRAME_END] && rest.len() == 4 && (least..=most).contains(&end.rows);
        is_end.then_some(end)
    }
}

/// Why a part could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The bytes are no part.
    #[error("not a part")]
    NotAPart,
    /// A part of a version that this build does not know.
    #[error("part version {0} is not known to this build")]
    UnknownVersion(u16),
    /// The bytes end before the part does.
    #[error("the part is cut off")]
    Truncated,
    /// The bytes are not those that were written.
    #[error("the part is damaged: {0}")]
    Damaged(&'static str),
    /// A block that does not fit the schema or the format's limits; nothing was written of it.
    #[error("the block does not fit the part: {0}")]
    BadBlock(&'static str),
    /// A member that the part cannot have; nothing was written of it.
    #[error("the member does not fit the part: {0}")]
    BadMember(&'static str),
    /// The part was ended already.
    #[error("the part has its end")]
    Finished,
    /// The source of the bytes, or the compressor, failed.
    #[error("the part's bytes cannot be moved")]
    Io(#[from] std::io::Error),
}

impl PartError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPart => "not_a_part",
            Self::UnknownVersion(_) => "unknown_part_version",
            Self::Truncated => "part_truncated",
            Self::Damaged(_) => "part_damaged",
            Self::BadBlock(_) => "bad_block",
            Self::BadMember(_) => "bad_member",
            Self::Finished => "part_finished",
            Self::Io(_) => "part_io",
        }
    }
}

#[cfg(test)]
mod tests;
