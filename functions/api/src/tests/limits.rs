use axum::body::Body;
use http::StatusCode;

use super::support::{Read, api, api_without_database, nothing, request};
use crate::extract::limits::{MAX_HEADER_BYTES, MAX_JSON_BYTES, MAX_LINE_BYTES, MAX_QUERY_MEMBERS};

#[tokio::test]
async fn the_line_has_eight_kibibytes_and_the_query_a_hundred_members() {
    let api = api_without_database();
    let line = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    assert_eq!(api.get(&line(MAX_LINE_BYTES)).await.status, StatusCode::NOT_FOUND);
    let read = api.get(&line(MAX_LINE_BYTES + 1)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::URI_TOO_LONG, "url_too_long")
    );
    let members = |count: usize| format!("/nowhere?{}", vec!["a=1"; count].join("&"));
    assert_eq!(
        api.get(&members(MAX_QUERY_MEMBERS)).await.status,
        StatusCode::NOT_FOUND
    );
    let read = api.get(&members(MAX_QUERY_MEMBERS + 1)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::BAD_REQUEST, "too_many_query_members")
    );
}

#[tokio::test]
async fn headers_have_eight_kibibytes_and_bodies_no_encoding() {
    let api = api_without_database();
    let large = request("GET", "/health").header("x-large", "a".repeat(MAX_HEADER_BYTES));
    let read = api.send(large.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large")
    );
    let encoded = request("POST", "/spec/event").header("content-encoding", "gzip");
    let read = api.send(encoded.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (read.status, read.code()),
        (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_encoding_not_supported"
        )
    );
}

async fn post(content_type: &str, body: impl Into<Body>) -> Read {
    let request = request("POST", "/spec/event").header("content-type", content_type);
    api(|_| nothing()).send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_json_body_has_a_mebibyte_and_is_said_to_be_json() {
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    let read = post("application/json", padded(MAX_JSON_BYTES)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_spec")
    );
    let read = post("application/json", padded(MAX_JSON_BYTES + 1)).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
    let detail = read.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("1048576") && detail.contains("/ingestion/uploads"),
        "{detail}"
    );
    let declared = request("POST", "/spec/event")
        .header("content-type", "application/json")
        .header("content-length", "9999999");
    let read = api_without_database()
        .send(declared.body(Body::from("{}")).unwrap())
        .await;
    assert!(read.body["detail"].as_str().unwrap().contains("9999999 bytes"));
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(post(good, "{}").await.code(), "invalid_spec", "{good}");
    }
    for bad in [
        "",
        "text/json",
        "application/json; charset=latin1",
        "application/x-www-form-urlencoded",
    ] {
        let read = post(bad, "{}").await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn hostile_json_is_malformed_with_its_place() {
    for (body, code, pointer) in [
        (r#"{"a":{"b":1,"b":2}}"#.to_owned(), "duplicate_member", "/a/b"),
        (r#"{"a":["\u0000"]}"#.to_owned(), "nul_character", "/a/0"),
        (r#"{"a":"\ud800"}"#.to_owned(), "lone_surrogate", "/a"),
        (
            r#"{"a":0.1234567890123456789}"#.to_owned(),
            "number_not_exact",
            "/a",
        ),
        ("{\"a\":[1,\"b\u{fffd}\"]}".to_owned(), "invalid_utf8", "/a/1"),
        ("{\"a\":{\"b\u{fffd}\":1}}".to_owned(), "invalid_utf8", "/a"),
        (r#"{"a":"\ufffd"}"#.to_owned(), "invalid_utf8", "/a"),
        ("[".repeat(100_000), "too_deep", ""),
        ("{".to_owned(), "malformed_json", ""),
    ] {
        let read = post("application/json", body).await;
        assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, code));
        if !pointer.is_empty() {
            assert_eq!(read.errors(), [(pointer, code)]);
        }
    }
}

#[tokio::test]
async fn every_address_refuses_what_it_does_not_know() {
    for path in ["/health?x=1", "/openapi.json?x=1"] {
        let read = api_without_database().get(path).await;
        assert_eq!(
            (read.status, read.errors().as_slice()),
            (StatusCode::BAD_REQUEST, [("/query/x", "bad_query")].as_slice()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_query_holds_no_replacement_for_what_was_not_utf8() {
    for query in ["cursor=%EF%BF%BD", "cursor=%FF", "%EF%BF%BD=1"] {
        let read = api_without_database().get(&format!("/spec/event?{query}")).await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, "bad_query"),
            "{query}"
        );
    }
}
