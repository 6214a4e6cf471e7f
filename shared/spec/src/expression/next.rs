//! When an expression comes next.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Rate;
use super::cron::{Cron, Days};

/// The next runs of a rate, which counts from an instant.
pub(super) fn rate_runs(rate: Rate, since: Timestamp, after: Timestamp, count: usize) -> Vec<Timestamp> {
    let step = i64::from(rate.minutes()) * 60;
    let passed = after.as_second() - since.as_second();
    let first = if passed < 0 { 1 } else { passed / step + 1 };
    let runs = (first..).take(count).map(|number| {
        let seconds = number.checked_mul(step)?;
        since.checked_add(SignedDuration::from_secs(seconds)).ok()
    });
    runs.map_while(|run| run).collect()
}

/// The next runs of a cron.
pub(super) fn cron_runs(cron: &Cron, after: Timestamp, zone: &TimeZone, count: usize) -> Vec<Timestamp> {
    let mut runs = Vec::new();
    let mut day = Some(zone.to_datetime(after).date());
    while let Some(date) = day {
        let year = u16::try_from(date.year()).unwrap_or(0);
        if runs.len() >= count || cron.years.last().is_none_or(|last| *last < year) {
            break;
        }
        if is_meant(cron, date, year) {
            add_times(cron, date, zone, after, &mut runs);
        }
        day = date.tomorrow().ok();
    }
    runs.truncate(count);
    runs
}

fn add_times(cron: &Cron, date: Date, zone: &TimeZone, after: Timestamp, runs: &mut Vec<Timestamp>) {
    let start = runs.len();
    for hour in &cron.hours {
        for minute in &cron.minutes {
            let (Ok(hour), Ok(minute)) = (i8::try_from(*hour), i8::try_from(*minute)) else {
                continue;
            };
            let Ok(time) = Time::new(hour, minute, 0, 0) else {
                continue;
            };
            let at = zone.to_ambiguous_timestamp(DateTime::from_parts(date, time));
            // What the clock skips is skipped; of two times of the same name the first counts.
            if matches!(at.offset(), AmbiguousOffset::Gap { .. }) {
                continue;
            }
            runs.extend(at.compatible().ok().filter(|at| *at > after));
        }
    }
    // Where the clock goes back, later names may come before earlier ones.
    runs[start..].sort();
}

fn is_meant(cron: &Cron, date: Date, year: u16) -> bool {
    let small = |number: i8| u16::try_from(number).unwrap_or(0);
    let (day, month) = (small(date.day()), small(date.month()));
    let weekday = small(date.weekday().to_sunday_one_offset());
    let length = small(date.days_in_month());
    let is_day = match &cron.days {
        Days::OfMonth(days) => days.contains(&day),
        Days::LastOfMonth => day == length,
        Days::NearestWeekday(wanted) => *wanted <= length && day == nearest_weekday(date, *wanted, length),
        Days::OfWeek(days) => days.contains(&weekday),
        Days::LastOfWeek(wanted) => weekday == *wanted && day + 7 > length,
        Days::NthOfWeek(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
    };
    is_day && cron.months.contains(&month) && cron.years.contains(&year)
}

/// The day of the month, Monday to Friday, that is nearest to a day of it.
fn nearest_weekday(date: Date, wanted: u16, length: u16) -> u16 {
    let day = i8::try_from(wanted).unwrap_or(1);
    let Ok(on) = Date::new(date.year(), date.month(), day) else {
        return 0;
    };
    match on.weekday().to_sunday_one_offset() {
        // Saturday: the Friday before, or at the month's beginning the Monday after it.
        7 if wanted > 1 => wanted - 1,
        7 => wanted + 2,
        // Sunday: the Monday after, or at the month's end the Friday before it.
        1 if wanted < length => wanted + 1,
        1 => wanted - 2,
        _ => wanted,
    }
}
