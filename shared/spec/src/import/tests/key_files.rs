use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::field::FieldType;
use serde_json::{Value, json};

use super::{Format, body, checked, findings, notes, order, place, planned, summary};
use crate::{Catalogue, check_dataset, check_dimension, check_event};

pub(super) const EVENTS: &str = "program,event_name,event_col,event_datatype\n\
    SAC,event_marked,\"date, school_id,grade,marked,total\",\"string,string,integer,integer,number\"\n";
pub(super) const DIMENSIONS: &str = "program,dimension_name,dimension_col,dimension_datatype,target_table\n\
    SAC,dimension_master,\"cluster_id,school_id\",\"string,string\",ingestion.dimension_master\n\
    SAC,dimension_cluster,\"cluster_name,cluster_id\",\"string,string\",ingestion.dimension_cluster\n";
pub(super) const MAPPING: &str =
    "transformer_template,program,event_name,dataset_name,dimension_name,scheduler\n";
const DATASETS: &str = "transformer_template,spec_template,program,dataset_name,level,dimension_table,dimension_col,\
    merge_on_col,dataset_col,dataset_datatype,group_by_col,agg_col_table,agg_col,numerator,denominator,agg_function,\
    target_table,update_col,filter_col,filter_type,filter\r\n";

pub(super) const BY_SCHOOL: [&str; 21] = [
    "EventToCubePerIncrement",
    "EventToCube",
    "SAC",
    "by_school",
    "school_level",
    "ingestion.dimension_master",
    "school_id",
    "school_id",
    "date,school_id,sum_marked,sum_total,percentage",
    "string,string, integer, number, number",
    "date,school_id",
    "event",
    "marked, total",
    "sum_marked",
    "sum_total",
    "sum",
    "ingestion.by_school",
    "sum_marked,sum_total,percentage",
    "",
    "",
    "",
];

pub(super) const BY_CLUSTER: [&str; 21] = [
    "CubeToCubePerFilterReplace",
    "CubeToCubeFilter",
    "SAC",
    "by_cluster",
    "cluster_level",
    "ingestion.dimension_master",
    "school_id,cluster_id",
    "school_id",
    "date,cluster_id,count_above,count_total,percentage",
    "string,string,integer,integer,number",
    "date,cluster_id",
    "ingestion.by_school",
    "school_id",
    "count_above",
    "count_total",
    "count",
    "ingestion.by_cluster",
    "count_above,count_total,percentage",
    "percentage",
    "{>=}",
    "50",
];

/// The files with these rows of `dataset_keys.csv`, each of which is mapped to the event.
pub(super) fn files(rows: &[[&str; 21]]) -> super::Order {
    let quoted = |cell: &&str| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &[&str; 21]| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
    let datasets = DATASETS.to_owned() + &rows.iter().map(line).collect::<String>();
    let mapped = |row: &[&str; 21]| {
        let dimension = row[5].trim_start_matches("ingestion.");
        format!(
            "{},SAC,event_marked,{},{dimension},0 49 17 1/1 * ? *\n",
            row[0],
            quoted(&row[3])
        )
    };
    let mapping = MAPPING.to_owned() + &rows.iter().map(mapped).collect::<String>();
    order(
        Format::Keys,
        &[
            ("keys/dataset_keys.csv", &datasets),
            ("keys/event_keys.csv", EVENTS),
            ("keys/dimension_keys.csv", DIMENSIONS),
            ("keys/transformer_dataset_mapping.csv", &mapping),
        ],
    )
}

pub(super) fn with(mut row: [&'static str; 21], column: &str, value: &'static str) -> [&'static str; 21] {
    let header: Vec<&str> = DATASETS.trim().split(',').collect();
    row[header.iter().position(|name| *name == column).unwrap()] = value;
    row
}

/// What is wrong with a row, without the file's name.
fn wrong(rows: &[[&str; 21]]) -> Vec<String> {
    let plan = planned(&files(rows));
    let is_refused = |spec: &&super::Imported| spec.kind == Some(SpecKind::Dataset) && spec.made.is_err();
    let refused = plan.specs.iter().find(is_refused).expect("a row is refused");
    findings(refused)
        .iter()
        .map(|told| told.replace("keys/dataset_keys.csv", ""))
        .collect()
}

fn aggregate<'a>(body: &'a Value, member: &str) -> &'a Value {
    &body["input"]["properties"]["dataset"]["properties"]["aggregate"]["properties"][member]
}

#[test]
fn key_files_become_dimensions_events_and_datasets_in_order() {
    // The dataset that the other one is computed from comes last in the file.
    let plan = planned(&files(&[BY_CLUSTER, BY_SCHOOL]));
    assert_eq!(
        summary(&plan),
        [
            "dimension dimension_master",
            "dimension dimension_cluster",
            "event event_marked",
            "dataset by_school",
            "dataset by_cluster"
        ]
    );
    assert_eq!(place(&plan.specs[3].place), "keys/dataset_keys.csv:3:4");
    assert_eq!(
        notes(&plan),
        [
            "not_taken_over keys/dataset_keys.csv:1:5",
            "not_taken_over keys/transformer_dataset_mapping.csv:2:6",
            "not_taken_over keys/transformer_dataset_mapping.csv:3:6"
        ]
    );
    // What the datasets join on, and else `cluster_id` of `dimension_cluster`.
    for (name, key) in [
        ("dimension_master", "school_id"),
        ("dimension_cluster", "cluster_id"),
    ] {
        assert_eq!(check_dimension(body(&plan, name)).unwrap().key[0].as_str(), key);
    }
    let event = check_event(body(&plan, "event_marked")).unwrap();
    let types: Vec<FieldType> = event.fields.iter().map(|field| field.field_type).collect();
    use FieldType::{Decimal, Integer, Text};
    assert_eq!(types, [Text, Text, Integer, Integer, Decimal]);
}

#[test]
fn a_percentage_of_an_event_compiles() {
    let plan = planned(&files(&[BY_SCHOOL]));
    let dataset = checked(&plan, "by_school").unwrap();
    let outputs: Vec<&str> = dataset
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    assert_eq!(outputs, ["sum_marked", "sum_total", "percentage"]);
    assert_eq!(dataset.event().unwrap().as_str(), "event_marked");
    assert_eq!(dataset.join.unwrap().field.as_str(), "school_id");
    let body = body(&plan, "by_school");
    assert_eq!(body["event_name"], "event_marked");
    assert_eq!(aggregate(body, "filters"), &Value::Null);
}

#[test]
fn a_filtered_percentage_of_a_dataset_says_its_source_and_its_filter() {
    let plan = planned(&files(&[BY_SCHOOL, BY_CLUSTER]));
    let body = body(&plan, "by_cluster");
    let constant = |value: &str| json!({"type": "string", "pattern": value});
    assert_eq!(
        aggregate(body, "filters"),
        &json!({"type": "object", "properties": {"filter_col": constant("percentage"), "filter_type": constant(">="),
            "filter": {"type": "number", "pattern": "50"}}})
    );
    let columns = &aggregate(body, "columns")["items"]["properties"];
    assert_eq!(
        columns,
        &json!({"column": ["school_id"], "table": constant("ingestion.by_school")})
    );
    assert_eq!(aggregate(body, "numerator_col"), &constant("count_above"));
    assert_eq!(aggregate(body, "denominator_col"), &constant("count_total"));
    assert_eq!(aggregate(body, "function"), &json!(["count"]));
    assert_eq!(body["event_name"], Value::Null);
    let dataset = checked(&plan, "by_cluster").unwrap();
    assert_eq!(dataset.datasets().count(), 1);
}

#[test]
fn an_event_over_a_dataset_names_both() {
    let row = with(BY_CLUSTER, "transformer_template", "E&CToCubePerIncrement");
    let row = with(row, "agg_col_table", "event,ingestion.by_school");
    let row = with(row, "agg_col", "marked,sum_total");
    let row = with(
        row,
        "dataset_col",
        "date,cluster_id,sum_marked,sum_total,percentage",
    );
    let row = with(row, "dataset_datatype", "string,string,number,number,number");
    let row = with(row, "update_col", "sum_marked,sum_total,percentage");
    let row = with(with(row, "numerator", "sum_marked"), "denominator", "sum_total");
    let row = with(with(row, "filter_col", ""), "filter_type", "");
    let row = with(with(row, "filter", ""), "agg_function", "sum");
    let plan = planned(&files(&[BY_SCHOOL, row]));
    let body = body(&plan, "by_cluster");
    assert_eq!(body["event_name"], "event_marked");
    let columns = &aggregate(body, "columns")["items"]["properties"];
    assert_eq!(columns["table"]["pattern"], "ingestion.by_school");
    assert_eq!(columns["column"], json!(["marked", "sum_total"]));
    assert_eq!(aggregate(body, "denominator_col")["pattern"], "sum_total");
    let dataset = checked(&plan, "by_cluster").unwrap();
    assert_eq!(dataset.borrowed.unwrap().column.as_str(), "sum_total");
}

#[test]
fn every_template_wants_what_it_uses() {
    let plain = |template: &'static str| {
        let row = with(with(BY_SCHOOL, "numerator", "null"), "denominator", "");
        let row = with(row, "dataset_col", "date,school_id,sum_marked,sum_total");
        let row = with(row, "dataset_datatype", "string,string,integer,number");
        with(
            with(row, "update_col", "sum_marked,sum_total"),
            "transformer_template",
            template,
        )
    };
    let made = planned(&files(&[plain("EventToCubeReplace")]));
    assert!(checked(&made, "by_school").is_ok(), "{:?}", summary(&made));
    assert_eq!(
        wrong(&[with(plain("EventToCube"), "numerator", "sum_marked")]),
        ["contradiction :2:14"]
    );
    assert_eq!(wrong(&[plain("CubeToCubeIncrement")]), ["contradiction :2:12"]);
    assert_eq!(
        wrong(&[plain("EventToCubePerIncrement")]),
        ["missing_value :2:14", "missing_value :2:15"]
    );
    assert_eq!(
        wrong(&[with(BY_SCHOOL, "agg_col_table", "ingestion.x")]),
        ["contradiction :2:12"]
    );
    assert_eq!(
        wrong(&[with(BY_SCHOOL, "filter_col", "grade")])[..2],
        ["missing_value :2:20", "missing_value :2:21"]
    );
    assert_eq!(
        wrong(&[with(BY_SCHOOL, "transformer_template", "Other")]),
        ["unknown_template :2:1"]
    );
}

fn ready(plan: &super::Plan) -> DatasetDefinition {
    let spec = plan.specs.iter().find(|spec| spec.name == "by_school").unwrap();
    let made = spec.made.as_ref().unwrap();
    check_dataset(&made.body, &Catalogue::default()).unwrap()
}

#[test]
fn ready_rows_are_taken_as_they_are_described() {
    let mut row = with(BY_SCHOOL, "transformer_template", "Dataset_Dimension");
    let mut expected: Vec<String> = Vec::new();
    for (column, at) in [("group_by_col", 11), ("agg_col", 13), ("agg_function", 16)] {
        expected.push(format!("contradiction :2:{at}"));
        let told = wrong(&[row]);
        assert!(told.contains(&expected[expected.len() - 1]), "{told:?}");
        row = with(row, column, "null");
    }
    for column in ["numerator", "denominator", "update_col"] {
        row = with(row, column, "null");
    }
    let made = planned(&files(&[row]));
    let dataset = ready(&made);
    let rows = dataset.rows().unwrap();
    assert_eq!((rows.fields.len(), rows.key.len()), (dataset.keys.len(), 0));
    let mut keyed = files(&[row]);
    keyed
        .keys
        .insert("by_school".to_owned(), vec!["school_id".to_owned()]);
    let keyed = ready(&planned(&keyed));
    assert_eq!(keyed.rows().unwrap().key[0].as_str(), "school_id");
    for (column, value, told) in [
        ("dataset_datatype", "string", "count_mismatch :2:10"),
        (
            "dataset_datatype",
            "string,uuid,integer,number,number",
            "unknown_type :2:10",
        ),
        ("target_table", "ingestion.other", "wrong_table :2:17"),
    ] {
        assert_eq!(wrong(&[with(row, column, value)]), [told]);
    }
}

#[test]
fn a_row_that_contradicts_itself_is_refused_at_its_cells_and_stops_no_other() {
    for (row, expected) in [
        (
            with(BY_SCHOOL, "dataset_datatype", "string"),
            vec!["count_mismatch :2:10"],
        ),
        (
            with(BY_SCHOOL, "dataset_datatype", "string,uuid,integer,number,number"),
            vec!["unknown_type :2:10"],
        ),
        (
            with(BY_SCHOOL, "group_by_col", "date,block_id"),
            vec!["unknown_column :2:11"],
        ),
        (with(BY_SCHOOL, "group_by_col", ""), vec!["missing_value :2:11"]),
        (with(BY_SCHOOL, "agg_col", "marked,,total"), vec!["no_name :2:13"]),
        (
            with(BY_SCHOOL, "numerator", "sum_markd"),
            vec!["output_mismatch :2:14"],
        ),
        (
            with(BY_SCHOOL, "update_col", "sum_other"),
            vec!["output_mismatch :2:18"],
        ),
        (
            with(BY_SCHOOL, "target_table", "ingestion.other"),
            vec!["wrong_table :2:17"],
        ),
        (
            with(BY_SCHOOL, "agg_function", "median"),
            vec!["unknown_function :2:16"],
        ),
        (
            with(BY_SCHOOL, "merge_on_col", "school_id,cluster_id"),
            vec!["several_keys :2:8"],
        ),
        (with(BY_SCHOOL, "merge_on_col", ""), vec!["missing_value :2:8"]),
    ] {
        assert_eq!(wrong(&[row]), expected);
        let other = with(
            with(BY_SCHOOL, "dataset_name", "other"),
            "target_table",
            "ingestion.other",
        );
        let plan = planned(&files(&[row, other]));
        assert!(checked(&plan, "other").is_ok());
    }
}

#[test]
fn filters_and_joins_that_cannot_be_are_refused() {
    for (row, expected) in [
        (with(BY_CLUSTER, "filter", "many"), "wrong_type :3:21"),
        (with(BY_CLUSTER, "filter_col", "other"), "unknown_column :3:19"),
        (with(BY_CLUSTER, "filter_type", "{~}"), "unknown_operator :3:20"),
        (with(BY_CLUSTER, "filter_type", ""), "missing_value :3:20"),
    ] {
        assert_eq!(wrong(&[BY_SCHOOL, row]), [expected]);
    }
    // A join on a column that the dimension is not keyed by.
    let row = with(
        with(BY_SCHOOL, "merge_on_col", "cluster_id"),
        "dataset_name",
        "other",
    );
    let row = with(row, "target_table", "ingestion.other");
    assert_eq!(wrong(&[BY_SCHOOL, row]), ["not_the_key :3:8"]);
}

#[test]
fn filters_on_whole_numbers_and_texts_have_their_type() {
    for (column, value, expected) in [
        ("grade", "5", Some("integer")),
        ("grade", "yes", None),
        ("school_id", "5", Some("string")),
        ("total", "2.5", Some("number")),
    ] {
        let row = with(BY_SCHOOL, "transformer_template", "EventToCubePerFilterIncrement");
        let row = with(with(row, "filter_type", "="), "filter", value);
        let row = with(row, "filter_col", column);
        let plan = planned(&files(&[row]));
        match expected {
            Some(expected) => {
                let filter = &aggregate(body(&plan, "by_school"), "filters")["properties"]["filter"];
                assert_eq!(filter, &json!({"type": expected, "pattern": value}));
            }
            None => assert_eq!(
                findings(&plan.specs[3]),
                ["wrong_type keys/dataset_keys.csv:2:21"]
            ),
        }
    }
}
