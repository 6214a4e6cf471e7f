mod words;

use jiff::Timestamp;

use super::{Expression, time_zone};

/// What is wrong with an expression: code and place of each error.
fn errors(text: &str) -> Vec<(&'static str, usize, usize)> {
    let errors = Expression::parse(text).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| (error.code, error.first, error.last))
        .collect()
}

fn messages(text: &str) -> String {
    let errors = Expression::parse(text).err().unwrap_or_default();
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    messages.join("; ")
}

/// The next three times behind the beginning of 2023, which was a Sunday.
fn next(text: &str, zone: &str) -> Vec<String> {
    next_after(text, zone, "2023-01-01T00:00:00Z")
}

fn next_after(text: &str, zone: &str, after: &str) -> Vec<String> {
    let after: Timestamp = after.parse().unwrap();
    let runs = Expression::parse(text)
        .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
        .next_runs(after, after, &time_zone(zone).unwrap(), 3);
    runs.iter().map(ToString::to_string).collect()
}

/// Expressions, and when they come next. 1 January 2023 is a Sunday, 15 January too, 1 April a Saturday.
const RUNS: &[(&str, &str)] = &[
    (
        "cron(0 2 * * ? *)",
        "2023-01-01T02:00 2023-01-02T02:00 2023-01-03T02:00",
    ),
    (
        "0 2 * * ? *",
        "2023-01-01T02:00 2023-01-02T02:00 2023-01-03T02:00",
    ),
    (
        "  cron(15  2  ?  *  *  *)  ",
        "2023-01-01T02:15 2023-01-02T02:15 2023-01-03T02:15",
    ),
    (
        "cron(0/15 * * * ? *)",
        "2023-01-01T00:15 2023-01-01T00:30 2023-01-01T00:45",
    ),
    (
        "cron(*/20 * * * ? *)",
        "2023-01-01T00:20 2023-01-01T00:40 2023-01-01T01:00",
    ),
    (
        "cron(10-30/10 5 * * ? *)",
        "2023-01-01T05:10 2023-01-01T05:20 2023-01-01T05:30",
    ),
    (
        "cron(50/5 5 * * ? *)",
        "2023-01-01T05:50 2023-01-01T05:55 2023-01-02T05:50",
    ),
    (
        "cron(0,30 8-9 * * ? *)",
        "2023-01-01T08:00 2023-01-01T08:30 2023-01-01T09:00",
    ),
    (
        "cron(0 18 ? * MON-FRI *)",
        "2023-01-02T18:00 2023-01-03T18:00 2023-01-04T18:00",
    ),
    (
        "cron(0 18 ? * 2-6 *)",
        "2023-01-02T18:00 2023-01-03T18:00 2023-01-04T18:00",
    ),
    (
        "cron(0 18 ? * mon,Wed *)",
        "2023-01-02T18:00 2023-01-04T18:00 2023-01-09T18:00",
    ),
    (
        "cron(0 8 1 * ? *)",
        "2023-01-01T08:00 2023-02-01T08:00 2023-03-01T08:00",
    ),
    (
        "cron(0 8 L * ? *)",
        "2023-01-31T08:00 2023-02-28T08:00 2023-03-31T08:00",
    ),
    (
        "cron(0 8 31 * ? *)",
        "2023-01-31T08:00 2023-03-31T08:00 2023-05-31T08:00",
    ),
    (
        "cron(0 8 29 FEB ? *)",
        "2024-02-29T08:00 2028-02-29T08:00 2032-02-29T08:00",
    ),
    (
        "cron(0 8 1W * ? *)",
        "2023-01-02T08:00 2023-02-01T08:00 2023-03-01T08:00",
    ),
    (
        "cron(0 8 15W 1,4,7 ? *)",
        "2023-01-16T08:00 2023-04-14T08:00 2023-07-14T08:00",
    ),
    (
        "cron(0 8 1W APR ? *)",
        "2023-04-03T08:00 2024-04-01T08:00 2025-04-01T08:00",
    ),
    (
        "cron(0 8 31W DEC ? *)",
        "2023-12-29T08:00 2024-12-31T08:00 2025-12-31T08:00",
    ),
    (
        "cron(0 8 ? * L *)",
        "2023-01-07T08:00 2023-01-14T08:00 2023-01-21T08:00",
    ),
    (
        "cron(0 8 ? * 6L *)",
        "2023-01-27T08:00 2023-02-24T08:00 2023-03-31T08:00",
    ),
    (
        "cron(0 8 ? * FRIL *)",
        "2023-01-27T08:00 2023-02-24T08:00 2023-03-31T08:00",
    ),
    (
        "cron(0 8 ? * 3#2 *)",
        "2023-01-10T08:00 2023-02-14T08:00 2023-03-14T08:00",
    ),
    (
        "cron(0 8 ? * TUE#1 *)",
        "2023-01-03T08:00 2023-02-07T08:00 2023-03-07T08:00",
    ),
    (
        "cron(0 8 ? * SUN#5 *)",
        "2023-01-29T08:00 2023-04-30T08:00 2023-07-30T08:00",
    ),
    (
        "cron(0 8 1 JAN-MAR ? *)",
        "2023-01-01T08:00 2023-02-01T08:00 2023-03-01T08:00",
    ),
    (
        "cron(0 8 1 jul ? *)",
        "2023-07-01T08:00 2024-07-01T08:00 2025-07-01T08:00",
    ),
    (
        "cron(0 8 1 1/6 ? *)",
        "2023-01-01T08:00 2023-07-01T08:00 2024-01-01T08:00",
    ),
    (
        "cron(0 8 1 1 ? 2023-2199/2)",
        "2023-01-01T08:00 2025-01-01T08:00 2027-01-01T08:00",
    ),
    (
        "rate(1 minute)",
        "2023-01-01T00:01 2023-01-01T00:02 2023-01-01T00:03",
    ),
    (
        "rate(5 minutes)",
        "2023-01-01T00:05 2023-01-01T00:10 2023-01-01T00:15",
    ),
    (
        "rate(1 hour)",
        "2023-01-01T01:00 2023-01-01T02:00 2023-01-01T03:00",
    ),
    (
        "rate(12 hours)",
        "2023-01-01T12:00 2023-01-02T00:00 2023-01-02T12:00",
    ),
    (
        " rate( 1  day ) ",
        "2023-01-02T00:00 2023-01-03T00:00 2023-01-04T00:00",
    ),
    (
        "rate(366 days)",
        "2024-01-02T00:00 2025-01-02T00:00 2026-01-03T00:00",
    ),
];

#[test]
fn what_is_written_as_it_should_be_comes_when_it_says() {
    for (text, expected) in RUNS {
        let runs: Vec<String> = expected.split(' ').map(|run| format!("{run}:00Z")).collect();
        assert_eq!(next(text, "UTC"), runs, "{text}");
    }
}

/// Expressions, and the first of what is wrong with them: rule, first and last character.
const WRONG: &[(&str, &str, usize, usize)] = &[
    ("", "empty_expression", 1, 1),
    ("   ", "empty_expression", 1, 3),
    ("cron()", "wrong_fields", 6, 6),
    ("cron(0 2 * * ?)", "wrong_fields", 6, 14),
    ("cron(0 2 * *)", "wrong_fields", 6, 12),
    ("0 2 * * *", "wrong_fields", 1, 9),
    ("cron(0 0 2 * * ? *)", "quartz_seconds", 6, 6),
    ("0 0/5 14 * * ? 2023", "quartz_seconds", 1, 1),
    ("0 0 2 * * ?", "quartz_seconds", 1, 11),
    ("cron(0 0 2 ? * MON-FRI)", "quartz_seconds", 6, 22),
    ("cron(0 0 0 0 0 0 0 0)", "wrong_fields", 6, 20),
    ("cron(60 2 * * ? *)", "out_of_range", 6, 7),
    ("cron(-1 2 * * ? *)", "missing_value", 6, 6),
    ("cron(0 24 * * ? *)", "out_of_range", 8, 9),
    ("cron(0 2 0 * ? *)", "out_of_range", 10, 10),
    ("cron(0 2 32 * ? *)", "out_of_range", 10, 11),
    ("cron(0 2 * 13 ? *)", "out_of_range", 12, 13),
    ("cron(0 2 * 0 ? *)", "out_of_range", 12, 12),
    ("cron(0 2 ? * 8 *)", "out_of_range", 14, 14),
    ("cron(0 2 ? * 0 *)", "out_of_range", 14, 14),
    ("cron(0 2 * * ? 1969)", "out_of_range", 16, 19),
    ("cron(0 2 * * ? 2200)", "out_of_range", 16, 19),
    ("cron(0 2 * FOO ? *)", "bad_value", 12, 14),
    ("cron(0 2 ? * MONDAY *)", "bad_value", 14, 19),
    ("cron(a 2 * * ? *)", "bad_value", 6, 6),
    ("cron(0 2 * * * *)", "both_days", 14, 14),
    ("cron(0 2 1 * MON *)", "both_days", 14, 16),
    ("cron(0 2 ? * ? *)", "both_days", 14, 14),
    ("cron(? 2 * * ? *)", "bad_question_mark", 6, 6),
    ("cron(0 2 * ? ? *)", "bad_question_mark", 12, 12),
    ("cron(/5 * * * ? *)", "bad_step", 6, 6),
    ("cron(0/0 * * * ? *)", "bad_step", 8, 8),
    ("cron(0/60 * * * ? *)", "bad_step", 8, 9),
    ("cron(0/x * * * ? *)", "bad_step", 8, 8),
    ("cron(0/5/5 * * * ? *)", "bad_step", 6, 10),
    ("cron(30-10 * * * ? *)", "bad_range", 6, 10),
    ("cron(1-2-3 * * * ? *)", "bad_range", 6, 10),
    ("cron(0 2 ? * FRI-MON *)", "bad_range", 14, 20),
    ("cron(1,,2 * * * ? *)", "missing_value", 8, 8),
    ("cron(1, 2 * * ? *)", "missing_value", 8, 8),
    ("cron(0 2 LW * ? *)", "bad_day", 10, 11),
    ("cron(0 2 L-3 * ? *)", "bad_day", 10, 12),
    ("cron(0 2 1,L * ? *)", "bad_day", 10, 12),
    ("cron(0 2 W * ? *)", "bad_day", 10, 10),
    ("cron(0 2 32W * ? *)", "out_of_range", 10, 11),
    ("cron(0 2 3#2 * ? *)", "bad_day", 10, 12),
    ("cron(0 2 ? * 3#6 *)", "out_of_range", 16, 16),
    ("cron(0 2 ? * 3#0 *)", "out_of_range", 16, 16),
    ("cron(0 2 ? * 3#1#2 *)", "bad_day", 14, 18),
    ("cron(0 2 ? * 8L *)", "out_of_range", 14, 14),
    ("cron(0 2 ? * 5W *)", "bad_day", 14, 15),
    ("cron(0 2 30 FEB ? *)", "never", 10, 11),
    ("cron(0 2 31 4,6,9,11 ? *)", "never", 10, 11),
    ("cron(0 2 29 2 ? 2023)", "never", 10, 11),
    ("rate()", "bad_rate", 6, 6),
    ("rate(5)", "bad_rate", 6, 6),
    ("rate(5 minutes ago)", "bad_rate", 6, 18),
    ("rate(0 minutes)", "bad_rate_value", 6, 6),
    ("rate(-5 minutes)", "bad_rate_value", 6, 7),
    ("rate(1.5 hours)", "bad_rate_value", 6, 8),
    ("rate(99999999999 days)", "bad_rate_value", 6, 16),
    ("rate(367 days)", "bad_rate_value", 6, 8),
    ("rate(8785 hours)", "bad_rate_value", 6, 9),
    ("rate(527041 minutes)", "bad_rate_value", 6, 11),
    ("rate(0 weeks)", "bad_rate_unit", 8, 12),
    ("rate(1 minutes)", "bad_rate_unit", 8, 14),
    ("rate(5 minute)", "bad_rate_unit", 8, 13),
    ("rate(1 week)", "bad_rate_unit", 8, 11),
    ("rate(5 Minutes)", "bad_rate_unit", 8, 14),
    ("at(2023-01-01T00:00:00)", "bad_expression", 1, 23),
    ("every(5 minutes)", "bad_expression", 1, 16),
    ("cron(0 2 * * ? *", "bad_expression", 1, 16),
    ("Cron(0 2 * * ? *)", "bad_expression", 1, 17),
    ("cron(0 2 *\t* ? *)", "bad_expression", 1, 17),
    ("cron(0 2 * * ? *)\n", "bad_expression", 1, 18),
    ("ünd 2 * * ? *", "bad_value", 1, 3),
];

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, code, first, last) in WRONG {
        let found = errors(text);
        assert_eq!(
            found.first(),
            Some(&(*code, *first, *last)),
            "{text}: {}",
            messages(text)
        );
    }
}

#[test]
fn all_errors_are_told_at_once_in_their_order() {
    let found = errors("cron(60 24 0 13 ? 1969)");
    let places: Vec<usize> = found.iter().map(|(_, first, _)| *first).collect();
    assert_eq!(places, [6, 9, 12, 14, 19]);
    assert_eq!(
        messages("cron(60 2 * * ? *)"),
        "characters 6 to 7: minutes: \"60\" is not 0 to 59"
    );
}

#[test]
fn an_expression_is_kept_as_eventbridge_takes_it() {
    for (text, kept) in [
        (" 0  2 ? * mon-fri * ", "cron(0 2 ? * MON-FRI *)"),
        ("cron( 0 2 L jan ? * )", "cron(0 2 L JAN ? *)"),
        ("rate( 5   minutes )", "rate(5 minutes)"),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.to_string(), kept);
        assert_eq!(Expression::parse(kept).unwrap(), expression);
    }
}

#[test]
fn clocks_that_change_skip_and_do_not_repeat() {
    // In New York, 02:30 is skipped on 12 March 2023; 01:30 comes twice on 5 November.
    assert_eq!(
        next_after("cron(30 2 * * ? *)", "America/New_York", "2023-03-11T00:00:00Z"),
        [
            "2023-03-11T07:30:00Z",
            "2023-03-13T06:30:00Z",
            "2023-03-14T06:30:00Z"
        ]
    );
    assert_eq!(
        next_after("cron(30 1 * * ? *)", "America/New_York", "2023-11-04T12:00:00Z"),
        [
            "2023-11-05T05:30:00Z",
            "2023-11-06T06:30:00Z",
            "2023-11-07T06:30:00Z"
        ]
    );
    assert_eq!(
        next("cron(0 9 * * ? *)", "Asia/Kolkata"),
        [
            "2023-01-01T03:30:00Z",
            "2023-01-02T03:30:00Z",
            "2023-01-03T03:30:00Z"
        ]
    );
}

#[test]
fn what_is_over_does_not_come_again() {
    assert_eq!(next("cron(0 8 1 1 ? 2020-2022)", "UTC"), Vec::<String>::new());
    assert_eq!(next("cron(0 8 1 1 ? 2023)", "UTC"), ["2023-01-01T08:00:00Z"]);
}

#[test]
fn a_rate_counts_from_its_beginning() {
    let (since, after) = ("2023-01-01T00:00:30Z", "2023-01-01T01:00:00Z");
    let (since, after): (Timestamp, Timestamp) = (since.parse().unwrap(), after.parse().unwrap());
    let rate = Expression::parse("rate(7 minutes)").unwrap();
    let runs = rate.next_runs(since, after, &time_zone("UTC").unwrap(), 2);
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    assert_eq!(runs, ["2023-01-01T01:03:30Z", "2023-01-01T01:10:30Z"]);
}

#[test]
fn time_zones_are_those_of_the_database() {
    for name in [
        "UTC",
        "Asia/Kolkata",
        "Europe/Berlin",
        "America/Argentina/Ushuaia",
        "Etc/GMT+5",
    ] {
        assert!(time_zone(name).is_some(), "{name}");
    }
    for name in [
        "",
        "IST+5",
        "asia/kolkata",
        "+05:30",
        "Mars/Base",
        "../etc/passwd",
    ] {
        assert!(time_zone(name).is_none(), "{name}");
    }
}
