//! Times of a declared zone.

use millrace_core::csv::CsvFormat;
use millrace_core::field::Field;
use millrace_core::value;

use super::check_as;
use crate::check::json::JsonCheck;
use crate::header::FileFormat;
use crate::limits::Limits;
use crate::rejected::read_rejected;

const FIELDS: &str = r#"[{"name":"plain","type":"timestamp","required":false},
    {"name":"clock","type":"timestamp","required":false,"time_zone":"Europe/Berlin"},
    {"name":"shift","type":"timestamp","required":false,"time_zone":"Asia/Kolkata",
        "rules":{"one_of":["2023-01-08T06:00:00","2023-01-08T12:00:00Z"]}}]"#;

fn fields() -> Vec<Field> {
    serde_json::from_str(FIELDS).unwrap()
}

fn instant(text: &str) -> serde_json::Value {
    value::timestamp(text.as_bytes()).unwrap().into()
}

#[test]
fn times_without_an_offset_are_those_of_the_fields_zone() {
    let (fields, csv) = (fields(), CsvFormat::default());
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let text = "plain,clock,shift\n\
        2023-01-08T12:00:00,2023-01-08T12:00:00,2023-01-08T06:00:00\n\
        2023-07-08 12:00:00Z,2023-07-08 12:00:00Z,2023-01-08T00:30:00Z\n\
        ,2023-10-29T02:30:00,2023-01-08T17:30:00\n\
        2023-03-26T02:30:00,2023-03-26T02:30:00,\n\
        ,noon,2023-01-08T12:00:00\n";
    let (outcome, _) = check_as(format, text.as_bytes(), usize::MAX, Limits::default());
    let kept: Vec<Vec<serde_json::Value>> = outcome.kept.into_iter().map(|row| row.values).collect();
    let null = serde_json::Value::Null;
    let expected = [
        vec![
            instant("2023-01-08T12:00:00Z"),
            instant("2023-01-08T11:00:00Z"),
            instant("2023-01-08T00:30:00Z"),
        ],
        vec![
            instant("2023-07-08T12:00:00Z"),
            instant("2023-07-08T12:00:00Z"),
            instant("2023-01-08T00:30:00Z"),
        ],
        vec![
            null,
            instant("2023-10-29T00:30:00Z"),
            instant("2023-01-08T12:00:00Z"),
        ],
    ];
    assert_eq!(kept, expected);
    let told: Vec<(u64, &str, &str, &str)> = outcome
        .errors
        .iter()
        .map(|error| {
            let column = error.column.as_deref().unwrap_or_default();
            (error.line, column, error.rule.code(), error.expected.as_str())
        })
        .collect();
    let skipped =
        "a time that the clocks in Europe/Berlin show: they were put forward over this one; write its offset";
    let time = "an instant such as 2023-01-08T09:30:00+05:30, or a time in Europe/Berlin such as 2023-01-08T09:30:00";
    let shift = "one of 2023-01-08T06:00:00, 2023-01-08T12:00:00Z";
    assert_eq!(
        told,
        [
            (5, "clock", "skipped_time", skipped),
            (6, "clock", "wrong_type", time),
            (6, "shift", "not_allowed", shift)
        ]
    );
}

#[test]
fn batches_are_read_likewise() {
    let fields = fields();
    let rows = "{\"clock\":\"2023-03-26T02:30:00\"}\n{\"clock\":\"2023-03-26T03:30:00\"}\n";
    let mut check = JsonCheck::new(FileFormat::plain(&fields), Limits::default(), None).unwrap();
    check.push(rows.as_bytes()).unwrap();
    assert_eq!(check.finish().unwrap().counts.kept, 1);
    let (rejected, _) = read_rejected(&check.take_row_error_bytes());
    assert_eq!(rejected[0].errors[0].rule.code(), "skipped_time");
}

#[test]
fn a_zone_that_is_not_known_is_a_defect_of_the_spec() {
    let mut fields = fields();
    fields[1].time_zone = Some("Mars/Olympus".to_owned());
    let refused = JsonCheck::new(FileFormat::plain(&fields), Limits::default(), None);
    assert_eq!(refused.err().unwrap().code(), "unknown_time_zone");
}
