//! How files are written, as specs say it.

use millrace_core::csv::{CsvFormat, Encoding, NumberFormat, OnError, Quote, ShortRows, UnknownColumns};
use millrace_core::field::ColumnHeader;
use serde_json::{Value, json};

use super::{attendance_event, found, one, school_dimension, with};
use crate::{check_dimension, check_event};

const PROPERTIES: &str = "/input/properties/event/items/properties";

fn event(properties: Value) -> Value {
    let body = with(attendance_event(), PROPERTIES, properties);
    with(body, "/input/properties/event/items/required", json!([]))
}

fn at(field: &str) -> String {
    format!("{PROPERTIES}/{field}")
}

#[test]
fn the_files_format_is_read_from_the_body() {
    assert_eq!(check_event(&attendance_event()).unwrap().csv, CsvFormat::PLAIN);
    let csv = json!({"encoding": "windows-1252", "delimiter": "|", "quote": "none", "null_values": ["NULL", "NA"],
        "short_rows": "fill", "unknown_columns": "ignore", "on_error": "reject_all"});
    let expected = CsvFormat {
        encoding: Encoding::Windows1252,
        delimiter: Some('|'),
        quote: Some(Quote::None),
        null_values: vec!["NULL".to_owned(), "NA".to_owned()],
        short_rows: ShortRows::Fill,
        unknown_columns: UnknownColumns::Ignore,
        on_error: OnError::RejectAll,
    };
    let event = check_event(&with(attendance_event(), "/csv", csv.clone())).unwrap();
    assert_eq!(event.csv, expected);
    assert_eq!(
        check_dimension(&with(school_dimension(), "/csv", csv))
            .unwrap()
            .csv,
        expected
    );
    for delimiter in ["\t", ";", "~", ":", " "] {
        let csv = json!({"delimiter": delimiter});
        let event = check_event(&with(attendance_event(), "/csv", csv)).unwrap();
        assert_eq!(event.csv.delimiter, delimiter.chars().next());
    }
    for (csv, pointer) in [
        (json!({"delimiter": ",,"}), "/csv/delimiter"),
        (json!({"delimiter": "a"}), "/csv/delimiter"),
        (json!({"delimiter": "\""}), "/csv/delimiter"),
        (json!({"delimiter": "\n"}), "/csv/delimiter"),
        (json!({"encoding": "latin1"}), "/csv/encoding"),
        (json!({"null_values": [""]}), "/csv/null_values/0"),
        (json!({"on_error": "ignore"}), "/csv/on_error"),
    ] {
        let refused = found(check_event(&with(attendance_event(), "/csv", csv.clone())));
        assert!(refused.iter().any(|(_, at)| at == pointer), "{csv}: {refused:?}");
    }
    let twice = with(attendance_event(), "/csv", json!({"null_values": ["NA", "NA"]}));
    let refused = check_event(&twice).unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#"invalid_spec at "/csv/null_values": has the same item twice"#
    );
}

#[test]
fn columns_have_headers_of_their_own() {
    let checked = check_event(&event(json!({
        "state_name": {"type": "string", "header": "state_code"},
        "state_code": {"type": "string", "header": "state_code", "headerOccurrence": 2},
        "total": {"type": "integer", "groupMark": ","},
        "share": {"type": "number", "header": "certification%", "groupMark": ".", "decimalMark": ","},
    })))
    .unwrap();
    let header = |text: &str, occurrence| {
        Some(ColumnHeader {
            text: text.to_owned(),
            occurrence,
        })
    };
    let headers: Vec<_> = checked.fields.iter().map(|field| field.header.clone()).collect();
    assert_eq!(
        headers,
        [
            header("state_code", 1),
            header("state_code", 2),
            None,
            header("certification%", 1)
        ]
    );
    let formats: Vec<_> = checked.fields.iter().map(|field| field.number_format).collect();
    let format = |group_mark, decimal_mark| {
        Some(NumberFormat {
            group_mark,
            decimal_mark,
        })
    };
    assert_eq!(
        formats,
        [None, None, format(Some(','), None), format(Some('.'), Some(','))]
    );
}

#[test]
fn what_does_not_go_together_is_named() {
    let refused = |properties: Value| found(check_event(&event(properties)));
    assert_eq!(
        refused(json!({"a": {"type": "string", "header": "b"}, "b": {"type": "string"}})),
        one("duplicate_header", &at("b"))
    );
    assert_eq!(
        refused(json!({"a": {"type": "string", "headerOccurrence": 2}})),
        one("rule_not_applicable", &at("a/headerOccurrence"))
    );
    assert_eq!(
        refused(json!({"a": {"type": "string", "groupMark": ","}})),
        one("rule_not_applicable", &at("a/groupMark"))
    );
    assert_eq!(
        refused(json!({"a": {"type": "integer", "decimalMark": ","}})),
        one("rule_not_applicable", &at("a/decimalMark"))
    );
    assert!(check_event(&event(json!({"a": {"type": "integer", "groupMark": "."}}))).is_ok());
    for marks in [
        json!({"type": "number", "groupMark": ",", "decimalMark": ","}),
        json!({"type": "number", "groupMark": "."}),
    ] {
        assert_eq!(
            refused(json!({"a": marks})),
            one("ambiguous_mark", &at("a/groupMark"))
        );
    }
}

#[test]
fn a_time_zone_goes_with_instants_and_is_one_of_the_database() {
    let at = at("seen_at");
    let declared = |zone: &str, format: &str| {
        let property = json!({"type": "string", "format": format, "timeZone": zone});
        with(attendance_event(), &at, property)
    };
    let event = check_event(&declared("Asia/Kolkata", "date-time")).unwrap();
    assert_eq!(
        event.fields.last().unwrap().time_zone.as_deref(),
        Some("Asia/Kolkata")
    );
    let pointer = format!("{at}/timeZone");
    for zone in ["asia/kolkata", "IST+5", "+05:30"] {
        let refused = found(check_event(&declared(zone, "date-time")));
        assert_eq!(refused, one("unknown_time_zone", &pointer), "{zone}");
    }
    let of_day = found(check_event(&declared("Asia/Kolkata", "date")));
    assert_eq!(of_day, one("rule_not_applicable", &pointer));
    let other = check_event(&declared("Asia/Kathmandu", "date-time")).unwrap();
    let differences = crate::compare::compare_events(&event, &other);
    let told: Vec<(&str, &str)> = differences
        .iter()
        .map(|one| (one.pointer.as_str(), one.meaning.code()))
        .collect();
    assert_eq!(told, [(pointer.as_str(), "format_changed")]);
}
