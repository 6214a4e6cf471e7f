//! `integers(n)`, varints and runs: how numbers lie in a part.

use super::PartError;

const CUT: PartError = PartError::Damaged("a section is too short");

/// Appends `integers(n)`.
pub(super) fn write(output: &mut Vec<u8>, values: &[i64]) {
    let (base, greatest) = bounds(values);
    let width = width_of(greatest.wrapping_sub(base).cast_unsigned());
    output.extend_from_slice(&base.to_le_bytes());
    output.push(width);
    match width {
        0 => {}
        1 => write_offsets::<1>(output, values, base),
        2 => write_offsets::<2>(output, values, base),
        4 => write_offsets::<4>(output, values, base),
        _ => write_offsets::<8>(output, values, base),
    }
}

/// The least and the greatest; (0, 0) of no values.
fn bounds(values: &[i64]) -> (i64, i64) {
    /// So many chains of comparisons go on at once.
    const LANES: usize = 4;
    let Some(&first) = values.first() else {
        return (0, 0);
    };
    let (mut least, mut greatest) = ([first; LANES], [first; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in chunk.iter().enumerate() {
            least[lane] = least[lane].min(*value);
            greatest[lane] = greatest[lane].max(*value);
        }
    }
    let all = |lanes: [i64; LANES]| lanes.into_iter().chain(rest.iter().copied());
    (
        all(least).min().unwrap_or(first),
        all(greatest).max().unwrap_or(first),
    )
}

fn width_of(range: u64) -> u8 {
    match range {
        0 => 0,
        1..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFFFF_FFFF => 4,
        _ => 8,
    }
}

fn write_offsets<const WIDTH: usize>(output: &mut Vec<u8>, values: &[i64], base: i64) {
    let from = output.len();
    output.resize(from + values.len() * WIDTH, 0);
    let (slots, _) = output[from..].as_chunks_mut::<WIDTH>();
    for (slot, value) in slots.iter_mut().zip(values) {
        let offset = value.wrapping_sub(base).to_le_bytes();
        slot.copy_from_slice(&offset[..WIDTH]);
    }
}

/// The bytes of a section, read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PartError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PartError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PartError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn size(&mut self) -> Result<usize, PartError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| CUT)
    }

    pub(super) fn end(self) -> Result<(), PartError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(PartError::Damaged("a section is too long"))
        }
    }

    /// Appends `integers(count)` to `values`.
    pub(super) fn integers(&mut self, count: usize, values: &mut Vec<i64>) -> Result<(), PartError> {
        let base = i64::from_le_bytes(self.array()?);
        match self.byte()? {
            0 => values.extend(std::iter::repeat_n(base, count)),
            1 => self.offsets::<1>(count, base, values)?,
            2 => self.offsets::<2>(count, base, values)?,
            4 => self.offsets::<4>(count, base, values)?,
            8 => self.offsets::<8>(count, base, values)?,
            _ => return Err(PartError::Damaged("a width is not known")),
        }
        Ok(())
    }

    fn offsets<const WIDTH: usize>(
        &mut self,
        count: usize,
        base: i64,
        values: &mut Vec<i64>,
    ) -> Result<(), PartError> {
        let bytes = self.take(count.checked_mul(WIDTH).ok_or(CUT)?)?;
        let (slots, _) = bytes.as_chunks::<WIDTH>();
        values.extend(slots.iter().map(|slot| {
            let mut offset = [0_u8; 8];
            offset[..WIDTH].copy_from_slice(slot);
            base.wrapping_add(i64::from_le_bytes(offset))
        }));
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, PartError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(PartError::Damaged("a number is too long"))
    }

    /// Reads runs until there are `count` numbers.
    pub(super) fn runs(&mut self, count: usize, numbers: &mut Vec<u64>) -> Result<(), PartError> {
        numbers.clear();
        let mut last = 0_u64;
        while numbers.len() < count {
            let (gap, length) = (self.varint()?, self.varint()?);
            let room = (count - numbers.len()) as u64;
            let first = last.checked_add(gap).filter(|_| (1..=room).contains(&length));
            let end = first.and_then(|first| first.checked_add(length));
            let (Some(first), Some(end)) = (first, end) else {
                return Err(PartError::Damaged("a run is out of range"));
            };
            numbers.extend(first..end);
            last = end - 1;
        }
        Ok(())
    }
}

fn write_varint(output: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            output.push(low & 0x7F);
            return;
        }
        output.push(low | 0x80);
    }
}

/// Appends rising numbers as runs; the last number may be anything below `u64::MAX`.
pub(super) fn write_runs(output: &mut Vec<u8>, numbers: &[u64]) {
    let mut last = 0;
    let mut rest = numbers;
    while let Some(&first) = rest.first() {
        let (run, behind) = rest.split_at(run_length(rest, first));
        write_varint(output, first - last);
        write_varint(output, run.len() as u64);
        last = first + (run.len() as u64 - 1);
        rest = behind;
    }
}

/// How many of some rising numbers follow one another; runs are long, so it is searched for, not counted.
fn run_length(numbers: &[u64], first: u64) -> usize {
    let is_in_run = |at: usize| numbers.get(at).is_some_and(|number| number - first == at as u64);
    let mut reach = 1;
    while is_in_run(reach * 2 - 1) {
        reach *= 2;
    }
    // The run goes as far as `reach`, and ends before twice that.
    let (mut inside, mut outside) = (reach, reach * 2);
    while inside + 1 < outside {
        let middle = usize::midpoint(inside, outside);
        if is_in_run(middle - 1) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, write_runs};

    proptest! {
        #[test]
        fn runs_of_any_length_are_read_as_written(gaps in proptest::collection::vec((1_u64..5, 1_u64..200), 0..20)) {
            let (mut numbers, mut next) = (Vec::new(), 0);
            for (gap, length) in gaps {
                next += gap;
                numbers.extend(next..next + length);
                next += length;
            }
            let (mut bytes, mut read) = (Vec::new(), Vec::new());
            write_runs(&mut bytes, &numbers);
            let mut cursor = Cursor(&bytes);
            cursor.runs(numbers.len(), &mut read).unwrap();
            cursor.end().unwrap();
            prop_assert_eq!(read, numbers);
        }
    }
}
