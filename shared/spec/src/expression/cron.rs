//! The six fields of a cron.

use std::collections::BTreeSet;
use std::fmt;

use super::field::{DAYS_OF_MONTH, DAYS_OF_WEEK, Field, HOURS, MINUTES, MONTHS_OF_YEAR, YEARS};
use super::{ExpressionError, Piece};

/// Which days of its months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    /// These days of the month.
    OfMonth(BTreeSet<u16>),
    /// The month's last day.
    LastOfMonth,
    /// The weekday (Monday to Friday) of the month that is nearest to this day of it.
    NearestWeekday(u16),
    /// These days of the week; 1 is Sunday.
    OfWeek(BTreeSet<u16>),
    /// The last such day of the month.
    LastOfWeek(u16),
    /// The n-th such day of the month.
    NthOfWeek(u16, u16),
}

/// Times of the clock and the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    pub(super) minutes: BTreeSet<u16>,
    pub(super) hours: BTreeSet<u16>,
    pub(super) days: Days,
    pub(super) months: BTreeSet<u16>,
    pub(super) years: BTreeSet<u16>,
    /// The six fields as they were written, names in capitals.
    text: String,
}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What a cron has to have.
const SIX: &str = "EventBridge takes six: minutes, hours, day of month, month, day of week, year";

impl Cron {
    pub(super) fn parse(inner: Piece<'_>) -> Result<Self, Vec<ExpressionError>> {
        let words = inner.words();
        let [minutes, hours, day, month, weekday, year] = words[..] else {
            return Err(vec![wrong_number_of_fields(inner, &words)]);
        };
        if let Some(error) = seconds_in_front(inner, &words) {
            return Err(vec![error]);
        }
        let mut errors = Vec::new();
        let mut read = |field: Field, piece: Piece<'_>| match plain(field, piece) {
            Ok(values) => values,
            Err(error) => {
                errors.push(error);
                BTreeSet::new()
            }
        };
        let (minutes, hours) = (read(MINUTES, minutes), read(HOURS, hours));
        let (months, years) = (read(MONTHS_OF_YEAR, month), read(YEARS, year));
        let days = match read_days(day, weekday) {
            Ok(days) => Some(days),
            Err(wrong) => {
                errors.extend(wrong);
                None
            }
        };
        errors.sort_by_key(|error| error.first);
        let Some(days) = days.filter(|_| errors.is_empty()) else {
            return Err(errors);
        };
        let text: Vec<String> = words.iter().map(|word| word.text.to_ascii_uppercase()).collect();
        let cron = Self {
            minutes,
            hours,
            days,
            months,
            years,
            text: text.join(" "),
        };
        match cron.has_a_day() {
            true => Ok(cron),
            false => Err(vec![day.wrong(
                "never",
                "no month that is meant has such a day: it would never run",
            )]),
        }
    }

    /// Whether it says some years and not the others.
    pub(super) fn ends(&self) -> bool {
        self.years.len() <= usize::from(YEARS.greatest - YEARS.least)
    }

    /// Whether there is any such day in these months and years.
    fn has_a_day(&self) -> bool {
        let longest = |month: &u16| match month {
            2 if self.years.iter().any(|year| is_leap(*year)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let least = match &self.days {
            Days::OfMonth(days) => days.first().copied().unwrap_or(1),
            Days::NearestWeekday(day) => *day,
            _ => 1,
        };
        self.months.iter().any(|month| longest(month) >= least)
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// A field without the signs that only days have.
fn plain(field: Field, piece: Piece<'_>) -> Result<BTreeSet<u16>, ExpressionError> {
    if piece.text == "?" {
        let message = "? stands in the day of month or the day of week alone";
        return Err(field.wrong(piece, "bad_question_mark", message));
    }
    field.values(piece)
}

fn read_days(day: Piece<'_>, weekday: Piece<'_>) -> Result<Days, Vec<ExpressionError>> {
    match (day.text, weekday.text) {
        ("?", "?") => {
            let message = "? may not stand in both day of month and day of week: write * in one of them";
            Err(vec![weekday.wrong("both_days", message)])
        }
        (_, "?") => of_month(day).map_err(|error| vec![error]),
        ("?", _) => of_week(weekday).map_err(|error| vec![error]),
        (_, _) => {
            let mut errors: Vec<ExpressionError> = of_month(day).err().into_iter().collect();
            errors.extend(of_week(weekday).err());
            let message = "day of month and day of week are both said: write ? in one of them";
            errors.push(weekday.wrong("both_days", message));
            Err(errors)
        }
    }
}

fn of_month(piece: Piece<'_>) -> Result<Days, ExpressionError> {
    let text = piece.text.to_ascii_uppercase();
    if text == "L" {
        return Ok(Days::LastOfMonth);
    }
    if let Some(number) = text
        .strip_suffix('W')
        .filter(|number| !number.is_empty() && *number != "L")
    {
        let day = DAYS_OF_MONTH.value(piece.part(0, number.len()))?;
        return Ok(Days::NearestWeekday(day));
    }
    if text.contains(['L', 'W']) {
        let message = "L stands alone, W behind a single day, as in 15W";
        return Err(DAYS_OF_MONTH.wrong(piece, "bad_day", message));
    }
    if text.contains('#') {
        let message = "# belongs to the day of week";
        return Err(DAYS_OF_MONTH.wrong(piece, "bad_day", message));
    }
    DAYS_OF_MONTH.values(piece).map(Days::OfMonth)
}

fn of_week(piece: Piece<'_>) -> Result<Days, ExpressionError> {
    let text = piece.text.to_ascii_uppercase();
    if text == "L" {
        return Ok(Days::OfWeek(BTreeSet::from([DAYS_OF_WEEK.greatest])));
    }
    let parts: Vec<Piece<'_>> = piece.split('#').collect();
    if let [weekday, nth] = parts[..] {
        let weekday = DAYS_OF_WEEK.value(weekday)?;
        let number = nth.text.parse::<u16>().ok().filter(|_| nth.text.len() == 1);
        let number = number.filter(|number| (1..=5).contains(number));
        let message = "a month has the 1st to the 5th of a weekday, as in 3#2";
        let number = number.ok_or_else(|| DAYS_OF_WEEK.wrong(nth, "out_of_range", message))?;
        return Ok(Days::NthOfWeek(weekday, number));
    }
    if let Some(weekday) = text.strip_suffix('L') {
        let weekday = DAYS_OF_WEEK.value(piece.part(0, weekday.len()))?;
        return Ok(Days::LastOfWeek(weekday));
    }
    if text.contains('#') {
        let message = "# stands once, behind a single day, as in 3#2";
        return Err(DAYS_OF_WEEK.wrong(piece, "bad_day", message));
    }
    if text.ends_with('W') {
        let message = "W belongs to the day of month";
        return Err(DAYS_OF_WEEK.wrong(piece, "bad_day", message));
    }
    DAYS_OF_WEEK.values(piece).map(Days::OfWeek)
}

/// The fields as they should stand, one of the two days a question mark, behind what they are written for; nothing where
/// they would be wrong even so.
fn suggestion(fields: &[&str]) -> String {
    let mut fields: Vec<&str> = fields.to_vec();
    if fields.len() == 5 {
        fields.push("*");
    }
    if fields.get(2) != Some(&"?") && fields.get(4) != Some(&"?") {
        let open = if fields.get(4) == Some(&"*") { 4 } else { 2 };
        if let Some(field) = fields.get_mut(open) {
            *field = "?";
        }
    }
    let text = fields.join(" ");
    match Cron::parse(Piece { text: &text, at: 0 }) {
        Ok(_) => format!("; write cron({text})"),
        Err(_) => String::new(),
    }
}

fn wrong_number_of_fields(inner: Piece<'_>, words: &[Piece<'_>]) -> ExpressionError {
    let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
    match texts.len() {
        7 => {
            let message = format!(
                "seven fields are a cron of Quartz, with seconds in front and a year behind; {SIX}{}",
                suggestion(&texts[1..])
            );
            words[0].wrong("quartz_seconds", message)
        }
        5 => {
            // Other crons count the days of the week otherwise: the same number may be another day here.
            let written = match texts[4].bytes().any(|byte| byte.is_ascii_digit()) {
                true => "; days of the week count from 1, Sunday".to_owned(),
                false => suggestion(&texts),
            };
            let message = format!("five fields, without a year; {SIX}{written}");
            inner.wrong("wrong_fields", message)
        }
        number => {
            let plural = if number == 1 { "" } else { "s" };
            inner.wrong("wrong_fields", format!("{number} field{plural}; {SIX}"))
        }
    }
}

/// Six fields that are Quartz's without a year: what stands for the year is a day of the week.
fn seconds_in_front(inner: Piece<'_>, words: &[Piece<'_>]) -> Option<ExpressionError> {
    let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
    let last = words.last()?;
    let is_year = YEARS.values(*last).is_ok() && last.text != "?";
    let is_weekday = last.text == "?" || of_week(*last).is_ok();
    if is_year || !is_weekday {
        return None;
    }
    let message = format!(
        "{:?} is no year: this is a cron of Quartz, with seconds in front and without a year; {SIX}{}",
        last.text,
        suggestion(&texts[1..])
    );
    Some(inner.wrong("quartz_seconds", message))
}
