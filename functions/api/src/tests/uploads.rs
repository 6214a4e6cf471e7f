use axum::body::Body;
use http::{Request, StatusCode};
use millrace_core::message::Queue;
use millrace_store::Value as SqlValue;
use serde_json::{Value, json};

use super::support::{Api, Read, api, api_without_database, json, nothing, request};
use crate::extract::limits::MAX_FORM_BYTES;

const FILE: &str = "01859000-0000-7000-8000-000000000000";

fn begun(outcome: &str) -> Value {
    json!({"outcome": outcome, "file_id": FILE, "version": 1, "ingestion_type": "event", "ingestion_name": "event_x",
        "file_name": "a.csv", "mode": "new"})
}

fn api_that_begins(outcome: &'static str) -> Api {
    api(move |statement| match statement.text.contains("begin_version") {
        true => json(&begun(outcome)),
        false => nothing(),
    })
}

fn asked() -> Value {
    json!({"ingestion_type": "event", "ingestion_name": "event_x", "file_name": "a.csv"})
}

#[tokio::test]
async fn an_upload_gets_an_id_a_version_and_an_address() {
    for outcome in ["created", "replayed"] {
        let read = api_that_begins(outcome)
            .post("/ingestion/uploads", &asked())
            .await;
        assert_eq!(read.status, StatusCode::CREATED);
        let expected = json!({"file_id": FILE, "version": 1, "mode": "new", "upload": {
            "url": format!("https://landing.example/uploads/{FILE}/1.csv"), "method": "PUT",
            "headers": {"if-none-match": "*"}, "expires_at": "2023-11-14T22:28:20Z"}});
        assert_eq!(read.body, expected);
    }
}

#[tokio::test]
async fn versions_that_still_wait_for_their_bytes_are_looked_for() {
    let waiting = json!({"outbox_id": 7, "queue": "ingest", "body": message_of_version_1()});
    let api = api(move |statement| {
        if statement.text.contains("begin_version") {
            let mut begun = begun("created");
            begun["has_open_predecessors"] = json!(true);
            return json(&begun);
        }
        match statement.text.contains("select jsonb_build_object('outbox_id'") {
            true => json(&waiting),
            false => nothing(),
        }
    });
    let read = api.post("/ingestion/uploads", &asked()).await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
    let sent = api.messages.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, Queue::Ingest);
    assert_eq!(
        serde_json::from_str::<Value>(&sent[0].1).unwrap(),
        message_of_version_1()
    );
}

fn message_of_version_1() -> Value {
    json!({"v": 1, "kind": "ingest_file", "file_id": FILE, "version": 1})
}

#[tokio::test]
async fn what_cannot_be_begun_says_why() {
    let outcomes = [
        ("exists", StatusCode::CONFLICT, "file_exists"),
        ("other_spec", StatusCode::CONFLICT, "other_spec"),
        ("no_file", StatusCode::NOT_FOUND, "not_found"),
        ("retired", StatusCode::CONFLICT, "spec_retired"),
        ("no_spec", StatusCode::UNPROCESSABLE_ENTITY, "unknown_spec"),
        (
            "key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
        ),
    ];
    for (outcome, status, code) in outcomes {
        let read = api_that_begins(outcome)
            .post("/ingestion/uploads", &asked())
            .await;
        assert_eq!((read.status, read.code()), (status, code));
        let is_named = read.body["file_id"] == FILE && read.body["version"] == 1;
        assert_eq!(is_named, outcome == "exists", "{}", read.body);
    }
}

#[tokio::test]
async fn every_broken_rule_of_an_order_has_its_pointer() {
    let api = api_without_database();
    let bad = json!({"ingestion_type": "source", "ingestion_name": "a b", "file_name": "../a.csv", "mode": "delete",
        "file_id": "x"});
    let read = api.post("/ingestion/uploads", &bad).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_upload")
    );
    let expected = [
        ("/ingestion_type", "wrong_value"),
        ("/ingestion_name", "bad_name"),
        ("/file_name", "bad_file_name"),
        ("/mode", "wrong_value"),
        ("/file_id", "wrong_value"),
    ];
    assert_eq!(read.errors(), expected);
    for name in ["", ".", "..", "a/b", "a\\b", "a\nb", &"a".repeat(201)] {
        let mut order = asked();
        order["file_name"] = json!(name);
        assert_eq!(
            api.post("/ingestion/uploads", &order).await.errors(),
            [("/file_name", "bad_file_name")],
            "{name:?}"
        );
    }
    for (member, value, pointer) in [
        ("extra", json!(1), "/extra"),
        ("mode", json!(1), "/mode"),
        ("file_name", json!(null), "/file_name"),
    ] {
        let mut order = asked();
        order[member] = value;
        let read = api.post("/ingestion/uploads", &order).await;
        assert_eq!(
            (read.code(), read.errors()[0]),
            ("invalid_body", (pointer, "invalid_member"))
        );
    }
}

#[tokio::test]
async fn an_idempotency_key_goes_with_the_hash_of_the_request() {
    let api = api_that_begins("created");
    let send = async |key: &str, body: Value| {
        let request = request("POST", "/ingestion/uploads").header("content-type", "application/json");
        api.send(
            request
                .header("idempotency-key", key)
                .body(Body::from(body.to_string()))
                .unwrap(),
        )
        .await
    };
    let mut other = asked();
    other["file_name"] = json!("b.csv");
    for body in [asked(), asked(), other] {
        assert_eq!(send("key-1", body).await.status, StatusCode::CREATED);
    }
    assert_eq!(api.bound("key"), vec![SqlValue::from("key-1"); 3]);
    let hashes = api.bound("request");
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
    for bad in ["", "a b", "é", &"k".repeat(256)] {
        assert_eq!(send(bad, asked()).await.code(), "bad_idempotency_key", "{bad:?}");
    }
    assert_eq!(send(&"k".repeat(255), asked()).await.status, StatusCode::CREATED);
}

fn form(boundary: &str, members: &[(&str, Option<&str>, &str)]) -> String {
    let mut text = String::new();
    for (name, file_name, value) in members {
        let file = file_name
            .map(|file| format!("; filename=\"{file}\"\r\nContent-Type: text/csv"))
            .unwrap_or_default();
        text.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        ));
    }
    format!("{text}--{boundary}--\r\n")
}

async fn send_form(api: &Api, boundary: &str, body: String) -> Read {
    let kind = format!("multipart/form-data; boundary={boundary}");
    let request = request("POST", "/ingestion/csv")
        .header("content-type", kind)
        .header("idempotency-key", "k");
    api.send(request.body(Body::from(body)).unwrap()).await
}

const CSV: &str = "date,total\r\n2023-01-08,\"1\r\n\"\r\n";

#[tokio::test]
async fn a_form_is_stored_as_it_came() {
    let api = api_that_begins("created");
    let members = [
        ("ingestion_type", None, "event"),
        ("ingestion_name", None, "event_x"),
        ("file", Some("a.csv"), CSV),
    ];
    let read = send_form(&api, "one", form("one", &members)).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        read.body,
        json!({"file_id": FILE, "version": 1, "mode": "new", "status": "Upload_in_progress"})
    );
    assert_eq!(
        api.objects.lock().unwrap()[&format!("uploads/{FILE}/1.csv")],
        CSV.as_bytes()
    );
    // Another boundary and another order are the same request.
    let reordered = [members[2], members[0], members[1]];
    send_form(&api, "two", form("two", &reordered)).await;
    let hashes = api.bound("request");
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn a_bad_form_says_what_is_wrong() {
    let api = api_without_database();
    let kind = ("ingestion_type", None, "event");
    let name = ("ingestion_name", None, "event_x");
    let file = ("file", Some("a.csv"), CSV);
    let cases: [(&[_], &str, &str); 6] = [
        (&[kind, name], "bad_form", "/form/file"),
        (&[kind, name, ("file", None, CSV)], "bad_form", "/form/file"),
        (&[kind, kind, name, file], "bad_form", "/form/ingestion_type"),
        (
            &[kind, name, file, ("extra", None, "1")],
            "bad_form",
            "/form/extra",
        ),
        (&[kind, file], "invalid_upload", "/form/ingestion_name"),
        (
            &[kind, name, ("file", Some("a/b.csv"), CSV)],
            "invalid_upload",
            "/form/file",
        ),
    ];
    for (members, code, pointer) in cases {
        let read = send_form(&api, "b", form("b", members)).await;
        assert_eq!((read.code(), read.errors()[0].0), (code, pointer));
    }
    assert_eq!(
        send_form(&api, "b", "--b\r\n".to_owned()).await.code(),
        "bad_form"
    );
    let large = [kind, name, ("file", Some("a.csv"), &"x".repeat(MAX_FORM_BYTES))];
    let read = send_form(&api, "b", form("b", &large)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
    let raw = request("POST", "/ingestion/csv").header("content-type", "text/csv");
    let read = api.send(raw.body(Body::from(CSV)).unwrap()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
    );
}

#[tokio::test]
async fn a_form_of_just_the_limit_is_taken() {
    let api = api_that_begins("created");
    let members = |csv: &'static str| {
        [
            ("ingestion_type", None, "event"),
            ("ingestion_name", None, "event_x"),
            ("file", Some("a.csv"), csv),
        ]
    };
    let overhead = form("b", &members("")).len();
    let csv: &'static str = "x".repeat(MAX_FORM_BYTES - overhead).leak();
    assert_eq!(
        send_form(&api, "b", form("b", &members(csv))).await.status,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn a_file_is_taken_back_by_its_id() {
    let api = api(|statement| match &statement.text {
        latest if latest.contains("latest_version") => json(&json!(1)),
        begin if begin.contains("begin_version") => json(&begun("created")),
        outbox if outbox.contains("'outbox_id'") => {
            json(&json!({"outbox_id": 1, "queue": "perf", "body": {"v": 1}}))
        }
        _ => nothing(),
    });
    let read = api.send(delete_request()).await;
    assert_eq!(read.status, StatusCode::ACCEPTED);
    assert_eq!(
        read.body,
        json!({"file_id": FILE, "version": 1, "mode": "delete", "status": "Processing"})
    );
    let messages = api.messages.lock().unwrap().clone();
    let reminder = json!({"v": 1, "kind": "reminder", "file_id": FILE, "version": 2});
    assert_eq!(serde_json::from_str::<Value>(&messages[0].1).unwrap(), reminder);
    assert_eq!(messages[1], (Queue::Perf, r#"{"v":1}"#.to_owned()));
}

#[tokio::test]
async fn a_file_that_is_not_there_cannot_be_taken_back() {
    let api = api(|_| nothing());
    assert_eq!(api.send(delete_request()).await.status, StatusCode::NOT_FOUND);
    assert!(api.messages.lock().unwrap().is_empty());
}

fn delete_request() -> Request<Body> {
    request("DELETE", &format!("/ingestion/files/{FILE}"))
        .body(Body::empty())
        .unwrap()
}
