use http::StatusCode;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{Api, api, json, nothing};

fn definition(join: &Value) -> Value {
    json!({"name": "d", "event": "e", "keys": [{"field": "date", "field_type": "date"},
        {"field": "school_id", "field_type": "text"}],
        "measures": [{"field": "total", "field_type": "integer", "extremes": false}],
        "outputs": [{"name": "sum_total", "function": "sum", "measure": 0}],
        "join": join, "group_by": ["district"]})
}

fn api_of(join: Value, keys: Vec<Value>) -> Api {
    api(move |statement: &Statement| match &statement.text {
        found if found.contains("left join ingestion.dataset d") => {
            json(&json!({"table_no": 4, "spec_version": 1,
            "is_building": false, "version": 9, "definition": definition(&join)}))
        }
        found if found.contains("ingestion.dimension") => {
            json(&json!({"table_no": 2, "definition": {"name": "schools",
            "key": ["school_id"], "fields": [{"name": "school_id", "type": "text", "required": true},
            {"name": "district", "type": "text", "required": false}]}}))
        }
        page if page.contains("nulls first") => Ok(Rows {
            rows: keys
                .iter()
                .map(|key| vec![SqlValue::from(key.to_string())])
                .collect(),
        }),
        page if page.contains("c.cell_key") => nothing(),
        other => panic!("{other}"),
    })
}

fn join() -> Value {
    json!({"dimension": "schools", "field": "school_id"})
}

#[tokio::test]
async fn missing_keys_come_by_page() {
    let keys = vec![
        json!({"key": null, "cells": 1, "rows": 2}),
        json!({"key": "s1", "cells": 3, "rows": 4}),
    ];
    let api = api_of(join(), keys);
    let read = api.get("/datasets/d/waiting?limit=1").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    assert_eq!(
        read.body,
        json!({"dimension": "schools", "field": "school_id",
            "items": [{"key": null, "cells": 1, "rows": 2}], "next": "Pg"})
    );
    let read = api.get("/datasets/d/waiting?cursor=PnMx").await;
    assert_eq!(
        (read.body["items"].as_array().unwrap().len(), &read.body["next"]),
        (2, &Value::Null)
    );
    assert_eq!(api.bound("after").last(), Some(&"s1".into()));
    for cursor in ["!", "czE", ""] {
        let read = api.get(&format!("/datasets/d/waiting?cursor={cursor}")).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, "bad_query"),
            "{cursor}"
        );
    }
    let read = api.get("/datasets/d/waiting?limit=0").await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_query"));
}

#[tokio::test]
async fn a_key_without_lines_has_an_empty_page() {
    let api = api_of(join(), Vec::new());
    let read = api.get("/datasets/d/waiting/lines?key=s1").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    assert_eq!(
        read.body,
        json!({"file_id": null, "version": null, "file_name": null, "keys": ["date", "school_id"], "items": [],
            "next": null})
    );
    assert_eq!(api.bound("key0"), ["s1".into()]);
    assert!(
        api.texts()
            .iter()
            .all(|text| !text.contains("join stored.dimension"))
    );
    let read = api.get("/datasets/d/waiting/lines?cursor=x").await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_query"));
}

#[tokio::test]
async fn where_nothing_is_looked_up_nothing_waits() {
    let api = api_of(Value::Null, Vec::new());
    let read = api.get("/datasets/d/waiting").await;
    assert_eq!(
        read.body,
        json!({"dimension": null, "field": null, "items": [], "next": null})
    );
    let read = api.get("/datasets/d/waiting/lines").await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "no_dimension")
    );
}
