//! Days and microseconds since 1970 as ISO 8601 text, in the proleptic Gregorian calendar that PostgreSQL uses.

use std::fmt::{self, Write};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01; PostgreSQL writes earlier years as BC, which is no ISO text.
const FIRST_DAY: i64 = -719_162;
/// 9999-12-31; later years have five digits.
const LAST_DAY: i64 = 2_932_896;

/// A day or an instant outside the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfCalendar;

impl From<fmt::Error> for OutOfCalendar {
    // Writing to a `String` does not fail.
    fn from(_: fmt::Error) -> Self {
        Self
    }
}

/// Writes days since 1970-01-01 as `2023-01-08`.
pub(crate) fn write_date(days: i64, text: &mut String) -> Result<(), OutOfCalendar> {
    if !(FIRST_DAY..=LAST_DAY).contains(&days) {
        return Err(OutOfCalendar);
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days: years start on 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Ok(write!(text, "{year:04}-{month:02}-{day:02}")?)
}

/// Writes microseconds since 1970 as `2023-01-08T09:30:00Z`, with six decimal places unless they are all zero.
pub(crate) fn write_instant(micros: i64, text: &mut String) -> Result<(), OutOfCalendar> {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND);
    write_date(seconds.div_euclid(SECONDS_PER_DAY), text)?;
    let time = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    write!(text, "T{hour:02}:{minute:02}:{second:02}")?;
    if fraction != 0 {
        write!(text, ".{fraction:06}")?;
    }
    Ok(write!(text, "Z")?)
}

#[cfg(test)]
mod tests;
