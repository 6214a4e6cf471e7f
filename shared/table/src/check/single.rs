//! Rows that are checked one by one, under numbers of their own: rejected ones that are looked at again.

use super::{CheckError, FileCheck};
use crate::rejected::RejectedRow;
use crate::scan::{Extent, Record, Scanner, Shape};

impl FileCheck {
    /// Checks a row alone, under its number and line; both rise from row to row.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_row(&mut self, number: u64, line: u64, row: &[u8]) -> Result<(), CheckError> {
        self.bytes += row.len() as u64;
        self.scanner = Scanner::new(self.scanner.dialect(), self.rows.report.limits.record_bytes, line);
        self.scanner.feed(row);
        self.counts.rows += 1;
        self.next_record = number + 1;
        let first = self.scanner.next_record(Extent::Whole);
        let is_alone = |record: &Record| {
            record.start == 0 && (record.end == row.len() || record.shape == Shape::TooLong)
        };
        match first {
            Some(record) if is_alone(&record) => {
                let at = self.block.rows();
                if record.shape == Shape::Cells && self.rows.is_kept(at, &mut self.scanner, &record) {
                    return self.keep(number, line, row.len());
                }
                self.rows.report.write(&mut self.scanner, &record, number)?;
            }
            Some(record) if record.shape == Shape::Cells => {
                self.rows.report.several_lines(row);
                self.rows.report.write_raw(row, number, line, false)?;
            }
            _ => {
                self.rows.report.bad_quoting(row);
                self.rows.report.write_raw(row, number, line, false)?;
            }
        }
        self.counts.rejected += 1;
        // What may be left of it is no row of its own.
        self.scanner = Scanner::new(self.scanner.dialect(), self.rows.report.limits.record_bytes, line);
        Ok(())
    }

    /// Hands a rejected row on as it is.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_rejected(&mut self, row: &RejectedRow) -> Result<(), CheckError> {
        self.counts.rows += 1;
        self.counts.rejected += 1;
        row.write(&mut self.rows.report.output)?;
        Ok(())
    }
}
