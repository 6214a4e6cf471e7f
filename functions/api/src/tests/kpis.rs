use http::StatusCode;
use millrace_core::failure::FailureKind;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{Api, api, api_without_database, failure, json, nothing};

fn definition() -> Value {
    json!({"name": "d", "event": "e", "keys": [{"field": "date", "field_type": "date"},
        {"field": "school_id", "field_type": "text"}, {"field": "grade", "field_type": "integer"}],
        "measures": [{"field": "total", "field_type": "integer", "extremes": false}],
        "outputs": [{"name": "sum_total", "function": "sum", "measure": 0},
            {"name": "avg_total", "function": "avg", "measure": 0}],
        "join": null, "group_by": ["date", "school_id"]})
}

fn row(key: &str, values: &[&str]) -> Vec<SqlValue> {
    std::iter::once(&key)
        .chain(values)
        .map(|value| SqlValue::from(*value))
        .collect()
}

fn api_with_rows(rows: &[Vec<SqlValue>]) -> Api {
    let rows = rows.to_vec();
    api(move |statement| answer(statement, &rows))
}

fn answer(statement: &Statement, rows: &[Vec<SqlValue>]) -> Result<Rows, millrace_core::Failure> {
    match &statement.text {
        found if found.contains("left join ingestion.dataset d") => {
            let is_there = statement.parameters[0].1 == SqlValue::from("d");
            if is_there {
                json(
                    &json!({"table_no": 4, "spec_version": 1, "is_building": false, "version": 9, "definition": definition()}),
                )
            } else {
                nothing()
            }
        }
        page if page.contains("row_key") => Ok(Rows { rows: rows.to_vec() }),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn figures_are_exact_and_typed() {
    let key = r#"["2023-01-08","1000000001"]"#;
    let api = api_with_rows(&[row(key, &["2023-01-08", "1000000001", "1035", "80.5"])]);
    let read = api.get("/kpis/d").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let columns = json!([{"name": "date", "type": "date"}, {"name": "school_id", "type": "text"},
        {"name": "sum_total", "type": "integer"}, {"name": "avg_total", "type": "decimal"}]);
    let expected = json!({"columns": columns, "rows": [["2023-01-08", "1000000001", 1035, "80.5"]], "version": 9,
        "next": null, "waiting": {"keys": 0, "cells": 0, "rows": 0, "examples": []}});
    assert_eq!(read.body, expected);
    let mut page = expected;
    page.as_object_mut().unwrap().remove("waiting");
    assert_eq!(api.get("/datasets/d/rows").await.body, page);
}

#[tokio::test]
async fn whole_numbers_beyond_two_to_the_53_are_strings_and_null_is_null() {
    let mut rows = vec![row("k", &["2023-01-08", "s", "9007199254740992", "0.1"])];
    rows.push(row("l", &["2023-01-08", "s", "-9007199254740993", "0"]));
    rows[1][4] = SqlValue::Null;
    let read = api_with_rows(&rows).get("/kpis/d").await;
    assert_eq!(
        read.body["rows"],
        json!([
            ["2023-01-08", "s", 9_007_199_254_740_992_i64, "0.1"],
            ["2023-01-08", "s", "-9007199254740993", null]
        ])
    );
}

#[tokio::test]
async fn pages_follow_each_other_by_key() {
    let api = api_with_rows(&[row("a", &["x", "s", "1", "1"]), row("b", &["y", "s", "1", "1"])]);
    let read = api.get("/kpis/d?limit=1").await;
    assert_eq!(read.body["rows"].as_array().unwrap().len(), 1);
    assert_eq!(api.bound("limit"), [SqlValue::Long(2)]);
    let next = read.body["next"].as_str().unwrap().to_owned();
    api.get(&format!("/kpis/d?limit=5&cursor={next}")).await;
    assert!(api.bound("after").contains(&SqlValue::from("a")));
    for bad in ["!", "AA", "_w"] {
        let read = api_with_rows(&[])
            .get(&format!("/datasets/d/rows?cursor={bad}"))
            .await;
        assert_eq!(read.errors(), [("/query/cursor", "bad_query")], "{bad}");
    }
}

#[tokio::test]
async fn a_question_becomes_a_bound_statement() {
    let api = api_with_rows(&[]);
    let query = "group_by=date,grade&grain=month&filter=grade:7&filter=grade:8&filter=school_id:a'b:c&from=2023-01-01&to=2023-02-01";
    let read = api.get(&format!("/kpis/d?{query}")).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    assert_eq!(read.body["columns"][0], json!({"name": "date", "type": "text"}));
    assert_eq!(api.bound("filter0"), [SqlValue::from(r#"["7","8"]"#)]);
    assert_eq!(api.bound("filter1"), [SqlValue::from(r#"["a'b:c"]"#)]);
    assert_eq!(api.bound("from_day"), [SqlValue::from("2023-01-01")]);
    assert_eq!(api.bound("to_day"), [SqlValue::from("2023-02-01")]);
    let total = api_with_rows(&[]).get("/kpis/d?group_by=").await;
    assert_eq!(total.body["columns"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_malformed() {
    let long = format!(
        "group_by={}",
        (0..9).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",")
    );
    let many = (0..21)
        .map(|i| format!("filter=c{i}:1"))
        .collect::<Vec<_>>()
        .join("&");
    let bad = [
        "grain=hour",
        "grain=",
        "group_by=a%22b",
        "group_by=a,a",
        "group_by=,",
        "filter=x",
        "filter=a%20b:1",
        "from=2023-13-01",
        "from=2023-01-01T00:00:00Z",
        "to=01/02/2023",
        "from=",
        "drop=1",
        &long,
        &many,
    ];
    for query in bad {
        let read = api_without_database().get(&format!("/kpis/d?{query}")).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, "bad_query"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_question_that_does_not_fit_the_dataset_is_invalid() {
    let cases = [
        ("group_by=nope", "bad_selection"),
        ("filter=nope:1", "bad_selection"),
        ("group_by=grade&grain=month", "bad_selection"),
        ("filter=grade:seven", "bad_filter_value"),
        ("filter=date:2023-1-8", "bad_filter_value"),
    ];
    for (query, code) in cases {
        let read = api_with_rows(&[]).get(&format!("/kpis/d?{query}")).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, code),
            "{query}"
        );
    }
    assert_eq!(
        api_with_rows(&[]).get("/kpis/other").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        api_with_rows(&[]).get("/datasets/other/rows").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_for_the_database_is_asked_for_in_shorter_pages() {
    let api = api(|statement| {
        let limit = statement
            .parameters
            .iter()
            .find(|(name, _)| name == "limit")
            .map(|(_, value)| value.clone());
        match limit {
            Some(SqlValue::Long(limit)) if limit > 100 => {
                Err(failure(FailureKind::Invalid, "ResponseTooLarge"))
            }
            Some(SqlValue::Long(limit)) => {
                let rows = (0..limit)
                    .map(|i| row(&format!("{i:05}"), &["x", "s", "1", "1"]))
                    .collect();
                Ok(Rows { rows })
            }
            _ => answer(statement, &[]),
        }
    });
    let read = api.get("/kpis/d?limit=1000").await;
    assert_eq!(read.body["rows"].as_array().unwrap().len(), 62);
    assert!(read.body["next"].is_string());
    let limits = [1001, 251, 63].map(SqlValue::Long);
    assert_eq!(api.bound("limit"), limits);
}

#[tokio::test]
async fn dimensions_are_read_by_page() {
    let dimension = json!({"table_no": 2, "definition": {"name": "dim", "key": ["id"], "fields": [
        {"name": "id", "type": "text", "required": true}, {"name": "open", "type": "boolean", "required": false},
        {"name": "latitude", "type": "decimal", "required": false}]}});
    let api = api(
        move |statement| match statement.text.contains("ingestion.dimension d join") {
            true => json(&dimension),
            false => Ok(Rows {
                rows: vec![row("k", &["a", "true", "15.810"])],
            }),
        },
    );
    let read = api.get("/dimensions/dim/rows").await;
    assert_eq!(read.body["rows"], json!([["a", true, "15.810"]]));
    assert!(read.body.get("version").is_none());
    assert_eq!(
        self::api(|_| nothing()).get("/dimensions/dim/rows").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn kpis_are_listed_with_what_they_mean() {
    let entry = json!({"category": "attendance", "indicator": "present", "levels": ["district"], "unit": "%",
        "visualisation": "map", "direction": "higher_is_better"});
    let definition = json!({"name": "totals", "event": "e", "keys": [{"field": "school", "field_type": "text"}],
        "measures": [{"field": "n", "field_type": "integer", "extremes": false}], "join": null, "group_by": ["school"],
        "outputs": [{"name": "sum_n", "function": "sum", "measure": 0}, {"name": "avg_n", "function": "avg", "measure": 0}],
        "catalogue": entry});
    let field = |name: &str| json!({"name": name, "type": "text", "required": false});
    let record =
        json!({"version": 3, "definition": definition, "attributes": [field("school"), field("district")]});
    let api = api(move |_| json(&record));
    let read = api.get("/kpis?category=attendance&limit=1").await;
    let column = |name: &str, column_type: &str| json!({"name": name, "type": column_type});
    let item = json!({"name": "totals", "version": 3, "catalogue": entry,
        "groups": [column("school", "text"), column("district", "text")],
        "outputs": [column("sum_n", "integer"), column("avg_n", "decimal")]});
    assert_eq!(read.body, json!({"items": [item], "next": "totals"}));
    assert_eq!(api.bound("category"), [SqlValue::from("attendance")]);
    let read = api.get("/kpis?cursor=totals").await;
    assert_eq!(read.body["next"], Value::Null);
    assert_eq!(api.bound("limit"), [SqlValue::Long(1), SqlValue::Long(200)]);
    let read = api_without_database().get("/kpis?colour=red").await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_query"));
}
