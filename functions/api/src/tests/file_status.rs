use axum::body::Body;
use http::StatusCode;
use millrace_core::message::Queue;
use millrace_store::Value as SqlValue;
use serde_json::{Value, json};

use super::support::{Api, Read, api, api_without_database, json as one, nothing, request};

const FILE: &str = "01859000-0000-7000-8000-000000000000";
const PATH: &str = "/ingestion/file-status?filename=a.csv&ingestion_type=event&ingestion_name=event_x";

fn record(applied: bool, error: &Value) -> Value {
    json!({"file_id": FILE, "version": 2, "sequence": 41, "ingestion_type": "event", "ingestion_name": "event_x",
        "spec_version": 1, "file_name": "a.csv", "mode": "new", "size_bytes": 10, "sha256": null, "unchanged_of": null,
        "chunks_expected": 1, "stored_status": "Uploaded", "created_at": "t", "received_at": "t", "validated_at": null,
        "settled_at": null, "facts": {"received": true, "validated": true, "counts": {"rows": 3, "kept": 2,
        "rejected": 1}, "datasets": [{"dataset": "d", "applied": applied}], "error": error, "unchanged": false,
        "archived": false}})
}

fn api_of(record: Value) -> Api {
    api(
        move |statement| match statement.text.contains("from ingestion.file_tracker t") {
            true => one(&record),
            false => nothing(),
        },
    )
}

async fn ask(api: &Api, status: &str) -> Read {
    let body = json!({"file_name": "a.csv", "ingestion_type": "event", "ingestion_name": "event_x", "status": status});
    let request = request("PUT", "/ingestion/file-status").header("content-type", "application/json");
    api.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

#[tokio::test]
async fn versions_are_listed_by_the_files_name() {
    let api = api_of(record(true, &Value::Null));
    let read = api.get(&format!("{PATH}&limit=1&cursor=50")).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let expected = json!({"response": [{"pid": FILE, "version": 2, "file_name": "a.csv",
        "file_status": "Ready_to_archive", "created_at": "t", "total_data_count": 3, "processed_data_count": 2,
        "error_data_count": 1, "datasets": [{"dataset": "d", "applied": true}], "error": null}], "next": "41"});
    assert_eq!(read.body, expected);
    for (name, value) in [
        ("type", SqlValue::from("event")),
        ("name", SqlValue::from("event_x")),
        ("file_name", SqlValue::from("a.csv")),
        ("before", SqlValue::Long(50)),
    ] {
        assert_eq!(api.bound(name), [value], "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_and_a_query_that_is_none_are_told() {
    let absent = api(|_| nothing());
    assert_eq!(absent.get(PATH).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&absent, "Processing").await.status, StatusCode::NOT_FOUND);
    // Behind the last page there is an empty one.
    assert_eq!(
        absent.get(&format!("{PATH}&cursor=5")).await.body["response"],
        json!([])
    );
    let api = api_without_database();
    for (from, to, member) in [
        ("filename=a.csv", "filename=", "filename"),
        ("ingestion_type=event", "ingestion_type=source", "ingestion_type"),
        ("ingestion_name=event_x", "ingestion_name=a%20b", "ingestion_name"),
        ("&ingestion_name=event_x", "", "ingestion_name"),
    ] {
        let read = api.get(&PATH.replace(from, to)).await;
        assert_eq!(read.status, StatusCode::BAD_REQUEST, "{to}");
        assert_eq!(read.errors()[0].0, format!("/query/{member}"));
    }
}

#[tokio::test]
async fn a_status_that_is_reached_is_answered_and_nothing_is_sent() {
    let api = api_of(record(true, &Value::Null));
    for status in ["Completed_d", "completed_D", "Completed", "Ready_to_archive"] {
        let read = ask(&api, status).await;
        let expected = json!({"message": "File status updated successfully", "file_id": FILE, "version": 2,
            "file_status": "Ready_to_archive", "is_as_asked": true, "ready_to_archive": true, "messages": 0});
        assert_eq!((read.status, read.body), (StatusCode::OK, expected), "{status}");
    }
    assert!(api.messages.lock().unwrap().is_empty());
    assert!(api.texts().iter().all(|text| !text.contains("update")));
}

#[tokio::test]
async fn a_status_that_may_be_reached_drives_the_file_on() {
    let api = api_of(record(false, &Value::Null));
    let read = ask(&api, "Completed_d").await;
    let expected = json!({"message": "the file is at Processing and has been driven on", "file_id": FILE, "version": 2,
        "file_status": "Processing", "is_as_asked": false, "ready_to_archive": false, "messages": 1});
    assert_eq!((read.status, read.body), (StatusCode::OK, expected));
    let messages = api.messages.lock().unwrap().clone();
    let aggregate = json!({"v": 1, "kind": "aggregate", "file_id": FILE, "version": 2, "dataset": "d"});
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].0, Queue::Perf);
    assert_eq!(serde_json::from_str::<Value>(&messages[0].1).unwrap(), aggregate);
    assert_eq!(ask(&api, "Processing_d").await.body["is_as_asked"], true);
}

#[tokio::test]
async fn what_the_facts_forbid_is_a_conflict_with_its_reason() {
    let done = api_of(record(true, &Value::Null));
    let refused = api_of(record(
        false,
        &json!({"rule": "empty_file", "message": "no rows"}),
    ));
    for (api, status, reason) in [
        (
            &done,
            "Processing",
            "the file is at Ready_to_archive already, and does not go back",
        ),
        (
            &done,
            "Upload_in_progress",
            "the file is at Ready_to_archive already, and does not go back",
        ),
        (
            &done,
            "Archived",
            "the file's object has not been moved to the archive",
        ),
        (&done, "Error", "nothing is wrong with the file"),
        (&refused, "Completed_d", "the file was refused: no rows"),
    ] {
        let read = ask(api, status).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::CONFLICT, "status_forbidden"),
            "{status}"
        );
        assert_eq!(read.body["detail"], reason);
        assert_eq!(
            (&read.body["file_id"], &read.body["version"]),
            (&json!(FILE), &json!(2))
        );
        assert!(api.messages.lock().unwrap().is_empty());
    }
    assert_eq!(ask(&refused, "Error").await.body["is_as_asked"], true);
}

#[tokio::test]
async fn words_that_are_no_status_and_datasets_that_are_not_fed_are_refused() {
    let api = api_of(record(false, &Value::Null));
    for (status, code) in [
        ("Done", "unknown_status"),
        ("", "unknown_status"),
        ("Completed_other", "unknown_dataset"),
    ] {
        let read = ask(&api, status).await;
        assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            (read.code(), read.errors()),
            ("invalid_status", vec![("/status", code)]),
            "{status}"
        );
    }
    let body =
        json!({"file_name": "a.csv", "ingestion_type": "source", "ingestion_name": "a b", "status": "x"});
    let request = request("PUT", "/ingestion/file-status").header("content-type", "application/json");
    let read = api
        .send(request.body(Body::from(body.to_string())).unwrap())
        .await;
    let expected = [
        ("/ingestion_type", "wrong_value"),
        ("/ingestion_name", "bad_name"),
        ("/status", "unknown_status"),
    ];
    assert_eq!(read.errors(), expected);
}

/// What could not be moved says so wherever it is looked at, and is tried again once it is driven on.
#[tokio::test]
async fn a_file_that_could_not_be_moved_says_why() {
    let mut moveless = record(true, &Value::Null);
    moveless["stored_status"] = "Ready_to_archive".into();
    moveless["facts"]["move_error"] = json!({"rule": "object_gone", "message": "it is gone"});
    let api = api_of(moveless);
    let path = format!("/ingestion/files/{FILE}");
    let of_file = api.get(&path).await.body;
    let of_name = api.get(PATH).await.body["response"][0].clone();
    for read in [&of_file, &of_name] {
        assert_eq!(read["move_error"]["rule"], "object_gone", "{read}");
        assert_eq!(read["error"], Value::Null, "{read}");
    }
    assert_eq!(of_file["status"], "Ready_to_archive");
    let asked = ask(&api, "Archived").await;
    assert_eq!(
        (asked.status, &asked.body["detail"]),
        (StatusCode::CONFLICT, &json!("it is gone"))
    );
    let forgets = |api: &Api| {
        let texts = api.texts();
        texts.iter().any(|text| text.contains("set move_error = null"))
    };
    assert!(!forgets(&api));
    let driven = api.post(&format!("{path}/drive"), &json!(null)).await;
    assert_eq!(driven.status, StatusCode::ACCEPTED, "{}", driven.body);
    assert!(forgets(&api));
}
