//! Days in the rarer formats, read along the format's own text.

use super::calendar;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day written as `format` says, in the words of [`DateFormat`](crate::field::DateFormat).
pub(super) fn date(cell: &[u8], format: &str) -> Option<i32> {
    let (mut rest, mut format) = (cell, format);
    let (mut year, mut month, mut day) = (0, 0, 0);
    while !format.is_empty() {
        let mut word = |word: &str| {
            let behind = format.strip_prefix(word)?;
            format = behind;
            Some(())
        };
        if word("YYYY").is_some() {
            year = digits(&mut rest, 4, 4)?;
        } else if word("YY").is_some() {
            let short = digits(&mut rest, 2, 2)?;
            year = short + if short < 70 { 2000 } else { 1900 };
        } else if word("MONTH").is_some() {
            month = month_name(&mut rest, true)?;
        } else if word("MON").is_some() {
            month = month_name(&mut rest, false)?;
        } else if word("MM").is_some() {
            month = digits(&mut rest, 2, 2)?;
        } else if word("DD").is_some() {
            day = digits(&mut rest, 2, 2)?;
        } else if word("D").is_some() {
            day = digits(&mut rest, 1, 2)?;
        } else {
            let (literal, behind) = format.split_at_checked(1)?;
            rest = rest.strip_prefix(literal.as_bytes())?;
            format = behind;
        }
    }
    if !rest.is_empty() {
        return None;
    }
    calendar::days_since_1970(year, month, day)
}

fn digits(rest: &mut &[u8], least: usize, most: usize) -> Option<i32> {
    let count = rest
        .iter()
        .take(most)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count < least {
        return None;
    }
    let (digits, behind) = rest.split_at(count);
    *rest = behind;
    Some(
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + i32::from(digit - b'0')),
    )
}

/// A month's English name, or its first three letters.
fn month_name(rest: &mut &[u8], may_be_whole: bool) -> Option<i32> {
    let starts_with = |name: &str| {
        rest.get(..name.len())
            .is_some_and(|beginning| beginning.eq_ignore_ascii_case(name.as_bytes()))
    };
    let place = MONTHS.iter().position(|name| starts_with(&name[..3]))?;
    let whole = MONTHS[place];
    let length = if may_be_whole && starts_with(whole) {
        whole.len()
    } else {
        3
    };
    *rest = &rest[length..];
    i32::try_from(place).ok().map(|place| place + 1)
}

#[cfg(test)]
mod tests {
    use crate::field::DateFormat;
    use crate::value::date;

    #[test]
    fn every_format_reads_its_own_and_no_other() {
        let written = [
            (DateFormat::YearMonthDay, "2019-03-28"),
            (DateFormat::DayMonthYearSlash, "28/03/2019"),
            (DateFormat::DayMonthYearDash, "28-03-2019"),
            (DateFormat::DayMonthYearDot, "28.03.2019"),
            (DateFormat::YearMonthDaySlash, "2019/03/28"),
            (DateFormat::YearMonthDayCompact, "20190328"),
            (DateFormat::MonthDayYearSlash, "03/28/2019"),
            (DateFormat::DayMonthShortYearSlash, "28/03/19"),
            (DateFormat::DayMonthShortYearDash, "28-03-19"),
            (DateFormat::DayMonthNameYear, "28-Mar-2019"),
            (DateFormat::MonthNameDayYear, "March 28, 2019"),
        ];
        assert_eq!(written.map(|(format, _)| format), DateFormat::ALL);
        for (format, _) in written {
            let name = serde_json::to_value(format).unwrap();
            assert_eq!(name, format.as_str());
            for (other, text) in written {
                let expected = (format == other).then_some(17_983);
                assert_eq!(date(text.as_bytes(), format), expected, "{text} as {name}");
            }
        }
    }

    #[test]
    fn names_of_months_and_short_years() {
        let read = |text: &str, format| date(text.as_bytes(), format);
        let month = DateFormat::MonthNameDayYear;
        assert_eq!(read("may 5, 2020", month), read("May 05, 2020", month));
        assert_eq!(
            read("MAY 5, 2020", month),
            read("2020-05-05", DateFormat::YearMonthDay)
        );
        assert_eq!(read("Sep 30, 2020", month), read("September 30, 2020", month));
        for bad in [
            "Sept 30, 2020",
            "February 30, 2020",
            "May 5 2020",
            "May , 2020",
            "May 5, 2020 ",
            "",
        ] {
            assert_eq!(read(bad, month), None, "{bad}");
        }
        let short = DateFormat::DayMonthShortYearSlash;
        assert_eq!(
            read("08/01/69", short),
            read("2069-01-08", DateFormat::YearMonthDay)
        );
        assert_eq!(
            read("08/01/70", short),
            read("1970-01-08", DateFormat::YearMonthDay)
        );
        assert_eq!(read("8/1/23", short), None);
    }
}
