//! A part that comes in pieces.

use std::io::Read;

use super::{FRAME_BLOCK, FRAME_END, HEADER_BYTES, MAGIC, PAYLOAD_BYTES};

/// Bytes before a header's JSON: magic, version, length.
const HEADER_FIXED: usize = MAGIC.len() + 2 + 4;
/// Bytes before a block's payload: kind, rows, length, checksum.
const BLOCK_FIXED: usize = 1 + 4 + 4 + 4;
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
        self.has(HEADER_FIXED, HEADER_FIXED - 4, HEADER_BYTES)
    }

    /// Whether the next frame can be read, or can be seen to be none. Of the end that is not known before all has come,
    /// since nothing may stand behind it.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        match self.rest().first() {
            None | Some(&FRAME_END) => false,
            // The checksum stands before the payload, not behind it.
            Some(&FRAME_BLOCK) => self.has(BLOCK_FIXED - CRC_BYTES, 1 + 4, PAYLOAD_BYTES),
            Some(_) => true,
        }
    }

    /// Whether there are `fixed` bytes, of which those at `place` say how many follow, and those with their checksum.
    fn has(&self, fixed: usize, place: usize, most: usize) -> bool {
        let rest = self.rest();
        let length = rest.get(place..).and_then(|bytes| bytes.first_chunk::<4>());
        let Some(length) = length.filter(|_| rest.len() >= fixed) else {
            return false;
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        length > most || rest.len() - fixed >= length + CRC_BYTES
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

impl Read for PartPieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
