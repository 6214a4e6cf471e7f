use axum::body::Body;
use http::{Request, StatusCode};
use millrace_core::principal::Scope;
use serde_json::Value;

use super::support::{TOKEN, api_for, api_without_database, request};
use crate::openapi::document;

const FILE: &str = "01859000-0000-7000-8000-000000000000";

/// Method, address and required scope of every operation in the document.
fn operations() -> Vec<(String, String, Option<String>)> {
    let document = document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let address = path
                .replace("{kind}", "event")
                .replace("{name}", "x")
                .replace("{file_id}", FILE)
                .replace("{document_id}", FILE);
            let scope = operation["x-required-scope"].as_str().map(str::to_owned);
            found.push((method.to_uppercase(), address, scope));
        }
    }
    found
}

async fn status_with(
    token: Option<&str>,
    method: &str,
    address: &str,
    scopes: &[Scope],
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(address);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let api = api_for(scopes, |statement| panic!("{} was let through", statement.text));
    let read = api.send(request.body(Body::empty()).unwrap()).await;
    (read.status, read.body)
}

#[tokio::test]
async fn every_operation_but_three_refuses_whoever_has_no_good_token() {
    let operations = operations();
    assert_eq!(operations.len(), 67);
    let public: Vec<&str> = operations
        .iter()
        .filter(|one| one.2.is_none())
        .map(|one| one.1.as_str())
        .collect();
    assert_eq!(public, ["/api/system-message", "/health", "/openapi.json"]);
    let wrong = TOKEN.replace("_aaa", "_bbb");
    let unknown = TOKEN.replace("tester", "nobody");
    for (method, address, scope) in operations.iter().filter(|one| one.2.is_some()) {
        let tokens = [
            (None, "missing_token"),
            (Some("Bearer ".to_owned()), "missing_token"),
            (Some(TOKEN.to_owned()), "missing_token"),
            (Some(format!("Basic {TOKEN}")), "missing_token"),
            (
                Some(format!("Bearer {}", &TOKEN[..TOKEN.len() - 1])),
                "missing_token",
            ),
            (Some(format!("Bearer {wrong}")), "invalid_token"),
            (Some(format!("Bearer {unknown}")), "invalid_token"),
        ];
        for (token, code) in tokens {
            let (status, body) = status_with(token.as_deref(), method, address, &Scope::ALL).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::UNAUTHORIZED, &Value::from(code)),
                "{method} {address} {token:?}"
            );
        }
        let bearer = format!("Bearer {TOKEN}");
        let others = Scope::ALL
            .into_iter()
            .filter(|other| Some(other.as_str()) != scope.as_deref() && *other != Scope::Admin);
        let (status, body) = status_with(Some(&bearer), method, address, &others.collect::<Vec<_>>()).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::FORBIDDEN, &Value::from("missing_scope")),
            "{method} {address}"
        );
    }
}

#[tokio::test]
async fn a_refusal_says_how_to_sign_in_and_a_query_is_no_place_for_a_token() {
    let api = api_without_database();
    let read = api
        .send(
            Request::get(format!("/spec/event?token={TOKEN}"))
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(read.status, StatusCode::UNAUTHORIZED);
    assert_eq!(read.headers["www-authenticate"], "Bearer realm=\"millrace\"");
    let twice = request("GET", "/spec/event").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(
        api.send(twice.body(Body::empty()).unwrap()).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn with_the_clients_away_nobody_is_let_in() {
    let api = api_without_database();
    let token = TOKEN.replace("tester", "away");
    let request = Request::get("/spec/event").header("authorization", format!("Bearer {token}"));
    let read = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
    );
    assert!(read.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn health_and_the_document_are_public() {
    let api = api_without_database();
    let read = api
        .send(Request::get("/health").body(Body::empty()).unwrap())
        .await;
    assert_eq!(read.status, StatusCode::OK);
    let parts = serde_json::json!([{"name": "good", "status": "up"},
        {"name": "bad", "status": "down", "code": "temporarily_unavailable"}]);
    assert_eq!(
        read.body,
        serde_json::json!({"status": "degraded", "parts": parts})
    );
    let read = api
        .send(Request::get("/openapi.json").body(Body::empty()).unwrap())
        .await;
    assert_eq!(read.body["openapi"], "3.1.0");
}
