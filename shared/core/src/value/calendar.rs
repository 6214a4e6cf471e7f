//! The proleptic Gregorian calendar, years 1 to 9999 (those that PostgreSQL and ISO 8601 write alike).

/// Days from 1970-01-01 to a day; `None` when the calendar does not have it.
#[inline]
pub(super) fn days_since_1970(year: i32, month: i32, day: i32) -> Option<i32> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    // Years start in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days_to_year = year * 365 + year / 4 - year / 100 + year / 400;
    const DAYS_TO_1970: i32 = 719_468;
    Some(days_to_year + day_of_year - DAYS_TO_1970)
}

#[inline]
fn days_in(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
