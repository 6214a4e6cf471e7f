//! What whoever wrote an expression is told to write.

use super::messages;
use crate::expression::Expression;

#[test]
fn whoever_writes_seconds_is_shown_the_form_without() {
    for (text, written) in [
        ("0 0 2 * * ? *", "cron(0 2 * * ? *)"),
        ("0 0/5 14 ? * MON-FRI 2023", "cron(0/5 14 ? * MON-FRI 2023)"),
        ("0 0 2 * * * *", "cron(0 2 * * ? *)"),
        ("0 0 2 * * ?", "cron(0 2 * * ? *)"),
        ("0 15 10 ? * 6L", "cron(15 10 ? * 6L *)"),
        ("0 2 * * *", "cron(0 2 * * ? *)"),
        ("0 2 * * MON", "cron(0 2 ? * MON *)"),
    ] {
        let message = messages(text);
        assert!(message.ends_with(written), "{text}: {message}");
        assert!(Expression::parse(written).is_ok(), "{written}");
    }
    for text in [
        "0 0 2 31 2 ? *",
        "0 0 0 0 0 0 0",
        "0 2 * * 0",
        "0 2 * * 1-5",
        "0 61 2 * * MON",
    ] {
        let message = messages(text);
        assert!(
            !message.contains("cron("),
            "no form would be right for {text}: {message}"
        );
    }
}

#[test]
fn whoever_writes_another_cron_is_told_which_fields_there_are() {
    const SIX: &str = "EventBridge takes six: minutes, hours, day of month, month, day of week, year";
    for (text, message) in [
        (
            "cron(0 0 2 * * ? *)",
            format!(
                "character 6: seven fields are a cron of Quartz, with seconds in front and a year behind; {SIX}; \
                 write cron(0 2 * * ? *)"
            ),
        ),
        (
            "0 0 2 * * ?",
            format!(
                "characters 1 to 11: \"?\" is no year: this is a cron of Quartz, with seconds in front and without \
                 a year; {SIX}; write cron(0 2 * * ? *)"
            ),
        ),
        (
            "0 2 * * *",
            format!("characters 1 to 9: five fields, without a year; {SIX}; write cron(0 2 * * ? *)"),
        ),
        (
            "0 2 * * 1",
            format!(
                "characters 1 to 9: five fields, without a year; {SIX}; days of the week count from 1, Sunday"
            ),
        ),
        ("cron(5)", format!("character 6: 1 field; {SIX}")),
        ("0 0 0 0 0 0 0 0", format!("characters 1 to 15: 8 fields; {SIX}")),
    ] {
        assert_eq!(messages(text), message, "{text}");
    }
}

#[test]
fn a_rate_out_of_its_bounds_is_told_them() {
    for (text, message) in [
        (
            "rate(99999999999 days)",
            "characters 6 to 16: a rate in days is a whole number from 1 to 366",
        ),
        (
            "rate(0 hours)",
            "character 6: a rate in hours is a whole number from 1 to 8784",
        ),
        (
            "rate(1.5 hour)",
            "characters 6 to 8: a rate in hours is a whole number from 1 to 8784",
        ),
        (
            "rate(527041 minutes)",
            "characters 6 to 11: a rate in minutes is a whole number from 1 to 527040",
        ),
    ] {
        assert_eq!(messages(text), message, "{text}");
    }
    for text in ["rate(366 days)", "rate(8784 hours)", "rate(527040 minutes)"] {
        assert!(Expression::parse(text).is_ok(), "{text}");
    }
}
