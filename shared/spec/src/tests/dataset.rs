use millrace_core::Name;
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, catalogue, found, one, with};
use crate::{Catalogue, check_dataset, check_event, references};

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
            {"name": "percentage", "function": "percentage", "numerator": {"sum": 0}, "denominator": {"sum": 1}},
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
    assert_eq!(
        check_dataset(&named, &two).unwrap().event().unwrap().as_str(),
        "event_other"
    );
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

/// A dataset over an event with so many numbers, each of them aggregated.
fn wide(columns: usize, functions: &[&str]) -> (Value, Catalogue) {
    let names: Vec<String> = (0..columns).map(|i| format!("n{i}")).collect();
    let mut fields = json!({"date": {"type": "string", "format": "date"}});
    let mut served = json!({"date": {"type": "string"}});
    for name in &names {
        fields[name] = json!({"type": "number"});
    }
    // At most 500 are served.
    for (function, name) in functions
        .iter()
        .flat_map(|function| names.iter().map(move |name| (function, name)))
        .take(490)
    {
        served[format!("{function}_{name}")] = json!({"type": "number"});
    }
    let event = with(
        attendance_event(),
        "/input/properties/event/items",
        json!({"properties": fields}),
    );
    let body = with(
        attendance_dataset(),
        &format!("{SET}/items/items"),
        json!({"properties": served}),
    );
    let body = with(body, &format!("{SET}/group_by"), json!(["date"]));
    let body = with(body, "/input/properties/dimensions", Value::Null);
    let aggregate = json!({"function": functions, "columns": {"items": {"properties": {"column": names}}}});
    let body = with(body, AGGREGATE, aggregate);
    let catalogue = Catalogue {
        events: vec![check_event(&event).unwrap()],
        ..Catalogue::default()
    };
    (body, catalogue)
}

#[test]
fn a_cell_fits_a_row_of_the_database() {
    for (columns, functions) in [(200, &["sum"][..]), (90, &["sum", "min", "max"]), (90, &["max"])] {
        let (body, catalogue) = wide(columns, functions);
        let dataset = check_dataset(&body, &catalogue).unwrap();
        assert_eq!(dataset.measures.len(), columns, "{functions:?}");
    }
    let (body, catalogue) = wide(91, &["sum", "min"]);
    let column = format!("{AGGREGATE}/columns/items/properties/column/90");
    assert_eq!(
        found(check_dataset(&body, &catalogue)),
        one("out_of_limits", &column)
    );
}

#[test]
fn what_a_body_refers_to_is_all_that_it_needs() {
    let referred = references(&attendance_dataset()).unwrap();
    assert_eq!(referred.dimension.as_deref(), Some("dimension_school"));
    let columns = [
        "date",
        "school_id",
        "students_attendance_marked",
        "total_students",
    ];
    assert_eq!(referred.columns(None), columns);
    // What the dimension has, the event need not have, but for what they are joined on.
    let by_cluster = json!(["date", "school_id", "cluster_id"]);
    let body = with(attendance_dataset(), &format!("{SET}/group_by"), by_cluster);
    let referred = references(&body).unwrap();
    assert_eq!(referred.columns(None)[..2], ["cluster_id", "date"]);
    assert_eq!(referred.columns(catalogue().dimensions.first()), columns);
    assert_eq!(references(&json!({"dataset_name": "x"})), None);
}

#[test]
fn where_no_event_fits_those_there_are_are_listed() {
    let catalogue = Catalogue {
        events: Vec::new(),
        other_events: (0..21).map(|i| format!("event_{i:02}")).collect(),
        ..catalogue()
    };
    let mut errors = check_dataset(&attendance_dataset(), &catalogue)
        .unwrap_err()
        .into_errors();
    let message = errors.remove(0).message;
    assert!(message.ends_with("event_18, event_19, …"), "{message}");
}

#[test]
fn a_catalogue_is_kept_and_its_levels_can_be_grouped_by() {
    let entry = json!({"category": "attendance", "indicator": "students present", "description": "of those enrolled",
        "visualisation": "map", "levels": ["cluster_id", "school_id"], "unit": "%", "direction": "higher_is_better"});
    let body = with(attendance_dataset(), "/catalogue", entry.clone());
    let dataset = check_dataset(&body, &catalogue()).unwrap();
    assert_eq!(serde_json::to_value(&dataset).unwrap()["catalogue"], entry);
    let only = with(
        attendance_dataset(),
        "/catalogue",
        json!({"indicator": "students present"}),
    );
    let dataset = check_dataset(&only, &catalogue()).unwrap();
    assert_eq!(dataset.catalogue.unwrap().indicator, "students present");
    for (member, value, code, pointer) in [
        (
            "levels",
            json!(["school_id", "grade"]),
            "unknown_column",
            "/catalogue/levels/1",
        ),
        (
            "levels",
            json!(["school_id", "school_id"]),
            "duplicate_name",
            "/catalogue/levels/1",
        ),
        ("levels", json!(["school id"]), "bad_name", "/catalogue/levels/0"),
        (
            "visualisation",
            json!("hologram"),
            "wrong_value",
            "/catalogue/visualisation",
        ),
        ("direction", json!("up"), "wrong_value", "/catalogue/direction"),
        ("indicator", Value::Null, "missing_member", "/catalogue"),
        ("indicator", json!(""), "out_of_limits", "/catalogue/indicator"),
        ("unit", json!(1), "wrong_type", "/catalogue/unit"),
        ("colour", json!("red"), "unknown_member", "/catalogue/colour"),
    ] {
        let bad = with(body.clone(), &format!("/catalogue/{member}"), value);
        assert_eq!(
            found(check_dataset(&bad, &catalogue())),
            one(code, pointer),
            "{member}"
        );
    }
}
