//! What a cell that breaks a rule may be meant to say, where that is plain to see.
//!
//! A suggestion keeps every rule of its field. Of two that differ there is none.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use millrace_core::csv::NumberFormat;
use millrace_core::field::{DateFormat, Field, FieldType};
use millrace_core::row_error::{RowError, Rule};
use millrace_core::value;

use crate::check::Probe;
use crate::limits::FOUND_CHARACTERS;

/// The suggestion for a cell of a field, whose rules the probe knows.
pub(super) fn suggestion(field: &Field, probe: &mut Probe, error: &RowError) -> Option<String> {
    let is_whole = error.found.chars().count() < FOUND_CHARACTERS;
    let can_be_told = matches!(
        error.rule,
        Rule::WrongType | Rule::NotAllowed | Rule::PatternMismatch | Rule::Length
    );
    if error.found.is_empty() || !is_whole || !can_be_told {
        return None;
    }
    let mut is_good = |candidate: &String| {
        *candidate != error.found && !is_formula(candidate) && probe.takes(candidate.as_bytes())
    };
    candidates(field, &error.found)
        .into_iter()
        .find(|candidate| is_good(candidate))
}

/// Readings of a cell, the plainest first.
fn candidates(field: &Field, found: &str) -> Vec<String> {
    let trimmed = found.trim();
    let bare = trimmed.trim_matches(['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']);
    let bare = bare.trim();
    let mut candidates = vec![trimmed.to_owned(), bare.to_owned()];
    if field.field_type.is_numeric() {
        candidates.extend(plain_number(field, bare));
    }
    if field.field_type == FieldType::Date {
        candidates.extend(other_date(field.date_format, bare));
    }
    candidates.extend(nearest_allowed(field, bare));
    candidates
}

/// A number whose groups are marked by commas or blanks, or a whole number with nothing behind its point.
fn plain_number(field: &Field, text: &str) -> Option<String> {
    let text: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    let commas = NumberFormat {
        group_mark: Some(','),
        decimal_mark: None,
    };
    let plain = String::from_utf8(commas.plain(text.as_bytes())?).ok()?;
    match plain.split_once('.') {
        Some((whole, zeros)) if field.field_type == FieldType::Integer => {
            let is_whole = zeros.bytes().all(|digit| digit == b'0');
            is_whole.then(|| whole.to_owned())
        }
        _ => Some(plain),
    }
}

/// The day in the declared format, where all other formats that it can be read in mean the same one.
fn other_date(declared: DateFormat, text: &str) -> Option<String> {
    // What spreadsheet programs put behind a day.
    let day = text.split_once([' ', 'T']).filter(|(_, time)| is_midnight(time));
    let text = day.map_or(text, |(day, _)| day);
    let mut days = DateFormat::ALL
        .into_iter()
        .filter_map(|format| value::date(text.as_bytes(), format));
    let first = days.next()?;
    if days.any(|day| day != first) {
        return None;
    }
    let epoch: Date = date(1970, 1, 1);
    let day = epoch.checked_add(i64::from(first).days()).ok()?;
    Some(day.strftime(pattern(declared)).to_string())
}

fn is_midnight(time: &str) -> bool {
    let zeros = time.trim_end_matches('Z');
    zeros.starts_with("00:00") && zeros.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'))
}

fn pattern(format: DateFormat) -> &'static str {
    match format {
        DateFormat::YearMonthDay => "%Y-%m-%d",
        DateFormat::DayMonthYearSlash => "%d/%m/%Y",
        DateFormat::DayMonthYearDash => "%d-%m-%Y",
        DateFormat::DayMonthYearDot => "%d.%m.%Y",
        DateFormat::YearMonthDaySlash => "%Y/%m/%d",
        DateFormat::YearMonthDayCompact => "%Y%m%d",
        DateFormat::MonthDayYearSlash => "%m/%d/%Y",
        DateFormat::DayMonthShortYearSlash => "%d/%m/%y",
        DateFormat::DayMonthShortYearDash => "%d-%m-%y",
        DateFormat::DayMonthNameYear => "%d-%b-%Y",
        DateFormat::MonthNameDayYear => "%B %-d, %Y",
    }
}

/// The allowed value that is nearest: the same in another case, or else the only one that few changes lead to.
fn nearest_allowed(field: &Field, text: &str) -> Option<String> {
    let allowed = field.rules.one_of.as_deref()?;
    let lower = text.to_lowercase();
    let distances = allowed
        .iter()
        .map(|value| (distance(&lower, &value.to_lowercase()), value));
    let mut distances: Vec<(usize, &String)> = distances.collect();
    distances.sort();
    let (nearest, value) = *distances.first()?;
    let is_only = distances.get(1).is_none_or(|(second, _)| *second > nearest);
    let is_near = nearest == 0 || nearest <= value.chars().count() / 3;
    (is_only && is_near).then(|| value.clone())
}

/// How many characters have to be put in, taken out or changed (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, left) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, right) in right.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[right.len()]
}

/// Whether a spreadsheet program would run the text; a negative number is none.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && value::decimal(text.as_bytes()).is_none())
}
