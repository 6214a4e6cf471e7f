//! Rejected records: kept as they came, with what is wrong, in file order, one JSON line each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_core::base64_bytes;
use millrace_core::row_error::RowError;
use serde::{Deserialize, Serialize};

/// A record that broke at least one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRow {
    /// The record, counted from 1 after the header.
    pub record: u64,
    /// The physical line on which it starts.
    pub line: u64,
    /// The member of the archive that it stands in, where the file is one; the line is the member's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Whether it is a row of a repaired file that stands for no rejected row; record and line are that file's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_of_repair: bool,
    /// Its bytes as they came, without the line end; base64 in the JSON, where the line is written.
    #[serde(skip_serializing, deserialize_with = "base64_bytes::deserialize")]
    pub raw: Vec<u8>,
    /// Whether `raw` is only the record's beginning.
    #[serde(default, skip_serializing_if = "is_false")]
    pub raw_is_cut: bool,
    /// What is wrong; never empty.
    pub errors: Vec<RowError>,
}

/// Reads as many whole lines as there are and says how many bytes they took, so that reading can go on behind them.
///
/// A line that is no rejected row ends the reading like the end of the bytes: what follows it is left to the caller,
/// who sees that nothing was consumed.
#[must_use]
pub fn read_rejected(bytes: &[u8]) -> (Vec<RejectedRow>, usize) {
    let mut rows = Vec::new();
    let mut consumed = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let Ok(row) = serde_json::from_slice(&bytes[consumed..end]) else {
            break;
        };
        rows.push(row);
        consumed = end + 1;
    }
    (rows, consumed)
}

impl RejectedRow {
    /// Appends the row's line.
    pub(crate) fn write(&self, output: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut *output, self)?;
        // Most of a line is base64, which has nothing to escape: it goes in as it is, before the closing brace.
        output.pop();
        output.extend_from_slice(b",\"raw\":\"");
        let from = output.len();
        output.resize(from + self.raw.len().div_ceil(3) * 4, 0);
        STANDARD
            .encode_slice(&self.raw, &mut output[from..])
            .map_err(serde::ser::Error::custom)?;
        output.extend_from_slice(b"\"}\n");
        Ok(())
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}
