use axum::body::Body;
use http::StatusCode;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{Api, Read, api, api_without_database, json as one, nothing, request};
use crate::extract::limits::MAX_BATCH_BYTES;

const FILE: &str = "01859000-0000-7000-8000-000000000000";

fn definition(kind: &str, csv: &Value) -> Value {
    let fields = json!([
        {"name": "school", "type": "text", "required": true},
        {"name": "marked", "type": "decimal", "required": false},
    ]);
    match kind {
        "dimension" => json!({"name": "schools", "fields": fields, "key": ["school"], "csv": csv}),
        "dataset" => {
            json!({"name": "reviews", "rows": {"fields": fields, "csv": csv}, "keys": [], "measures": [],
            "outputs": [], "join": null, "group_by": ["school", "marked"]})
        }
        _ => json!({"name": "visits", "fields": fields, "csv": csv}),
    }
}

/// An API with one event and one dimension, whose every version is registered.
fn api_with(outcome: &'static str, csv: Value) -> Api {
    api(move |statement: &Statement| {
        let bound = |name: &str| {
            let value = statement.parameters.iter().find(|(bound, _)| bound == name);
            match value.map(|(_, value)| value.clone()) {
                Some(SqlValue::Text(text)) => text,
                _ => String::new(),
            }
        };
        if statement.text.contains("begin_version") {
            return one(&json!({"outcome": outcome, "file_id": FILE, "version": 1,
                "ingestion_type": bound("type"), "ingestion_name": bound("name"), "file_name": bound("file_name"),
                "mode": bound("mode")}));
        }
        if !statement.text.contains("select name, definition::text") {
            return nothing();
        }
        match bound("name").as_str() {
            "visits" | "schools" | "reviews" => one(&definition(&bound("kind"), &csv)),
            _ => Ok(Rows::default()),
        }
    })
}

fn plain() -> Api {
    api_with("created", json!({}))
}

fn visits(rows: &Value) -> Value {
    json!({"event_name": "visits", "event": rows})
}

async fn send(api: &Api, path: &str, body: impl Into<Body>) -> Read {
    let request = request("POST", path).header("content-type", "application/json");
    api.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_batch_is_checked_registered_and_stored_as_it_came() {
    let api = plain();
    let body = r#"{"event_name":"visits","event":[
        {"school":"a","marked":12345678901234567890.12345},
        {"school":"b","marked":"seven"}, {"marked":1e2}, {"school":"c",
         "marked":null}]}"#;
    let read = send(&api, "/ingestion/event", body).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    let name = read.body["file_name"].as_str().unwrap();
    assert!(name.starts_with("batch-") && name.ends_with(".json"), "{name}");
    assert_eq!(
        (
            &read.body["valid_record_count"],
            &read.body["invalid_record_count"]
        ),
        (&json!(2), &json!(2))
    );
    let errors = read.body["row_errors"].as_array().unwrap();
    let told: Vec<Value> = errors.iter().map(|row| row["errors"][0].clone()).collect();
    assert_eq!(
        told,
        [
            json!({"record": 2, "line": 2, "column": "marked", "rule": "wrong_type", "found": "seven",
                "expected": "a decimal number of at most 28 digits and 18 decimal places, such as -12.5"}),
            json!({"record": 3, "line": 3, "column": "school", "rule": "required", "expected": "a value", "found": ""}),
        ]
    );
    let stored = api.objects.lock().unwrap()[&format!("uploads/{FILE}/1.csv")].clone();
    let stored = String::from_utf8(stored).unwrap();
    let lines: Vec<&str> = stored.lines().collect();
    assert_eq!(lines[0], r#"{"school":"a","marked":12345678901234567890.12345}"#);
    assert_eq!(lines[2], r#"{"marked":1e2}"#);
    assert_eq!(lines.len(), 4);
    assert_eq!(api.bound("content_format"), [SqlValue::from("json_rows")]);
    assert_eq!(api.bound("on_error"), [SqlValue::Null]);
}

#[tokio::test]
async fn a_dimensions_rows_are_taken_likewise_under_the_callers_name() {
    let api = plain();
    let body = json!({"dimension_name": "schools", "dimension": [{"school": "a"}], "file_name": "schools.json",
        "mode": "replace", "on_error": "reject_all"});
    let read = api.post("/ingestion/dimension", &body).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    let expected = json!({"file_id": FILE, "version": 1, "ingestion_name": "schools", "file_name": "schools.json",
        "mode": "replace", "status": "Upload_in_progress", "valid_record_count": 1, "invalid_record_count": 0,
        "row_errors": []});
    assert_eq!(read.body, expected);
    assert_eq!(api.bound("on_error"), [SqlValue::from("reject_all")]);
}

#[tokio::test]
async fn a_datasets_ready_rows_are_taken_likewise() {
    let body = |items: Value| json!({"dataset_name": "reviews", "dataset": {"items": items}});
    let read = plain()
        .post(
            "/ingestion/dataset",
            &body(json!([{"school": "a"}, {"marked": 1}])),
        )
        .await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        (
            &read.body["ingestion_name"],
            &read.body["valid_record_count"],
            &read.body["invalid_record_count"]
        ),
        (&json!("reviews"), &json!(1), &json!(1))
    );
    let empty = plain().post("/ingestion/dataset", &body(json!([]))).await;
    assert_eq!(
        (empty.status, empty.errors()),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            vec![("/dataset/items", "empty")]
        )
    );
    for flat in [json!([{"school": "a"}]), json!([[{"school": "a"}]]), json!("a")] {
        let flat = json!({"dataset_name": "reviews", "dataset": flat});
        let flat = plain().post("/ingestion/dataset", &flat).await;
        assert_eq!(
            (flat.status, flat.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
        );
        assert_eq!(flat.errors(), [("/dataset", "invalid_member")]);
        assert!(
            flat.body.to_string().contains("an object with items"),
            "{}",
            flat.body
        );
    }
    let unknown = json!({"dataset_name": "nothing", "dataset": {"items": [{}]}});
    let unknown = plain().post("/ingestion/dataset", &unknown).await;
    assert_eq!(
        (unknown.code(), unknown.errors()),
        ("unknown_spec", vec![("/dataset_name", "unknown_spec")])
    );
}

#[tokio::test]
async fn a_dataset_that_is_computed_takes_no_rows() {
    let api = api(
        |statement: &Statement| match statement.text.contains("'created_by'") {
            true => one(
                &json!({"kind": "dataset", "name": "d", "version": 1, "body": {}, "created_by": "x",
            "created_at": "2023-01-08T00:00:00Z"}),
            ),
            false => nothing(),
        },
    );
    let body = json!({"dataset_name": "d", "dataset": {"items": [{}]}});
    let read = api.post("/ingestion/dataset", &body).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "dataset_computed")
    );
    let computed = api_with("computed", json!({}));
    let asked = json!({"ingestion_type": "dataset", "ingestion_name": "d", "file_name": "a.csv"});
    let read = computed.post("/ingestion/uploads", &asked).await;
    assert_eq!(
        (read.code(), read.errors()),
        ("dataset_computed", vec![("/ingestion_name", "dataset_computed")])
    );
}

#[tokio::test]
async fn only_the_first_rejected_rows_are_answered() {
    let rows: Vec<Value> = (0..100).map(|_| json!({"marked": 1})).collect();
    let read = plain().post("/ingestion/event", &visits(&json!(rows))).await;
    assert_eq!(read.body["invalid_record_count"], 100);
    assert_eq!(read.body["row_errors"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn unknown_members_follow_the_specs_rule_for_unknown_columns() {
    let rows = json!([{"school": "a", "colour": "red"}]);
    let refused = plain().post("/ingestion/event", &visits(&rows)).await;
    assert_eq!(
        refused.body["row_errors"][0]["errors"][0]["rule"],
        "unknown_header"
    );
    let ignoring = api_with("created", json!({"unknown_columns": "ignore"}));
    let taken = ignoring.post("/ingestion/event", &visits(&rows)).await;
    assert_eq!(taken.body["valid_record_count"], 1);
}

#[tokio::test]
async fn what_is_no_batch_says_where_and_why_and_registers_nothing() {
    let api = api_without_database();
    let cases = [
        (visits(&json!([])), "invalid_upload", "/event", "empty"),
        (json!({"event": [{}]}), "invalid_body", "", "invalid_member"),
        (
            json!({"event_name": "visits", "event": {}}),
            "invalid_body",
            "/event",
            "invalid_member",
        ),
        (
            json!({"event_name": "a b", "event": [{}]}),
            "invalid_upload",
            "/event_name",
            "bad_name",
        ),
        (
            json!({"event_name": "visits", "event": [{}], "file_tracker_pid": 1}),
            "invalid_body",
            "/file_tracker_pid",
            "invalid_member",
        ),
        (
            json!({"event_name": "visits", "event": [{}], "mode": "replace"}),
            "invalid_upload",
            "/file_name",
            "required",
        ),
        (
            json!({"event_name": "visits", "event": [{}], "on_error": "ignore"}),
            "invalid_upload",
            "/on_error",
            "wrong_value",
        ),
        (
            json!({"event_name": "visits", "event": [{}], "file_name": "a/b"}),
            "invalid_upload",
            "/file_name",
            "bad_file_name",
        ),
    ];
    for (body, code, pointer, rule) in cases {
        let read = api.post("/ingestion/event", &body).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, code),
            "{body}"
        );
        assert_eq!(read.errors(), [(pointer, rule)], "{body}");
    }
}

#[tokio::test]
async fn what_is_no_strict_json_is_refused_before_anything_is_read_from_it() {
    let api = api_without_database();
    for (body, code) in [
        (
            r#"{"event_name":"visits","event":[{"a":1,"a":2}]}"#,
            "duplicate_member",
        ),
        (r#"{"event_name":"visits","event":[{"a":01}]}"#, "malformed_json"),
        (
            r#"{"event_name":"visits","event":[{"a":"\ud800"}]}"#,
            "lone_surrogate",
        ),
        (r#"{"event_name":"visits","event":[{"a":1}"#, "malformed_json"),
    ] {
        let read = send(&api, "/ingestion/event", body).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, code),
            "{body}"
        );
    }
    let array = send(&api, "/ingestion/event", "[]").await;
    assert_eq!(
        (array.status, array.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
    );
}

#[tokio::test]
async fn a_spec_that_is_not_there_and_a_name_that_is_taken_are_told() {
    let missing = json!({"event_name": "others", "event": [{}]});
    let read = plain().post("/ingestion/event", &missing).await;
    assert_eq!(
        (read.code(), read.errors()),
        ("unknown_spec", vec![("/event_name", "unknown_spec")])
    );
    let api = api_with("exists", json!({}));
    let read = api
        .post("/ingestion/event", &visits(&json!([{"school": "a"}])))
        .await;
    assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, "file_exists"));
    assert!(api.objects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_has_a_most_bytes_and_a_most_rows() {
    let api = plain();
    let rows = |count: usize| {
        format!(
            "{{\"event_name\":\"visits\",\"event\":[{}]}}",
            vec!["{}"; count].join(",")
        )
    };
    let most = send(&api, "/ingestion/event", rows(10_000)).await;
    assert_eq!(most.body["invalid_record_count"], 10_000);
    let more = send(&api, "/ingestion/event", rows(10_001)).await;
    assert_eq!(
        (more.status, more.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows")
    );
    let padded = |bytes: usize| {
        let around = r#"{"event_name":"visits","event":[{"school":"a"}]}"#;
        format!("{around}{}", " ".repeat(bytes - around.len()))
    };
    let read = send(&api, "/ingestion/event", padded(MAX_BATCH_BYTES)).await;
    assert_eq!(read.status, StatusCode::ACCEPTED);
    let read = send(&api, "/ingestion/event", padded(MAX_BATCH_BYTES + 1)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
}

#[tokio::test]
async fn an_idempotency_key_goes_with_the_hash_of_the_batch() {
    let api = plain();
    for (path, body) in [
        ("/ingestion/event", visits(&json!([{"school": "a"}]))),
        ("/ingestion/event", visits(&json!([{"school": "a"}]))),
        ("/ingestion/event", visits(&json!([{"school": "b"}]))),
    ] {
        let request = request("POST", path)
            .header("content-type", "application/json")
            .header("idempotency-key", "k");
        let read = api
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await;
        assert_eq!(read.status, StatusCode::ACCEPTED);
    }
    let hashes = api.bound("request");
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}
