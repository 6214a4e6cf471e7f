//! None of these asks the database: `api_without_database` panics at any statement.

use axum::body::Body;
use http::{Request, StatusCode};
use millrace_core::principal::Scope;
use serde_json::{Value, json};

use super::support::{Api, Read, api_for, api_without_database, request};

const PATH: &str = "/api/system-message";

async fn put(api: &Api, body: &Value) -> Read {
    let request = request("PUT", PATH).header("content-type", "application/json");
    api.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

/// As anybody sees it.
async fn public(api: &Api) -> Read {
    api.send(Request::get(PATH).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_message_is_read_by_all_until_it_is_taken_away() {
    let api = api_without_database();
    assert_eq!(public(&api).await.body, json!({"message": null}));
    let set = put(&api, &json!({"text": "Back at 8\nSorry", "level": "warning"})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    let shown = json!({"message": {"text": "Back at 8\nSorry", "level": "warning", "from": null, "to": null,
        "is_active": true}});
    assert_eq!(set.body, shown);
    assert_eq!(public(&api).await.body, shown);
    for _ in 0..2 {
        let removed = api
            .send(request("DELETE", PATH).body(Body::empty()).unwrap())
            .await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
        assert_eq!(public(&api).await.body, json!({"message": null}));
    }
}

/// The tests' clock stands at 2023-11-14T22:13:20Z.
#[tokio::test]
async fn a_message_whose_time_is_not_now_is_an_administrators() {
    for (from, to, is_active) in [
        ("2023-11-14T22:13:21Z", "2023-11-15T00:00:00Z", false),
        ("2023-11-14T00:00:00Z", "2023-11-14T22:13:20Z", false),
        ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20.001Z", true),
    ] {
        let api = api_without_database();
        put(
            &api,
            &json!({"text": "x", "level": "info", "from": from, "to": to}),
        )
        .await;
        assert_eq!(
            public(&api).await.body["message"].is_object(),
            is_active,
            "{from} {to}"
        );
        let read = api.get(PATH).await;
        assert_eq!(read.body["message"]["is_active"], is_active, "{from} {to}");
        let stored = api.settings.lock().unwrap()["system_message"].clone();
        assert!(
            stored.1.is_some_and(|seconds| seconds > 1_699_999_999),
            "it ages with its end"
        );
    }
    let api = api_for(&[Scope::DatasetsRead], |_| panic!("no statement was expected"));
    let later = json!({"text": "x", "level": "info", "from_ms": 1_900_000_000_000_i64, "to_ms": null, "set_by": "a",
        "set_at_ms": 0});
    let stored = (later.to_string(), None);
    api.settings
        .lock()
        .unwrap()
        .insert("system_message".to_owned(), stored);
    assert_eq!(api.get(PATH).await.body, json!({"message": null}));
}

#[tokio::test]
async fn a_bad_token_is_told_so_where_none_is_needed() {
    let api = api_without_database();
    let request = Request::get(PATH).header("authorization", "Bearer nobody");
    let read = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNAUTHORIZED, "missing_token")
    );
}

#[tokio::test]
async fn every_broken_rule_of_a_message_has_its_pointer() {
    let api = api_without_database();
    let bad = json!({"text": " ", "level": "loud", "from": "yesterday", "to": "2023-02-30T00:00:00Z"});
    let read = put(&api, &bad).await;
    let pointers: Vec<&str> = read.errors().into_iter().map(|error| error.0).collect();
    assert_eq!(
        (read.status.as_u16(), read.code()),
        (422, "invalid_system_message")
    );
    assert_eq!(pointers, ["/text", "/level", "/from", "/to"]);
    let cases = [
        (
            json!({"text": "é".repeat(8_000), "level": "error"}),
            StatusCode::OK,
        ),
        (
            json!({"text": "é".repeat(8_001), "level": "error"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            json!({"text": "a\u{1b}[31m", "level": "error"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (json!({"text": "<b>x</b>", "level": "error"}), StatusCode::OK),
        (
            json!({"text": "x", "level": "info", "from": "2023-01-02T00:00:00Z", "to": "2023-01-02T00:00:00Z"}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            json!({"text": "x", "level": "info", "html": true}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ];
    for (body, status) in cases {
        assert_eq!(
            put(&api, &body).await.status,
            status,
            "{}",
            &body.to_string()[..60.min(body.to_string().len())]
        );
    }
}
