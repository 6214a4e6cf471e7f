use http::StatusCode;
use serde_json::{Value, json};

use super::support::{Api, api, api_without_database, json, nothing};

const FILE: &str = "01859000-0000-7000-8000-000000000000";
const ADDRESS: &str = "/ingestion/multipart-uploads/01859000-0000-7000-8000-000000000000/1";
const PART: u64 = 8 * 1024 * 1024;

fn asked(size_bytes: u64) -> Value {
    json!({"ingestion_type": "event", "ingestion_name": "event_x", "file_name": "a.csv", "size_bytes": size_bytes})
}

/// A version of three parts, by an upload that has been begun or not.
fn record(upload_id: Option<&str>) -> Value {
    json!({"file_id": FILE, "version": 1, "sequence": 41, "ingestion_type": "event", "ingestion_name": "event_x",
        "spec_version": 1, "file_name": "a.csv", "mode": "new", "size_bytes": null, "sha256": null, "unchanged_of": null,
        "chunks_expected": null, "stored_status": "Upload_in_progress", "created_at": "2023-01-08T12:00:00Z",
        "received_at": null, "validated_at": null, "settled_at": null, "declared_bytes": 2 * PART + 5,
        "upload_id": upload_id, "facts": {"received": false, "validated": false,
        "counts": {"rows": 0, "kept": 0, "rejected": 0}, "datasets": [], "error": null, "unchanged": false,
        "archived": false}})
}

fn api_with(upload_id: Option<&'static str>) -> Api {
    api(move |statement| match statement.text.as_ref() {
        text if text.contains("begin_version") => {
            json(&json!({"outcome": "created", "file_id": FILE, "version": 1,
            "ingestion_type": "event", "ingestion_name": "event_x", "file_name": "a.csv", "mode": "new"}))
        }
        text if text.contains("set upload_id") => json(&json!("upload-1")),
        text if text.contains("from ingestion.file_tracker") => json(&record(upload_id)),
        _ => nothing(),
    })
}

#[tokio::test]
async fn an_upload_in_parts_says_how_many_and_until_when() {
    let api = api_with(None);
    let read = api
        .post("/ingestion/multipart-uploads", &asked(2 * PART + 5))
        .await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
    let expected = json!({"file_id": FILE, "version": 1, "mode": "new", "size_bytes": 2 * PART + 5, "part_bytes": PART,
        "parts": 3, "expires_at": "2023-01-09T12:00:00Z"});
    assert_eq!(read.body, expected);
    assert_eq!(api.bound("declared_bytes").len(), 1);
}

#[tokio::test]
async fn parts_are_listed_by_page_with_addresses_for_those_that_are_missing() {
    let api = api_with(Some("upload-1"));
    *api.parts.lock().unwrap() = Some(vec![(1, PART), (2, 7)]);
    let read = api.get(&format!("{ADDRESS}/parts?limit=2")).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let expected = json!({"items": [
        {"number": 1, "offset": 0, "size_bytes": PART, "is_received": true, "upload": null},
        {"number": 2, "offset": PART, "size_bytes": PART, "is_received": false, "upload": {
            "url": format!("https://landing.example/uploads/{FILE}/1.csv?partNumber=2&uploadId=upload-1"),
            "method": "PUT", "headers": {"content-length": PART.to_string()}, "expires_at": "2023-11-14T22:28:20Z"}}],
        "next": "2"});
    assert_eq!(read.body, expected);
    let last = api.get(&format!("{ADDRESS}/parts?cursor=2")).await;
    assert_eq!(
        (&last.body["items"][0]["size_bytes"], &last.body["next"]),
        (&json!(5), &json!(null))
    );
    for query in ["limit=101", "cursor=0", "cursor=x", "page=1"] {
        let read = api.get(&format!("{ADDRESS}/parts?{query}")).await;
        assert_eq!(read.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn an_upload_is_completed_once_all_parts_are_there_and_as_often_as_one_likes() {
    let api = api_with(Some("upload-1"));
    *api.parts.lock().unwrap() = Some(vec![(1, PART), (3, 4)]);
    let read = api.call("POST", &format!("{ADDRESS}/complete")).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::CONFLICT, "parts_missing")
    );
    assert_eq!(
        read.errors(),
        [("/parts/2", "part_missing"), ("/parts/3", "part_missing")]
    );
    *api.parts.lock().unwrap() = Some(vec![(1, PART), (2, PART), (3, 5)]);
    for _ in 0..2 {
        let read = api.call("POST", &format!("{ADDRESS}/complete")).await;
        assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
        let expected = json!({"file_id": FILE, "version": 1, "mode": "new", "status": "Upload_in_progress"});
        assert_eq!(read.body, expected);
    }
    let late = api.call("DELETE", ADDRESS).await;
    assert_eq!(
        (late.status, late.code()),
        (StatusCode::CONFLICT, "upload_completed")
    );
}

#[tokio::test]
async fn an_upload_is_broken_off_once_and_for_all() {
    let api = api_with(Some("upload-1"));
    *api.parts.lock().unwrap() = Some(vec![(1, PART)]);
    for _ in 0..2 {
        let read = api.call("DELETE", ADDRESS).await;
        assert_eq!(
            (read.status, &read.body["status"]),
            (StatusCode::OK, &json!("Error"))
        );
    }
    let late = api.call("POST", &format!("{ADDRESS}/complete")).await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "upload_ended"));
    let late = api.get(&format!("{ADDRESS}/parts")).await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "upload_ended"));
}

#[tokio::test]
async fn a_version_that_does_not_come_in_parts_is_not_there() {
    for path in [
        ADDRESS.to_owned(),
        format!("/ingestion/multipart-uploads/{FILE}/0"),
        format!("/ingestion/multipart-uploads/{FILE}/+1"),
        "/ingestion/multipart-uploads/x/1".to_owned(),
    ] {
        let api = api_with(None);
        assert_eq!(
            api.call("DELETE", &path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        let read = api.get(&format!("{path}/parts")).await;
        assert_eq!(read.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_is_declared_is_checked() {
    let api = api_without_database();
    let parts = "/ingestion/multipart-uploads";
    let one = "/ingestion/uploads";
    for (path, size, sha256, expected) in [
        (
            parts,
            json!(null),
            json!(null),
            [("/size_bytes", "required")].as_slice(),
        ),
        (parts, json!(0), json!(null), &[("/size_bytes", "out_of_range")]),
        (
            parts,
            json!((10_u64 << 30) + 1),
            json!("0g"),
            &[("/size_bytes", "out_of_range"), ("/sha256", "wrong_value")],
        ),
        (
            one,
            json!((5_u64 << 30) + 1),
            json!(null),
            &[("/size_bytes", "out_of_range")],
        ),
        (
            one,
            json!(0),
            json!("é".repeat(32)),
            &[("/size_bytes", "out_of_range"), ("/sha256", "wrong_value")],
        ),
    ] {
        let mut order = asked(0);
        order["size_bytes"] = size;
        order["sha256"] = sha256;
        let read = api.post(path, &order).await;
        assert_eq!(read.code(), "invalid_upload", "{order}");
        assert_eq!(read.errors(), expected, "{order}");
    }
}
