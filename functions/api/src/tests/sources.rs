use http::StatusCode;
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{api, api_for, api_without_database, failure, json as answer, nothing, request};
use axum::body::Body;
use millrace_core::failure::{Failure, FailureKind};

const RUN: &str = "01859000-0000-7000-8000-000000000000";

fn source() -> Value {
    json!({"ingestion_type": "source", "source_name": "accounts",
        "list": {"kind": "html", "url": "https://data.example.org/", "pattern": "(?<date>.*)", "date_format": "YYYY"},
        "target": {"ingestion_type": "event", "ingestion_name": "filed"}, "allowed_hosts": ["data.example.org"]})
}

#[tokio::test]
async fn a_run_is_begun_with_its_message_before_and_behind_the_commit() {
    let api = api(
        |statement| match statement.text.contains("operations.begin_run") {
            true => answer(&json!({"outcome": "created", "run_id": RUN})),
            false => is_there(statement, true),
        },
    );
    let request = request("POST", "/api/sources/accounts/run").header("idempotency-key", "tonight");
    let read = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(read.status, StatusCode::ACCEPTED);
    assert_eq!(read.body, json!({"run_id": RUN, "source": "accounts"}));
    assert_eq!(api.bound("key"), [SqlValue::from("tonight")]);
    let messages = api.messages.lock().unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|(queue, _)| *queue == Queue::Fetch));
    let last: Value = serde_json::from_str(&messages[1].1).unwrap();
    assert_eq!(
        last,
        json!({"v": 1, "kind": "fetch_source", "source": "accounts", "run_id": RUN})
    );
}

#[tokio::test]
async fn what_cannot_be_begun_is_told() {
    for (outcome, status, code) in [
        ("retired", StatusCode::CONFLICT, "spec_retired"),
        ("no_source", StatusCode::NOT_FOUND, "not_found"),
        (
            "key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
        ),
    ] {
        let api = api(
            move |statement| match statement.text.contains("operations.begin_run") {
                true => answer(&json!({"outcome": outcome})),
                false => is_there(statement, true),
            },
        );
        let read = api
            .send(request("POST", "/api/sources/a/run").body(Body::empty()).unwrap())
            .await;
        assert_eq!((read.status, read.code()), (status, code));
    }
    let api = api(|_| Err(failure(FailureKind::Transient, "DatabaseResumingException")));
    let read = api
        .send(request("POST", "/api/sources/a/run").body(Body::empty()).unwrap())
        .await;
    assert_eq!(read.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// The answer to whether the source is there.
fn is_there(statement: &Statement, is_there: bool) -> Result<Rows, Failure> {
    assert!(statement.text.contains("select exists"), "{}", statement.text);
    Ok(Rows {
        rows: vec![vec![SqlValue::Bool(is_there)]],
    })
}

#[tokio::test]
async fn a_source_that_is_none_leaves_nothing_behind() {
    let api = api(|statement| is_there(statement, false));
    let read = api
        .send(request("POST", "/api/sources/a/run").body(Body::empty()).unwrap())
        .await;
    assert_eq!((read.status, read.code()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(api.messages.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn open_runs_are_driven_on_by_page() {
    let api = api(|statement| {
        assert!(statement.text.contains("state in ('queued', 'running')"));
        answer(&json!([7, "accounts", RUN]))
    });
    let read = api.post("/api/sources/drive?cursor=3", &json!({})).await;
    assert_eq!(
        (read.status, read.body),
        (StatusCode::ACCEPTED, json!({"runs": 1, "next": null}))
    );
    assert_eq!(api.bound("after"), [SqlValue::Long(3)]);
    assert_eq!(api.messages.lock().unwrap()[0].0, Queue::Fetch);
}

#[tokio::test]
async fn running_needs_its_own_scope() {
    let api = api_for(&[Scope::SourcesRead, Scope::SpecsWrite], |_| nothing());
    let read = api
        .send(request("POST", "/api/sources/a/run").body(Body::empty()).unwrap())
        .await;
    assert_eq!(read.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_run_is_read_with_its_lines() {
    let api = api(
        |statement| match statement.text.contains("operations.run_file f") {
            true if statement.text.contains("to_jsonb(f)") => {
                answer(&json!({"position": 0, "file_name": "a.csv",
            "state": "failed", "attempts": 1, "error": {"rule": "truncated", "message": "cut"}, "size_bytes": null,
            "file_id": null, "version": null, "finished_at": "2023-01-08T12:00:00Z"}))
            }
            _ => answer(
                &json!({"run_id": RUN, "sequence": 7, "source": "accounts", "spec_version": 1,
            "begun_by": "schedule", "requested_by": "schedule", "state": "completed", "listed": 1,
            "files": {"failed": 1}, "error": null, "created_at": "2023-01-08T12:00:00Z", "started_at": null,
            "finished_at": null}),
            ),
        },
    );
    let read = api
        .get(&format!("/api/sources/accounts/runs/{RUN}?limit=1"))
        .await;
    assert_eq!(read.status, StatusCode::OK, "{:?}", read.body);
    assert_eq!(read.body["counts"], json!({"failed": 1}));
    assert_eq!(read.body["files"][0]["error"]["rule"], "truncated");
    assert_eq!(read.body["next"], "0");
    for path in [
        "/api/sources/accounts/runs/x",
        "/api/sources/a-b/runs",
        "/api/sources/a-b/files",
    ] {
        assert_eq!(
            api_without_database().get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let bad = api_without_database().get("/api/sources/a/files?cursor=x").await;
    assert_eq!((bad.status, bad.code()), (StatusCode::BAD_REQUEST, "bad_query"));
}

#[tokio::test]
async fn a_source_that_is_not_there_has_neither_runs_nor_files() {
    let api = api(|_| nothing());
    for path in [
        "/api/sources/a/runs".to_owned(),
        "/api/sources/a/files".to_owned(),
        format!("/api/sources/a/runs/{RUN}"),
    ] {
        assert_eq!(api.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_source_needs_a_target_that_is_there() {
    let api = api(|_| nothing());
    let read = api.post("/spec/source", &source()).await;
    assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(read.errors(), [("/target/ingestion_name", "unknown_spec")]);
    let mut broken = source();
    broken["list"]["url"] = json!("http://169.254.169.254/");
    let read = api_without_database().post("/spec/source", &broken).await;
    assert_eq!(read.errors(), [("/list/url", "bad_url")]);
}
