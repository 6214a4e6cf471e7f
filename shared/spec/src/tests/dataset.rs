use millrace_core::Name;
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, catalogue, found, one, with};
use crate::{Catalogue, check_dataset, check_event};

const SET: &str = "/input/properties/dataset/properties";
const AGGREGATE: &str = "/input/properties/dataset/properties/aggregate/properties";
const COLUMNS: &str = "/input/properties/dataset/properties/items/items/properties";

#[test]
fn the_seeds_dataset_compiles() {
    let dataset = check_dataset(&attendance_dataset(), &catalogue()).unwrap();
    let expected = json!({
        "name": "SAC_stds_atd_cmp_by_school",
        "event": "event_students_attendance",
        "keys": [{"field": "date", "field_type": "date"}, {"field": "school_id", "field_type": "text"}],
        "measures": [
            {"field": "students_attendance_marked", "field_type": "integer", "extremes": false},
            {"field": "total_students", "field_type": "integer", "extremes": false},
        ],
        "outputs": [
            {"name": "sum_students_attendance_marked", "function": "sum", "measure": 0},
            {"name": "sum_total_students", "function": "sum", "measure": 1},
            {"name": "percentage", "function": "percentage", "numerator": 0, "denominator": 1},
        ],
        "join": {"dimension": "dimension_school", "field": "school_id"},
        "group_by": ["date", "school_id"],
    });
    assert_eq!(serde_json::to_value(dataset).unwrap(), expected);
}

#[test]
fn a_grouping_by_an_attribute_is_stored_by_what_is_joined_on() {
    let body = with(
        attendance_dataset(),
        &format!("{SET}/group_by"),
        json!(["date", "cluster_id"]),
    );
    let body = with(body, &format!("{COLUMNS}/school_id"), Value::Null);
    let body = with(body, &format!("{COLUMNS}/cluster_id"), json!({"type": "string"}));
    let body = with(body, &format!("{SET}/items/items/required"), Value::Null);
    let dataset = check_dataset(&body, &catalogue()).unwrap();
    let keys: Vec<&str> = dataset.keys.iter().map(|key| key.field.as_str()).collect();
    assert_eq!(keys, ["date", "school_id"]);
    assert_eq!(
        dataset.group_by,
        [Name::parse("date").unwrap(), Name::parse("cluster_id").unwrap()]
    );
}

#[test]
fn every_function_gives_an_output_and_extremes_only_where_they_are_served() {
    let body = with(
        attendance_dataset(),
        &format!("{AGGREGATE}/function"),
        json!(["sum", "count", "min", "max", "avg"]),
    );
    let mut body = body;
    for function in ["count", "min", "max", "avg"] {
        body = with(
            body,
            &format!("{COLUMNS}/{function}_total_students"),
            json!({"type": "number"}),
        );
    }
    let dataset = check_dataset(&body, &catalogue()).unwrap();
    let names: Vec<&str> = dataset
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    let expected = [
        "sum_students_attendance_marked",
        "sum_total_students",
        "percentage",
        "count_total_students",
        "min_total_students",
        "max_total_students",
        "avg_total_students",
    ];
    assert_eq!(names, expected);
    assert!(!dataset.measures[0].extremes && dataset.measures[1].extremes);
}

#[test]
fn a_percentage_may_have_another_name_and_be_made_of_columns() {
    let body = with(
        attendance_dataset(),
        &format!("{AGGREGATE}/numerator_col/pattern"),
        json!("students_attendance_marked"),
    );
    let body = with(
        body,
        &format!("{AGGREGATE}/update_cols"),
        json!(["sum_total_students", "rate"]),
    );
    let body = with(body, &format!("{COLUMNS}/percentage"), Value::Null);
    let body = with(body, &format!("{COLUMNS}/rate"), json!({"type": "number"}));
    let body = with(body, &format!("{SET}/items/items/required"), Value::Null);
    let dataset = check_dataset(&body, &catalogue()).unwrap();
    assert_eq!(dataset.outputs.last().unwrap().name.as_str(), "rate");
}

#[test]
fn the_event_is_named_or_the_only_one_that_fits() {
    let none = found(check_dataset(
        &attendance_dataset(),
        &Catalogue {
            events: Vec::new(),
            ..catalogue()
        },
    ));
    assert_eq!(none, one("ambiguous_event", "/event_name"));
    let second = check_event(&with(attendance_event(), "/event_name", json!("event_other"))).unwrap();
    let mut two = catalogue();
    two.events.push(second);
    let error = check_dataset(&attendance_dataset(), &two)
        .unwrap_err()
        .into_errors()
        .remove(0);
    assert_eq!(
        (error.code.as_str(), error.pointer.as_str()),
        ("ambiguous_event", "/event_name")
    );
    assert!(
        error.message.ends_with("event_students_attendance, event_other"),
        "{}",
        error.message
    );
    let named = with(attendance_dataset(), "/event_name", json!("event_other"));
    assert_eq!(check_dataset(&named, &two).unwrap().event.as_str(), "event_other");
    let unknown = with(attendance_dataset(), "/event_name", json!("nope"));
    assert_eq!(
        found(check_dataset(&unknown, &two)),
        one("unknown_event", "/event_name")
    );
}

#[test]
fn each_error_of_a_dataset_has_its_pointer() {
    let cases: Vec<(String, Value, String, String)> =
        serde_json::from_str(include_str!("../../testdata/dataset_errors.json")).unwrap();
    for (member, value, code, pointer) in cases {
        let body = with(attendance_dataset(), &member, value.clone());
        let errors = found(check_dataset(&body, &catalogue()));
        assert!(errors.contains(&(code, pointer)), "{member} {value}: {errors:?}");
    }
}

#[test]
fn with_the_event_named_every_unknown_column_is_listed() {
    let body = with(
        attendance_dataset(),
        "/event_name",
        json!("event_students_attendance"),
    );
    let body = with(body, &format!("{SET}/group_by/0"), json!("nope"));
    let body = with(
        body,
        &format!("{AGGREGATE}/columns/items/properties/column/0"),
        json!("school_id"),
    );
    let body = with(
        body,
        &format!("{AGGREGATE}/columns/items/properties/column/0"),
        json!("missing"),
    );
    let errors = found(check_dataset(&body, &catalogue()));
    let expected = [
        ("unknown_column".to_owned(), format!("{SET}/group_by/0")),
        (
            "unknown_column".to_owned(),
            format!("{AGGREGATE}/columns/items/properties/column/0"),
        ),
        (
            "not_numeric".to_owned(),
            format!("{AGGREGATE}/columns/items/properties/column/1"),
        ),
    ];
    assert_eq!(errors, expected);
}
