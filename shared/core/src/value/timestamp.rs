//! Instants as RFC 3339 writes them; without an offset they are UTC, unless a zone is declared.
//!
//! Read here and not by a calendar library, since those take more forms than the RFC has (annotations, week dates,
//! basic format), and a form once taken can never be refused again.

use super::calendar::days_since_1970;
use super::two_digits;

/// `YYYY-MM-DD`, then `T`, `t` or a blank, then `hh:mm:ss`, a fraction of up to six digits (zeros may follow), and `Z`,
/// `z`, `±hh:mm` or nothing. Returns microseconds since 1970-01-01T00:00:00Z. There is no second 60.
#[must_use]
pub fn timestamp(cell: &[u8]) -> Option<i64> {
    let (local, offset_minutes) = parts(cell)?;
    in_range(local - i64::from(offset_minutes.unwrap_or(0)) * 60_000_000)
}

/// Microseconds from 1970-01-01T00:00:00 on the clock that shows the time, and its offset in minutes where it is written.
pub(super) fn parts(cell: &[u8]) -> Option<(i64, Option<i32>)> {
    let (date, rest) = cell.split_first_chunk::<10>()?;
    let days = super::date(date, crate::field::DateFormat::YearMonthDay)?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else {
        return None;
    };
    let (&[h1, h2, b':', m1, m2, b':', s1, s2], rest) = rest.split_first_chunk::<8>()? else {
        return None;
    };
    let hour = two_digits([h1, h2]).filter(|hour| *hour < 24)?;
    let minute = two_digits([m1, m2]).filter(|minute| *minute < 60)?;
    let second = two_digits([s1, s2]).filter(|second| *second < 60)?;
    let (fraction, rest) = fraction(rest)?;
    let offset_minutes = offset(rest)?;
    let day_seconds = i64::from(hour * 3600 + minute * 60 + second);
    let seconds = i64::from(days) * 86_400 + day_seconds;
    Some((seconds * 1_000_000 + fraction, offset_minutes))
}

pub(super) fn in_range(micros: i64) -> Option<i64> {
    // An offset must not carry the instant out of the years that a date has.
    let (first, last) = (days_since_1970(1, 1, 1)?, days_since_1970(9999, 12, 31)?);
    let range = i64::from(first) * 86_400_000_000..(i64::from(last) + 1) * 86_400_000_000;
    range.contains(&micros).then_some(micros)
}

/// Microseconds, and what stands behind the fraction.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    let (kept, lost) = digits.split_at(count.min(6));
    if kept.is_empty() || lost.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = kept.get(place).map_or(0, |byte| i64::from(byte - b'0'));
        micros = micros * 10 + digit;
    }
    Some((micros, rest))
}

/// None inside: there is none.
fn offset(rest: &[u8]) -> Option<Option<i32>> {
    match *rest {
        [] => Some(None),
        [b'Z' | b'z'] => Some(Some(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = two_digits([h1, h2]).filter(|hours| *hours < 24)?;
            let minutes = two_digits([m1, m2]).filter(|minutes| *minutes < 60)?;
            let minutes = hours * 60 + minutes;
            Some(Some(if sign == b'-' { -minutes } else { minutes }))
        }
        _ => None,
    }
}
