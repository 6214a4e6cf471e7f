use millrace_core::definition::DatasetDefinition;
use serde_json::{Value, json};

use super::{
    Difference, Meaning, compare_bodies, compare_datasets, compare_dimensions, compare_events,
    compare_schedules, compare_sources, compare_transformers, is_additive, stored_dataset, stored_dimension,
};
use crate::tests::{attendance_dataset, attendance_event, catalogue, school_dimension, with};
use crate::{check_dataset, check_dimension, check_event, check_schedule, check_source, check_transformer};

const EVENT: &str = "/input/properties/event/items";
const DIMENSION: &str = "/input/properties/dimension/items";
const SET: &str = "/input/properties/dataset/properties";
const AGGREGATE: &str = "/input/properties/dataset/properties/aggregate/properties";
const COLUMNS: &str = "/input/properties/dataset/properties/items/items/properties";

fn codes(differences: &[Difference]) -> Vec<(&str, &str)> {
    let one = |difference: &Difference| difference.meaning.code();
    differences
        .iter()
        .map(|difference| (one(difference), difference.pointer.as_str()))
        .collect()
}

/// An event with one field of these rules, an integer unless they say otherwise.
fn ruled(rules: &str) -> Value {
    let mut field: Value = serde_json::from_str(rules).unwrap();
    field
        .as_object_mut()
        .unwrap()
        .entry("type")
        .or_insert(json!("integer"));
    json!({"ingestion_type": "event", "event_name": "e", "input": {"properties": {"event": {"items": {
        "properties": {"x": field}}}}}})
}

fn compared(from: &Value, to: &Value) -> Vec<Difference> {
    compare_events(&check_event(from).unwrap(), &check_event(to).unwrap())
}

/// Rules before and after, and what that means for which member.
#[rustfmt::skip]
const CASES: [[&str; 4]; 23] = [
    ["{}", r#"{"minimum": 1}"#, "rule_tightened", "minimum"],
    [r#"{"minimum": 1}"#, r#"{"minimum": 1.0}"#, "", ""],
    [r#"{"minimum": 2}"#, r#"{"minimum": 1}"#, "rule_loosened", "minimum"],
    // Above one is tighter than from one on, and below ten than up to ten.
    [r#"{"minimum": 1}"#, r#"{"exclusiveMinimum": 1}"#, "rule_tightened", "exclusiveMinimum"],
    [r#"{"exclusiveMinimum": 1}"#, r#"{"minimum": 1}"#, "rule_loosened", "minimum"],
    [r#"{"maximum": 10}"#, r#"{"exclusiveMaximum": 10}"#, "rule_tightened", "exclusiveMaximum"],
    [r#"{"maximum": 10}"#, r#"{"maximum": 11}"#, "rule_loosened", "maximum"],
    [r#"{"maximum": 10}"#, r#"{"maximum": 9}"#, "rule_tightened", "maximum"],
    [r#"{"enum": [1, 2]}"#, r#"{"enum": [2, 1]}"#, "", ""],
    [r#"{"enum": [1, 2]}"#, r#"{"enum": [2, 1, 3]}"#, "rule_loosened", "enum"],
    [r#"{"enum": [1, 2]}"#, r#"{"enum": [1, 3]}"#, "rule_tightened", "enum"],
    ["{}", r#"{"enum": [1]}"#, "rule_tightened", "enum"],
    [r#"{"shouldnotnull": true}"#, "{}", "rule_loosened", "required"],
    ["{}", r#"{"shouldnotnull": true}"#, "rule_tightened", "required"],
    ["{}", r#"{"header": "X"}"#, "format_changed", "header"],
    ["{}", r#"{"groupMark": ","}"#, "format_changed", "groupMark"],
    ["{}", r#"{"type": "string"}"#, "type_changed", "type"],
    [r#"{"type": "string"}"#, r#"{"type": "string", "minLength": 0}"#, "", ""],
    [r#"{"type": "string"}"#, r#"{"type": "string", "minLength": 1}"#, "rule_tightened", "minLength"],
    [r#"{"type": "string", "maxLength": 5}"#, r#"{"type": "string"}"#, "rule_loosened", "maxLength"],
    [r#"{"type": "string", "maxLength": 5}"#, r#"{"type": "string", "maxLength": 4}"#, "rule_tightened", "maxLength"],
    [r#"{"type": "string", "pattern": "a"}"#, r#"{"type": "string"}"#, "rule_loosened", "pattern"],
    [r#"{"type": "string", "pattern": "a"}"#, r#"{"type": "string", "pattern": "b"}"#, "rule_changed", "pattern"],
];

#[test]
fn a_rule_is_looser_tighter_or_neither() {
    for [from, to, code, member] in CASES {
        let found = compared(&ruled(from), &ruled(to));
        let at = match member {
            "required" => format!("{EVENT}/required"),
            member => format!("{EVENT}/properties/x/{member}"),
        };
        let expected = [(code, at.as_str())];
        let expected = &expected[usize::from(member.is_empty())..];
        assert_eq!(codes(&found), expected, "{from} -> {to}");
        let is_good = ["", "rule_loosened", "format_changed"].contains(&code);
        assert_eq!(is_additive(&found), is_good, "{from} -> {to}");
    }
}

#[test]
fn fields_come_anywhere_and_never_go() {
    let event = attendance_event();
    let place = format!("{EVENT}/properties/note");
    let more = with(event.clone(), &place, json!({"type": "string"}));
    let found = compared(&event, &more);
    assert_eq!(codes(&found), [("field_added", place.as_str())]);
    assert!(is_additive(&found));
    assert_eq!(
        codes(&compared(&more, &event)),
        [("field_removed", place.as_str())]
    );
    let must = with(
        event.clone(),
        &place,
        json!({"type": "string", "shouldnotnull": true}),
    );
    assert_eq!(
        codes(&compared(&event, &must)),
        [("required_field_added", place.as_str())]
    );
    let csv = with(event.clone(), "/csv", json!({"delimiter": ";", "quote": "none"}));
    let found = compared(&event, &csv);
    assert_eq!(
        codes(&found),
        [
            ("format_changed", "/csv/delimiter"),
            ("format_changed", "/csv/quote")
        ]
    );
    assert!(is_additive(&found));
}

/// Columns are kept by place: those that are there stay where they are.
#[test]
fn a_dimensions_new_field_comes_behind_the_others_wherever_the_body_has_it() {
    let body = school_dimension();
    let from = check_dimension(&body).unwrap();
    let properties = body.pointer(&format!("{DIMENSION}/properties")).unwrap();
    let mut reordered = json!({"opened_on": {"type": "string", "format": "date"}});
    for (name, property) in properties.as_object().unwrap().iter().rev() {
        reordered[name] = property.clone();
    }
    let to = check_dimension(&with(body.clone(), &format!("{DIMENSION}/properties"), reordered)).unwrap();
    assert_eq!(to.fields[0].name.as_str(), "opened_on");
    let found = compare_dimensions(&from, &to);
    let place = format!("{DIMENSION}/properties/opened_on");
    assert_eq!(codes(&found), [("field_added", place.as_str())]);
    let stored = stored_dimension(&from, to);
    assert_eq!(stored.fields[..from.fields.len()], from.fields[..]);
    assert_eq!(stored.fields.last().unwrap().name.as_str(), "opened_on");
    let other_key = with(body, &format!("{DIMENSION}/key"), json!(["school_name"]));
    let found = compare_dimensions(&from, &check_dimension(&other_key).unwrap());
    assert_eq!(
        codes(&found)[0],
        ("key_changed", format!("{DIMENSION}/key").as_str())
    );
    assert!(!is_additive(&found));
}

#[test]
fn a_dataset_may_serve_more_of_what_its_cells_keep() {
    let body = attendance_dataset();
    let from = check_dataset(&body, &catalogue()).unwrap();
    let compiled = |body: &Value| check_dataset(body, &catalogue()).unwrap();
    let more = with(
        body.clone(),
        &format!("{AGGREGATE}/function"),
        json!(["avg", "sum"]),
    );
    let place = format!("{COLUMNS}/avg_total_students");
    let to = compiled(&with(more, &place, json!({"type": "number"})));
    let found = compare_datasets(&from, &to);
    assert_eq!(codes(&found), [("output_added", place.as_str())]);
    assert!(is_additive(&found));
    // The columns of a view come behind those that are there.
    let mut first = to.clone();
    first.outputs.rotate_right(1);
    assert_eq!(first.outputs[0].name.as_str(), "avg_total_students");
    assert_eq!(stored_dataset(&from, first), to);
    let found = compare_datasets(&to, &from);
    assert_eq!(codes(&found), [("output_removed", place.as_str())]);
}

#[test]
fn a_dataset_whose_cells_would_keep_something_else_is_another_one() {
    let body = attendance_dataset();
    let from = check_dataset(&body, &catalogue()).unwrap();
    let compiled = |body: &Value| check_dataset(body, &catalogue()).unwrap();
    let extremes = with(
        body.clone(),
        &format!("{AGGREGATE}/function"),
        json!(["sum", "min"]),
    );
    let extremes = with(
        extremes,
        &format!("{COLUMNS}/min_total_students"),
        json!({"type": "number"}),
    );
    let found = compare_datasets(&from, &compiled(&extremes));
    let cells = format!("{AGGREGATE}/columns/items/properties/column");
    assert_eq!(codes(&found)[0], ("cells_changed", cells.as_str()));
    assert_eq!(
        found[0].message,
        "cells keep no least and greatest value of total_students"
    );
    assert!(!is_additive(&found));

    let grouped = with(
        body.clone(),
        &format!("{SET}/group_by"),
        json!(["date", "school_id", "grade"]),
    );
    let grouped = with(grouped, &format!("{COLUMNS}/grade"), json!({"type": "integer"}));
    let found = compare_datasets(&from, &compiled(&grouped));
    let place = format!("{SET}/group_by");
    assert_eq!(
        codes(&found),
        [
            ("grouping_changed", place.as_str()),
            ("cells_changed", place.as_str())
        ]
    );

    let filter = |value: &str| json!({"type": "string", "pattern": value});
    let filters = json!({"properties": {"filter_col": filter("grade"), "filter_type": filter(">="), "filter": filter("2")}});
    let filtered = compiled(&with(body.clone(), &format!("{AGGREGATE}/filters"), filters));
    let found = compare_datasets(&from, &filtered);
    assert_eq!(
        found[0].message,
        "cells keep nothing of students_attendance_marked where the filters hold"
    );
    let alone = compiled(&with(body, "/input/properties/dimensions", Value::Null));
    let found = compare_datasets(&from, &alone);
    assert_eq!(
        codes(&found),
        [("dimension_changed", "/input/properties/dimensions")]
    );
}

#[test]
fn the_catalogue_is_free() {
    let body = attendance_dataset();
    let entry =
        |category: &str| json!({"category": category, "indicator": "attendance", "levels": ["school_id"]});
    let from = check_dataset(&body, &catalogue()).unwrap();
    let one = check_dataset(&with(body.clone(), "/catalogue", entry("a")), &catalogue()).unwrap();
    let other = check_dataset(&with(body, "/catalogue", entry("b")), &catalogue()).unwrap();
    assert_eq!(
        codes(&compare_datasets(&from, &one)),
        [("catalogue_changed", "/catalogue")]
    );
    assert_eq!(
        codes(&compare_datasets(&one, &other)),
        [("catalogue_changed", "/catalogue/category")]
    );
    assert!(is_additive(&compare_datasets(&one, &other)));
    assert_eq!(
        codes(&compare_datasets(&one, &from)),
        [("catalogue_changed", "/catalogue")]
    );
    assert!(compare_datasets(&one, &one).is_empty());
}

#[test]
fn a_source_keeps_its_target() {
    let body = json!({"ingestion_type": "source", "source_name": "s",
        "list": {"kind": "html", "url": "https://a.example/", "pattern": "(?<date>.*)", "date_format": "YYYY-MM-DD"},
        "target": {"ingestion_type": "event", "ingestion_name": "e"}, "allowed_hosts": ["a.example"]});
    let from = check_source(&body).unwrap();
    let slow = check_source(&with(body.clone(), "/max_file_bytes", json!(5))).unwrap();
    let found = compare_sources(&from, &slow);
    assert_eq!(codes(&found), [("source_changed", "/max_file_bytes")]);
    assert!(is_additive(&found));
    let moved = check_source(&with(body, "/target/ingestion_name", json!("f"))).unwrap();
    let found = compare_sources(&from, &moved);
    assert_eq!(codes(&found), [("target_changed", "/target")]);
    assert!(!is_additive(&found));
}

#[test]
fn a_transformer_keeps_its_plan() {
    let event = check_event(&attendance_event()).unwrap();
    let body = json!({"ingestion_type": "transformer", "transformer_name": "t", "event_name": "event_students_attendance",
        "steps": [{"filter": [{"column": "grade", "operator": ">", "value": "2"}]}]});
    let from = check_transformer(&body, Some(&event)).unwrap();
    let other = with(body, "/steps/0/filter/0/operator", json!(">="));
    let found = compare_transformers(&from, &check_transformer(&other, Some(&event)).unwrap());
    assert_eq!(codes(&found), [("plan_changed", "/steps")]);
    assert!(!is_additive(&found));
    assert!(compare_transformers(&from, &from).is_empty());
    // A dataset has the steps that it was compiled with.
    let dataset = check_dataset(&attendance_dataset(), &catalogue()).unwrap();
    let transformed = DatasetDefinition {
        steps: from.steps,
        ..dataset.clone()
    };
    let found = compare_datasets(&dataset, &transformed);
    assert_eq!(codes(&found), [("feed_changed", "/transformer_name")]);
}

#[test]
fn texts_are_told_and_what_means_nothing_is_told_as_that() {
    let place = format!("{EVENT}/properties/total_students/description");
    let from = attendance_event();
    let to = with(from.clone(), &place, json!("all of them"));
    let texts = |from: &Value, to: &Value| {
        let mut found = compared(from, to);
        compare_bodies(from, to, &mut found);
        found
    };
    let found = texts(&from, &to);
    assert_eq!(codes(&found), [("text_changed", place.as_str())]);
    assert_eq!(codes(&texts(&to, &from)), [("text_changed", place.as_str())]);
    assert!(is_additive(&found));
    let other = with(from.clone(), "/input/type", Value::Null);
    assert_eq!(codes(&texts(&from, &other)), [("written_otherwise", "")]);
    assert!(texts(&from, &from).is_empty());
    // A field may be called description.
    let field = with(
        from.clone(),
        &format!("{EVENT}/properties/description"),
        json!({"type": "string"}),
    );
    let expected = format!("{EVENT}/properties/description");
    assert_eq!(codes(&texts(&from, &field)), [("field_added", expected.as_str())]);
}

#[test]
fn a_schedule_may_run_at_other_times_and_begin_nothing_else() {
    let schedule = |target: (&str, &str), at: &str| {
        let mut body = json!({"ingestion_type": "schedule", "schedule_name": "archive", "scheduled_at": at});
        body[target.0] = json!(target.1);
        check_schedule(&body).unwrap()
    };
    let moves = schedule(("scheduled_type", "Archive"), "rate(1 day)");
    for (to, member, meaning) in [
        (
            schedule(("scheduled_type", "Archive"), "rate(2 days)"),
            "/scheduled_at",
            Meaning::ScheduleChanged,
        ),
        (
            schedule(("scheduled_type", "Error"), "rate(1 day)"),
            "/scheduled_type",
            Meaning::TargetChanged,
        ),
        (
            schedule(("pipeline_name", "archive"), "rate(1 day)"),
            "/pipeline_name",
            Meaning::TargetChanged,
        ),
    ] {
        let found = compare_schedules(&moves, &to);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.pointer.as_str(), one.meaning))
            .collect();
        assert_eq!(told, [(member, meaning)]);
        assert_eq!(meaning.is_additive(), meaning == Meaning::ScheduleChanged);
    }
}
