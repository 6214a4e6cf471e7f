use http::StatusCode;
use millrace_core::message::Queue;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{api, api_without_database, json as one};

#[tokio::test]
async fn dropped_objects_are_listed_with_what_became_of_them() {
    let api = api(|_| {
        one(
            &json!({"drop_id": 7, "object_key": "drops/a.csv", "object_version": null, "size_bytes": 5,
            "error": {"rule": "bad_key", "message": "a part is missing"}, "file_id": null, "version": null,
            "created_at": "t"}),
        )
    });
    let read = api.get("/ingestion/drops?state=refused&limit=1&cursor=9").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let error = json!({"rule": "bad_key", "line": null, "column": null, "message": "a part is missing", "rows": null});
    let expected = json!({"items": [{"key": "drops/a.csv", "object_version": null, "size_bytes": 5, "file_id": null,
        "version": null, "error": error, "created_at": "t"}], "next": "7"});
    assert_eq!(read.body, expected);
    for (name, value) in [
        ("refused_only", SqlValue::Bool(true)),
        ("before", SqlValue::Long(9)),
        ("limit", SqlValue::Long(1)),
    ] {
        assert_eq!(api.bound(name), [value], "{name}");
    }
    let all = api.get("/ingestion/drops").await;
    assert_eq!((all.status, &all.body["next"]), (StatusCode::OK, &json!(null)));
}

#[tokio::test]
async fn refused_objects_are_handed_over_to_be_looked_at_again() {
    let refused =
        |id: i64| json!({"drop_id": id, "object_key": format!("drops/{id}.csv"), "object_version": "v"});
    let api = api(move |statement: &Statement| {
        let is_first = statement
            .parameters
            .iter()
            .any(|(name, value)| name == "after" && *value == SqlValue::Null);
        let ids = if is_first { 1..=50 } else { 51..=51 };
        let rows = ids.map(|id| vec![SqlValue::Text(refused(id).to_string())]);
        Ok(Rows { rows: rows.collect() })
    });
    let read = api.post("/ingestion/drops/drive", &json!(null)).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        (&read.body["objects"], &read.body["next"]),
        (&json!(50), &json!("50"))
    );
    let read = api.post("/ingestion/drops/drive?cursor=50", &json!(null)).await;
    let expected =
        json!({"objects": 1, "driven": [{"key": "drops/51.csv", "object_version": "v"}], "next": null});
    assert_eq!(read.body, expected);
    assert_eq!(api.bound("after"), [SqlValue::Null, SqlValue::Long(50)]);
    let messages = api.messages.lock().unwrap().clone();
    let sent: Vec<(Queue, Value)> = messages
        .iter()
        .map(|(queue, body)| (*queue, serde_json::from_str(body).unwrap()))
        .collect();
    let message = |id: i64| (Queue::Ingest, json!({"v": 1, "kind": "take_drop", "drop_id": id}));
    assert_eq!(
        sent,
        (1..=51).map(message).collect::<Vec<_>>(),
        "the oldest first"
    );
}

#[tokio::test]
async fn another_state_than_refused_is_none() {
    let read = api_without_database().get("/ingestion/drops?state=taken").await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/state", "bad_query")])
    );
}
