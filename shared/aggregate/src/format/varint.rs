//! LEB128 numbers and decimals made of them.

use millrace_core::Decimal;

use super::PartialFormatError;

pub(super) fn write_varint(mut value: u128, bytes: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0x7f);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

pub(super) fn write_decimal(value: Decimal, bytes: &mut Vec<u8>) {
    bytes.push(value.scale());
    let units = value.units();
    let sign = if units < 0 { u128::MAX } else { 0 };
    write_varint((units.cast_unsigned() << 1) ^ sign, bytes);
}

/// Bytes of a block that are still to be read.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PartialFormatError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT_ENTRY)?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u128, PartialFormatError> {
        let mut value = 0_u128;
        let mut shift = 0_u32;
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(SHORT_ENTRY)?;
            self.rest = rest;
            let low = u128::from(byte & 0x7f);
            let shifted = low.checked_shl(shift).filter(|shifted| shifted >> shift == low);
            value |= shifted.ok_or(PartialFormatError::Damaged("number too large"))?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(super) fn length(&mut self) -> Result<usize, PartialFormatError> {
        usize::try_from(self.varint()?).map_err(|_| PartialFormatError::Damaged("length too large"))
    }

    /// A count, which fits a PostgreSQL `bigint`.
    pub(super) fn count(&mut self) -> Result<u64, PartialFormatError> {
        let count = i64::try_from(self.varint()?).ok();
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or(PartialFormatError::Damaged("count too large"))
    }

    pub(super) fn decimal(&mut self) -> Result<Decimal, PartialFormatError> {
        let &[scale] = self.take(1)? else {
            return Err(SHORT_ENTRY);
        };
        let zigzag = self.varint()?;
        let sign = if zigzag & 1 == 1 { u128::MAX } else { 0 };
        let units = ((zigzag >> 1) ^ sign).cast_signed();
        if units == i128::MIN {
            return Err(PartialFormatError::Damaged("decimal out of range"));
        }
        Decimal::new(units, scale).map_err(|_| PartialFormatError::Damaged("decimal out of range"))
    }
}

const SHORT_ENTRY: PartialFormatError = PartialFormatError::Damaged("entry beyond its block");
