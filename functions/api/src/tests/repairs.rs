use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http_body_util::BodyExt as _;
use millrace_core::message::Queue;
use millrace_store::{Statement, Value as SqlValue};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::support::{Api, api, json, nothing, request};

const FILE: &str = "01859000-0000-7000-8000-000000000000";
const ROWS: &str = "row-errors/event/e/1.ndjson";

fn record(content_format: &str, validated: bool) -> Value {
    json!({"file_id": FILE, "version": 1, "sequence": 41, "ingestion_type": "event", "ingestion_name": "e",
        "spec_version": 1, "file_name": "marks.2023.csv", "mode": "new", "size_bytes": 10, "sha256": null,
        "content_format": content_format, "unchanged_of": null, "chunks_expected": 1, "stored_status": "Uploaded",
        "created_at": "t", "received_at": "t", "validated_at": null, "settled_at": null, "facts": {"received": true,
        "validated": validated, "counts": {"rows": 3, "kept": 2, "rejected": 1}, "datasets": [], "error": null,
        "unchanged": false, "archived": false}})
}

/// An API with one file, one of whose rows was rejected; the row has these bytes.
fn api_with_rejected(content_format: &'static str, validated: bool, raw: &[u8], times: usize) -> Api {
    let row = |at: usize| {
        json!({"record": at, "line": at + 1, "raw": STANDARD.encode(raw), "errors": [{"record": at, "line": at + 1,
            "column": "grade", "rule": "wrong_type", "expected": "a whole number", "found": "'4"}]})
        .to_string()
            + "\n"
    };
    let rows: String = (1..=times).map(row).collect();
    let size = rows.len();
    let api = api(move |statement| match &statement.text {
        text if text.contains("row_errors_key") => {
            json(&json!({"chunk": 0, "key": ROWS, "size_bytes": size}))
        }
        text if text.contains("spec.spec") => json(&json!({"name": "e", "fields": [
            {"name": "date", "type": "date", "required": true}, {"name": "grade", "type": "integer", "required": true}]})),
        text if text.contains("file_tracker t") => json(&record(content_format, validated)),
        other => panic!("{other}"),
    });
    let mut objects = api.objects.lock().unwrap();
    objects.insert(
        format!("uploads/{FILE}/1.csv"),
        b"date,grade\n2023-01-08,1\n".to_vec(),
    );
    objects.insert(ROWS.to_owned(), rows.into_bytes());
    drop(objects);
    api
}

fn path(rest: &str) -> String {
    format!("/ingestion/files/{FILE}/{rest}")
}

#[tokio::test]
async fn a_small_repair_file_is_handed_out_itself() {
    let api = api_with_rejected("csv", true, b"2023-01-08,'4", 1);
    let request = request("GET", &path("repair.csv")).body(Body::empty()).unwrap();
    let response = api.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"marks.2023.v1.repair.csv\"; filename*=UTF-8''marks.2023.v1.repair.csv"
    );
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        "\u{feff}date,grade,millrace_line,millrace_column,millrace_problem,millrace_suggestion\r\n\
         2023-01-08,'4,2,grade,\"wrong_type: expected a whole number, found `'4`\",4\r\n"
    );
}

/// Behind a repair that was refused as a whole, the rows that are meant are those that it was to mend; of one that counts
/// whole or not at all, its own.
#[tokio::test]
async fn a_refused_repair_hides_no_rejected_rows() {
    for (rule, version) in [("not_csv", 1), ("rows_rejected", 2)] {
        let api = api(move |statement| match &statement.text {
            text if text.contains("row_errors_key") => nothing(),
            text if text.contains("order by t.version desc limit 1") => {
                let mut latest = record("csv", false);
                (latest["version"], latest["base_version"]) = (json!(2), json!(1));
                latest["facts"]["error"] = json!({"rule": rule, "message": "no"});
                json(&latest)
            }
            text if text.contains("file_tracker t") => json(&record("csv", true)),
            other => panic!("{other}"),
        });
        let read = api.get(&path("row-errors")).await;
        assert_eq!(
            (read.status, &read.body["version"]),
            (StatusCode::OK, &json!(version))
        );
    }
}

#[tokio::test]
async fn a_large_one_and_one_that_is_no_text_lie_elsewhere() {
    for (raw, times) in [(&b"2023-01-08,'4"[..], 40_000), (b"2023-01-08,\xFF4", 1)] {
        let api = api_with_rejected("csv", true, raw, times);
        for _ in 0..2 {
            let read = api.get(&path("repair.csv")).await;
            assert_eq!(read.status, StatusCode::SEE_OTHER, "{}", read.body);
            let address = read.headers["location"].to_str().unwrap();
            assert!(address.contains(&format!("repairs/{FILE}/1.csv")), "{address}");
        }
        let objects = api.objects.lock().unwrap();
        let written = &objects[&format!("repairs/{FILE}/1.csv")];
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), times + 1);
    }
}

#[tokio::test]
async fn what_has_no_repair_file_says_why() {
    for (format, validated, code) in [
        ("json_rows", true, "no_repair_file"),
        ("csv", false, "file_under_way"),
    ] {
        let api = api_with_rejected(format, validated, b"{}", 1);
        let read = api.get(&path("repair.csv")).await;
        assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, code));
    }
    let api = api_with_rejected("csv", true, b"x", 1);
    api.objects
        .lock()
        .unwrap()
        .remove(&format!("uploads/{FILE}/1.csv"));
    let read = api.get(&path("repair.csv")).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::CONFLICT, "no_repair_file")
    );
}

fn begins(outcome: &'static str) -> Api {
    api(move |statement: &Statement| match &statement.text {
        text if text.contains("ingestion.begin_repair") => {
            let mode = statement
                .parameters
                .iter()
                .find(|(name, _)| name == "mode")
                .unwrap();
            let SqlValue::Text(mode) = &mode.1 else {
                panic!("{mode:?}")
            };
            json(
                &json!({"outcome": outcome, "file_id": FILE, "version": 2, "ingestion_type": "event",
                "ingestion_name": "e", "file_name": "marks.csv", "mode": mode, "has_open_predecessors": false}),
            )
        }
        text if text.contains("latest_version") => json(&json!(1)),
        text if text.contains("operations.outbox") => nothing(),
        other => panic!("{other}"),
    })
}

fn form(members: &[(&str, &str)]) -> (String, String) {
    let mut body = String::new();
    for (name, text) in members {
        let file = if *name == "file" {
            "; filename=\"mended.csv\""
        } else {
            ""
        };
        body += &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n");
    }
    (body + "--b--\r\n", "multipart/form-data; boundary=b".to_owned())
}

async fn send(api: &Api, rest: &str, members: &[(&str, &str)]) -> super::support::Read {
    let (body, content_type) = form(members);
    let request = request("POST", &path(rest)).header("content-type", content_type);
    api.send(request.body(Body::from(body)).unwrap()).await
}

async fn post(api: &Api, rest: &str) -> super::support::Read {
    api.send(request("POST", &path(rest)).body(Body::empty()).unwrap())
        .await
}

#[tokio::test]
async fn a_repaired_file_lies_where_an_upload_of_its_version_would() {
    let api = begins("created");
    let read = send(&api, "repair?version=1", &[("file", "a,millrace_line\n1,2\n")]).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        read.body,
        json!({"file_id": FILE, "version": 2, "mode": "repair", "status": "Upload_in_progress"})
    );
    let objects = api.objects.lock().unwrap().clone();
    assert_eq!(
        objects[&format!("uploads/{FILE}/2.csv")],
        b"a,millrace_line\n1,2\n"
    );
    assert_eq!(api.bound("base"), [SqlValue::Long(1)]);
    assert_eq!(api.bound("client_id"), ["tester".into()]);
    assert!(api.messages.lock().unwrap().is_empty(), "S3 tells of it");
    let read = send(&api, "repair", &[("file", "x"), ("mode", "new")]).await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_form"));
}

#[tokio::test]
async fn a_large_repaired_file_gets_an_address() {
    let read = post(&begins("created"), "repair/upload").await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
    assert_eq!(
        (&read.body["mode"], &read.body["version"]),
        (&json!("repair"), &json!(2))
    );
    let url = read.body["upload"]["url"].as_str().unwrap();
    assert!(url.ends_with(&format!("uploads/{FILE}/2.csv")), "{url}");
}

#[tokio::test]
async fn a_replay_is_reminded_of_before_it_is_begun() {
    let api = begins("created");
    let read = post(&api, "replay").await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        (&read.body["mode"], &read.body["status"]),
        (&json!("replay"), &json!("Uploaded"))
    );
    let messages = api.messages.lock().unwrap();
    assert_eq!(messages[0].0, Queue::Status);
    let reminder: Value = serde_json::from_str(&messages[0].1).unwrap();
    assert_eq!(
        (&reminder["kind"], &reminder["version"]),
        (&json!("reminder"), &json!(2))
    );
}

#[tokio::test]
async fn what_cannot_be_tried_again_says_why() {
    for (outcome, status, code) in [
        ("under_way", StatusCode::CONFLICT, "file_under_way"),
        ("moved_on", StatusCode::CONFLICT, "file_moved_on"),
        ("nothing_rejected", StatusCode::CONFLICT, "nothing_rejected"),
        ("no_repair_file", StatusCode::CONFLICT, "no_repair_file"),
        ("held_elsewhere", StatusCode::CONFLICT, "held_elsewhere"),
        ("retired", StatusCode::CONFLICT, "spec_retired"),
        ("no_file", StatusCode::NOT_FOUND, "not_found"),
        ("no_spec", StatusCode::UNPROCESSABLE_ENTITY, "unknown_spec"),
        (
            "key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
        ),
    ] {
        let api = begins(outcome);
        for read in [
            send(&api, "repair", &[("file", "a")]).await,
            post(&api, "repair/upload").await,
            post(&api, "replay").await,
        ] {
            assert_eq!((read.status, read.code()), (status, code), "{}", read.body);
        }
        assert!(api.objects.lock().unwrap().is_empty());
    }
}
