//! Writes parts, without I/O.

use crc32fast::Hasher;
use zstd::bulk::Compressor;

use super::encode::{self, Scratch};
use super::{
    BLOCK_ROWS, DIRECTORY_ENTRY_BYTES, FRAME_BLOCK, FRAME_END, FRAME_MEMBER, HEADER_BYTES, MAGIC,
    MEMBER_BYTES, METHOD_STORED, METHOD_ZSTD, PAYLOAD_BYTES, PartError, PartHeader, PartSpec, SECTION_BYTES,
    VERSION, VERSION_OF_MEMBERS, integers,
};
use crate::block::{Block, Column, PartSchema};
use millrace_core::field::FieldType;

const COMPRESSION_LEVEL: i32 = 1;
/// Sections below this are stored as they are.
const SMALL_SECTION: usize = 64;

/// Writes the blocks of one part; bytes are taken as they come.
pub struct PartWriter {
    types: Vec<FieldType>,
    compressor: Compressor<'static>,
    /// The header with its length and checksum: it is written with the first frame, once the version is known.
    header: Vec<u8>,
    /// Whether the blocks are of members.
    has_members: bool,
    /// The member of the next block, where that is its first.
    member: Option<String>,
    output: Vec<u8>,
    /// Over the CRCs of the header, the blocks and the members.
    chain: Hasher,
    rows: u64,
    blocks: u32,
    last_record: u64,
    is_finished: bool,
    section: Vec<u8>,
    payload: Vec<u8>,
    scratch: Scratch,
}

impl PartWriter {
    /// Begins a part.
    ///
    /// # Errors
    /// [`PartError::BadBlock`] when the schema's JSON is above the format's limit; [`PartError::Io`] when the
    /// compressor cannot be set up.
    pub fn new(schema: &PartSchema, spec: Option<PartSpec>) -> Result<Self, PartError> {
        let header = PartHeader {
            spec,
            fields: schema.fields.clone(),
        };
        let json = serde_json::to_vec(&header).map_err(std::io::Error::from)?;
        if json.len() > HEADER_BYTES {
            return Err(PartError::BadBlock("the schema is too large"));
        }
        let crc = crc32fast::hash(&json).to_le_bytes();
        let header = [&size(json.len())?, json.as_slice(), &crc].concat();
        let mut chain = Hasher::new();
        chain.update(&crc);
        Ok(Self {
            types: schema.fields.iter().map(|(_, field_type)| *field_type).collect(),
            compressor: Compressor::new(COMPRESSION_LEVEL)?,
            header,
            has_members: false,
            member: None,
            output: Vec::new(),
            chain,
            rows: 0,
            blocks: 0,
            last_record: 0,
            is_finished: false,
            section: Vec::new(),
            payload: Vec::new(),
            scratch: Scratch::default(),
        })
    }

    /// Goes on with a member of an archive: the blocks to come are of it. One of which no block comes is not written.
    ///
    /// # Errors
    /// [`PartError::BadMember`] when its name is empty or above the format's limit, or when there are blocks of no member
    /// already; then the part is as it was. [`PartError::Finished`] after the end.
    pub fn begin_member(&mut self, name: &str) -> Result<(), PartError> {
        if self.is_finished {
            return Err(PartError::Finished);
        }
        if !(1..=MEMBER_BYTES).contains(&name.len()) {
            return Err(PartError::BadMember("its name is empty or too long"));
        }
        if self.blocks > 0 && !self.has_members {
            return Err(PartError::BadMember("there are blocks of no member before it"));
        }
        self.has_members = true;
        self.member = Some(name.to_owned());
        Ok(())
    }

    /// Writes a block; one without rows writes nothing.
    ///
    /// # Errors
    /// [`PartError::BadBlock`] when the columns are not the schema's, not equally long, or above the format's limits,
    /// or when records or lines do not rise; then the part is as it was. [`PartError::Finished`] after the end.
    pub fn push_block(&mut self, block: &Block) -> Result<(), PartError> {
        if self.is_finished {
            return Err(PartError::Finished);
        }
        let rows = block.rows();
        if rows == 0 {
            return Ok(());
        }
        self.check(block)?;
        self.payload.clear();
        let sections = block.columns.len() + 2;
        self.payload.resize(sections * DIRECTORY_ENTRY_BYTES, 0);
        for section in 0..sections {
            self.section.clear();
            match section {
                0 => integers::write_runs(&mut self.section, &block.records),
                1 => integers::write_runs(&mut self.section, &block.lines),
                _ => {
                    let column = &block.columns[section - 2];
                    encode::column(&mut self.section, column, rows, &mut self.scratch)?;
                }
            }
            self.push_section(section)?;
        }
        if self.payload.len() > PAYLOAD_BYTES {
            return Err(PartError::BadBlock("a block is too large"));
        }
        let (rows_bytes, length) = (size(rows)?, size(self.payload.len())?);
        let mut crc = Hasher::new();
        crc.update(&rows_bytes);
        crc.update(&length);
        crc.update(&self.payload);
        let crc = crc.finalize().to_le_bytes();
        self.write_beginning();
        self.output.push(FRAME_BLOCK);
        self.output.extend_from_slice(&rows_bytes);
        self.output.extend_from_slice(&length);
        self.output.extend_from_slice(&crc);
        self.output.extend_from_slice(&self.payload);
        self.chain.update(&crc);
        self.rows += rows as u64;
        self.blocks += 1;
        self.last_record = block.records.last().copied().unwrap_or(0);
        Ok(())
    }

    /// Ends the part.
    ///
    /// # Errors
    /// [`PartError::Finished`] when it was ended before.
    pub fn finish(&mut self) -> Result<(), PartError> {
        if std::mem::replace(&mut self.is_finished, true) {
            return Err(PartError::Finished);
        }
        self.member = None;
        self.write_beginning();
        let (rows, blocks) = (self.rows.to_le_bytes(), self.blocks.to_le_bytes());
        self.chain.update(&rows);
        self.chain.update(&blocks);
        self.output.push(FRAME_END);
        self.output.extend_from_slice(&rows);
        self.output.extend_from_slice(&blocks);
        let crc = std::mem::take(&mut self.chain).finalize();
        self.output.extend_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// Hands out the bytes that are ready; there are none before the first block, or the end.
    #[must_use]
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The rows written.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what stands before a frame: the header where it is the first one, and the member where it is that one's first.
    fn write_beginning(&mut self) {
        if self.blocks == 0 {
            let version = match self.has_members {
                true => VERSION_OF_MEMBERS,
                false => VERSION,
            };
            self.output.extend_from_slice(&MAGIC);
            self.output.extend_from_slice(&version.to_le_bytes());
            self.output.append(&mut self.header);
        }
        let Some(name) = self.member.take() else { return };
        let from = self.output.len() + 1;
        self.output.push(FRAME_MEMBER);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.output.extend_from_slice(&length.to_le_bytes());
        self.output.extend_from_slice(name.as_bytes());
        let crc = crc32fast::hash(&self.output[from..]).to_le_bytes();
        self.output.extend_from_slice(&crc);
        self.chain.update(&crc);
    }

    fn check(&self, block: &Block) -> Result<(), PartError> {
        let rows = block.rows();
        if rows > BLOCK_ROWS {
            return Err(PartError::BadBlock("a block has too many rows"));
        }
        if block.lines.len() != rows || block.columns.len() != self.types.len() {
            return Err(PartError::BadBlock("columns are missing or not equally long"));
        }
        for (column, field_type) in block.columns.iter().zip(&self.types) {
            let is_of_type = matches!(
                (&column.values, field_type),
                (Column::Text { .. }, FieldType::Text)
                    | (Column::Integer(_), FieldType::Integer)
                    | (Column::Decimal(_), FieldType::Decimal)
                    | (Column::Boolean(_), FieldType::Boolean)
                    | (Column::Date(_), FieldType::Date)
                    | (Column::Timestamp(_), FieldType::Timestamp)
            );
            if !is_of_type || column.values.len() != rows {
                return Err(PartError::BadBlock(
                    "a column is not of its field's type or length",
                ));
            }
        }
        let rises = |numbers: &[u64]| numbers.is_sorted_by(|left, right| left < right);
        let first = block.records.first().copied().unwrap_or(0);
        if !rises(&block.records) || !rises(&block.lines) || first <= self.last_record {
            return Err(PartError::BadBlock("records or lines do not rise"));
        }
        Ok(())
    }

    /// Appends the section at hand to the payload and notes it in the directory.
    fn push_section(&mut self, section: usize) -> Result<(), PartError> {
        let raw = self.section.len();
        if raw > SECTION_BYTES {
            return Err(PartError::BadBlock("a column is too large"));
        }
        let from = self.payload.len();
        let mut method = METHOD_STORED;
        if raw >= SMALL_SECTION {
            let compressed = self.compressor.compress(&self.section)?;
            if compressed.len() < raw {
                method = METHOD_ZSTD;
                self.payload.extend_from_slice(&compressed);
            }
        }
        if method == METHOD_STORED {
            self.payload.extend_from_slice(&self.section);
        }
        let stored = size(self.payload.len() - from)?;
        let entry = &mut self.payload[section * DIRECTORY_ENTRY_BYTES..][..DIRECTORY_ENTRY_BYTES];
        entry[0] = method;
        entry[1..5].copy_from_slice(&size(raw)?);
        entry[5..].copy_from_slice(&stored);
        Ok(())
    }
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PartWriter")
            .field("rows", &self.rows)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

fn size(bytes: usize) -> Result<[u8; 4], PartError> {
    let size = u32::try_from(bytes).map_err(|_| PartError::BadBlock("a length is above 32 bits"))?;
    Ok(size.to_le_bytes())
}
