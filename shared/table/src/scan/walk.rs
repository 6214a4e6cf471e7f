//! The walk along the marks of one record.

use super::{Dialect, Extent};

/// How a walk ended.
pub(super) enum Outcome {
    /// The bytes at hand end before the record does.
    NeedMore,
    /// A whole record.
    Complete {
        /// After its last byte.
        end: usize,
        /// After its line end.
        next: usize,
        /// The first mark at or behind `next`.
        mark: usize,
        /// Physical lines that end in it or with it.
        line_ends: u64,
    },
    /// Bad quoting.
    Bad,
}

/// A walk from the start of a record.
pub(super) struct Walk<'a> {
    dialect: Dialect,
    data: &'a [u8],
    marks: &'a [u32],
    start: usize,
    extent: Extent,
    /// Line ends inside quotes so far.
    pub(super) inner_line_ends: u64,
    pub(super) has_nul: bool,
    pub(super) has_doubled_quotes: bool,
}

/// What stands behind a quoted cell.
enum Closed {
    /// A delimiter; the next cell starts at the position, the next mark is given.
    Delimiter(usize, usize),
    /// A line end, whose mark is given.
    LineEnd(usize),
    /// The end of the file.
    FileEnd,
    NeedMore,
    Bad,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        dialect: Dialect,
        data: &'a [u8],
        marks: &'a [u32],
        start: usize,
        extent: Extent,
    ) -> Self {
        Self {
            dialect,
            data,
            marks,
            start,
            extent,
            inner_line_ends: 0,
            has_nul: false,
            has_doubled_quotes: false,
        }
    }

    /// Walks from the mark to the record's end and notes the ends of its cells.
    pub(super) fn run(&mut self, mut mark: usize, cells: &mut Vec<u32>) -> Outcome {
        cells.clear();
        let mut cell = self.start;
        loop {
            let Some(&position) = self.marks.get(mark) else {
                return self.at_file_end(cells);
            };
            let position = position as usize;
            let byte = self.data[position];
            if byte == self.dialect.delimiter {
                cells.push(self.relative(position));
                cell = position + 1;
                mark += 1;
            } else if byte == b'\n' || byte == b'\r' {
                return self.at_line_end(position, mark, cells);
            } else if byte == 0 {
                self.has_nul = true;
                mark += 1;
            } else if position != cell {
                return Outcome::Bad;
            } else {
                match self.quoted(mark + 1) {
                    Closed::Delimiter(next, next_mark) => {
                        cells.push(self.relative(next - 1));
                        (cell, mark) = (next, next_mark);
                    }
                    Closed::LineEnd(line_end) => mark = line_end,
                    Closed::FileEnd => return self.complete_at_file_end(cells),
                    Closed::NeedMore => return Outcome::NeedMore,
                    Closed::Bad => return Outcome::Bad,
                }
            }
        }
    }

    fn quoted(&mut self, mut mark: usize) -> Closed {
        while let Some(&position) = self.marks.get(mark) {
            let position = position as usize;
            let byte = self.data[position];
            let next = self.data.get(position + 1).copied();
            if byte == self.dialect.quote {
                match next {
                    Some(next) if next == self.dialect.quote => {
                        self.has_doubled_quotes = true;
                        mark += 1;
                    }
                    Some(next) if next == self.dialect.delimiter => {
                        return Closed::Delimiter(position + 2, mark + 2);
                    }
                    Some(b'\n' | b'\r') => return Closed::LineEnd(mark + 1),
                    None if self.extent == Extent::Whole => return Closed::FileEnd,
                    None => return Closed::NeedMore,
                    Some(_) => return Closed::Bad,
                }
            } else if byte == b'\n' || (byte == b'\r' && next != Some(b'\n')) {
                self.inner_line_ends += 1;
            } else if byte == 0 {
                self.has_nul = true;
            }
            mark += 1;
        }
        match self.extent {
            Extent::Prefix => Closed::NeedMore,
            Extent::Whole => Closed::Bad,
        }
    }

    fn at_line_end(&self, position: usize, mark: usize, cells: &mut Vec<u32>) -> Outcome {
        let Some((next, mark)) = line_end(self.data, position, mark, self.extent) else {
            return Outcome::NeedMore;
        };
        cells.push(self.relative(position));
        Outcome::Complete {
            end: position,
            next,
            mark,
            line_ends: self.inner_line_ends + 1,
        }
    }

    fn at_file_end(&self, cells: &mut Vec<u32>) -> Outcome {
        match self.extent {
            Extent::Prefix => Outcome::NeedMore,
            Extent::Whole => self.complete_at_file_end(cells),
        }
    }

    fn complete_at_file_end(&self, cells: &mut Vec<u32>) -> Outcome {
        let end = self.data.len();
        cells.push(self.relative(end));
        Outcome::Complete {
            end,
            next: end,
            mark: self.marks.len(),
            line_ends: self.inner_line_ends,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the scanner holds a record and a piece, far below 4 GiB"
    )]
    #[inline(always)]
    fn relative(&self, position: usize) -> u32 {
        (position - self.start) as u32
    }
}

/// What follows the line end at a mark: position and mark; `None` when a CR is all there is and an LF may follow.
pub(super) fn line_end(data: &[u8], position: usize, mark: usize, extent: Extent) -> Option<(usize, usize)> {
    if data[position] == b'\n' {
        return Some((position + 1, mark + 1));
    }
    match data.get(position + 1) {
        Some(b'\n') => Some((position + 2, mark + 2)),
        Some(_) => Some((position + 1, mark + 1)),
        None if extent == Extent::Whole => Some((position + 1, mark + 1)),
        None => None,
    }
}
