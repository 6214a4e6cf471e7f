//! What a file may ask of us: sizes above which a record, a cell or a header is refused.

/// The limits of a file. [`Limits::default`] is what the product promises; tests use smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a record, without its line end.
    pub record_bytes: usize,
    /// The most bytes of a cell, quotes included.
    pub cell_bytes: usize,
    /// The most columns of a header.
    pub columns: usize,
    /// The most bytes of a rejected record that are kept as they came.
    pub raw_bytes: usize,
}

impl Limits {
    /// 1 MiB a record.
    pub const RECORD_BYTES: usize = 1 << 20;
    /// 64 KiB a cell.
    pub const CELL_BYTES: usize = 64 << 10;
    /// 2,000 columns.
    pub const COLUMNS: usize = 2_000;
    /// 64 KiB of a rejected record.
    pub const RAW_BYTES: usize = 64 << 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: Self::RECORD_BYTES,
            cell_bytes: Self::CELL_BYTES,
            columns: Self::COLUMNS,
            raw_bytes: Self::RAW_BYTES,
        }
    }
}

/// The most characters of a cell or header that a message repeats.
pub const FOUND_CHARACTERS: usize = 200;

/// A text for a message: at most [`FOUND_CHARACTERS`] characters, undecodable bytes replaced.
#[must_use]
pub fn found(bytes: &[u8]) -> String {
    // Four bytes a character are the most, so what lies behind cannot be shown.
    let bytes = &bytes[..bytes.len().min(4 * FOUND_CHARACTERS)];
    String::from_utf8_lossy(bytes)
        .chars()
        .take(FOUND_CHARACTERS)
        .collect()
}
