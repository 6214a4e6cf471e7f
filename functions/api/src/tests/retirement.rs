use axum::body::Body;
use http::StatusCode;
use millrace_core::Failure;
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::spec_life::{first, stored};
use super::support::{Api, Read, api, api_for, api_without_database, json, nothing, request};

async fn delete(api: &Api, path: &str) -> Read {
    api.send(request("DELETE", path).body(Body::empty()).unwrap())
        .await
}

/// A database that has a spec, and answers so when its life is changed; none, with null.
fn answering(outcome: Value) -> impl Fn(&Statement) -> Result<Rows, Failure> {
    move |statement| {
        let changes = ["spec.retire_spec(", "spec.restore_spec("];
        match outcome {
            Value::Null => nothing(),
            _ if changes.iter().any(|change| statement.text.contains(change)) => json(&outcome),
            _ => json(
                &json!({"kind": "event", "name": "x", "version": 1, "created_by": "c", "created_at": "t",
                "retired_at": null, "body": {}}),
            ),
        }
    }
}

#[tokio::test]
async fn a_spec_is_retired_and_restored() {
    let specs = json!([{"kind": "dataset", "name": "totals", "is_retired": false}]);
    let named = json!([{"kind": "dataset", "name": "totals", "retired": false}]);
    for (outcome, status, code) in [
        (json!({"outcome": "retired"}), StatusCode::OK, ""),
        (
            json!({"outcome": "needed", "dependants": specs}),
            StatusCode::CONFLICT,
            "spec_needed",
        ),
        (
            json!({"outcome": "at_work"}),
            StatusCode::CONFLICT,
            "source_at_work",
        ),
        (json!({"outcome": "no_spec"}), StatusCode::NOT_FOUND, "not_found"),
    ] {
        let api = api(answering(outcome));
        let read = delete(&api, "/spec/event/event_x").await;
        assert_eq!((read.status, read.code()), (status, code));
        assert_eq!(api.bound("client_id"), [SqlValue::from("tester")]);
        match code {
            "" => assert_eq!(
                read.body,
                json!({"kind": "event", "name": "event_x", "retired": true})
            ),
            "spec_needed" => assert_eq!(read.body["specs"], named),
            _ => assert_eq!(read.body.get("specs"), None),
        }
    }
    for (outcome, status, code) in [
        (json!({"outcome": "restored"}), StatusCode::OK, ""),
        (
            json!({"outcome": "needs_retired", "needs": specs}),
            StatusCode::CONFLICT,
            "needs_retired",
        ),
        (json!({"outcome": "no_spec"}), StatusCode::NOT_FOUND, "not_found"),
    ] {
        let api = api(answering(outcome));
        let request = request("POST", "/spec/event/event_x/restore")
            .body(Body::empty())
            .unwrap();
        let read = api.send(request).await;
        assert_eq!((read.status, read.code()), (status, code));
        if code == "needs_retired" {
            assert_eq!(read.body["specs"], named);
        }
    }
}

/// Late, before the commit, and once more after it; where nothing is restored, the late one finds nothing. Where there is
/// no such spec, nobody is reminded.
#[tokio::test]
async fn a_restored_dataset_is_driven() {
    for (kind, outcome, messages) in [
        ("dataset", json!({"outcome": "restored"}), 2),
        ("dataset", json!({"outcome": "no_spec"}), 1),
        ("dataset", Value::Null, 0),
        ("event", json!({"outcome": "restored"}), 0),
    ] {
        let api = api(answering(outcome));
        let path = format!("/spec/{kind}/totals/restore");
        api.send(request("POST", &path).body(Body::empty()).unwrap())
            .await;
        let sent = api.messages.lock().unwrap().clone();
        let drive = r#"{"v":1,"kind":"drive_dataset","dataset":"totals"}"#.to_owned();
        assert_eq!(sent, vec![(Queue::Status, drive); messages]);
    }
}

#[tokio::test]
async fn dependants_and_retired_specs_are_listed() {
    let listing = api(|statement| match statement.text.contains("spec.dependants") {
        true => json(&json!({"kind": "dataset", "name": "totals", "is_retired": true})),
        false => json(
            &json!({"kind": "event", "name": "e", "version": 1, "created_by": "c", "created_at": "t",
            "retired_at": "2023-02-01T12:00:00Z", "body": {}}),
        ),
    });
    let read = listing.get("/spec/event/e/dependants?limit=1").await;
    let item = json!({"kind": "dataset", "name": "totals", "retired": true});
    assert_eq!(read.body, json!({"items": [item], "next": "dataset:totals"}));
    listing
        .get("/spec/event/e/dependants?cursor=dataset:totals")
        .await;
    assert_eq!(listing.bound("after_kind")[1], SqlValue::from("dataset"));
    assert_eq!(listing.bound("after_name")[1], SqlValue::from("totals"));
    let read = listing.get("/spec/event/e/dependants?cursor=x").await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_query"));
    let nobody = api(|_| nothing());
    assert_eq!(
        nobody.get("/spec/event/e/dependants").await.status,
        StatusCode::NOT_FOUND
    );

    let read = listing.get("/spec/event?retired=true").await;
    assert_eq!(read.body["items"][0]["retired_at"], "2023-02-01T12:00:00Z");
    listing.get("/spec/event").await;
    assert_eq!(
        listing.bound("with_retired"),
        [SqlValue::Bool(true), SqlValue::Bool(false)]
    );
    let read = api_without_database().get("/spec/event?retired=yes").await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/retired", "bad_query")])
    );
}

/// What is retired takes nothing, and the answer says what to do.
#[tokio::test]
async fn what_needs_a_retired_spec_is_refused() {
    let dataset = json!({"ingestion_type": "source", "source_name": "s",
        "list": {"kind": "html", "url": "https://a.example/", "pattern": "(?<date>.*)", "date_format": "YYYY-MM-DD"},
        "target": {"ingestion_type": "event", "ingestion_name": "event_x"}, "allowed_hosts": ["a.example"]});
    let retired = api(
        |statement| match statement.text.contains("from spec.retired where") {
            true => json(&json!({"kind": "event", "name": "event_x", "is_retired": true})),
            false => stored(vec![first()], Value::Null)(statement),
        },
    );
    let read = retired.post("/spec/source", &dataset).await;
    assert_eq!(
        (read.status, read.errors()),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            vec![("/target/ingestion_name", "retired_spec")]
        )
    );
    let same = api(|_| json(&json!({"version": 1, "same": true, "is_retired": true})));
    let read = same.post("/spec/event", &first()).await;
    assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, "spec_retired"));
}

#[tokio::test]
async fn transformers_are_changed_by_administrators_alone() {
    let writer = api_for(&[Scope::SpecsWrite, Scope::SpecsRead], |statement| {
        panic!("{} was let through", statement.text)
    });
    for (method, path) in [
        ("DELETE", "/spec/transformer/t"),
        ("POST", "/spec/transformer/t/restore"),
        ("PUT", "/spec/transformer/t?version=1"),
    ] {
        let request = request(method, path).header("content-type", "application/json");
        let read = writer.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::FORBIDDEN, "missing_scope"),
            "{method}"
        );
    }
}
