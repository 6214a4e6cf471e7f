//! Row errors by page, straight from the objects that validation wrote.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::page::Page;
use millrace_store::Store;
use millrace_table::{RejectedRow, read_rejected};

use crate::ports::ObjectStore;

/// Bytes that are read at a time.
const READ_BYTES: u64 = 1024 * 1024;

/// Where a page starts: a chunk and an offset in its row errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    chunk: u32,
    offset: u64,
}

impl Position {
    fn parse(cursor: &str) -> Option<Self> {
        let (chunk, offset) = cursor.split_once('-')?;
        Some(Self {
            chunk: chunk.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowErrorsError {
    /// The cursor is none that a page gave out.
    #[error("the cursor is not one that a page gave out")]
    BadCursor,
    /// A bucket or the database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A page of a file version's rejected rows, in the order of the file.
///
/// # Errors
/// [`RowErrorsError`] for a foreign cursor, or when a bucket or the database fails.
pub async fn list_row_errors(
    store: &Store,
    collections: &dyn ObjectStore,
    file: FileVersion,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<RejectedRow>, RowErrorsError> {
    let mut position = match cursor {
        Some(cursor) => Position::parse(cursor).ok_or(RowErrorsError::BadCursor)?,
        None => Position::default(),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    for object in store.list_row_errors(file).await? {
        if object.chunk < position.chunk {
            continue;
        }
        if object.chunk > position.chunk {
            position = Position {
                chunk: object.chunk,
                offset: 0,
            };
        }
        while position.offset < object.size_bytes {
            let wanted = limit - items.len();
            let bytes = read_range(collections, &object.key, position.offset, object.size_bytes).await?;
            let (mut rows, consumed) = read_some(&bytes, wanted);
            if consumed == 0 {
                return Err(Failure::invalid("row_errors.read", "the row errors cannot be read").into());
            }
            items.append(&mut rows);
            position.offset += consumed as u64;
            if items.len() >= limit {
                return Ok(Page {
                    items,
                    next: Some(format!("{}-{}", position.chunk, position.offset)),
                });
            }
        }
    }
    Ok(Page { items, next: None })
}

/// At most so many rows, and the bytes that they took.
fn read_some(bytes: &[u8], wanted: usize) -> (Vec<RejectedRow>, usize) {
    let (rows, consumed) = read_rejected(bytes);
    if rows.len() <= wanted {
        return (rows, consumed);
    }
    let end = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(wanted.saturating_sub(1));
    let (mut rows, end) = (rows, end.map_or(consumed, |(at, _)| at + 1));
    rows.truncate(wanted);
    (rows, end)
}

/// A range that holds at least one whole row: a rejected record and its errors may be longer than a read.
async fn read_range(
    collections: &dyn ObjectStore,
    key: &str,
    start: u64,
    object_end: u64,
) -> Result<Vec<u8>, Failure> {
    let mut stream = collections.open(key, start, Some(object_end)).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 >= READ_BYTES && bytes.contains(&b'\n') {
            break;
        }
    }
    Ok(bytes)
}
