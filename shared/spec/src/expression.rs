//! When something runs: the `cron(…)` and `rate(…)` of EventBridge Scheduler, checked here so that an expression that is
//! stored is one that fires.
//!
//! The rules are those of its guide ("Schedule types"); where that is silent, what only some readers of cron take (`LW`,
//! ranges that run backwards, a step without a beginning) is refused with the way to write it.

mod cron;
mod field;
mod next;

use std::fmt;

pub use cron::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// The rule, stable.
    pub code: &'static str,
    /// The first character that is concerned, from 1.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// What is wrong, in words, with the place.
    pub message: String,
}

/// A piece of an expression, with its place in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The piece.
    pub(crate) text: &'a str,
    /// Its first character, from 0.
    pub(crate) at: usize,
}

impl<'a> Piece<'a> {
    /// A part of it, by bytes.
    fn part(self, start: usize, end: usize) -> Self {
        let before = self.text.get(..start).unwrap_or_default();
        Self {
            text: self.text.get(start..end).unwrap_or_default(),
            at: self.at + before.chars().count(),
        }
    }

    /// The pieces between commas, or other signs.
    fn split(self, sign: char) -> impl Iterator<Item = Piece<'a>> {
        let mut start = 0;
        self.text.split(sign).map(move |part| {
            let end = start + part.len();
            let piece = self.part(start, end);
            start = end + sign.len_utf8();
            piece
        })
    }

    /// The pieces between blanks.
    fn words(self) -> Vec<Piece<'a>> {
        self.split(' ').filter(|piece| !piece.text.is_empty()).collect()
    }

    /// An error about it.
    fn wrong(self, code: &'static str, message: impl fmt::Display) -> ExpressionError {
        let (first, last) = (self.at + 1, self.at + self.text.chars().count().max(1));
        let place = match first == last {
            true => format!("character {first}"),
            false => format!("characters {first} to {last}"),
        };
        ExpressionError {
            code,
            first,
            last,
            message: format!("{place}: {message}"),
        }
    }
}

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
}

impl RateUnit {
    fn minutes(self) -> u32 {
        match self {
            Self::Minutes => 1,
            Self::Hours => 60,
            Self::Days => 24 * 60,
        }
    }

    fn word(self, value: u32) -> &'static str {
        match (self, value) {
            (Self::Minutes, 1) => "minute",
            (Self::Minutes, _) => "minutes",
            (Self::Hours, 1) => "hour",
            (Self::Hours, _) => "hours",
            (Self::Days, 1) => "day",
            (Self::Days, _) => "days",
        }
    }
}

/// The longest rate: a year.
const MAX_RATE_MINUTES: u32 = 366 * 24 * 60;

/// Every so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    value: u32,
    unit: RateUnit,
}

impl Rate {
    /// The time between two runs, in minutes.
    #[must_use]
    pub fn minutes(self) -> u32 {
        self.value * self.unit.minutes()
    }

    fn parse(inner: Piece<'_>) -> Result<Self, ExpressionError> {
        let words = inner.words();
        let [value, unit] = words[..] else {
            let message = "a rate is a whole number and a unit, as in rate(5 minutes)";
            return Err(inner.wrong("bad_rate", message));
        };
        let units = [RateUnit::Minutes, RateUnit::Hours, RateUnit::Days];
        let found = units
            .into_iter()
            .find(|one| [one.word(1), one.word(2)].contains(&unit.text));
        let Some(found) = found else {
            let message = "the unit is minute, minutes, hour, hours, day or days";
            return Err(unit.wrong("bad_rate_unit", message));
        };
        let greatest = MAX_RATE_MINUTES / found.minutes();
        let is_number = value.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.text.parse::<u32>().ok().filter(|_| is_number);
        let Some(number) = number.filter(|number| (1..=greatest).contains(number)) else {
            let message = format!(
                "a rate in {} is a whole number from 1 to {greatest}",
                found.word(2)
            );
            return Err(value.wrong("bad_rate_value", message));
        };
        let right = found.word(number);
        if unit.text != right {
            return Err(unit.wrong("bad_rate_unit", format!("write rate({number} {right})")));
        }
        Ok(Self {
            value: number,
            unit: found,
        })
    }
}

/// When something runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// At times of the clock and the calendar.
    Cron(Box<Cron>),
    /// Every so often.
    Rate(Rate),
}

impl Expression {
    /// Reads an expression: `cron(…)`, `rate(…)`, or the six fields of a cron alone.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse(text: &str) -> Result<Self, Vec<ExpressionError>> {
        let whole = Piece { text, at: 0 };
        let start = text.len() - text.trim_start_matches(' ').len();
        let trimmed = whole.part(start, start + text.trim_matches(' ').len());
        if trimmed.text.is_empty() {
            return Err(vec![whole.wrong("empty_expression", "says nothing")]);
        }
        if trimmed.text.bytes().any(|byte| byte.is_ascii_control()) {
            let message = "the fields stand between blanks, on one line";
            return Err(vec![trimmed.wrong("bad_expression", message)]);
        }
        let inner = |word: &str| {
            let rest = trimmed.text.strip_prefix(word)?.strip_prefix('(')?;
            let rest = rest.strip_suffix(')')?;
            Some(trimmed.part(word.len() + 1, word.len() + 1 + rest.len()))
        };
        if let Some(fields) = inner("cron") {
            return Cron::parse(fields).map(|cron| Self::Cron(Box::new(cron)));
        }
        if let Some(rate) = inner("rate") {
            return Rate::parse(rate).map(Self::Rate).map_err(|error| vec![error]);
        }
        if trimmed.text.contains(['(', ')']) {
            let message = match trimmed.text.starts_with("at(") {
                true => "runs once; what is said here runs again and again: cron(…) or rate(…)",
                false => "is neither cron(…) nor rate(…)",
            };
            return Err(vec![trimmed.wrong("bad_expression", message)]);
        }
        Cron::parse(trimmed).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// Whether it may have a last time before the last year that a cron can say: it says years.
    #[must_use]
    pub fn ends(&self) -> bool {
        match self {
            Self::Cron(cron) => cron.ends(),
            Self::Rate(_) => false,
        }
    }

    /// The next times, the earliest first, strictly after an instant. A rate counts from `since`. A time that the clock
    /// skips is skipped; one that it repeats comes once.
    #[must_use]
    pub fn next_runs(
        &self,
        since: Timestamp,
        after: Timestamp,
        zone: &TimeZone,
        count: usize,
    ) -> Vec<Timestamp> {
        match self {
            Self::Cron(cron) => next::cron_runs(cron, after, zone, count),
            Self::Rate(rate) => next::rate_runs(*rate, since, after, count),
        }
    }
}

impl fmt::Display for Expression {
    /// As EventBridge Scheduler takes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(formatter, "cron({cron})"),
            Self::Rate(rate) => {
                let (value, unit) = (rate.value, rate.unit.word(rate.value));
                write!(formatter, "rate({value} {unit})")
            }
        }
    }
}

/// Reads the name of a time zone of the IANA database.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    // The database itself takes any case; EventBridge does not.
    let zone = TimeZone::get(name).ok()?;
    zone.iana_name()
        .is_some_and(|known| known == name)
        .then_some(zone)
}

#[cfg(test)]
mod tests;
