//! Deflate (RFC 1951) that can be left between two blocks and gone on with there.

use millrace_core::access_point::AccessPoint;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};

/// The bytes that a block may refer back to.
const WINDOW_BYTES: usize = 32 << 10;
/// The ring that is written round and round: a window and more, a power of two.
const RING_BYTES: usize = 64 << 10;
/// What the decompressor may hold back of bytes that it has taken.
const BIT_BUFFER_BYTES: usize = 8;

/// What came of a piece.
pub(super) struct Step {
    /// How many of its bytes were taken.
    pub(super) taken: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) has_ended: bool,
}

/// Memory: a window, twice, and tables.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    ring: Box<[u8]>,
    /// Where the next byte goes.
    at: usize,
    /// The bits at hand, where it stands between two blocks.
    boundary: Option<BlockBoundaryState>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            state: Box::default(),
            ring: vec![0; RING_BYTES].into_boxed_slice(),
            at: 0,
            boundary: None,
        }
    }

    /// One that stands at a point; none where it is no such point.
    pub(super) fn at(point: &AccessPoint) -> Option<Self> {
        let boundary = BlockBoundaryState {
            num_bits: point.bits,
            bit_buf: point.bit_buffer,
            ..BlockBoundaryState::default()
        };
        if point.bits >= 8 || point.window.len() > WINDOW_BYTES {
            return None;
        }
        let mut inflater = Self::new();
        inflater.state = Box::new(DecompressorOxide::from_block_boundary_state(&boundary));
        inflater.at = point.window.len();
        inflater.ring[..point.window.len()].copy_from_slice(&point.window);
        Some(inflater)
    }

    /// Takes some of the next bytes, up to a boundary between blocks where one is wanted; none where they are no deflated
    /// ones.
    pub(super) fn read(&mut self, input: &[u8], wants_boundary: bool) -> Option<Step> {
        let flags = match wants_boundary {
            true => TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
            false => TINFL_FLAG_HAS_MORE_INPUT,
        };
        let (status, taken, written) = loop {
            let step = decompress(&mut self.state, input, &mut self.ring, self.at, flags);
            // A block may be empty, and have come with a piece before.
            if step != (TINFLStatus::BlockBoundary, 0, 0) {
                break step;
            }
        };
        let bytes = self.ring[self.at..self.at + written].to_vec();
        self.at = (self.at + written) % RING_BYTES;
        self.boundary = match status {
            // Bytes of an earlier piece cannot be given back; the state cannot be told while there are some.
            TINFLStatus::BlockBoundary if taken >= BIT_BUFFER_BYTES => self.state.block_boundary_state(),
            _ => None,
        };
        let is_right = matches!(
            status,
            TINFLStatus::Done
                | TINFLStatus::NeedsMoreInput
                | TINFLStatus::HasMoreOutput
                | TINFLStatus::BlockBoundary
        );
        is_right.then_some(Step {
            taken,
            bytes,
            has_ended: status == TINFLStatus::Done,
        })
    }

    /// The bits at hand; none within a block.
    pub(super) fn boundary(&self) -> Option<&BlockBoundaryState> {
        self.boundary.as_ref()
    }

    /// The last bytes that came out, where so many have: no more than may be referred to.
    pub(super) fn window(&self, inflated_bytes: u64) -> Vec<u8> {
        let length = usize::try_from(inflated_bytes)
            .unwrap_or(usize::MAX)
            .min(WINDOW_BYTES);
        let start = (self.at + RING_BYTES - length) % RING_BYTES;
        match start + length <= RING_BYTES {
            true => self.ring[start..start + length].to_vec(),
            false => [&self.ring[start..], &self.ring[..self.at]].concat(),
        }
    }
}
