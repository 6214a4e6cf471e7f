use jiff::civil;
use proptest::prelude::*;

use crate::decimal::Decimal;
use crate::field::DateFormat;

use super::{boolean, date, decimal, integer, timestamp};

#[test]
fn whole_numbers_are_strict_and_reach_both_ends() {
    for (text, value) in [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("-42", -42),
        ("999999999999999999", 999_999_999_999_999_999),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("00000000000000000000000000000000000000042", 42),
    ] {
        assert_eq!(integer(text.as_bytes()), Some(value), "{text}");
    }
    for text in [
        "",
        "-",
        "+1",
        "1.0",
        "12.0",
        "1e3",
        " 1",
        "1 ",
        "1,000",
        "'4",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "٣",
        "0x10",
        "1_000",
        "99999999999999999999999",
        "000000000000000000000x",
    ] {
        assert_eq!(integer(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn truth_values_are_ten_words_in_any_case() {
    for text in ["true", "TRUE", "True", "1", "yes", "T", "y"] {
        assert_eq!(boolean(text.as_bytes()), Some(true), "{text}");
    }
    for text in ["false", "FALSE", "0", "No", "f", "N"] {
        assert_eq!(boolean(text.as_bytes()), Some(false), "{text}");
    }
    for text in ["", "on", "2", "tru", "true ", "ja"] {
        assert_eq!(boolean(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    let format = DateFormat::YearMonthDay;
    assert_eq!(date(b"1970-01-01", format), Some(0));
    assert_eq!(date(b"2024-02-29", format), Some(19_782));
    assert_eq!(date(b"29/02/2024", DateFormat::DayMonthYearSlash), Some(19_782));
    assert_eq!(date(b"29-02-2024", DateFormat::DayMonthYearDash), Some(19_782));
    for text in [
        "2023-02-29",
        "2026-02-30",
        "1900-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "0000-01-01",
        "2026-1-01",
        "20260101",
        "2026/01/01",
        "31/12/2026",
        "2026-01-01 ",
        "+026-01-01",
        "yesterday",
    ] {
        assert_eq!(date(text.as_bytes(), format), None, "{text}");
    }
}

#[test]
fn instants_are_those_of_the_rfc() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 00:00:01", 1_000_000),
        ("1970-01-01t05:30:00.000001+05:30", 1),
        ("1969-12-31T23:59:59.999999z", -1),
        ("1970-01-01T00:00:00.5000000000-01:00", 3_600_500_000),
    ] {
        assert_eq!(timestamp(text.as_bytes()), Some(micros), "{text}");
    }
    for text in [
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.0000001Z",
        "1970-01-01T00:00:00+0530",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00 Z",
        "1970-02-30T00:00:00Z",
        "1970-01-01T00:00:00[UTC]",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(timestamp(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #[test]
    fn whole_numbers_are_read_as_std_reads_them(text in "-?[0-9]{0,22}") {
        prop_assert_eq!(integer(text.as_bytes()), text.parse::<i64>().ok());
    }

    /// Up to eight digits are looked at all at once: no byte between them may pass.
    #[test]
    fn a_byte_that_is_no_digit_is_never_read_as_one(
        text in "[0-9]{1,9}",
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let expected = std::str::from_utf8(&bytes).ok().filter(|text| !text.starts_with('+'));
        prop_assert_eq!(integer(&bytes), expected.and_then(|text| text.parse::<i64>().ok()));
    }

    #[test]
    fn decimals_are_read_as_the_general_parser_reads_them(text in "[-+]?[0-9]{0,12}[.x]?[0-9]{0,12}") {
        let expected = Decimal::parse_bytes(text.as_bytes()).ok();
        let read = decimal(text.as_bytes());
        prop_assert_eq!(read, expected);
        prop_assert_eq!(read.map(Decimal::scale), expected.map(Decimal::scale));
    }

    #[test]
    fn days_are_those_of_another_calendar(year in 1_i16..=9999, month in 0_i8..14, day in 0_i8..33) {
        let text = format!("{year:04}-{month:02}-{day:02}");
        let epoch = civil::date(1970, 1, 1);
        let expected = civil::Date::new(year, month, day)
            .ok()
            .map(|date| epoch.until(date).unwrap().get_days());
        prop_assert_eq!(date(text.as_bytes(), DateFormat::YearMonthDay), expected);
    }

    #[test]
    fn instants_are_those_of_another_calendar(
        micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000,
        offset in -1_439_i32..1_440,
    ) {
        let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
        let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
        let text = instant.display_with_offset(zone).to_string();
        prop_assert_eq!(timestamp(text.as_bytes()), Some(micros), "{}", text);
    }
}
