//! Differences as the bulk loader takes them: chunks of positional JSON arrays.
//!
//! A chunk is a JSON array of rows; a row is
//! `[key, rows, [count…], [sum…], [min…], [max…], [exact…]]`
//! with one item per measure in each inner array:
//!
//! - `key`: the cell key's text, as a string;
//! - `rows`, `count`: whole numbers to be added; as a string where a double could not hold them (beyond 2^53);
//! - `sum`: a decimal to be added, as a string;
//! - `min`, `max`: decimals as strings, or null;
//! - `exact`: `true` where `min` and `max` replace the cell's extremes (null = none), `false` where they are combined
//!   with them (null = nothing to combine; so also for measures without extremes).

use std::fmt::Write;

use millrace_core::Decimal;

use crate::difference::{CellDifference, Extremes};
use crate::key::CellKey;

/// Rows for one call of the bulk loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageChunk {
    /// The rows in it, at least one.
    pub rows: u32,
    /// The JSON array.
    pub json: String,
}

/// Why differences cannot be staged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// A retracted extreme has not been looked up: a defect.
    #[error("the extremes of a retracted cell have not been settled")]
    Unsettled(CellKey),
}

impl StageError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsettled(_) => "unsettled",
        }
    }
}

/// Encodes settled differences in chunks of at most so many bytes, or of one row; no differences give no chunks.
///
/// # Errors
/// [`StageError::Unsettled`] when a [`Extremes::Retracted`] is left.
pub fn stage_chunks(
    differences: &[CellDifference],
    max_chunk_bytes: usize,
) -> Result<StageChunks<'_>, StageError> {
    let is_unsettled = |difference: &&CellDifference| {
        let mut measures = difference.measures.iter();
        measures.any(|measure| measure.extremes == Extremes::Retracted)
    };
    match differences.iter().find(is_unsettled) {
        Some(difference) => Err(StageError::Unsettled(difference.key.clone())),
        None => Ok(StageChunks {
            differences,
            max_chunk_bytes,
            pending: String::new(),
        }),
    }
}

/// The chunks, made one at a time.
#[derive(Debug)]
pub struct StageChunks<'a> {
    differences: &'a [CellDifference],
    max_chunk_bytes: usize,
    /// A row that did not fit the chunk before.
    pending: String,
}

impl Iterator for StageChunks<'_> {
    type Item = StageChunk;

    fn next(&mut self) -> Option<StageChunk> {
        let mut json = String::from("[");
        let mut rows = 0;
        loop {
            if self.pending.is_empty() {
                let Some(difference) = self.differences.split_off_first() else {
                    break;
                };
                write_row(difference, &mut self.pending);
            }
            // A comma before the row, a bracket at the end.
            if rows > 0 && json.len() + self.pending.len() + 2 > self.max_chunk_bytes {
                break;
            }
            if rows > 0 {
                json.push(',');
            }
            json.push_str(&self.pending);
            self.pending.clear();
            rows += 1;
        }
        json.push(']');
        (rows > 0).then_some(StageChunk { rows, json })
    }
}

fn write_row(difference: &CellDifference, json: &mut String) {
    json.push('[');
    json.push_str(&serde_json::Value::from(difference.key.as_str()).to_string());
    json.push(',');
    write_number(difference.rows, json);
    let measures = &difference.measures;
    write_array(measures, json, |measure, json| write_number(measure.count, json));
    write_array(measures, json, |measure, json| {
        write_decimal(Some(measure.sum), json)
    });
    write_array(measures, json, |measure, json| {
        write_decimal(bounds(measure.extremes).0, json)
    });
    write_array(measures, json, |measure, json| {
        write_decimal(bounds(measure.extremes).1, json)
    });
    write_array(measures, json, |measure, json| {
        let is_exact = matches!(measure.extremes, Extremes::Exact { .. });
        json.push_str(if is_exact { "true" } else { "false" });
    });
    json.push(']');
}

fn bounds(extremes: Extremes) -> (Option<Decimal>, Option<Decimal>) {
    match extremes {
        Extremes::None | Extremes::Retracted => (None, None),
        Extremes::Combine { min, max } | Extremes::Exact { min, max } => (min, max),
    }
}

fn write_array<T>(items: &[T], json: &mut String, write_item: impl Fn(&T, &mut String)) {
    json.push_str(",[");
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        write_item(item, json);
    }
    json.push(']');
}

// Writing to a `String` does not fail: the results below are always `Ok`.

fn write_number(number: i64, json: &mut String) {
    const EXACT_IN_A_DOUBLE: u64 = 1 << 53;
    let _ = if number.unsigned_abs() <= EXACT_IN_A_DOUBLE {
        write!(json, "{number}")
    } else {
        write!(json, "\"{number}\"")
    };
}

fn write_decimal(number: Option<Decimal>, json: &mut String) {
    let _ = match number {
        Some(number) => write!(json, "\"{number}\""),
        None => write!(json, "null"),
    };
}

#[cfg(test)]
mod tests;
