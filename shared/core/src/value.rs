//! Typed values from a cell's bytes: strict, exact, without allocation.

mod calendar;
mod timestamp;
mod written;
mod zone;

use crate::decimal::Decimal;
use crate::field::DateFormat;

pub use timestamp::timestamp;
pub use zone::{Unread, Zone};

/// Digits that are worked out at once.
const WORD_DIGITS: usize = 8;
/// Digits that always fit a `u64`.
const SAFE_DIGITS: usize = 18;

/// A whole number: `-?digits`, nothing else.
#[inline]
#[must_use]
pub fn integer(cell: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    if digits.len() > WORD_DIGITS {
        return long_integer(is_negative, digits);
    }
    let value = word_value(digit_word(digits))?;
    Some(if is_negative { -value } else { value })
}

/// The text at the end of eight digits, zeros before it. At most [`WORD_DIGITS`] bytes, and at least one.
#[inline]
fn digit_word(text: &[u8]) -> u64 {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let length = text.len();
    let room = (WORD_DIGITS - length) * 8;
    let word = if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // Where both lie over the same bytes they are the same.
        u64::from(u32::from_le_bytes(*last)) << 32 | u64::from(u32::from_le_bytes(*first)) << room
    } else {
        let place = |index: usize| u64::from(text[index]) << (room + index * 8);
        place(0) | place(length / 2) | place(length - 1)
    };
    word | (ZEROS & !(u64::MAX << room))
}

/// The number that eight digits write, worked out on all of them at once; none where a byte is no digit.
#[inline]
fn word_value(word: u64) -> Option<i64> {
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    const SIX: u64 = 0x0606_0606_0606_0606;
    // A digit's high half is 3, also when 6 is added.
    let is_digits = (word & HIGH) | ((word.wrapping_add(SIX) & HIGH) >> 4) == 0x3333_3333_3333_3333;
    let pairs = (word & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(100 << 16 | 1) >> 16;
    let eight = (fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(10_000 << 32 | 1) >> 32;
    is_digits.then_some(eight.cast_signed())
}

fn long_integer(is_negative: bool, digits: &[u8]) -> Option<i64> {
    let mut value = 0_i64;
    for byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        // Downwards, since the least number has no positive twin.
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if is_negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// An exact decimal, in the forms of [`Decimal::parse_bytes`].
#[inline]
#[must_use]
pub fn decimal(cell: &[u8]) -> Option<Decimal> {
    short_decimal(cell).or_else(|| Decimal::parse_bytes(cell).ok())
}

/// `-?digits.digits` of at most 18 digits; anything else is left to the general parser.
#[inline]
fn short_decimal(cell: &[u8]) -> Option<Decimal> {
    let (is_negative, text) = match cell {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    };
    if text.is_empty() || text.len() > SAFE_DIGITS {
        return None;
    }
    let mut units = 0_i64;
    let mut point = None;
    for (index, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            units = units * 10 + i64::from(digit);
        } else if *byte == b'.' && point.is_none() && index > 0 {
            point = Some(index);
        } else {
            return None;
        }
    }
    let mut scale = match point {
        Some(point) => u8::try_from(text.len() - point - 1).ok()?,
        None => 0,
    };
    // Trailing zeros go here, in 64 bits, since they go anyhow and 128 bits are slow.
    while scale > 0 && units % 10 == 0 {
        units /= 10;
        scale -= 1;
    }
    let units = if is_negative { -units } else { units };
    Decimal::new(i128::from(units), scale).ok()
}

/// A truth value: the words of [`FieldType::Boolean`](crate::field::FieldType::Boolean), in any case.
#[inline]
#[must_use]
pub fn boolean(cell: &[u8]) -> Option<bool> {
    const TRUE: [&[u8]; 5] = [b"true", b"1", b"yes", b"t", b"y"];
    const FALSE: [&[u8]; 5] = [b"false", b"0", b"no", b"f", b"n"];
    if TRUE.iter().any(|word| word.eq_ignore_ascii_case(cell)) {
        return Some(true);
    }
    FALSE
        .iter()
        .any(|word| word.eq_ignore_ascii_case(cell))
        .then_some(false)
}

/// A calendar day of the years 1 to 9999, as days since 1970-01-01.
#[inline]
#[must_use]
pub fn date(cell: &[u8], format: DateFormat) -> Option<i32> {
    let (year, month, day, separator) = match format {
        DateFormat::YearMonthDay => (0, 5, 8, b'-'),
        DateFormat::YearMonthDaySlash => (0, 5, 8, b'/'),
        DateFormat::DayMonthYearSlash => (6, 3, 0, b'/'),
        DateFormat::DayMonthYearDash => (6, 3, 0, b'-'),
        DateFormat::DayMonthYearDot => (6, 3, 0, b'.'),
        DateFormat::MonthDayYearSlash => (6, 0, 3, b'/'),
        DateFormat::YearMonthDayCompact
        | DateFormat::DayMonthShortYearSlash
        | DateFormat::DayMonthShortYearDash
        | DateFormat::DayMonthNameYear
        | DateFormat::MonthNameDayYear => return written::date(cell, format.as_str()),
    };
    let cell: &[u8; 10] = cell.try_into().ok()?;
    let separators = if year == 0 {
        [cell[4], cell[7]]
    } else {
        [cell[2], cell[5]]
    };
    if separators != [separator; 2] {
        return None;
    }
    let two = |at: usize| two_digits([cell[at], cell[at + 1]]);
    calendar::days_since_1970(two(year)? * 100 + two(year + 2)?, two(month)?, two(day)?)
}

#[inline]
fn two_digits([tens, ones]: [u8; 2]) -> Option<i32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i32::from(tens) * 10 + i32::from(ones))
}

#[cfg(test)]
mod tests;
