//! Filters, distinct counts, datasets of datasets, and columns borrowed from one.

use millrace_core::definition::DatasetDefinition;
use millrace_core::field::FieldType;
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, catalogue, found, one, with};
use crate::{Catalogue, check_dataset, check_event, references};

const SET: &str = "/input/properties/dataset/properties";
const AGGREGATE: &str = "/input/properties/dataset/properties/aggregate/properties";
const COLUMNS: &str = "/input/properties/dataset/properties/items/items/properties";
const TABLE: &str =
    "/input/properties/dataset/properties/aggregate/properties/columns/items/properties/table";

fn constant(value: &str) -> Value {
    json!({"type": "string", "pattern": value})
}

fn filter(column: &str, operator: &str, value: &str) -> Value {
    json!({"type": "object", "properties": {"filter_col": constant(column), "filter_type": constant(operator),
        "filter": {"type": "number", "pattern": value}}})
}

/// Schools by cluster, and the share of those with a percentage of at least 50.
fn by_cluster() -> Value {
    let integer = json!({"type": "integer"});
    json!({"ingestion_type": "dataset", "dataset_name": "by_cluster", "input": {"type": "object", "properties": {
        "dimensions": {"type": "object", "properties": {"table": constant("ingestion.dimension_school"),
            "column": ["school_id", "cluster_id"], "merge_on_col": constant("school_id")}},
        "dataset": {"type": "object", "properties": {
            "items": {"type": "array", "items": {"type": "object", "properties": {"date": {"type": "string"},
                "cluster_id": {"type": "string"}, "count_above_50": integer, "count_schools": integer,
                "percentage": {"type": "number"}}}},
            "group_by": ["date", "cluster_id"],
            "aggregate": {"type": "object", "properties": {"function": ["count"],
                "numerator_col": constant("count_above_50"), "denominator_col": constant("count_schools"),
                "filters": filter("percentage", ">=", "50"),
                "update_cols": ["count_above_50", "count_schools", "percentage"],
                "columns": {"type": "array", "items": {"type": "object", "properties": {"column": ["school_id"],
                    "table": constant("ingestion.SAC_stds_atd_cmp_by_school")}}}}}}}}}})
}

fn with_schools() -> Catalogue {
    let source = check_dataset(&attendance_dataset(), &catalogue()).unwrap();
    Catalogue {
        datasets: vec![source],
        ..catalogue()
    }
}

fn compiled(body: &Value) -> DatasetDefinition {
    check_dataset(body, &with_schools()).unwrap()
}

#[test]
fn a_dataset_of_a_dataset_counts_its_groups() {
    let asked = references(&by_cluster()).unwrap();
    assert_eq!(asked.dataset.as_deref(), Some("SAC_stds_atd_cmp_by_school"));
    let expected = json!({
        "name": "by_cluster",
        "dataset": "SAC_stds_atd_cmp_by_school",
        "keys": [{"field": "date", "field_type": "date"}, {"field": "school_id", "field_type": "text"}],
        "measures": [
            {"field": "school_id", "field_type": "text", "extremes": false},
            {"field": "school_id", "field_type": "text", "extremes": false, "filter": [
                {"field": "percentage", "field_type": "decimal", "operator": ">=", "value": "50"}]},
        ],
        "outputs": [
            {"name": "count_above_50", "function": "count", "measure": 1},
            {"name": "count_schools", "function": "count", "measure": 0},
            {"name": "percentage", "function": "percentage", "numerator": {"count": 1}, "denominator": {"count": 0}},
        ],
        "join": {"dimension": "dimension_school", "field": "school_id"},
        "group_by": ["date", "cluster_id"],
    });
    let definition = compiled(&by_cluster());
    assert_eq!(serde_json::to_value(&definition).unwrap(), expected);
    let read: DatasetDefinition = serde_json::from_value(expected).unwrap();
    assert_eq!(read, definition, "a stored definition is read back");
}

#[test]
fn a_dataset_of_a_dataset_of_a_dataset_is_grouped_by_its_attributes() {
    let mut catalogue = with_schools();
    catalogue.datasets.push(compiled(&by_cluster()));
    let body = with(by_cluster(), "/dataset_name", json!("clusters"));
    let body = with(body, TABLE, constant("ingestion.by_cluster"));
    let body = with(body, "/input/properties/dimensions", Value::Null);
    let body = with(
        body,
        &format!("{AGGREGATE}/columns/items/properties/column"),
        json!(["cluster_id"]),
    );
    let body = with(body, &format!("{SET}/group_by"), json!(["date"]));
    let body = with(body, &format!("{COLUMNS}/cluster_id"), Value::Null);
    let definition = check_dataset(&body, &catalogue).unwrap();
    let keys: Vec<&str> = definition.keys.iter().map(|key| key.field.as_str()).collect();
    assert_eq!(keys, ["date", "cluster_id"]);
}

#[test]
fn without_a_percentage_a_filter_restricts_all_rows() {
    let mut body = attendance_dataset();
    for member in ["numerator_col", "denominator_col", "update_cols"] {
        body = with(body, &format!("{AGGREGATE}/{member}"), Value::Null);
    }
    let body = with(body, &format!("{COLUMNS}/percentage"), Value::Null);
    let body = with(body, &format!("{SET}/items/items/required"), Value::Null);
    let both = json!([filter("total_students", ">", "0"), filter("school_id", "!=", "9")]);
    let body = with(body, &format!("{AGGREGATE}/filters"), both);
    let definition = compiled(&body);
    let fields: Vec<&str> = definition.filter.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["total_students", "school_id"]);
    assert!(
        definition
            .measures
            .iter()
            .all(|measure| measure.filter.is_empty())
    );
}

#[test]
fn with_a_percentage_a_filter_restricts_the_numerator() {
    let body = with(
        attendance_dataset(),
        &format!("{AGGREGATE}/filters"),
        filter("total_students", ">", "0"),
    );
    let definition = compiled(&body);
    assert!(definition.filter.is_empty());
    assert_eq!(definition.measures.len(), 3);
    assert_eq!(
        definition.measures[2].field.as_str(),
        "students_attendance_marked"
    );
    assert_eq!(definition.measures[2].filter.len(), 1);
    let sums = serde_json::to_value(&definition.outputs).unwrap();
    assert_eq!(
        sums[0]["measure"],
        json!(2),
        "what is served under its name is what is above the line"
    );
}

#[test]
fn distinct_values_are_a_finer_key() {
    let body = with(
        attendance_dataset(),
        &format!("{AGGREGATE}/function"),
        json!(["sum", "distinct_count"]),
    );
    let body = with(
        body,
        &format!("{COLUMNS}/distinct_count_total_students"),
        json!({"type": "integer"}),
    );
    let definition = compiled(&body);
    let keys: Vec<&str> = definition.keys.iter().map(|key| key.field.as_str()).collect();
    assert_eq!(keys, ["date", "school_id", "total_students"]);
    let last = serde_json::to_value(definition.outputs.last().unwrap()).unwrap();
    assert_eq!(
        last,
        json!({"name": "distinct_count_total_students", "function": "distinct_count", "key": 2})
    );
}

#[test]
fn a_percentage_may_have_a_borrowed_denominator() {
    let body = with(
        attendance_dataset(),
        "/event_name",
        json!("event_students_attendance"),
    );
    let body = with(body, "/dataset_name", json!("borrows"));
    let body = with(body, "/input/properties/dataset_name", Value::Null);
    let body = with(body, &format!("{AGGREGATE}/target_table"), Value::Null);
    let body = with(body, TABLE, constant("ingestion.SAC_stds_atd_cmp_by_school"));
    let body = with(
        body,
        &format!("{AGGREGATE}/columns/items/properties/column"),
        json!(["students_attendance_marked"]),
    );
    let definition = compiled(&body);
    let borrowed = serde_json::to_value(&definition.borrowed).unwrap();
    assert_eq!(
        borrowed,
        json!({"dataset": "SAC_stds_atd_cmp_by_school", "column": "sum_total_students",
        "field_type": "integer"})
    );
    let outputs = serde_json::to_value(&definition.outputs).unwrap();
    assert_eq!(
        outputs[1],
        json!({"name": "sum_total_students", "function": "borrowed"})
    );
    assert_eq!(outputs[2]["denominator"], json!("borrowed"));
    let finer = with(
        body.clone(),
        &format!("{SET}/group_by"),
        json!(["date", "school_id", "grade"]),
    );
    assert_eq!(
        found(check_dataset(&finer, &with_schools()))[0].0,
        "not_comparable"
    );
    let ratio = with(
        body,
        &format!("{AGGREGATE}/denominator_col/pattern"),
        json!("percentage"),
    );
    assert_eq!(found(check_dataset(&ratio, &with_schools()))[0].0, "not_a_sum");
}

fn refused(pointer: &str, value: Value, code: &str, at: &str) {
    let body = with(by_cluster(), pointer, value);
    let errors = found(check_dataset(&body, &with_schools()));
    assert!(
        errors.contains(&(code.to_owned(), at.to_owned())),
        "{pointer}: {errors:?}"
    );
}

#[test]
fn a_filter_that_does_not_fit_is_refused_at_its_place() {
    let place = |member: &str| format!("{AGGREGATE}/filters/properties/{member}/pattern");
    let (column, operator, value) = (place("filter_col"), place("filter_type"), place("filter"));
    refused(&column, json!("percent"), "unknown_column", &column);
    refused(&column, json!("school_id"), "unknown_operator", &operator);
    refused(&operator, json!("like"), "unknown_operator", &operator);
    refused(&value, json!("fifty"), "wrong_type", &value);
}

#[test]
fn a_feed_that_does_not_fit_is_refused_at_its_place() {
    let table = format!("{TABLE}/pattern");
    refused(TABLE, constant("ingestion.nowhere"), "unknown_dataset", &table);
    refused(TABLE, constant("nowhere"), "wrong_table", &table);
    let function = format!("{AGGREGATE}/function");
    let column = format!("{AGGREGATE}/columns/items/properties/column");
    let first = format!("{column}/0");
    refused(&function, json!(["sum"]), "not_numeric", &first);
    refused(&column, json!(["grade"]), "unknown_column", &first);
    let numerator = format!("{AGGREGATE}/numerator_col/pattern");
    refused(
        &function,
        json!(["count", "distinct_count"]),
        "not_a_sum",
        &numerator,
    );
    let unfiltered = with(by_cluster(), &format!("{AGGREGATE}/filters"), Value::Null);
    let errors = found(check_dataset(&unfiltered, &with_schools()));
    assert_eq!(errors[0], one("not_a_sum", &numerator)[0]);
}

#[test]
fn hostile_names_and_values_are_data() {
    let quote = "x'; drop table spec.spec; --";
    let body = with(
        by_cluster(),
        &format!("{AGGREGATE}/filters"),
        filter("school_id", "=", quote),
    );
    assert_eq!(compiled(&body).measures[1].filter[0].value, quote);
    let nul = with(
        by_cluster(),
        &format!("{AGGREGATE}/filters"),
        filter("school_id", "=", "a\0b"),
    );
    assert_eq!(found(check_dataset(&nul, &with_schools()))[0].0, "wrong_type");
}

/// The attendance event with an instant.
fn with_instants() -> Catalogue {
    let with_seen = with(
        attendance_event(),
        "/input/properties/event/items/properties/seen_at",
        json!({"type": "string", "format": "date-time"}),
    );
    Catalogue {
        events: vec![check_event(&with_seen).unwrap()],
        ..catalogue()
    }
}

fn spans(functions: &Value, served: &Value) -> Value {
    json!({"ingestion_type": "dataset", "dataset_name": "spans", "input": {"properties": {
        "dataset": {"properties": {
            "items": {"items": {"properties": served}},
            "group_by": ["school_id"],
            "aggregate": {"properties": {"function": functions, "columns": {"items": {"properties": {
                "column": ["date", "seen_at", "total_students"]}}}}}}}}}})
}

#[test]
fn days_and_instants_have_extremes_and_no_sum() {
    let catalogue = with_instants();
    let day = json!({"type": "string", "format": "date"});
    let served = json!({"school_id": {"type": "string"}, "min_date": day, "max_date": {"type": "string"},
        "max_seen_at": {"type": "string", "format": "date-time"}, "sum_total_students": {"type": "number"}});
    let functions = json!(["min", "max", "sum"]);
    let dataset = check_dataset(&spans(&functions, &served), &catalogue).unwrap();
    let extremes: Vec<bool> = dataset.measures.iter().map(|measure| measure.extremes).collect();
    assert_eq!(extremes, [true, true, false]);
    let types: Vec<FieldType> = dataset
        .outputs
        .iter()
        .map(|output| dataset.output_type(&output.formula))
        .collect();
    let expected = [
        FieldType::Date,
        FieldType::Date,
        FieldType::Timestamp,
        FieldType::Integer,
    ];
    assert_eq!(types, expected);
    let items = "/input/properties/dataset/properties/items/items/properties";
    for (name, property, code, member) in [
        ("sum_date", json!({"type": "string"}), "unknown_output", ""),
        ("min_date", json!({"type": "number"}), "wrong_type", "/type"),
        ("min_seen_at", day.clone(), "wrong_type", "/format"),
        (
            "sum_total_students",
            json!({"type": "string"}),
            "wrong_type",
            "/type",
        ),
    ] {
        let mut served = served.clone();
        served[name] = property;
        assert_eq!(
            found(check_dataset(&spans(&functions, &served), &catalogue)),
            one(code, &format!("{items}/{name}{member}")),
            "{name}"
        );
    }
    let sums = spans(
        &json!(["sum"]),
        &json!({"sum_total_students": {"type": "number"}}),
    );
    let refused = found(check_dataset(&sums, &catalogue));
    assert!(
        refused.iter().all(|(code, _)| code == "not_numeric") && refused.len() == 2,
        "{refused:?}"
    );
}
