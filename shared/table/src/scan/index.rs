//! Finds the bytes that give a file its structure, many at a time.

use super::Dialect;

/// Bytes looked at in one go; the comparison of so many compiles to vector instructions.
const LANES: usize = 64;

/// Appends the positions, from `from` on, of delimiters, quotes, line ends and NULs.
pub(super) fn append(data: &[u8], from: usize, dialect: Dialect, marks: &mut Vec<u32>) {
    let mut chunks = data[from..].chunks_exact(LANES);
    let mut base = from;
    for chunk in &mut chunks {
        let mut hits = [0_u8; LANES];
        for (hit, &byte) in hits.iter_mut().zip(chunk) {
            *hit = u8::from(is_mark(byte, dialect));
        }
        push_hits(&hits, base, marks);
        base += LANES;
    }
    for (index, &byte) in chunks.remainder().iter().enumerate() {
        if is_mark(byte, dialect) {
            marks.push(position(base + index));
        }
    }
}

#[inline(always)]
fn is_mark(byte: u8, dialect: Dialect) -> bool {
    // No short circuit: branches would keep the loop from being vectorised.
    (byte == dialect.delimiter) | (byte == dialect.quote) | (byte == b'\n') | (byte == b'\r') | (byte == 0)
}

#[inline(always)]
fn push_hits(hits: &[u8; LANES], base: usize, marks: &mut Vec<u32>) {
    let (words, _) = hits.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let mut bits = u64::from_le_bytes(*word);
        while bits != 0 {
            marks.push(position(base + index * 8 + bits.trailing_zeros() as usize / 8));
            bits &= bits - 1;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the scanner holds a record and a piece, far below 4 GiB"
)]
#[inline(always)]
fn position(index: usize) -> u32 {
    index as u32
}
