use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use serde_json::{Value, json};

use super::support::{TOKEN, api_without_database};
use crate::gateway::{GatewayResponse, MAX_RESPONSE_BYTES, handle};

fn payload(method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"authorization": format!("Bearer {TOKEN}"), "host": "api.example"},
        "requestContext": {"stage": "$default", "requestId": "r-1", "http": {"method": method, "path": path}},
        "isBase64Encoded": false,
    })
}

async fn answer(payload: Value) -> GatewayResponse {
    handle(api_without_database().router(), payload, None).await
}

fn code(response: &GatewayResponse) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_url_that_cannot_be_one_is_a_problem_and_no_panic() {
    let bad = [
        ("/health", "q=<"),
        ("/health", "q= "),
        ("/he alth", ""),
        ("", ""),
        ("health", ""),
        ("/a#b", ""),
        ("/\u{0}", ""),
        ("/health", "q=\u{7f}\n"),
    ];
    for (path, query) in bad {
        let response = answer(payload("GET", path, query)).await;
        assert_eq!(
            (response.status_code, code(&response).as_str()),
            (400, "bad_url"),
            "{path:?} {query:?}"
        );
        assert_eq!(response.headers["content-type"], "application/problem+json");
        assert_eq!(response.headers["x-request-id"], "r-1");
    }
    for path in ["//evil.example/health", "/http://evil.example/health", "/health/"] {
        assert_eq!(answer(payload("GET", path, "")).await.status_code, 404, "{path}");
    }
    assert_eq!(answer(payload("GET", "/health", "")).await.status_code, 200);
}

#[tokio::test]
async fn whatever_comes_in_there_is_an_answer() {
    let odd = [
        json!({}),
        json!(null),
        json!([]),
        json!("x"),
        json!({"headers": 1}),
        json!({"rawPath": "/health", "requestContext": {"http": {"method": "G T"}}}),
    ];
    for payload in odd {
        assert_eq!(answer(payload.clone()).await.status_code, 400, "{payload}");
    }
    let mut bad_header = payload("GET", "/health", "");
    bad_header["headers"]["x\n"] = json!("y");
    assert_eq!(code(&answer(bad_header).await), "bad_request");
    for header in ["host", "x-forwarded-proto"] {
        let mut hostile = payload("GET", "/health", "");
        hostile["headers"][header] = json!("1 \u{7f}<>");
        assert!(answer(hostile).await.status_code < 500, "{header}");
        let mut odd = payload("GET", "/health", "");
        odd["headers"][header] = json!("xn--a:0:<");
        assert_eq!(answer(odd).await.status_code, 200, "{header}");
    }
    let mut no_base64 = payload("GET", "/health", "");
    no_base64["isBase64Encoded"] = json!(true);
    no_base64["body"] = json!("%%%");
    assert_eq!(code(&answer(no_base64).await), "bad_request");
}

#[tokio::test]
async fn bodies_cookies_and_request_ids_come_through() {
    let echo = Router::new().route(
        "/",
        get(|headers: HeaderMap, body: String| async move {
            format!("{} {body}", headers["cookie"].to_str().unwrap())
        }),
    );
    let mut payload = payload("GET", "/", "a=b");
    payload["cookies"] = json!(["a=1", "b=2"]);
    payload["body"] = json!("aMOpIQ==");
    payload["isBase64Encoded"] = json!(true);
    let response = handle(echo, payload, None).await;
    assert_eq!(response.body, "a=1; b=2 hé!");
    assert_eq!(response.headers["x-request-id"], "r-1");
    assert!(!response.is_base64_encoded);
}

async fn defect() -> String {
    panic!("a defect")
}

#[tokio::test]
async fn a_panic_and_an_answer_that_is_too_large_are_internal_errors() {
    let large = || async { "x".repeat(MAX_RESPONSE_BYTES + 1) };
    let router = Router::new()
        .route("/panic", get(defect))
        .route("/large", get(large));
    for path in ["/panic", "/large"] {
        let response = handle(router.clone(), payload("GET", path, ""), None).await;
        assert_eq!(
            (response.status_code, code(&response).as_str()),
            (500, "internal_error"),
            "{path}"
        );
    }
}

/// Whatever a handler waits for, the answer is there before the function's time is up.
#[tokio::test]
async fn the_functions_own_end_is_not_waited_for() {
    let waiting = Router::new().route("/", get(std::future::pending::<String>));
    for time_left_ms in [0, 400, 501] {
        let time_left = Some(Duration::from_millis(time_left_ms));
        let router = crate::router::bounded(waiting.clone());
        let answered = handle(router, payload("GET", "/", ""), time_left);
        // Far below the ten seconds that reading may take otherwise.
        let response = tokio::time::timeout(Duration::from_secs(5), answered)
            .await
            .unwrap();
        assert_eq!(
            (response.status_code, code(&response).as_str()),
            (503, "timed_out"),
            "{time_left_ms}"
        );
        assert_eq!(response.headers["retry-after"], "5");
    }
}
