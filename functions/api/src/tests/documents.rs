use axum::body::Body;
use http::StatusCode;
use millrace_core::failure::Failure;
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{Api, api, api_for, api_without_database, json, nothing, request};

const DOCUMENT: &str = "01859000-0000-7000-8000-000000000000";

fn definition() -> Value {
    json!({"name": "d", "event": "e", "keys": [{"field": "date", "field_type": "date"},
        {"field": "grade", "field_type": "integer"}],
        "measures": [{"field": "total", "field_type": "integer", "extremes": false}],
        "outputs": [{"name": "sum_total", "function": "sum", "measure": 0},
            {"name": "avg_total", "function": "avg", "measure": 0}],
        "join": null, "group_by": ["date", "grade"]})
}

fn record(state: &str) -> Value {
    let ready = state == "ready";
    json!({"document_id": DOCUMENT, "sequence": 7, "title": "Totals", "query": {"dataset": "d", "group_by": ["grade"],
        "grain": null, "filters": [["grade", ["7", "8"]]], "from": null, "to": "2023-02-01", "measures": null},
        "state": state, "round": 1, "attempts": 1,
        "error": (state == "failed").then(|| json!({"code": "too_many_rows", "message": "too much"})),
        "pages": ready.then_some(2), "rows": ready.then_some(60), "size_bytes": ready.then_some(9_000),
        "sha256": ready.then_some("ab12"), "as_of": ready.then_some("2023-01-31T20:00:03.12Z"),
        "sources": ready.then(|| json!([{"kind": "dataset", "name": "d", "version": 3, "files": 2}])),
        "created_by": "tester", "created_at": "t0", "queued_at": "t0", "started_at": "t1", "ended_at": null,
        "expires_at": null, "has_expired": false})
}

/// A database that holds the dataset and one document, made again if that is asked for.
fn answer(statement: &Statement, state: &str, has_expired: bool) -> Result<Rows, Failure> {
    match &statement.text {
        found if found.contains("left join ingestion.dataset d") => {
            match statement.parameters[0].1 == SqlValue::from("d") {
                true => json(
                    &json!({"table_no": 4, "spec_version": 1, "is_building": false, "version": 9, "definition": definition()}),
                ),
                false => nothing(),
            }
        }
        create if create.contains("create_document") => {
            let outcome = match statement
                .parameters
                .iter()
                .find(|(name, _)| name == "key")
                .unwrap()
                .1
            {
                SqlValue::Null => "created",
                _ => "key_reused",
            };
            json(&json!({"outcome": outcome, "document_id": DOCUMENT}))
        }
        again if again.contains("requeue_document") => Ok(Rows {
            rows: vec![vec![SqlValue::Bool(true)]],
        }),
        load if load.contains("from operations.document d") => {
            let mut found = record(state);
            found["has_expired"] = json!(has_expired);
            json(&found)
        }
        other => panic!("{other}"),
    }
}

fn api_with(state: &'static str) -> Api {
    api(move |statement| answer(statement, state, false))
}

fn asked() -> Value {
    json!({"kind": "kpi", "title": "Totals", "query": {"dataset": "d", "group_by": ["grade"],
        "filter": ["grade:7", "grade:8"], "to": "2023-02-01"}})
}

#[tokio::test]
async fn an_order_is_registered_between_its_two_messages() {
    let api = api_with("queued");
    let read = api.post("/api/documents", &asked()).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        (&read.body["document_id"], &read.body["state"]),
        (&json!(DOCUMENT), &json!("queued"))
    );
    assert_eq!(read.body["query"]["filter"], json!(["grade:7", "grade:8"]));
    let message = |id: &str| format!(r#"{{"v":1,"kind":"render_document","document_id":"{id}"}}"#);
    let sent = api.messages.lock().unwrap().clone();
    assert_eq!(sent.len(), 2);
    assert_eq!(*api.delays.lock().unwrap(), [60, 0]);
    assert_eq!(sent[1], (Queue::Pdf, message(DOCUMENT)));
    let (SqlValue::Text(own), title) = (api.bound("document_id").remove(0), api.bound("title")) else {
        panic!("no id");
    };
    assert_eq!(sent[0], (Queue::Pdf, message(&own)));
    assert_eq!(title, [SqlValue::from("Totals")]);
    let query = json!({"dataset": "d", "group_by": ["grade"], "grain": null, "filters": [["grade", ["7", "8"]]],
        "from": null, "to": "2023-02-01", "measures": null});
    assert_eq!(api.bound("query"), [SqlValue::from(query.to_string())]);
}

#[tokio::test]
async fn what_is_not_said_is_the_datasets_own() {
    let api = api_with("queued");
    let bare = json!({"kind": "kpi", "query": {"dataset": "d"}});
    assert_eq!(
        api.post("/api/documents", &bare).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(api.bound("title"), [SqlValue::from("d")]);
    let SqlValue::Text(query) = api.bound("query").remove(0) else {
        panic!()
    };
    let query: Value = serde_json::from_str(&query).unwrap();
    assert_eq!(query["group_by"], json!(["date", "grade"]));
}

#[tokio::test]
async fn a_key_that_stands_for_another_order_is_refused() {
    let sent = request("POST", "/api/documents")
        .header("content-type", "application/json")
        .header("idempotency-key", "k");
    let api = api_with("queued");
    let read = api
        .send(sent.body(Body::from(asked().to_string())).unwrap())
        .await;
    assert_eq!(
        (read.status.as_u16(), read.code()),
        (422, "idempotency_key_reused")
    );
    let SqlValue::Text(hash) = api.bound("request").remove(0) else {
        panic!()
    };
    assert_eq!(hash.len(), 64);
}

/// Queries that cannot be, with the code and the place of each problem.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn misfits() -> Vec<(Value, &'static str, Option<&'static str>)> {
    let selections = [
        (json!({"dataset": "x"}), "unknown_dataset", Some("/query/dataset")),
        (json!({"dataset": "d", "group_by": ["x"]}), "bad_selection", None),
        (
            json!({"dataset": "d", "group_by": ["grade"], "grain": "month"}),
            "bad_selection",
            None,
        ),
        (json!({"dataset": "d", "filter": ["x:1"]}), "bad_selection", None),
        (
            json!({"dataset": "d", "filter": ["grade:seven"]}),
            "bad_filter_value",
            Some("/query/filter"),
        ),
        (
            json!({"dataset": "d", "measures": ["total"]}),
            "unknown_measure",
            Some("/query/measures"),
        ),
        (
            json!({"dataset": "a b"}),
            "invalid_document",
            Some("/query/dataset"),
        ),
        (
            json!({"dataset": "d", "filter": ["grade"]}),
            "invalid_document",
            Some("/query/filter"),
        ),
        (
            json!({"dataset": "d", "filter": ["grade:7\n"]}),
            "invalid_document",
            Some("/query/filter"),
        ),
    ];
    let members = [
        (
            json!({"dataset": "d", "from": "2023-13-01"}),
            "invalid_document",
            Some("/query/from"),
        ),
        (
            json!({"dataset": "d", "to": "1.2.2023"}),
            "invalid_document",
            Some("/query/to"),
        ),
        (
            json!({"dataset": "d", "grain": "hour"}),
            "invalid_document",
            Some("/query/grain"),
        ),
        (
            json!({"dataset": "d", "group_by": ["date", "date"]}),
            "invalid_document",
            Some("/query/group_by"),
        ),
        (
            json!({"dataset": "d", "measures": []}),
            "invalid_document",
            Some("/query/measures"),
        ),
        (
            json!({"dataset": "d", "limit": 3}),
            "invalid_body",
            Some("/query"),
        ),
    ];
    selections.into_iter().chain(members).collect()
}

#[tokio::test]
async fn an_order_that_does_not_fit_is_refused_at_once() {
    for (query, code, pointer) in misfits() {
        let api = api_with("queued");
        let read = api
            .post("/api/documents", &json!({"kind": "kpi", "query": query}))
            .await;
        assert_eq!(
            (read.status.as_u16(), read.code()),
            (422, code),
            "{query}: {}",
            read.body
        );
        if let Some(pointer) = pointer {
            assert!(read.errors()[0].0.starts_with(pointer), "{query}: {}", read.body);
        }
        assert!(api.messages.lock().unwrap().is_empty(), "{query}");
    }
    let read = api_without_database()
        .post(
            "/api/documents",
            &json!({"kind": "form", "title": "a\u{7}", "query": {"dataset": "d"}}),
        )
        .await;
    assert_eq!(
        read.errors(),
        [("/kind", "wrong_value"), ("/title", "wrong_value")]
    );
}

#[tokio::test]
async fn an_order_shows_no_figures_to_whoever_may_not_read_them() {
    let api = api_for(&[Scope::DocumentsWrite], |statement| panic!("{}", statement.text));
    let read = api.post("/api/documents", &asked()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::FORBIDDEN, "missing_scope")
    );
}

#[tokio::test]
async fn a_ready_document_is_at_a_signed_address() {
    let api = api_with("ready");
    api.objects
        .lock()
        .unwrap()
        .insert("ab12.pdf".to_owned(), b"%PDF".to_vec());
    let read = api.get(&format!("/api/documents/{DOCUMENT}/content")).await;
    assert_eq!(read.status, StatusCode::SEE_OTHER);
    assert_eq!(
        read.headers["location"],
        "https://documents.example/ab12.pdf#300 application/pdf Totals.pdf"
    );
    let read = api.get(&format!("/api/documents/{DOCUMENT}")).await;
    insta::assert_json_snapshot!("document", read.body);
    assert!(api.messages.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_document_that_has_gone_is_made_again() {
    for has_expired in [true, false] {
        let api = api(move |statement| answer(statement, "ready", has_expired));
        if has_expired {
            api.objects
                .lock()
                .unwrap()
                .insert("ab12.pdf".to_owned(), b"%PDF".to_vec());
        }
        let read = api.get(&format!("/api/documents/{DOCUMENT}/content")).await;
        assert_eq!(read.status, StatusCode::ACCEPTED, "expired {has_expired}");
        assert_eq!(read.headers["retry-after"], "2");
        assert_eq!(api.bound("round"), [SqlValue::Long(1)]);
        assert_eq!(api.messages.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_open_document_says_when_to_ask_again_and_a_failed_one_why() {
    for state in ["queued", "running"] {
        let api = api_with(state);
        let read = api.get(&format!("/api/documents/{DOCUMENT}/content")).await;
        assert_eq!(
            (read.status, &read.body["state"]),
            (StatusCode::ACCEPTED, &json!(state))
        );
        assert_eq!(read.headers["retry-after"], "2");
        assert!(api.messages.lock().unwrap().is_empty());
    }
    let read = api_with("failed")
        .get(&format!("/api/documents/{DOCUMENT}/content"))
        .await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::CONFLICT, "document_failed")
    );
    assert_eq!(read.errors(), [("", "too_many_rows")]);
}

#[tokio::test]
async fn what_is_driven_on_depends_on_the_state() {
    for (state, messages) in [("queued", 1), ("running", 1), ("failed", 2), ("ready", 0)] {
        let api = api_with(state);
        let read = api
            .post(&format!("/api/documents/{DOCUMENT}/drive"), &json!({}))
            .await;
        assert_eq!(read.status, StatusCode::ACCEPTED, "{state}");
        assert_eq!(api.messages.lock().unwrap().len(), messages, "{state}");
        assert_eq!(
            api.bound("round").len(),
            usize::from(state == "failed"),
            "{state}"
        );
    }
    let api = api(|statement| {
        assert!(statement.text.contains("state in ('queued', 'running')"));
        json(&json!([7, DOCUMENT]))
    });
    let read = api.post("/api/documents/drive", &json!({})).await;
    assert_eq!(
        (read.status, read.body),
        (StatusCode::ACCEPTED, json!({"documents": 1, "next": null}))
    );
    assert_eq!(api.messages.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_of_documents_leads_to_the_next() {
    let api = api_with("failed");
    let read = api.get("/api/documents?limit=1&state=failed&cursor=9").await;
    assert_eq!(read.body["next"], "7");
    assert_eq!(read.body["items"][0]["error"]["code"], "too_many_rows");
    assert_eq!(api.bound("before"), [SqlValue::Long(9)]);
    assert_eq!(api.bound("state"), [SqlValue::from("failed")]);
    let read = api_without_database().get("/api/documents?state=lost").await;
    assert_eq!(read.errors(), [("/query/state", "bad_query")]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    for path in ["", "/content"] {
        let read = api(|_| nothing())
            .get(&format!("/api/documents/{DOCUMENT}{path}"))
            .await;
        assert_eq!(read.status, StatusCode::NOT_FOUND);
        let read = api_without_database()
            .get(&format!("/api/documents/x{path}"))
            .await;
        assert_eq!(read.status, StatusCode::NOT_FOUND);
    }
}
