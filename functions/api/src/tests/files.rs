use axum::body::Body;
use base64::Engine as _;
use http::StatusCode;
use millrace_core::message::Queue;
use millrace_store::Value as SqlValue;
use serde_json::{Value, json};

use super::support::{api, api_without_database, json, nothing, request};

const FILE: &str = "01859000-0000-7000-8000-000000000000";

fn record(validated: bool) -> Value {
    json!({"file_id": FILE, "version": 2, "sequence": 41, "ingestion_type": "event", "ingestion_name": "event_x",
        "spec_version": 1, "file_name": "a.csv", "mode": "new", "size_bytes": 10, "sha256": null, "unchanged_of": null,
        "chunks_expected": 1, "stored_status": "Uploaded", "created_at": "t", "received_at": "t", "validated_at": null,
        "settled_at": null, "facts": {"received": true, "validated": validated, "counts": {"rows": 3, "kept": 2,
        "rejected": 1}, "datasets": [{"dataset": "d", "applied": false}], "error": null, "unchanged": false,
        "archived": false}})
}

#[tokio::test]
async fn a_files_status_follows_from_its_facts() {
    let api = api(|_| json(&record(true)));
    let read = api.get(&format!("/ingestion/files/{FILE}")).await;
    assert_eq!(
        (read.status, &read.body["status"]),
        (StatusCode::OK, &json!("Processing"))
    );
    assert_eq!(
        (&read.body["rows"], &read.body["kept"], &read.body["rejected"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(read.body["datasets"], json!([{"dataset": "d", "applied": false}]));
    api.get(&format!("/ingestion/files/{FILE}?version=1")).await;
    assert_eq!(api.bound("version"), [SqlValue::Long(1)]);
}

#[tokio::test]
async fn unknown_files_and_foreign_ids_do_not_exist() {
    for path in [
        FILE,
        "x",
        "01859000-0000-7000-8000-00000000000g",
        "01859000000070008000000000000000",
        "%00",
    ] {
        let api = api(|_| nothing());
        assert_eq!(
            api.get(&format!("/ingestion/files/{path}")).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn files_are_listed_and_filtered() {
    let api = api(|_| json(&record(false)));
    let read = api.get("/ingestion/files?ingestion_type=event&ingestion_name=event_x&file_name=a%20b.csv&status=open&limit=1&cursor=50").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    assert_eq!(
        (&read.body["next"], &read.body["items"][0]["status"]),
        (&json!("41"), &json!("Uploaded"))
    );
    let expected = [
        ("type", SqlValue::from("event")),
        ("name", SqlValue::from("event_x")),
        ("file_name", SqlValue::from("a b.csv")),
        ("before", SqlValue::Long(50)),
        ("limit", SqlValue::Long(1)),
    ];
    for (name, value) in expected {
        assert_eq!(api.bound(name), [value], "{name}");
    }
    assert!(
        api.texts()
            .iter()
            .all(|text| text.contains("c.state = 'pending'")),
        "only what is open"
    );
}

/// What the document says of a page's size is what is taken.
#[tokio::test]
async fn a_page_is_as_long_as_the_document_says() {
    let api = api(|_| nothing());
    let document = api.get("/openapi.json").await.body;
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let parameters = operations["get"]["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let Some(limit) = parameters.iter().find(|one| one["name"] == "limit") else {
            continue;
        };
        let most = limit["schema"]["maximum"].as_u64().unwrap();
        let path = path.replace("{file_id}", FILE).replace("{run_id}", FILE);
        let path = path.replace("{version}", "1");
        let path = path.replace("{kind}", "event").replace("{name}", "d");
        for (limit, is_taken) in [(most, true), (most + 1, false)] {
            let needed = parameters
                .iter()
                .filter(|one| one["in"] == "query" && one["required"] == true);
            let needed: Vec<String> = needed
                .map(|one| {
                    format!(
                        "&{}={}",
                        one["name"].as_str().unwrap(),
                        one["example"].as_str().unwrap()
                    )
                })
                .collect();
            let read = api.get(&format!("{path}?limit={limit}{}", needed.concat())).await;
            let is_refused = read.status == StatusCode::BAD_REQUEST && read.code() == "bad_query";
            assert_eq!(!is_refused, is_taken, "{path}: {limit}: {}", read.body);
        }
        checked += 1;
    }
    assert!(checked >= 4, "{checked}");
}

#[tokio::test]
async fn a_query_is_read_strictly() {
    let api = api_without_database();
    for query in [
        "limit=0",
        "limit=10001",
        "limit=+5",
        "limit=x",
        "limit=1&limit=1",
        "cursor=x",
        "cursor=-1",
        "status=closed",
        "ingestion_type=thing",
        "ingestion_name=a%20b",
        "unknown=1",
        "file_name=%ff",
        "file_name=%0a",
        "file_name=%zz",
        "file_name=%4",
        "=1",
    ] {
        let read = api.get(&format!("/ingestion/files?{query}")).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, "bad_query"),
            "{query}"
        );
    }
    for query in [
        "version=0",
        "version=-1",
        "version=x",
        "version=99999999999",
        "version=",
    ] {
        let read = api.get(&format!("/ingestion/files/{FILE}?{query}")).await;
        assert_eq!(read.errors(), [("/query/version", "bad_query")], "{query}");
    }
}

#[tokio::test]
async fn rejected_rows_are_read_by_page() {
    let row = |record: u64| {
        json!({"record": record, "line": record + 1, "raw": "YSxi", "errors": [{"record": record,
        "line": record + 1, "column": "grade", "rule": "wrong_type", "expected": "a whole number", "found": "x"}]})
    };
    let object = format!("{}\n{}\n", row(1), row(2));
    let size = object.len();
    let api = api(move |statement| match statement.text.contains("row_errors_key") {
        true => json(&json!({"chunk": 0, "key": "k", "size_bytes": size})),
        false => json(&record(true)),
    });
    api.objects
        .lock()
        .unwrap()
        .insert("k".to_owned(), object.into_bytes());
    let read = api
        .get(&format!("/ingestion/files/{FILE}/row-errors?limit=1"))
        .await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let expected = json!([{"record": 1, "line": 2, "raw": "a,b", "raw_is_cut": false, "errors": [{"record": 1, "line": 2,
        "column": "grade", "rule": "wrong_type", "expected": "a whole number", "found": "x"}]}]);
    assert_eq!(
        (&read.body["items"], &read.body["version"]),
        (&expected, &json!(2))
    );
    let next = read.body["next"].as_str().unwrap();
    let read = api
        .get(&format!(
            "/ingestion/files/{FILE}/row-errors?limit=5&cursor={next}"
        ))
        .await;
    assert_eq!(
        (&read.body["items"][0]["record"], &read.body["next"]),
        (&json!(2), &Value::Null)
    );
    let read = api
        .get(&format!("/ingestion/files/{FILE}/row-errors?cursor=zzz"))
        .await;
    assert_eq!(read.errors(), [("/query/cursor", "bad_query")]);
}

/// Rows whose bytes are sixfold in JSON: a page of them stays below what the gateway takes.
#[tokio::test]
async fn a_page_of_rejected_rows_is_cut_by_its_bytes() {
    let raw = base64::engine::general_purpose::STANDARD.encode([1_u8; 60_000]);
    let row = |record: u64| {
        json!({"record": record, "line": record + 1, "raw": raw, "errors": [{"record": record,
        "line": record + 1, "rule": "nul_byte", "expected": "no NUL", "found": "\u{1}".repeat(200)}]})
    };
    let object: String = (1..=40).map(|record| format!("{}\n", row(record))).collect();
    let size = object.len();
    let api = api(move |statement| match statement.text.contains("row_errors_key") {
        true => json(&json!({"chunk": 0, "key": "k", "size_bytes": size})),
        false => json(&record(true)),
    });
    api.objects
        .lock()
        .unwrap()
        .insert("k".to_owned(), object.into_bytes());
    let (mut records, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let read = api
            .get(&format!("/ingestion/files/{FILE}/row-errors{cursor}"))
            .await;
        assert_eq!(read.status, StatusCode::OK, "{}", read.body);
        assert!(
            read.body.to_string().len() < 2 * 1024 * 1024 + 1_000,
            "{}",
            read.body.to_string().len()
        );
        let items = read.body["items"].as_array().unwrap();
        records.extend(items.iter().map(|item| item["record"].as_u64().unwrap()));
        pages += 1;
        match read.body["next"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
    }
    assert_eq!(records, (1..=40).collect::<Vec<u64>>());
    assert_eq!(pages, 8, "five a page");
}

#[tokio::test]
async fn files_are_driven_on() {
    let api = api(|statement| match &statement.text {
        open if open.contains("with open as") => json(&json!({"file_id": FILE, "version": 2, "sequence": 7})),
        tracker if tracker.contains("file_tracker t") => json(&record(true)),
        _ => nothing(),
    });
    let drive = |path: String| request("POST", &path).body(Body::empty()).unwrap();
    let read = api.send(drive(format!("/ingestion/files/{FILE}/drive"))).await;
    assert_eq!(
        (read.status, read.body),
        (
            StatusCode::ACCEPTED,
            json!({"file_id": FILE, "version": 2, "messages": 1})
        )
    );
    assert_eq!(api.messages.lock().unwrap()[0].0, Queue::Perf);
    let read = api.send(drive("/ingestion/drive".to_owned())).await;
    assert_eq!(
        (read.status, read.body),
        (
            StatusCode::ACCEPTED,
            json!({"files": 1, "driven": [{"file_id": FILE, "version": 2}], "next": null})
        )
    );
    let next = api.send(drive("/ingestion/drive?cursor=7".to_owned())).await;
    assert_eq!(next.status, StatusCode::ACCEPTED);
    assert!(api.bound("before").contains(&SqlValue::Long(7)));
    let wrong = api.send(drive("/ingestion/drive?cursor=x".to_owned())).await;
    assert_eq!(wrong.errors(), [("/query/cursor", "bad_query")]);
}
