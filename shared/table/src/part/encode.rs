//! Columns to bytes.

use millrace_core::Decimal;

use super::{
    DICTIONARY_ENTRIES, ENCODING_OTHER, ENCODING_PLAIN, PartError, VALIDITY_ALL, VALIDITY_BITMAP,
    VALIDITY_NONE, integers,
};
use crate::block::{Column, ColumnData, Validity};

const BAD_TEXT: PartError = PartError::BadBlock("a text column's offsets do not rise within its bytes");

/// Memory that is kept from one column to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    numbers: Vec<i64>,
    dictionary: Dictionary,
}

/// Appends a column of `rows` slots.
pub(super) fn column(
    output: &mut Vec<u8>,
    data: &ColumnData,
    rows: usize,
    scratch: &mut Scratch,
) -> Result<(), PartError> {
    if data.validity.valid_rows(rows) == 0 {
        output.push(VALIDITY_NONE);
        return Ok(());
    }
    validity(output, &data.validity, rows);
    let numbers = &mut scratch.numbers;
    numbers.clear();
    match &data.values {
        Column::Absent => return Err(PartError::BadBlock("a column is absent")),
        Column::Integer(values) | Column::Timestamp(values) => {
            output.push(ENCODING_PLAIN);
            numbers.extend_from_slice(values);
            fill_nulls(numbers, &data.validity);
            integers::write(output, numbers);
        }
        Column::Date(values) => {
            output.push(ENCODING_PLAIN);
            numbers.extend(values.iter().map(|value| i64::from(*value)));
            fill_nulls(numbers, &data.validity);
            integers::write(output, numbers);
        }
        Column::Decimal(values) => decimals(output, values, &data.validity, numbers),
        Column::Boolean(values) => {
            output.push(ENCODING_PLAIN);
            bits(output, values.iter().copied());
        }
        Column::Text { offsets, bytes } => text(output, offsets, bytes, scratch)?,
    }
    Ok(())
}

fn validity(output: &mut Vec<u8>, validity: &Validity, rows: usize) {
    if validity.is_all() {
        output.push(VALIDITY_ALL);
    } else {
        output.push(VALIDITY_BITMAP);
        let from = output.len();
        output.extend(validity.words(rows).flat_map(u64::to_le_bytes));
        output.truncate(from + rows.div_ceil(8));
    }
}

fn bits(output: &mut Vec<u8>, values: impl Iterator<Item = bool>) {
    let mut byte = 0_u8;
    let mut count = 0;
    for value in values {
        byte |= u8::from(value) << (count % 8);
        count += 1;
        if count % 8 == 0 {
            output.push(std::mem::take(&mut byte));
        }
    }
    if count % 8 != 0 {
        output.push(byte);
    }
}

/// Puts the least value that is there into the slots of nulls, so that they do not widen the range.
fn fill_nulls(numbers: &mut [i64], validity: &Validity) {
    if validity.is_all() {
        return;
    }
    let (rows, mut least) = (numbers.len(), i64::MAX);
    for (word, slots) in validity.words(rows).zip(numbers.chunks(64)) {
        for (bit, number) in slots.iter().enumerate() {
            least = least.min(if word >> bit & 1 == 1 { *number } else { i64::MAX });
        }
    }
    for (word, slots) in validity.words(rows).zip(numbers.chunks_mut(64)) {
        for (bit, number) in slots.iter_mut().enumerate() {
            *number = if word >> bit & 1 == 1 { *number } else { least };
        }
    }
}

fn decimals(output: &mut Vec<u8>, values: &[Decimal], validity: &Validity, numbers: &mut Vec<i64>) {
    let scale = values.iter().map(|value| value.scale()).max().unwrap_or(0);
    let powers: Vec<Option<i64>> = (0..=u32::from(scale))
        .map(|power| 10_i64.checked_pow(power))
        .collect();
    let scaled = |value: &Decimal| {
        let units = i64::try_from(value.units()).ok()?;
        if value.scale() == scale {
            return Some(units);
        }
        units.checked_mul(powers[usize::from(scale - value.scale())]?)
    };
    for value in values {
        let Some(units) = scaled(value) else {
            output.push(ENCODING_OTHER);
            output.extend(values.iter().map(|value| value.scale()));
            output.extend(values.iter().flat_map(|value| value.units().to_le_bytes()));
            return;
        };
        numbers.push(units);
    }
    fill_nulls(numbers, validity);
    output.push(ENCODING_PLAIN);
    output.push(scale);
    integers::write(output, numbers);
}

fn text(output: &mut Vec<u8>, offsets: &[u32], bytes: &[u8], scratch: &mut Scratch) -> Result<(), PartError> {
    let Scratch { numbers, dictionary } = scratch;
    let pairs = offsets
        .windows(2)
        .map(|pair| (pair[0] as usize, pair[1] as usize));
    if pairs.clone().any(|(start, end)| start > end) || offsets.first() != Some(&0) {
        return Err(BAD_TEXT);
    }
    if offsets.last().map(|end| *end as usize) != Some(bytes.len()) {
        return Err(BAD_TEXT);
    }
    if dictionary.build(pairs.clone().map(|(start, end)| &bytes[start..end]), numbers) {
        output.push(ENCODING_OTHER);
        dictionary.write(output);
        integers::write(output, numbers);
        return Ok(());
    }
    output.push(ENCODING_PLAIN);
    numbers.clear();
    numbers.extend(pairs.map(|(start, end)| length(end - start)));
    integers::write(output, numbers);
    output.extend_from_slice(bytes);
    Ok(())
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The distinct texts of a column, in the order in which they come.
#[derive(Debug, Default)]
struct Dictionary {
    /// Open addressing: entry + 1, 0 for a free place.
    places: Vec<u32>,
    lengths: Vec<i64>,
    starts: Vec<usize>,
    bytes: Vec<u8>,
}

/// Entries up to which a dictionary is tried.
const ENTRIES_TRIED: usize = 1 << 12;
const _: () = assert!(ENTRIES_TRIED <= DICTIONARY_ENTRIES);
const PLACES: usize = ENTRIES_TRIED * 4;
/// A dictionary has to be used this often a row, on average and all along, to be kept.
const ROWS_PER_ENTRY: usize = 4;
/// Rows after which that is asked first.
const ROWS_BEFORE_DOUBT: usize = 256;

impl Dictionary {
    /// Makes the dictionary and each row's entry; `false` when it does not pay.
    fn build<'a>(&mut self, texts: impl Iterator<Item = &'a [u8]>, entries: &mut Vec<i64>) -> bool {
        self.places.clear();
        self.places.resize(PLACES, 0);
        self.lengths.clear();
        self.starts.clear();
        self.bytes.clear();
        entries.clear();
        for (row, text) in texts.enumerate() {
            let Some(entry) = self.entry(text) else {
                return false;
            };
            entries.push(entry);
            if row >= ROWS_BEFORE_DOUBT && self.lengths.len() * ROWS_PER_ENTRY > row {
                return false;
            }
        }
        self.lengths.len() * ROWS_PER_ENTRY <= entries.len()
    }

    fn entry(&mut self, text: &[u8]) -> Option<i64> {
        let mut place = hash(text) & (PLACES - 1);
        loop {
            let found = self.places[place] as usize;
            if found == 0 {
                break;
            }
            let start = self.starts[found - 1];
            if self.bytes[start..].starts_with(text) && self.lengths[found - 1] == length(text.len()) {
                return i64::try_from(found - 1).ok();
            }
            place = (place + 1) & (PLACES - 1);
        }
        let entry = self.lengths.len();
        if entry == ENTRIES_TRIED {
            return None;
        }
        self.places[place] = u32::try_from(entry + 1).ok()?;
        self.starts.push(self.bytes.len());
        self.lengths.push(length(text.len()));
        self.bytes.extend_from_slice(text);
        i64::try_from(entry).ok()
    }

    fn write(&self, output: &mut Vec<u8>) {
        let count = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        output.extend_from_slice(&count.to_le_bytes());
        integers::write(output, &self.lengths);
        output.extend_from_slice(&self.bytes);
    }
}

/// A quick hash; the same on every machine, though the bytes written do not depend on it.
fn hash(text: &[u8]) -> usize {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = text.len() as u64;
    let (words, rest) = text.as_chunks::<8>();
    let mut mix = |word: u64| state = (state.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    let mut last = [0_u8; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(u64::from_le_bytes(last));
    usize::try_from(state >> 40).unwrap_or(0)
}
