//! Writing `MRDP`.

use super::varint::{write_decimal, write_varint};
use super::{MAGIC, MAX_BLOCK_BYTES, MAX_BOUND_BYTES, MAX_LAYOUT_BYTES, PartialFormatError, VERSION};
use crate::key::CellKey;
use crate::partial::{Partial, PartialEntry};

/// A block is closed when it has grown to this; one more entry always fits below the limit.
const BLOCK_TARGET_BYTES: usize = 256 << 10;
const ZSTD_LEVEL: i32 = 1;

/// The bytes of a partial's object.
///
/// # Errors
/// [`PartialFormatError::Unwritable`] when the layout or an entry is beyond the format's limits (about 9,000 measures).
pub fn encode(partial: &Partial) -> Result<Vec<u8>, PartialFormatError> {
    let mut object = prologue(partial)?;
    write_layout(partial, &mut object)?;
    let mut block = Vec::with_capacity(BLOCK_TARGET_BYTES + (64 << 10));
    let mut entries = 0_u32;
    let mut previous: Option<&CellKey> = None;
    for entry in partial.entries() {
        write_entry(entry, previous, &mut block);
        previous = Some(&entry.key);
        entries += 1;
        if block.len() >= BLOCK_TARGET_BYTES {
            write_block(&block, entries, &mut object)?;
            block.clear();
            entries = 0;
            previous = None;
        }
    }
    if entries > 0 {
        write_block(&block, entries, &mut object)?;
    }
    Ok(object)
}

fn prologue(partial: &Partial) -> Result<Vec<u8>, PartialFormatError> {
    let first = partial.first_key().map_or(&b""[..], CellKey::as_bytes);
    let first = &first[..first.len().min(MAX_BOUND_BYTES)];
    let last = last_bound(partial.last_key().map_or(&b""[..], CellKey::as_bytes));
    let mut bytes = Vec::with_capacity(1 << 10);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for length in [first.len(), last.len(), 0] {
        let length = u16::try_from(length).map_err(|_| PartialFormatError::Unwritable("bound too long"))?;
        bytes.extend_from_slice(&length.to_le_bytes());
    }
    bytes.extend_from_slice(&(partial.entries().len() as u64).to_le_bytes());
    bytes.extend_from_slice(&partial.rows().to_le_bytes());
    bytes.extend_from_slice(first);
    bytes.extend_from_slice(&last);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// The greatest key, or a shorter byte string above it.
pub(super) fn last_bound(key: &[u8]) -> Vec<u8> {
    match key.get(..MAX_BOUND_BYTES) {
        // FF is no byte of UTF-8, so no key that starts with these bytes is above.
        Some(start) if key.len() > MAX_BOUND_BYTES => [start, &[0xff]].concat(),
        _ => key.to_vec(),
    }
}

fn write_layout(partial: &Partial, object: &mut Vec<u8>) -> Result<(), PartialFormatError> {
    const REFUSED: PartialFormatError = PartialFormatError::Unwritable("layout too long");
    let json = serde_json::to_vec(partial.layout()).map_err(|_| REFUSED)?;
    if json.len() > MAX_LAYOUT_BYTES {
        return Err(REFUSED);
    }
    object.extend_from_slice(&u32::try_from(json.len()).map_err(|_| REFUSED)?.to_le_bytes());
    object.extend_from_slice(&json);
    object.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
    Ok(())
}

fn write_entry(entry: &PartialEntry, previous: Option<&CellKey>, block: &mut Vec<u8>) {
    let key = entry.key.as_bytes();
    let before = previous.map_or(&b""[..], CellKey::as_bytes);
    let shared = key
        .iter()
        .zip(before)
        .take_while(|(left, right)| left == right)
        .count();
    write_varint(shared as u128, block);
    write_varint((key.len() - shared) as u128, block);
    block.extend_from_slice(&key[shared..]);
    write_varint(u128::from(entry.rows), block);
    for measure in &entry.measures {
        write_varint(u128::from(measure.count), block);
        if measure.count > 0 {
            write_decimal(measure.sum, block);
        }
        if let Some(bounds) = &measure.bounds {
            write_decimal(bounds.min, block);
            write_decimal(bounds.max, block);
        }
    }
}

fn write_block(block: &[u8], entries: u32, object: &mut Vec<u8>) -> Result<(), PartialFormatError> {
    const REFUSED: PartialFormatError = PartialFormatError::Unwritable("block too long");
    if block.len() > MAX_BLOCK_BYTES {
        return Err(REFUSED);
    }
    let compressed = zstd::bulk::compress(block, ZSTD_LEVEL).map_err(|_| REFUSED)?;
    for length in [compressed.len(), block.len()] {
        object.extend_from_slice(&u32::try_from(length).map_err(|_| REFUSED)?.to_le_bytes());
    }
    object.extend_from_slice(&entries.to_le_bytes());
    object.extend_from_slice(&crc32fast::hash(&compressed).to_le_bytes());
    object.extend_from_slice(&compressed);
    Ok(())
}
