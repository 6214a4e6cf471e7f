//! Datasets whose rows come ready.

use millrace_core::definition::Feed;
use millrace_core::field::FieldType;
use serde_json::{Value, json};

use super::{attendance_dataset, catalogue, found, one, with};
use crate::compare::{compare_datasets, is_additive, stored_dataset};
use crate::{check_dataset, references};

const ROWS: &str = "/input/properties/dataset/properties/items/items";

fn reviews() -> Value {
    json!({"ingestion_type": "dataset", "dataset_name": "reviews", "input": {"type": "object",
        "required": ["dataset_name", "dataset"], "properties": {"dataset_name": {"type": "string"},
        "dataset": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {
            "type": "object", "required": ["date"], "properties": {
                "date": {"type": "string", "format": "date", "dateFormat": "DD/MM/YYYY"},
                "cluster_id": {"type": "integer", "minimum": 1},
                "meeting_conducted": {"type": "string", "enum": ["yes", "no"]}}}}}}}}})
}

#[test]
fn rows_that_are_neither_grouped_nor_aggregated_come_ready() {
    let dataset = check_dataset(&reviews(), &catalogue()).unwrap();
    let rows = dataset.rows().unwrap();
    assert_eq!((rows.fields.len(), &rows.key[..]), (3, &[][..]));
    assert!(rows.fields[0].required && !rows.fields[1].required);
    let keys: Vec<(&str, FieldType)> = dataset
        .keys
        .iter()
        .map(|key| (key.field.as_str(), key.field_type))
        .collect();
    let expected = [
        ("date", FieldType::Date),
        ("cluster_id", FieldType::Integer),
        ("meeting_conducted", FieldType::Text),
    ];
    assert_eq!(keys, expected);
    assert_eq!(references(&reviews()), None);
    let written = serde_json::to_string(&dataset).unwrap();
    assert_eq!(
        serde_json::from_str::<millrace_core::definition::DatasetDefinition>(&written).unwrap(),
        dataset
    );
}

#[test]
fn a_key_is_declared_or_there_is_none() {
    let keyed = with(reviews(), &format!("{ROWS}/key"), json!(["date", "cluster_id"]));
    let dataset = check_dataset(&keyed, &catalogue()).unwrap();
    let rows = dataset.rows().unwrap();
    let key: Vec<&str> = rows.key.iter().map(|name| name.as_str()).collect();
    assert_eq!(key, ["date", "cluster_id"]);
    assert!(rows.fields[1].required, "a key has to be filled");
    let unique = with(
        reviews(),
        &format!("{ROWS}/properties/cluster_id/unique"),
        json!(true),
    );
    let unique = check_dataset(&unique, &catalogue()).unwrap();
    assert_eq!(unique.rows().unwrap().key[0].as_str(), "cluster_id");
    let unknown = with(reviews(), &format!("{ROWS}/key"), json!(["school"]));
    assert_eq!(
        found(check_dataset(&unknown, &catalogue())),
        one("unknown_field", &format!("{ROWS}/key/0"))
    );
}

#[test]
fn what_computes_and_what_comes_ready_are_not_mixed() {
    let computing = [
        ("/event_name", json!("event_students_attendance")),
        ("/transformer_name", json!("t")),
        (
            "/input/properties/dimensions",
            attendance_dataset()["input"]["properties"]["dimensions"].clone(),
        ),
    ];
    for (pointer, value) in computing {
        let body = with(reviews(), pointer, value);
        assert_eq!(
            found(check_dataset(&body, &catalogue())),
            one("not_used", pointer)
        );
    }
    let grouped = with(
        reviews(),
        "/input/properties/dataset/properties/group_by",
        json!(["date"]),
    );
    assert_eq!(
        found(check_dataset(&grouped, &catalogue()))[0],
        (
            "missing_member".to_owned(),
            "/input/properties/dataset/properties".to_owned()
        )
    );
    let with_csv = with(attendance_dataset(), "/csv", json!({"delimiter": ";"}));
    assert_eq!(
        found(check_dataset(&with_csv, &catalogue())),
        one("not_used", "/csv")
    );
    let delimited = check_dataset(&with(reviews(), "/csv", json!({"delimiter": ";"})), &catalogue());
    assert!(!delimited.unwrap().rows().unwrap().csv.is_plain());
    let table = with(
        reviews(),
        "/input/properties/target_table",
        json!({"type": "string", "pattern": "ingestion.other"}),
    );
    assert_eq!(
        found(check_dataset(&table, &catalogue())),
        one("wrong_table", "/input/properties/target_table/pattern")
    );
}

#[test]
fn ready_rows_feed_a_dataset_that_groups_them() {
    let mut catalogue = catalogue();
    catalogue
        .datasets
        .push(check_dataset(&reviews(), &catalogue).unwrap());
    let body = json!({"ingestion_type": "dataset", "dataset_name": "meetings", "input": {"type": "object",
        "properties": {"dataset": {"type": "object", "properties": {
            "items": {"type": "array", "items": {"type": "object", "properties": {
                "cluster_id": {"type": "integer"}, "count_meeting_conducted": {"type": "integer"}}}},
            "group_by": ["cluster_id"],
            "aggregate": {"type": "object", "properties": {"function": ["count"],
                "columns": {"type": "array", "items": {"type": "object", "properties": {
                    "column": ["meeting_conducted"],
                    "table": {"type": "string", "pattern": "ingestion.reviews"}}}}}}}}}}});
    let meetings = check_dataset(&body, &catalogue).unwrap();
    assert!(matches!(&meetings.feed, Feed::Dataset(name) if name.as_str() == "reviews"));
    assert_eq!(meetings.keys.len(), 1, "what it groups by, not all columns");
}

#[test]
fn a_later_version_may_add_columns() {
    let from = check_dataset(&reviews(), &catalogue()).unwrap();
    let mut wider = reviews();
    let properties = wider.pointer_mut(&format!("{ROWS}/properties")).unwrap();
    let mut fields = serde_json::Map::new();
    fields.insert("place".to_owned(), json!({"type": "string"}));
    fields.extend(properties.as_object().unwrap().clone());
    *properties = Value::Object(fields);
    let to = check_dataset(&wider, &catalogue()).unwrap();
    let told = |differences: &[crate::compare::Difference]| -> Vec<(&'static str, String)> {
        let each = differences.iter();
        each.map(|one| (one.meaning.code(), one.pointer.clone()))
            .collect()
    };
    let differences = compare_datasets(&from, &to);
    assert_eq!(
        told(&differences),
        [("field_added", format!("{ROWS}/properties/place"))]
    );
    assert!(is_additive(&differences));
    let stored = stored_dataset(&from, to);
    let names: Vec<&str> = stored.group_by.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["date", "cluster_id", "meeting_conducted", "place"]);
    assert_eq!(stored.rows().unwrap().fields[3].name.as_str(), "place");
    let keyed = with(reviews(), &format!("{ROWS}/key"), json!(["date"]));
    let keyed = check_dataset(&keyed, &catalogue()).unwrap();
    assert_eq!(
        told(&compare_datasets(&from, &keyed)),
        [("key_changed", format!("{ROWS}/key"))]
    );
    let computed = check_dataset(&attendance_dataset(), &catalogue()).unwrap();
    assert!(!is_additive(&compare_datasets(&from, &computed)));
    assert!(!is_additive(&compare_datasets(&computed, &from)));
}
