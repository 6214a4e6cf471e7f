//! The values of a cron field: numbers and names, lists, ranges and steps.

use std::collections::BTreeSet;

use super::{ExpressionError, Piece};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its least value.
    pub(super) least: u16,
    /// Its greatest value.
    pub(super) greatest: u16,
    /// Names for its values, from the least.
    names: &'static [&'static str],
}

pub(super) const MINUTES: Field = Field::new("minutes", 0, 59, &[]);
pub(super) const HOURS: Field = Field::new("hours", 0, 23, &[]);
pub(super) const DAYS_OF_MONTH: Field = Field::new("day of month", 1, 31, &[]);
pub(super) const MONTHS_OF_YEAR: Field = Field::new("month", 1, 12, &MONTHS);
pub(super) const DAYS_OF_WEEK: Field = Field::new("day of week", 1, 7, &WEEKDAYS);
pub(super) const YEARS: Field = Field::new("year", 1970, 2199, &[]);

impl Field {
    const fn new(name: &'static str, least: u16, greatest: u16, names: &'static [&'static str]) -> Self {
        Self {
            name,
            least,
            greatest,
            names,
        }
    }

    /// An error about a piece of it.
    pub(super) fn wrong(self, piece: Piece<'_>, code: &'static str, message: &str) -> ExpressionError {
        piece.wrong(code, format!("{}: {message}", self.name))
    }

    /// A single value: a number, or a name in any case.
    pub(super) fn value(self, piece: Piece<'_>) -> Result<u16, ExpressionError> {
        let text = piece.text;
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(at) = named {
            return Ok(self.least + u16::try_from(at).unwrap_or(0));
        }
        if text.is_empty() {
            return Err(self.wrong(piece, "missing_value", "a value is missing"));
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u16>().ok().filter(|_| is_number);
        let in_range = number.filter(|number| (self.least..=self.greatest).contains(number));
        in_range.ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(", or {first} to {last}"),
                _ => String::new(),
            };
            let message = format!("{text:?} is not {} to {}{names}", self.least, self.greatest);
            self.wrong(
                piece,
                if is_number { "out_of_range" } else { "bad_value" },
                &message,
            )
        })
    }

    /// A list of values, ranges and steps.
    pub(super) fn values(self, piece: Piece<'_>) -> Result<BTreeSet<u16>, ExpressionError> {
        let mut values = BTreeSet::new();
        for item in piece.split(',') {
            values.extend(self.item(item)?);
        }
        Ok(values)
    }

    fn item(self, item: Piece<'_>) -> Result<Vec<u16>, ExpressionError> {
        let pieces: Vec<Piece<'_>> = item.split('/').collect();
        let (range, step) = match pieces[..] {
            [range] => (range, None),
            [range, step] => (range, Some(step)),
            _ => return Err(self.wrong(item, "bad_step", "a step is written once, as in 0/15")),
        };
        let (first, last) = self.range(range, step.is_some())?;
        let step = step.map_or(Ok(1), |step| self.step(step))?;
        Ok((first..=last).step_by(usize::from(step)).collect())
    }

    /// A range; a single value with a step behind it runs to the end.
    fn range(self, range: Piece<'_>, has_step: bool) -> Result<(u16, u16), ExpressionError> {
        if range.text == "*" {
            return Ok((self.least, self.greatest));
        }
        if range.text.is_empty() && has_step {
            let message = format!("write */n or {}/n", self.least);
            return Err(self.wrong(range, "bad_step", &message));
        }
        let ends: Vec<Piece<'_>> = range.split('-').collect();
        match ends[..] {
            [first, last] => {
                let (first, last) = (self.value(first)?, self.value(last)?);
                if first > last {
                    let message = format!(
                        "{:?} runs backwards: write it as a list of two ranges",
                        range.text
                    );
                    return Err(self.wrong(range, "bad_range", &message));
                }
                Ok((first, last))
            }
            [single] => {
                let first = self.value(single)?;
                Ok((first, if has_step { self.greatest } else { first }))
            }
            _ => Err(self.wrong(range, "bad_range", "a range is written first-last")),
        }
    }

    fn step(self, step: Piece<'_>) -> Result<u16, ExpressionError> {
        let is_number = !step.text.is_empty() && step.text.bytes().all(|byte| byte.is_ascii_digit());
        let most = self.greatest - self.least;
        let number = step.text.parse::<u16>().ok().filter(|_| is_number);
        number
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| {
                let message = format!("a step is a whole number from 1 to {most}");
                self.wrong(step, "bad_step", &message)
            })
    }
}
