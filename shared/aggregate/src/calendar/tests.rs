use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;

use super::{FIRST_DAY, LAST_DAY, OutOfCalendar, write_date, write_instant};

fn date(days: i64) -> Result<String, OutOfCalendar> {
    let mut text = String::new();
    write_date(days, &mut text).map(|()| text)
}

fn instant(micros: i64) -> Result<String, OutOfCalendar> {
    let mut text = String::new();
    write_instant(micros, &mut text).map(|()| text)
}

#[test]
fn writes_every_day_of_the_calendar_in_order() {
    let mut day = Date::constant(1, 1, 1);
    for days in FIRST_DAY..=LAST_DAY {
        assert_eq!(date(days).unwrap(), day.to_string());
        day = if days < LAST_DAY {
            day.tomorrow().unwrap()
        } else {
            day
        };
    }
    assert_eq!(day, Date::constant(9999, 12, 31));
    assert_eq!(date(FIRST_DAY - 1), Err(OutOfCalendar));
    assert_eq!(date(LAST_DAY + 1), Err(OutOfCalendar));
}

#[test]
fn writes_microseconds_only_when_there_are_any() {
    assert_eq!(instant(0).unwrap(), "1970-01-01T00:00:00Z");
    assert_eq!(instant(-1).unwrap(), "1969-12-31T23:59:59.999999Z");
    assert_eq!(instant(1_500_000).unwrap(), "1970-01-01T00:00:01.500000Z");
    assert_eq!(instant(i64::MAX), Err(OutOfCalendar));
    assert_eq!(instant(i64::MIN), Err(OutOfCalendar));
}

proptest! {
    #[test]
    fn an_instant_reads_back(micros in -62_000_000_000_000_000..253_000_000_000_000_000_i64) {
        let read: Timestamp = instant(micros).unwrap().parse().unwrap();
        prop_assert_eq!(read.as_microsecond(), micros);
    }
}
