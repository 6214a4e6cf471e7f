use http::StatusCode;
use millrace_store::Value as SqlValue;
use serde_json::json;

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
async fn another_state_than_refused_is_none() {
    let read = api_without_database().get("/ingestion/drops?state=taken").await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/state", "bad_query")])
    );
}
