use millrace_core::field::{DateFormat, FieldType};
use serde_json::{Value, json};

use super::{attendance_event, found, one, school_dimension, with};
use crate::{check_dimension, check_event};

const FIELDS: &str = "/input/properties/event/items/properties";
const ITEMS: &str = "/input/properties/dimension/items";

fn field(text: &str) -> String {
    format!("{FIELDS}/{text}")
}

#[test]
fn the_seeds_dimension_compiles() {
    let dimension = check_dimension(&school_dimension()).unwrap();
    let expected = json!({
        "name": "dimension_school",
        "fields": [
            {"name": "school_id", "type": "text", "required": true, "date_format": "YYYY-MM-DD",
             "rules": {"pattern": "^[a-z,A-Z,0-9]{10}$"}},
            {"name": "school_name", "type": "text", "required": true, "date_format": "YYYY-MM-DD", "rules": {}},
            {"name": "cluster_id", "type": "text", "required": false, "date_format": "YYYY-MM-DD", "rules": {}},
            {"name": "latitude", "type": "decimal", "required": false, "date_format": "YYYY-MM-DD", "rules": {}},
        ],
        "key": ["school_id"],
    });
    assert_eq!(serde_json::to_value(dimension).unwrap(), expected);
}

#[test]
fn the_seeds_event_compiles() {
    let event = check_event(&attendance_event()).unwrap();
    let names: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "date",
            "school_id",
            "grade",
            "students_attendance_marked",
            "total_students"
        ]
    );
    assert_eq!(event.fields[0].field_type, FieldType::Date);
    assert_eq!(event.fields[2].rules.minimum.unwrap().to_string(), "1");
    assert!(event.fields.iter().all(|field| field.required));
}

#[test]
fn a_key_is_declared_or_unique_or_the_first_required() {
    let keyed = |body| -> Vec<String> {
        let dimension = check_dimension(&body).unwrap();
        for key in &dimension.key {
            assert!(
                dimension
                    .fields
                    .iter()
                    .any(|field| field.name == *key && field.required)
            );
        }
        dimension.key.iter().map(ToString::to_string).collect()
    };
    let unique = with(
        school_dimension(),
        &format!("{ITEMS}/properties/cluster_id/unique"),
        json!(true),
    );
    assert_eq!(keyed(unique.clone()), ["cluster_id"]);
    let declared = with(unique, &format!("{ITEMS}/key"), json!(["school_id", "latitude"]));
    assert_eq!(keyed(declared), ["school_id", "latitude"]);
    let reordered = with(
        school_dimension(),
        &format!("{ITEMS}/required"),
        json!(["school_name", "school_id"]),
    );
    assert_eq!(keyed(reordered), ["school_name"]);
    let unknown = with(
        school_dimension(),
        &format!("{ITEMS}/key"),
        json!(["school_id", "nope"]),
    );
    assert_eq!(
        found(check_dimension(&unknown)),
        one("unknown_field", &format!("{ITEMS}/key/1"))
    );
    let twice = with(
        school_dimension(),
        &format!("{ITEMS}/key"),
        json!(["school_id", "school_id"]),
    );
    assert_eq!(
        found(check_dimension(&twice)),
        one("duplicate_name", &format!("{ITEMS}/key/1"))
    );
    let none = with(
        school_dimension(),
        ITEMS,
        json!({"properties": {"a": {"type": "string"}}}),
    );
    assert_eq!(found(check_dimension(&none)), one("no_key", ITEMS));
}

#[test]
fn types_and_formats_map_to_field_types() {
    let cases = [
        (
            json!({"type": "boolean"}),
            FieldType::Boolean,
            DateFormat::YearMonthDay,
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            FieldType::Timestamp,
            DateFormat::YearMonthDay,
        ),
        (
            json!({"type": "string", "format": "date", "dateFormat": "DD/MM/YYYY"}),
            FieldType::Date,
            DateFormat::DayMonthYearSlash,
        ),
        (
            json!({"type": "string", "format": "date", "dateFormat": "DD-MM-YYYY"}),
            FieldType::Date,
            DateFormat::DayMonthYearDash,
        ),
    ];
    for (property, field_type, date_format) in cases {
        let event = check_event(&with(attendance_event(), &field("date"), property.clone())).unwrap();
        assert_eq!(
            (event.fields[0].field_type, event.fields[0].date_format),
            (field_type, date_format),
            "{property}"
        );
    }
}

#[test]
fn bounds_are_exact_and_every_rule_is_kept() {
    let property = json!({"type": "number", "minimum": 0.1, "exclusiveMaximum": 1e-6, "enum": [0.5, 7]});
    let body = with(attendance_event(), &field("grade"), property);
    assert_eq!(
        found(check_event(&body)),
        one("empty_range", &field("grade/exclusiveMaximum"))
    );
    let property = json!({"type": "number", "exclusiveMinimum": -0.000_001, "maximum": 12345678901234567890_u64, "enum": [0.5, 7]});
    let event = check_event(&with(attendance_event(), &field("grade"), property)).unwrap();
    let rules = &event.fields[2].rules;
    assert_eq!(rules.exclusive_minimum.unwrap().to_string(), "-0.000001");
    assert_eq!(rules.maximum.unwrap().to_string(), "12345678901234567890");
    assert_eq!(rules.one_of.as_deref().unwrap(), ["0.5", "7"]);
    let property =
        json!({"type": "string", "minLength": 1, "maxLength": 3, "pattern": "a|b", "enum": ["a", "b"]});
    let event = check_event(&with(attendance_event(), &field("grade"), property)).unwrap();
    let rules = &event.fields[2].rules;
    assert_eq!(
        (rules.min_length, rules.max_length, rules.pattern.as_deref()),
        (Some(1), Some(3), Some("a|b"))
    );
}

#[test]
fn each_broken_rule_of_a_field_has_its_pointer() {
    let cases: Vec<(Value, String, String)> =
        serde_json::from_str(include_str!("../../testdata/field_errors.json")).unwrap();
    for (property, code, pointer) in cases {
        let body = with(attendance_event(), &field("grade"), property.clone());
        assert_eq!(
            found(check_event(&body)),
            one(&code, &field(&pointer)),
            "{property}"
        );
    }
}

#[test]
fn all_problems_come_at_once() {
    let body = with(attendance_event(), &field("grade/minimum"), json!(20));
    let body = with(body, &field("date/pattern"), json!("("));
    let body = with(body, &field("GRADE"), json!({"type": "string"}));
    let body = with(body, "/input/properties/event/items/required/0", json!("nope"));
    let expected = [
        ("rule_not_applicable", field("date/pattern")),
        ("bad_pattern", field("date/pattern")),
        ("empty_range", field("grade/maximum")),
        ("duplicate_name", field("GRADE")),
        (
            "unknown_field",
            "/input/properties/event/items/required/0".to_owned(),
        ),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(code, pointer)| (code.to_owned(), pointer))
        .collect();
    assert_eq!(found(check_event(&body)), expected);
}

#[test]
fn the_names_in_a_body_agree() {
    let body = with(
        school_dimension(),
        "/input/properties/target_table/pattern",
        json!("ingestion.other"),
    );
    assert_eq!(
        found(check_dimension(&body)),
        one("wrong_table", "/input/properties/target_table/pattern")
    );
    let body = with(
        school_dimension(),
        "/input/properties/dimension_name/pattern",
        json!("other"),
    );
    assert_eq!(
        found(check_dimension(&body)),
        one("wrong_value", "/input/properties/dimension_name/pattern")
    );
    let body = with(school_dimension(), "/ingestion_type", json!("event"));
    assert_eq!(
        found(check_dimension(&body)),
        one("wrong_value", "/ingestion_type")
    );
    let body = with(school_dimension(), "/input/required/2", json!("other"));
    assert_eq!(
        found(check_dimension(&body)),
        one("unknown_field", "/input/required/2")
    );
}

#[test]
fn the_seeds_other_keywords_are_taken_and_ignored() {
    let body = with(
        school_dimension(),
        &format!("{ITEMS}/properties/school_name/stripNewline"),
        json!(true),
    );
    let body = with(body, "/input/properties/indexes", json!([["school_id"]]));
    let body = with(body, "/input/psql_schema", json!("ingestion"));
    assert_eq!(
        check_dimension(&body).unwrap(),
        check_dimension(&school_dimension()).unwrap()
    );
}
