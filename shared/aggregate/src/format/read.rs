//! Reading `MRDP`, a block at a time.

use std::io::{self, Read};

use super::varint::Cursor;
use super::{
    FIXED_PROLOGUE_BYTES, MAGIC, MAX_BLOCK_BYTES, MAX_BOUND_BYTES, MAX_LAYOUT_BYTES, PartialFormatError,
    PartialSummary, VERSION, write,
};
use crate::key::CellKey;
use crate::partial::{Bounds, MeasurePartial, Partial, PartialEntry};
use crate::plan::Layout;

/// What a compressed block may be long: zstd adds little to what it cannot compress.
const MAX_COMPRESSED_BYTES: usize = MAX_BLOCK_BYTES + (64 << 10);

pub(super) fn read_summary(source: &mut impl Read) -> Result<PartialSummary, PartialFormatError> {
    let mut bytes = vec![0; FIXED_PROLOGUE_BYTES];
    read_exact(source, &mut bytes[..4]).map_err(|error| match error {
        PartialFormatError::CutShort => PartialFormatError::NotAPartial,
        other => other,
    })?;
    if bytes[..4] != MAGIC {
        return Err(PartialFormatError::NotAPartial);
    }
    read_exact(source, &mut bytes[4..6])?;
    let version = u16::from_le_bytes([bytes[4], bytes[5]]);
    if version != VERSION {
        return Err(PartialFormatError::UnknownVersion(version));
    }
    read_exact(source, &mut bytes[6..])?;
    let first = usize::from(u16::from_le_bytes([bytes[6], bytes[7]]));
    let last = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    if first > MAX_BOUND_BYTES || last > MAX_BOUND_BYTES + 1 {
        return Err(PartialFormatError::Damaged("bound too long"));
    }
    let (first_end, last_end) = (FIXED_PROLOGUE_BYTES + first, FIXED_PROLOGUE_BYTES + first + last);
    bytes.resize(last_end, 0);
    read_exact(source, &mut bytes[FIXED_PROLOGUE_BYTES..])?;
    check_sum(source, &bytes)?;
    let number = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(number)
    };
    if bytes[10..12] != [0, 0] || number(12) > Partial::MAX_ENTRIES as u64 {
        return Err(PartialFormatError::Damaged("prologue"));
    }
    Ok(PartialSummary {
        entries: number(12),
        rows: number(20),
        first_bound: bytes[FIXED_PROLOGUE_BYTES..first_end].to_vec(),
        last_bound: bytes[first_end..].to_vec(),
    })
}

/// Reads a partial's entries in key order, holding one block at a time.
///
/// As an iterator it ends after the last entry or the first error; that the object is complete is known only once
/// it has returned `None` without an error.
pub struct PartialReader<R> {
    source: R,
    summary: PartialSummary,
    layout: Layout,
    block: Vec<u8>,
    position: usize,
    entries_in_block: u32,
    entries_left: u64,
    rows_read: u64,
    key: Vec<u8>,
    is_done: bool,
}

impl<R: Read> PartialReader<R> {
    /// Reads the beginning of a partial.
    ///
    /// # Errors
    /// [`PartialFormatError`] when it is not one.
    pub fn new(mut source: R) -> Result<Self, PartialFormatError> {
        let summary = read_summary(&mut source)?;
        let length = read_u32(&mut source)?;
        if length > MAX_LAYOUT_BYTES {
            return Err(PartialFormatError::Damaged("layout too long"));
        }
        let mut json = vec![0; length];
        read_exact(&mut source, &mut json)?;
        check_sum(&mut source, &json)?;
        let layout = serde_json::from_slice(&json).map_err(|_| PartialFormatError::Damaged("layout"))?;
        Ok(Self {
            source,
            layout,
            block: Vec::new(),
            position: 0,
            entries_in_block: 0,
            entries_left: summary.entries,
            rows_read: 0,
            key: Vec::new(),
            is_done: false,
            summary,
        })
    }

    /// What the cells consist of.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the prologue says.
    #[must_use]
    pub fn summary(&self) -> &PartialSummary {
        &self.summary
    }

    /// Reads all entries that are left, after [`Self::new`] the whole partial.
    ///
    /// # Errors
    /// The first [`PartialFormatError`].
    pub fn read_to_end(mut self) -> Result<Partial, PartialFormatError> {
        let entries = self.by_ref().collect::<Result<Vec<_>, _>>()?;
        Ok(Partial::from_ascending(self.layout, entries))
    }

    fn read_next(&mut self) -> Result<Option<PartialEntry>, PartialFormatError> {
        if self.entries_left == 0 {
            self.check_end()?;
            return Ok(None);
        }
        if self.entries_in_block == 0 {
            self.read_block()?;
        }
        let is_first = self.entries_left == self.summary.entries;
        let entry = self.read_entry(is_first)?;
        self.entries_in_block -= 1;
        self.entries_left -= 1;
        if self.entries_in_block == 0 && self.position != self.block.len() {
            return Err(PartialFormatError::Damaged("bytes after a block's entries"));
        }
        self.check_bounds(&entry, is_first)?;
        Ok(Some(entry))
    }

    fn check_bounds(&mut self, entry: &PartialEntry, is_first: bool) -> Result<(), PartialFormatError> {
        let key = entry.key.as_bytes();
        self.rows_read = self.rows_read.saturating_add(entry.rows);
        let first_fits = !is_first || key[..key.len().min(MAX_BOUND_BYTES)] == self.summary.first_bound;
        let last_fits = self.entries_left > 0
            || (write::last_bound(key) == self.summary.last_bound && self.rows_read == self.summary.rows);
        if first_fits && last_fits {
            Ok(())
        } else {
            Err(PartialFormatError::Damaged("entries differ from the prologue"))
        }
    }

    fn check_end(&mut self) -> Result<(), PartialFormatError> {
        let PartialSummary {
            entries,
            rows,
            first_bound,
            last_bound,
        } = &self.summary;
        if *entries == 0 && (*rows > 0 || !first_bound.is_empty() || !last_bound.is_empty()) {
            return Err(PartialFormatError::Damaged("entries differ from the prologue"));
        }
        match read_exact(&mut self.source, &mut [0]) {
            Err(PartialFormatError::CutShort) => Ok(()),
            Err(other) => Err(other),
            Ok(()) => Err(PartialFormatError::Damaged("bytes after the last entry")),
        }
    }

    fn read_block(&mut self) -> Result<(), PartialFormatError> {
        let compressed_length = read_u32(&mut self.source)?;
        let length = read_u32(&mut self.source)?;
        let entries = read_u32(&mut self.source)?;
        if compressed_length > MAX_COMPRESSED_BYTES || length > MAX_BLOCK_BYTES {
            return Err(PartialFormatError::Damaged("block too long"));
        }
        if entries == 0 || entries as u64 > self.entries_left {
            return Err(PartialFormatError::Damaged("number of entries"));
        }
        let mut checksum = [0; 4];
        read_exact(&mut self.source, &mut checksum)?;
        let mut compressed = vec![0; compressed_length];
        read_exact(&mut self.source, &mut compressed)?;
        if crc32fast::hash(&compressed) != u32::from_le_bytes(checksum) {
            return Err(PartialFormatError::Damaged("checksum"));
        }
        self.block = zstd::bulk::decompress(&compressed, length)
            .map_err(|_| PartialFormatError::Damaged("compressed bytes"))?;
        if self.block.len() != length {
            return Err(PartialFormatError::Damaged("length of a block"));
        }
        self.position = 0;
        self.entries_in_block =
            u32::try_from(entries).map_err(|_| PartialFormatError::Damaged("number of entries"))?;
        Ok(())
    }

    fn read_entry(&mut self, is_first: bool) -> Result<PartialEntry, PartialFormatError> {
        let mut cursor = Cursor {
            rest: &self.block[self.position..],
        };
        let shared = cursor.length()?;
        let rest_length = cursor.length()?;
        let is_first_in_block = self.position == 0;
        if shared > self.key.len() || (is_first_in_block && shared > 0) || rest_length > CellKey::MAX_BYTES {
            return Err(PartialFormatError::Damaged("key"));
        }
        let rest = cursor.take(rest_length)?;
        // Ascending: what follows the shared bytes must be above what stood there.
        if !is_first && rest <= &self.key[shared..] {
            return Err(PartialFormatError::Damaged("keys do not ascend"));
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        let text = std::str::from_utf8(&self.key).map_err(|_| PartialFormatError::Damaged("key"))?;
        if text.is_empty() || text.len() > CellKey::MAX_BYTES {
            return Err(PartialFormatError::Damaged("key"));
        }
        let key = CellKey::from_checked(text);
        let rows = cursor.count()?;
        if rows == 0 {
            return Err(PartialFormatError::Damaged("entry without rows"));
        }
        let mut measures = Vec::with_capacity(self.layout.measures.len());
        for measure in &self.layout.measures {
            measures.push(read_measure(&mut cursor, rows, measure.extremes)?);
        }
        self.position = self.block.len() - cursor.rest.len();
        Ok(PartialEntry {
            key,
            rows,
            measures: measures.into_boxed_slice(),
        })
    }
}

impl<R: Read> Iterator for PartialReader<R> {
    type Item = Result<PartialEntry, PartialFormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read_next().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn read_measure(
    cursor: &mut Cursor<'_>,
    rows: u64,
    keeps_extremes: bool,
) -> Result<MeasurePartial, PartialFormatError> {
    let count = cursor.count()?;
    if count > rows {
        return Err(PartialFormatError::Damaged("more filled cells than rows"));
    }
    if count == 0 {
        return Ok(MeasurePartial {
            count,
            sum: millrace_core::Decimal::ZERO,
            bounds: None,
        });
    }
    let sum = cursor.decimal()?;
    let bounds = if keeps_extremes {
        let (min, max) = (cursor.decimal()?, cursor.decimal()?);
        if min > max {
            return Err(PartialFormatError::Damaged("least above greatest"));
        }
        Some(Box::new(Bounds { min, max }))
    } else {
        None
    };
    Ok(MeasurePartial { count, sum, bounds })
}

fn read_exact(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), PartialFormatError> {
    io::Read::read_exact(source, bytes).map_err(PartialFormatError::of_read)
}

fn read_u32(source: &mut impl Read) -> Result<usize, PartialFormatError> {
    let mut bytes = [0; 4];
    read_exact(source, &mut bytes)?;
    usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| PartialFormatError::Damaged("length too large"))
}

/// Reads four bytes and compares them with the checksum of what came before.
fn check_sum(source: &mut impl Read, bytes: &[u8]) -> Result<(), PartialFormatError> {
    let mut checksum = [0; 4];
    read_exact(source, &mut checksum)?;
    if crc32fast::hash(bytes) == u32::from_le_bytes(checksum) {
        Ok(())
    } else {
        Err(PartialFormatError::Damaged("checksum"))
    }
}
