//! The plan: cuts a large object into chunks at record boundaries, by the same scanner that checks them.

use millrace_core::message::ChunkRange;

use crate::header::{Header, Start};
use crate::limits::Limits;
use crate::scan::{Extent, Scanner};

/// What a finished plan has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSummary {
    /// The number of chunks; 0 when there was not one record.
    pub chunks: u32,
    /// The records of all chunks.
    pub records: u64,
    /// The object's size in bytes, header included.
    pub end: u64,
}

/// Runs ahead of the checks and cuts.
///
/// A chunk starts at its first record's first byte and ends where the next one starts; a check of it sees exactly the
/// records, numbers and lines that a check of the whole file sees there. Chunks are at least as long as asked, by less
/// than a record and a run of blank lines, but for the last.
#[derive(Debug)]
pub struct Planner {
    scanner: Scanner,
    chunk_bytes: u64,
    start: Start,
    next_record: u64,
    pushed: u64,
    chunks: u32,
    /// The chunk that is growing: its start, record and line.
    open: Option<Start>,
}

impl Planner {
    /// A plan for what lies behind the header.
    #[must_use]
    pub fn new(chunk_bytes: u64, header: &Header, limits: &Limits) -> Self {
        let start = header.start();
        Self {
            scanner: Scanner::new(header.dialect, limits.record_bytes, start.line),
            chunk_bytes,
            start,
            next_record: start.record,
            pushed: 0,
            chunks: 0,
            open: None,
        }
    }

    /// Takes the next bytes and hands out the chunks that are complete.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<ChunkRange> {
        let mut ready = Vec::new();
        for piece in bytes.chunks(Scanner::PIECE_BYTES) {
            self.pushed += piece.len() as u64;
            self.scanner.feed(piece);
            self.scan(Extent::Prefix, &mut ready);
        }
        ready
    }

    /// Ends the plan: the chunks that are left, and what there was in all.
    #[must_use]
    pub fn finish(mut self) -> (Vec<ChunkRange>, PlanSummary) {
        let mut ready = Vec::new();
        self.scan(Extent::Whole, &mut ready);
        let end = self.start.offset + self.pushed;
        if let Some(open) = self.open.take() {
            ready.push(self.chunk(open, end));
        }
        let summary = PlanSummary {
            chunks: self.chunks,
            records: self.next_record - self.start.record,
            end,
        };
        (ready, summary)
    }

    fn scan(&mut self, extent: Extent, ready: &mut Vec<ChunkRange>) {
        while let Some(record) = self.scanner.next_record(extent) {
            let here = Start {
                offset: self.start.offset + record.offset,
                record: self.next_record,
                line: record.line,
            };
            self.next_record += 1;
            match self.open {
                Some(open) if here.offset - open.offset >= self.chunk_bytes => {
                    ready.push(self.chunk(open, here.offset));
                    self.open = Some(here);
                }
                Some(_) => {}
                None => self.open = Some(here),
            }
        }
    }

    fn chunk(&mut self, open: Start, end: u64) -> ChunkRange {
        let chunk = self.chunks;
        self.chunks += 1;
        ChunkRange {
            chunk,
            start: open.offset,
            end,
            first_record: open.record,
            first_line: open.line,
        }
    }
}

#[cfg(test)]
mod tests;
