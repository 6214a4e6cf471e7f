use std::collections::BTreeMap;

use axum::body::Body;
use http::StatusCode;
use serde_json::Value;

use super::support::{api_without_database, request};
use crate::openapi::document;
use crate::router::all;

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// For each operation: scope, body limit, idempotency, and the statuses that it answers.
#[test]
fn the_operations_are_these() {
    let document = document();
    let lines: BTreeMap<String, String> = operations(&document)
        .map(|(name, operation)| {
            let statuses: Vec<&str> = operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let scope = operation["x-required-scope"].as_str().unwrap_or("public");
            let limit = operation["x-body-limit-bytes"]
                .as_u64()
                .map(|limit| format!(" ≤{limit}"))
                .unwrap_or_default();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters: Vec<&str> = parameters.map(|one| one["name"].as_str().unwrap()).collect();
            (
                name,
                format!("{scope}{limit} [{}] {}", parameters.join(" "), statuses.join(" ")),
            )
        })
        .collect();
    insta::assert_json_snapshot!("operations", lines);
}

#[test]
fn the_document_is_this() {
    insta::assert_json_snapshot!("openapi", document());
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let mut routes: Vec<String> = Vec::new();
    for route in all() {
        for (path, item) in (route.handler.describe)().1.paths {
            let methods = [
                ("GET", item.get),
                ("POST", item.post),
                ("PUT", item.put),
                ("DELETE", item.delete),
            ];
            for (method, operation) in methods {
                routes.extend(operation.map(|_| format!("{method} {path}")));
            }
        }
    }
    let document = document();
    let mut documented: Vec<String> = operations(&document).map(|(name, _)| name).collect();
    routes.sort();
    documented.sort();
    assert_eq!(routes, documented);
}

#[tokio::test]
async fn every_documented_operation_is_routed_and_no_other_method_is() {
    let api = api_without_database();
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        let address = path
            .replace("{kind}", "event")
            .replace("{name}", "x")
            .replace("{file_id}", "x")
            .replace("{document_id}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let request = http::Request::builder()
                .method(method)
                .uri(&address)
                .body(Body::empty())
                .unwrap();
            let status = api.send(request).await.status;
            let is_documented = item.get(method.to_lowercase()).is_some();
            assert_eq!(
                status == StatusCode::METHOD_NOT_ALLOWED,
                !is_documented,
                "{method} {path}: {status}"
            );
        }
    }
    let read = api
        .send(request("GET", "/nowhere").body(Body::empty()).unwrap())
        .await;
    assert_eq!((read.status, read.code()), (StatusCode::NOT_FOUND, "not_found"));
}

#[test]
fn every_answer_has_an_example_every_reference_a_target_and_every_operation_a_name() {
    let document = document();
    let mut names = Vec::new();
    for (name, operation) in operations(&document) {
        names.push(operation["operationId"].as_str().unwrap());
        assert!(operation["security"].is_array(), "{name}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = response["content"].as_object();
            // What has been removed, and what lies elsewhere, has no content.
            assert!(
                content.is_some() || ["204", "303"].contains(&status.as_str()),
                "{name} {status}"
            );
            for (media, content) in content.into_iter().flatten() {
                assert!(content.get("example").is_some(), "{name} {status} {media}");
                assert!(content.get("schema").is_some(), "{name} {status} {media}");
            }
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

/// Whoever is refused for too many requests never reached us: no problem of ours can be promised.
#[test]
fn too_many_requests_are_refused_in_the_gateways_own_words() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let media: Vec<&String> = response["content"]
                .as_object()
                .into_iter()
                .flat_map(|content| content.keys())
                .collect();
            let is_error = status.starts_with(['4', '5']);
            let is_ours = media.contains(&&"application/problem+json".to_owned());
            match status.as_str() {
                "429" => assert_eq!(
                    (media.as_slice(), &response["headers"]),
                    ([&"application/json".to_owned()].as_slice(), &Value::Null),
                    "{name}"
                ),
                _ => assert!(is_ours || !is_error || name == "GET /health", "{name} {status}"),
            }
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members
                .values()
                .for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
