//! A part that comes in pieces.

use std::io::Read;

use super::{FRAME_BLOCK, FRAME_END, FRAME_MEMBER, HEADER_BYTES, MAGIC, MEMBER_BYTES, PAYLOAD_BYTES};

/// Bytes before a header's JSON: magic, version, length.
const HEADER_FIXED: usize = MAGIC.len() + 2 + 4;
/// Bytes before a block's payload but for the checksum, which stands there too: kind, rows, length.
const BLOCK_FIXED: usize = 1 + 4 + 4;
/// Bytes before a member's name: kind, length.
const MEMBER_FIXED: usize = 1 + 4;
const CRC_BYTES: usize = 4;

/// The bytes of a part that have come and are not read yet: a [`PartReader`](super::PartReader) reads from them whenever
/// a header or a frame is whole. Memory: a frame and a piece.
#[derive(Debug, Default)]
pub struct PartPieces {
    bytes: Vec<u8>,
    at: usize,
}

impl PartPieces {
    /// Takes the next piece, of any size.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// Whether the part's header can be read, or can be seen to be none.
    #[must_use]
    pub fn has_header(&self) -> bool {
        end_of(self.rest(), HEADER_FIXED, HEADER_BYTES).is_some()
    }

    /// Whether the next frame can be read, or can be seen to be none; a member is read with the block behind it. Of the end
    /// that is not known before all has come, since nothing may stand behind it.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        let mut rest = self.rest();
        if rest.first() == Some(&FRAME_MEMBER) {
            let Some(end) = end_of(rest, MEMBER_FIXED, MEMBER_BYTES) else {
                return false;
            };
            let Some(behind) = rest.get(end..) else {
                return true;
            };
            rest = behind;
        }
        match rest.first() {
            None | Some(&FRAME_END) => false,
            Some(&FRAME_BLOCK) => end_of(rest, BLOCK_FIXED, PAYLOAD_BYTES).is_some(),
            Some(_) => true,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

/// Where that ends whose first bytes, the `fixed` ones, close with how many follow beside a checksum, once all of it has
/// come; behind everything where those are more than there may be.
fn end_of(bytes: &[u8], fixed: usize, most: usize) -> Option<usize> {
    let length = bytes.get(..fixed)?.last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > most {
        return Some(usize::MAX);
    }
    Some(fixed + length + CRC_BYTES).filter(|end| bytes.len() >= *end)
}

impl Read for PartPieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
