use http::StatusCode;
use millrace_core::message::Queue;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{api, api_without_database, json as one};

const FILE: &str = "01859000-0000-7000-8000-000000000000";

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
async fn refused_objects_are_looked_at_again_and_taken_where_they_can_be() {
    let refused = |id: i64, key: &str| {
        json!({"drop_id": id, "object_key": key, "write_id": "w", "object_version": "v", "object_etag": null,
            "place": "00", "size_bytes": 5})
    };
    let api = api(move |statement: &Statement| {
        if statement.text.contains("d.state = 'refused'") {
            let page = [refused(9, "drops/event/visits/a.csv"), refused(8, "drops/a.csv")];
            let rows = page.iter().map(|row| vec![SqlValue::Text(row.to_string())]);
            return Ok(Rows { rows: rows.collect() });
        }
        let is_good = statement
            .parameters
            .iter()
            .any(|(name, value)| name == "error" && *value == SqlValue::Null);
        match is_good {
            true => one(&json!({"outcome": "taken", "files": [{"file_id": FILE, "version": 2}]})),
            false => one(&json!({"outcome": "refused"})),
        }
    });
    let read = api.post("/ingestion/drops/drive", &json!(null)).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    let expected = json!({"taken": [{"key": "drops/event/visits/a.csv", "file_id": FILE, "version": 2}],
        "refused": 1, "next": null});
    assert_eq!(read.body, expected);
    assert_eq!(api.bound("write_id"), [SqlValue::from("w"), SqlValue::from("w")]);
    let messages = api.messages.lock().unwrap().clone();
    let sent = json!({"v": 1, "kind": "ingest_file", "file_id": FILE, "version": 2});
    assert_eq!((messages.len(), messages[0].0), (1, Queue::Ingest));
    assert_eq!(serde_json::from_str::<Value>(&messages[0].1).unwrap(), sent);
}

#[tokio::test]
async fn another_state_than_refused_is_none() {
    let read = api_without_database().get("/ingestion/drops?state=taken").await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/state", "bad_query")])
    );
}
