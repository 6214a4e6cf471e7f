//! Row errors by page, straight from the objects that validation wrote.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::page::Page;
use millrace_store::Store;
use millrace_store::chunk_objects::RowErrorObject;
pub use millrace_table::RejectedRow;
use millrace_table::read_rejected;

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

/// How much a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// The most rows.
    pub items: u32,
    /// The most bytes of the rows as JSON, with their bytes as text; one row is always there, however long.
    pub json_bytes: usize,
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
    limits: PageLimits,
) -> Result<Page<RejectedRow>, RowErrorsError> {
    let mut position = match cursor {
        Some(cursor) => Position::parse(cursor).ok_or(RowErrorsError::BadCursor)?,
        None => Position::default(),
    };
    let mut filling = Filling::begin(limits);
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
            let bytes = read_range(collections, &object.key, position.offset, object.size_bytes).await?;
            let consumed = filling.add_lines(&bytes)?;
            position.offset += consumed as u64;
            if filling.is_full {
                return Ok(Page {
                    items: filling.items,
                    next: Some(format!("{}-{}", position.chunk, position.offset)),
                });
            }
        }
    }
    Ok(Page {
        items: filling.items,
        next: None,
    })
}

/// A page that is being filled.
struct Filling {
    items: Vec<RejectedRow>,
    most_items: usize,
    bytes_left: usize,
    is_full: bool,
}

impl Filling {
    fn begin(limits: PageLimits) -> Self {
        Self {
            items: Vec::new(),
            most_items: usize::try_from(limits.items).unwrap_or(usize::MAX).max(1),
            bytes_left: limits.json_bytes,
            is_full: false,
        }
    }

    /// Takes rows as long as there is room; the bytes that those took.
    fn add_lines(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let unreadable = || Failure::invalid("row_errors.read", "the row errors cannot be read");
        let (rows, consumed) = read_rejected(bytes);
        if consumed == 0 {
            return Err(unreadable());
        }
        let mut taken = 0;
        for (row, line) in rows.into_iter().zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let json_bytes = json_bytes(&row).map_err(|_| unreadable())?;
            if !self.items.is_empty() && (self.items.len() >= self.most_items || json_bytes > self.bytes_left)
            {
                self.is_full = true;
                break;
            }
            self.bytes_left = self.bytes_left.saturating_sub(json_bytes);
            self.items.push(row);
            taken += line.len();
        }
        Ok(taken)
    }
}

/// What a row takes in an answer: its text and its errors as JSON, and the names around them.
fn json_bytes(row: &RejectedRow) -> Result<usize, serde_json::Error> {
    const AROUND: usize = 128;
    let text = serde_json::to_string(&String::from_utf8_lossy(&row.raw))?;
    Ok(AROUND + text.len() + serde_json::to_string(&row.errors)?.len())
}

/// All rejected rows of a file version, in the order of the file, some at a time. What a repaired file had too much is no
/// row of the file, and left out.
pub(crate) struct RejectedRows<'a> {
    collections: &'a dyn ObjectStore,
    objects: std::vec::IntoIter<RowErrorObject>,
    /// The object at hand, and how far it was read.
    current: Option<(RowErrorObject, u64)>,
    size_bytes: u64,
}

impl<'a> RejectedRows<'a> {
    pub(crate) async fn of(
        store: &Store,
        collections: &'a dyn ObjectStore,
        file: FileVersion,
    ) -> Result<Self, Failure> {
        let objects = store.list_row_errors(file).await?;
        Ok(Self {
            collections,
            size_bytes: objects.iter().map(|object| object.size_bytes).sum(),
            objects: objects.into_iter(),
            current: None,
        })
    }

    /// The bytes that they take as they are stored.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The first row alone.
    pub(crate) async fn first(mut self) -> Result<Option<RejectedRow>, Failure> {
        let rows = self.next_rows().await?;
        Ok(rows.and_then(|rows| rows.into_iter().next()))
    }

    /// The next rows, never an empty number of them; none at the end.
    pub(crate) async fn next_rows(&mut self) -> Result<Option<Vec<RejectedRow>>, Failure> {
        while let Some(mut rows) = self.read_rows().await? {
            rows.retain(|row| !row.is_of_repair);
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    async fn read_rows(&mut self) -> Result<Option<Vec<RejectedRow>>, Failure> {
        loop {
            let (object, offset) = match self.current.take() {
                Some((object, offset)) if offset < object.size_bytes => (object, offset),
                _ => match self.objects.next() {
                    Some(object) => (object, 0),
                    None => return Ok(None),
                },
            };
            if object.size_bytes == 0 {
                continue;
            }
            let bytes = read_range(self.collections, &object.key, offset, object.size_bytes).await?;
            let (rows, consumed) = read_rejected(&bytes);
            if consumed == 0 {
                return Err(Failure::invalid(
                    "row_errors.read",
                    "the row errors cannot be read",
                ));
            }
            self.current = Some((object, offset + consumed as u64));
            return Ok(Some(rows));
        }
    }
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
