//! Values as the texts that PostgreSQL's casts take back.

use jiff::ToSpan;
use jiff::civil::{Date, Time};

use crate::block::{Column, ColumnData};

const EPOCH: Date = Date::constant(1970, 1, 1);
const SECOND_MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * SECOND_MICROS;

/// A day or an instant that no check lets pass: outside the years 1 to 9999. A value is never left out for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date or an instant in a part lies outside the years 1 to 9999")]
pub struct OutOfCalendar;

impl ColumnData {
    /// The text of a slot, exact and in ISO form; `None` for null, a row that is not there or an absent column.
    ///
    /// # Errors
    /// [`OutOfCalendar`] for what the check refuses: a part that somebody else wrote.
    pub fn text_at(&self, row: usize) -> Result<Option<String>, OutOfCalendar> {
        if !self.validity.is_valid(row) {
            return Ok(None);
        }
        Ok(match &self.values {
            Column::Absent => None,
            Column::Text { .. } => self
                .values
                .text(row)
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            Column::Integer(values) => values.get(row).map(ToString::to_string),
            Column::Decimal(values) => values.get(row).map(ToString::to_string),
            Column::Boolean(values) => values.get(row).map(ToString::to_string),
            Column::Date(values) => {
                let days = values.get(row).map(|days| day(i64::from(*days)));
                days.transpose()?.map(|date| date.to_string())
            }
            Column::Timestamp(values) => values.get(row).map(|micros| instant(*micros)).transpose()?,
        })
    }
}

fn day(days: i64) -> Result<Date, OutOfCalendar> {
    let span = 0.days().try_days(days).map_err(|_| OutOfCalendar)?;
    let date = EPOCH.checked_add(span).map_err(|_| OutOfCalendar)?;
    if date.year() < 1 {
        Err(OutOfCalendar)
    } else {
        Ok(date)
    }
}

/// By the civil calendar: an instant of the library ends a day before the year 9999 does.
fn instant(micros: i64) -> Result<String, OutOfCalendar> {
    let date = day(micros.div_euclid(DAY_MICROS))?;
    let time = Time::midnight().wrapping_add(micros.rem_euclid(DAY_MICROS).microseconds());
    Ok(format!("{}Z", date.to_datetime(time)))
}

#[cfg(test)]
mod tests {
    use millrace_core::Decimal;
    use millrace_core::field::DateFormat;
    use millrace_core::value;
    use proptest::prelude::proptest;

    use super::{DAY_MICROS, OutOfCalendar, SECOND_MICROS};
    use crate::block::{Column, ColumnData, Validity};

    fn text(values: Column) -> Option<String> {
        ColumnData {
            validity: Validity::All,
            values,
        }
        .text_at(0)
        .unwrap()
    }

    #[test]
    fn every_type_has_its_text() {
        assert_eq!(text(Column::Integer(vec![-7])).as_deref(), Some("-7"));
        assert_eq!(
            text(Column::Decimal(vec!["12.50".parse::<Decimal>().unwrap()])).as_deref(),
            Some("12.5")
        );
        assert_eq!(text(Column::Boolean(vec![true])).as_deref(), Some("true"));
        assert_eq!(text(Column::Date(vec![19_365])).as_deref(), Some("2023-01-08"));
        assert_eq!(
            text(Column::Timestamp(vec![1_500_000])).as_deref(),
            Some("1970-01-01T00:00:01.5Z")
        );
        let words = Column::Text {
            offsets: vec![0, 3],
            bytes: b"a\"b".to_vec(),
        };
        assert_eq!(text(words).as_deref(), Some("a\"b"));
        assert_eq!(text(Column::Absent), None);
        let null = ColumnData {
            validity: Validity::Bitmap(vec![0]),
            values: Column::Integer(vec![0]),
        };
        assert_eq!(null.text_at(0), Ok(None));
    }

    #[test]
    fn every_day_and_instant_that_is_accepted_has_its_text() {
        for (cell, shown) in [
            ("0001-01-01", "0001-01-01"),
            ("1969-12-31", "1969-12-31"),
            ("9999-12-31", "9999-12-31"),
        ] {
            let days = value::date(cell.as_bytes(), DateFormat::YearMonthDay).unwrap();
            assert_eq!(text(Column::Date(vec![days])).as_deref(), Some(shown));
        }
        for (cell, shown) in [
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00.000001", "0001-01-01T00:00:00.000001Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("9999-12-30T21:59:59Z", "9999-12-30T21:59:59Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("9999-12-31 00:00:00-23:59", "9999-12-31T23:59:00Z"),
        ] {
            let micros = value::timestamp(cell.as_bytes()).unwrap();
            assert_eq!(text(Column::Timestamp(vec![micros])).as_deref(), Some(shown));
        }
    }

    #[test]
    fn what_lies_outside_the_calendar_is_an_error_and_no_null() {
        let year_10000 = value::timestamp(b"9999-12-31T23:59:59.999999Z").unwrap() + 1;
        let year_0 = value::timestamp(b"0001-01-01T00:00:00Z").unwrap() - 1;
        for values in [
            Column::Timestamp(vec![year_10000]),
            Column::Timestamp(vec![year_0]),
            Column::Timestamp(vec![i64::MAX]),
            Column::Timestamp(vec![i64::MIN]),
            Column::Date(vec![2_932_897]),
            Column::Date(vec![-719_163]),
            Column::Date(vec![i32::MAX]),
            Column::Date(vec![i32::MIN]),
        ] {
            let validity = Validity::All;
            assert_eq!(ColumnData { validity, values }.text_at(0), Err(OutOfCalendar));
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_read_back_from_its_text(
            year in 1..=9999_i16, month in 1..=12_i8, day in 1..=28_i8, micros in 0..DAY_MICROS,
        ) {
            let cell = format!(
                "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
                micros / 3_600_000_000, micros / 60_000_000 % 60, micros / SECOND_MICROS % 60, micros % SECOND_MICROS
            );
            let taken = value::timestamp(cell.as_bytes()).unwrap();
            let shown = text(Column::Timestamp(vec![taken])).unwrap();
            assert_eq!(value::timestamp(shown.as_bytes()), Some(taken), "{cell} {shown}");
        }
    }
}
