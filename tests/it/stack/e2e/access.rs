//! Who is let in: nobody without a token, and nobody beyond the token's scopes.

use millrace_tests::stack::{Api, Stack};
use reqwest::Method;
use serde_json::Value;

/// An operation of the document: method, address with something in its parameters, scope.
fn operations(document: &Value) -> Vec<(Method, String, Option<String>)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{file_id}", "01890000-0000-7000-8000-000000000000")
            .replace("{document_id}", "01890000-0000-7000-8000-000000000000")
            .replace("{kind}", "event")
            .replace("{name}", "anything");
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else {
                continue;
            };
            let is_public = operation["security"] == serde_json::json!([]);
            let scope = operation["x-required-scope"].as_str().map(str::to_owned);
            assert_eq!(is_public, scope.is_none(), "{path}: {operation}");
            operations.push((method, path.clone(), scope));
        }
    }
    operations
}

async fn try_operation(api: &Api, method: &Method, path: &str) -> millrace_tests::stack::Answer {
    api.send(
        method.clone(),
        path,
        &[("content-type", "application/json")],
        b"{}".to_vec(),
    )
    .await
}

#[tokio::test]
async fn every_route_refuses_who_may_not_call_it() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let document = api.with_token(None).get("/openapi.json").await;
    let operations = operations(document.expect(200));
    assert!(operations.len() >= 25, "{operations:?}");
    let reads = ["datasets:read", "documents:read", "files:read", "specs:read"];
    let mut public = Vec::new();
    for (method, path, scope) in &operations {
        let Some(scope) = scope else {
            public.push(path.as_str());
            assert!([200, 503].contains(&try_operation(&api.with_token(None), method, path).await.status));
            continue;
        };
        let secret = stack.tokens[0].token.clone();
        let wrong_end = format!(
            "{}{}",
            &secret[..secret.len() - 1],
            if secret.ends_with('A') { 'B' } else { 'A' }
        );
        let stranger = secret.replacen("local-admin", "local-nobody", 1);
        for (token, code) in [
            (None, "missing_token"),
            (Some("x"), "missing_token"),
            (Some("mr__"), "missing_token"),
            (Some(&*wrong_end), "invalid_token"),
            (Some(&*stranger), "invalid_token"),
        ] {
            try_operation(&api.with_token(token), method, path)
                .await
                .assert_problem(401, code);
        }
        let answer = try_operation(&stack.reader(), method, path).await;
        if reads.contains(&scope.as_str()) {
            assert!(
                ![401, 403].contains(&answer.status),
                "{method} {path}: {}",
                answer.text
            );
        } else {
            answer.assert_problem(403, "missing_scope");
        }
    }
    public.sort_unstable();
    assert_eq!(public, ["/api/system-message", "/health", "/openapi.json"]);
}

#[tokio::test]
async fn health_names_every_part() {
    let Some(stack) = Stack::find() else { return };
    let answer = stack.api().with_token(None).get("/health").await;
    let health = answer.expect(200);
    assert_eq!(health["status"], "healthy", "{health}");
    let parts: Vec<&str> = health["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    for part in [
        "database",
        "landing_bucket",
        "collections_bucket",
        "documents_bucket",
        "clients_table",
        "settings_table",
        "locks_table",
        "ingest_queue",
        "chunk_queue",
        "perf_queue",
        "status_queue",
        "pdf_queue",
    ] {
        assert!(parts.contains(&part), "{part}: {parts:?}");
    }
}

#[tokio::test]
async fn addresses_that_are_none_are_problems_too() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    api.get("/nothing/here").await.assert_problem(404, "not_found");
    api.send(Method::PUT, "/health", &[], Vec::new())
        .await
        .assert_problem(405, "method_not_allowed");
    api.get("/ingestion/files/not-a-uuid")
        .await
        .assert_problem(404, "not_found");
    api.get("/spec/event/1%2F2")
        .await
        .assert_problem(404, "not_found");
}
