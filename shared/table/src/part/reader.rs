//! Reads parts from anything that gives bytes.

use std::io::{ErrorKind, Read};

use crc32fast::Hasher;
use millrace_core::field::Field;
use zstd::bulk::Decompressor;

use super::integers::Cursor;
use super::{
    BLOCK_ROWS, DIRECTORY_ENTRY_BYTES, FRAME_BLOCK, FRAME_END, FRAME_MEMBER, HEADER_BYTES, MAGIC,
    MEMBER_BYTES, METHOD_STORED, METHOD_ZSTD, PAYLOAD_BYTES, PartError, PartHeader, PartSpec, SECTION_BYTES,
    VERSION, VERSION_OF_MEMBERS, decode,
};
use crate::block::{Block, Column, ColumnData, PartSchema, Validity};

/// Reads the blocks of one part, in order. Memory: one block.
///
/// A part is whole only when [`Self::next_block`] has returned `None`: what came before may be the beginning of one
/// that is cut off.
pub struct PartReader<R> {
    source: R,
    schema: PartSchema,
    spec: Option<PartSpec>,
    /// Whether the blocks are of members.
    has_members: bool,
    /// The member of the block that was read last.
    member: Option<String>,
    /// Which columns are read.
    wanted: Vec<bool>,
    /// How many of the schema's fields the part itself has; the others are null in every row.
    stored: usize,
    decompressor: Decompressor<'static>,
    chain: Hasher,
    rows: u64,
    blocks: u32,
    last_record: u64,
    is_finished: bool,
    payload: Vec<u8>,
    section: Vec<u8>,
    numbers: Vec<i64>,
}

impl<R: Read> PartReader<R> {
    /// Reads the part's header.
    ///
    /// # Errors
    /// [`PartError`], when the bytes do not begin a part that this build can read.
    pub fn new(mut source: R) -> Result<Self, PartError> {
        let magic: [u8; 4] = array(&mut source).map_err(|error| match error {
            PartError::Truncated => PartError::NotAPart,
            other => other,
        })?;
        if magic != MAGIC {
            return Err(PartError::NotAPart);
        }
        let version = u16::from_le_bytes(array(&mut source)?);
        if !matches!(version, VERSION | VERSION_OF_MEMBERS) {
            return Err(PartError::UnknownVersion(version));
        }
        let length = size(&mut source)?;
        if length > HEADER_BYTES {
            return Err(PartError::Damaged("the header is too long"));
        }
        let mut header = Vec::new();
        fill(&mut source, length, &mut header)?;
        let crc: [u8; 4] = array(&mut source)?;
        if crc32fast::hash(&header).to_le_bytes() != crc {
            return Err(PartError::Damaged("the header's checksum is wrong"));
        }
        let header: PartHeader =
            serde_json::from_slice(&header).map_err(|_| PartError::Damaged("the header is not known"))?;
        let mut chain = Hasher::new();
        chain.update(&crc);
        Ok(Self {
            source,
            wanted: vec![true; header.fields.len()],
            stored: header.fields.len(),
            schema: PartSchema {
                fields: header.fields,
            },
            spec: header.spec,
            has_members: version == VERSION_OF_MEMBERS,
            member: None,
            decompressor: Decompressor::new()?,
            chain,
            rows: 0,
            blocks: 0,
            last_record: 0,
            is_finished: false,
            payload: Vec::new(),
            section: Vec::new(),
            numbers: Vec::new(),
        })
    }

    /// Reads only these columns; the others are [`Column::Absent`] in every block and cost nothing to unpack.
    #[must_use]
    pub fn with_columns(mut self, columns: &[usize]) -> Self {
        for (index, wanted) in self.wanted.iter_mut().enumerate() {
            *wanted = columns.contains(&index);
        }
        self
    }

    /// Reads these fields too, as nulls: those of a later version of the spec that the part has not. A field that it has
    /// stays as it is.
    #[must_use]
    pub fn with_later_fields(mut self, fields: &[Field]) -> Self {
        for field in fields {
            if self.schema.position(&field.name).is_none() {
                self.schema.fields.push((field.name.clone(), field.field_type));
                self.wanted.push(true);
            }
        }
        self
    }

    /// The part's fields, with those of [`Self::with_later_fields`].
    #[must_use]
    pub fn schema(&self) -> &PartSchema {
        &self.schema
    }

    /// The spec that the rows were checked against, where the part names it.
    #[must_use]
    pub fn spec(&self) -> Option<&PartSpec> {
        self.spec.as_ref()
    }

    /// What it reads from.
    pub fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The rows of the blocks read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The member of an archive that the block stands in which was read last; its lines are the member's.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// The next block; `None` once the part's end has been read and found right.
    ///
    /// # Errors
    /// [`PartError`] when the bytes end too early, are damaged, or cannot be read.
    pub fn next_block(&mut self) -> Result<Option<Block>, PartError> {
        if self.is_finished {
            return Ok(None);
        }
        match array::<1>(&mut self.source)? {
            [FRAME_MEMBER] if self.has_members => {
                self.read_member()?;
                match array::<1>(&mut self.source)? {
                    [FRAME_BLOCK] => self.read_block().map(Some),
                    _ => Err(PartError::Damaged("a member has no block")),
                }
            }
            [FRAME_BLOCK] if self.has_members == self.member.is_some() => self.read_block().map(Some),
            [FRAME_END] => self.read_end().map(|()| None),
            _ => Err(PartError::Damaged("a frame is not known, or not in its place")),
        }
    }

    fn read_member(&mut self) -> Result<(), PartError> {
        let length_bytes: [u8; 4] = array(&mut self.source)?;
        let length = to_size(length_bytes);
        if !(1..=MEMBER_BYTES).contains(&length) {
            return Err(PartError::Damaged("a member's name is too long"));
        }
        let mut name = Vec::new();
        fill(&mut self.source, length, &mut name)?;
        let crc: [u8; 4] = array(&mut self.source)?;
        if crc32fast::hash(&[&length_bytes, name.as_slice()].concat()).to_le_bytes() != crc {
            return Err(PartError::Damaged("a member's checksum is wrong"));
        }
        let name = String::from_utf8(name).map_err(|_| PartError::Damaged("a member's name is no text"))?;
        self.chain.update(&crc);
        self.member = Some(name);
        Ok(())
    }

    fn read_block(&mut self) -> Result<Block, PartError> {
        let rows_bytes: [u8; 4] = array(&mut self.source)?;
        let length_bytes: [u8; 4] = array(&mut self.source)?;
        let crc: [u8; 4] = array(&mut self.source)?;
        let rows = to_size(rows_bytes);
        let length = to_size(length_bytes);
        if !(1..=BLOCK_ROWS).contains(&rows) || length > PAYLOAD_BYTES {
            return Err(PartError::Damaged("a block's size is out of range"));
        }
        fill(&mut self.source, length, &mut self.payload)?;
        let mut hasher = Hasher::new();
        hasher.update(&rows_bytes);
        hasher.update(&length_bytes);
        hasher.update(&self.payload);
        if hasher.finalize().to_le_bytes() != crc {
            return Err(PartError::Damaged("a block's checksum is wrong"));
        }
        self.chain.update(&crc);
        let payload = std::mem::take(&mut self.payload);
        let block = self.decode_block(rows, &payload);
        self.payload = payload;
        let block = block?;
        self.rows += rows as u64;
        self.blocks = self.blocks.wrapping_add(1);
        Ok(block)
    }

    fn decode_block(&mut self, rows: usize, payload: &[u8]) -> Result<Block, PartError> {
        let sections = self.stored + 2;
        let mut cursor = Cursor(payload);
        let directory = cursor.take(sections * DIRECTORY_ENTRY_BYTES)?;
        let mut block = Block::default();
        let (entries, _) = directory.as_chunks::<DIRECTORY_ENTRY_BYTES>();
        for (index, entry) in entries.iter().enumerate() {
            let &[method, r0, r1, r2, r3, s0, s1, s2, s3] = entry;
            let stored = cursor.take(to_size([s0, s1, s2, s3]))?;
            let field = index.checked_sub(2);
            if field.is_some_and(|field| !self.wanted[field]) {
                block.columns.push(absent());
                continue;
            }
            self.unpack(method, to_size([r0, r1, r2, r3]), stored)?;
            let section = if method == METHOD_STORED {
                stored
            } else {
                &self.section
            };
            match field {
                None => {
                    let mut runs = Cursor(section);
                    let numbers = if index == 0 {
                        &mut block.records
                    } else {
                        &mut block.lines
                    };
                    runs.runs(rows, numbers)?;
                    runs.end()?;
                }
                Some(field) => {
                    let (_, field_type) = self.schema.fields[field];
                    let column = decode::column(section, field_type, rows, &mut self.numbers)?;
                    block.columns.push(column);
                }
            }
        }
        cursor.end()?;
        self.check_order(&block)?;
        self.add_later_columns(rows, &mut block);
        Ok(block)
    }

    fn add_later_columns(&self, rows: usize, block: &mut Block) {
        let later = self.schema.fields.iter().zip(&self.wanted).skip(self.stored);
        block
            .columns
            .extend(later.map(|((_, field_type), is_wanted)| match is_wanted {
                true => ColumnData::nulls(*field_type, rows),
                false => absent(),
            }));
    }

    fn check_order(&mut self, block: &Block) -> Result<(), PartError> {
        let rises = |numbers: &[u64]| numbers.is_sorted_by(|left, right| left < right);
        let first = block.records.first().copied().unwrap_or(0);
        if !rises(&block.records) || !rises(&block.lines) || first <= self.last_record {
            return Err(PartError::Damaged("records or lines do not rise"));
        }
        self.last_record = block.records.last().copied().unwrap_or(0);
        Ok(())
    }

    /// Unpacks a section into `self.section`, unless it is stored as it is.
    fn unpack(&mut self, method: u8, raw: usize, stored: &[u8]) -> Result<(), PartError> {
        match method {
            METHOD_STORED if raw == stored.len() => Ok(()),
            METHOD_ZSTD if raw <= SECTION_BYTES => {
                self.section.clear();
                self.section.reserve(raw);
                let unpacked = self.decompressor.decompress_to_buffer(stored, &mut self.section);
                match unpacked {
                    Ok(length) if length == raw => Ok(()),
                    _ => Err(PartError::Damaged("a section does not unpack")),
                }
            }
            _ => Err(PartError::Damaged("a section's directory entry is wrong")),
        }
    }

    fn read_end(&mut self) -> Result<(), PartError> {
        let rows: [u8; 8] = array(&mut self.source)?;
        let blocks: [u8; 4] = array(&mut self.source)?;
        let crc: [u8; 4] = array(&mut self.source)?;
        self.chain.update(&rows);
        self.chain.update(&blocks);
        let is_right = u64::from_le_bytes(rows) == self.rows
            && u32::from_le_bytes(blocks) == self.blocks
            && std::mem::take(&mut self.chain).finalize().to_le_bytes() == crc;
        if !is_right {
            return Err(PartError::Damaged("blocks are missing or out of order"));
        }
        let mut more = Vec::new();
        self.source.by_ref().take(1).read_to_end(&mut more)?;
        if !more.is_empty() {
            return Err(PartError::Damaged("there are bytes behind the end"));
        }
        self.is_finished = true;
        Ok(())
    }
}

impl<R> std::fmt::Debug for PartReader<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PartReader")
            .field("schema", &self.schema)
            .field("rows", &self.rows)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

fn absent() -> ColumnData {
    ColumnData {
        validity: Validity::All,
        values: Column::Absent,
    }
}

fn array<const N: usize>(source: &mut impl Read) -> Result<[u8; N], PartError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(truncated)?;
    Ok(bytes)
}

fn size(source: &mut impl Read) -> Result<usize, PartError> {
    Ok(to_size(array(source)?))
}

fn to_size(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

/// Reads exactly so many bytes; memory grows with what comes, not with what was announced.
fn fill(source: &mut impl Read, length: usize, bytes: &mut Vec<u8>) -> Result<(), PartError> {
    bytes.clear();
    source.by_ref().take(length as u64).read_to_end(bytes)?;
    if bytes.len() < length {
        return Err(PartError::Truncated);
    }
    Ok(())
}

fn truncated(error: std::io::Error) -> PartError {
    if error.kind() == ErrorKind::UnexpectedEof {
        PartError::Truncated
    } else {
        PartError::Io(error)
    }
}
