//! Finds the bytes that give a file its structure, many at a time.

use super::Dialect;

/// Bytes looked at in one go; the comparison of so many compiles to vector instructions.
const LANES: usize = 64;

/// Appends the positions, from `from` on, of delimiters, quotes, line ends and NULs.
pub(super) fn append(data: &[u8], from: usize, dialect: Dialect, marks: &mut Vec<u32>) {
    let (chunks, rest) = data[from..].as_chunks::<LANES>();
    let mut base = from;
    for chunk in chunks {
        let mut hits = [0_u8; LANES];
        for (hit, &byte) in hits.iter_mut().zip(chunk) {
            *hit = u8::from(is_mark(byte, dialect));
        }
        push_hits(bit_mask(&hits), base, marks);
        base += LANES;
    }
    for (index, &byte) in rest.iter().enumerate() {
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

/// Bit `i` is set where byte `i` is 1; every byte is 0 or 1.
#[inline(always)]
fn bit_mask(hits: &[u8; LANES]) -> u64 {
    // Each factor bit moves one byte's bit to its place in the top byte; no two meet, so nothing carries.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = hits.as_chunks::<8>();
    let mut mask = 0;
    for (index, word) in words.iter().enumerate() {
        mask |= (u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56) << (index * 8);
    }
    mask
}

#[inline(always)]
fn push_hits(mut mask: u64, base: usize, marks: &mut Vec<u32>) {
    let mut found = [0_u32; LANES];
    let mut count = 0;
    while mask != 0 {
        found[count % LANES] = position(base + mask.trailing_zeros() as usize);
        count += 1;
        mask &= mask - 1;
    }
    marks.extend_from_slice(&found[..count]);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the scanner holds a record and a piece, far below 4 GiB"
)]
#[inline(always)]
fn position(index: usize) -> u32 {
    index as u32
}
