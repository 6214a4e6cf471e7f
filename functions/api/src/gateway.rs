//! API Gateway's HTTP API payload (version 2.0) made into an HTTP request, and the answer made into its reply.
//!
//! `lambda_http` makes the request, with an `expect`: a URL that the `http` crate refuses has to become a 400 problem
//! before, and a payload that does not decode must not fail the invocation.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use http::Request;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::problem::Problem;
use crate::router::TimeLeft;

/// The most bytes of an answer; handlers cut their pages well below it.
pub const MAX_RESPONSE_BYTES: usize = 4_500 * 1024;

/// What API Gateway gets back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers; names are lowercase.
    pub headers: BTreeMap<String, String>,
    /// The body, which is text in all our answers.
    pub body: String,
    /// Always false.
    pub is_base64_encoded: bool,
}

/// Answers an invocation; whatever the payload is, there is an answer. `time_left` is what the function is given for it,
/// where that is known.
pub async fn handle(router: Router, payload: Value, time_left: Option<Duration>) -> GatewayResponse {
    let request_id = payload
        .pointer("/requestContext/requestId")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let mut request = match read(payload) {
        Ok(request) => request,
        Err(problem) => return reply(problem.into_response(), request_id).await,
    };
    if let Some(time_left) = time_left {
        request.extensions_mut().insert(TimeLeft(time_left));
    }
    // The last resort: a defect in a handler ends in a problem like any other, and the function lives on.
    let answered = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!(request.id = request_id.as_deref(), "a handler panicked");
            Problem::internal().into_response()
        }
    };
    reply(response, request_id).await
}

fn read(payload: Value) -> Result<Request<Body>, Problem> {
    let malformed = |detail| Problem::malformed("bad_request", detail);
    let mut gateway: ApiGatewayV2httpRequest = serde_json::from_value(payload)
        .map_err(|_| malformed("the payload is not an HTTP API request (version 2.0)"))?;
    check_url(&gateway)?;
    let is_base64 = gateway.is_base64_encoded;
    if is_base64
        && gateway
            .body
            .as_ref()
            .is_some_and(|text| STANDARD.decode(text).is_err())
    {
        return Err(malformed("the body is said to be base64 and is not"));
    }
    // The conversion would put these into the URL, and panics at what is no scheme or host; no route looks at them.
    gateway.headers.remove(HOST);
    gateway.headers.remove("x-forwarded-proto");
    gateway.request_context.domain_name = None;
    let request: lambda_http::Request = LambdaRequest::ApiGatewayV2(gateway).into();
    Ok(request.map(|body| match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    }))
}

/// Refuses what the conversion would panic at: a URL that the `http` crate does not take.
fn check_url(gateway: &ApiGatewayV2httpRequest) -> Result<(), Problem> {
    let path = gateway.raw_path.as_deref().unwrap_or_default();
    let query = gateway.raw_query_string.as_deref().unwrap_or_default();
    let text = format!("{path}?{query}");
    if text.starts_with('/') && !text.contains('#') && PathAndQuery::try_from(text).is_ok() {
        return Ok(());
    }
    let detail = "the path or the query holds characters that must be percent-encoded";
    Err(Problem::malformed("bad_url", detail))
}

async fn reply(response: Response, request_id: Option<String>) -> GatewayResponse {
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_RESPONSE_BYTES).await.ok();
    let Some(text) = text.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()) else {
        tracing::error!(
            request.id = request_id.as_deref(),
            "an answer is larger than the gateway takes"
        );
        return Box::pin(reply(Problem::internal().into_response(), request_id)).await;
    };
    // The gateway measures the body itself.
    let sent = parts.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    let named = sent.filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let mut headers: BTreeMap<String, String> = named.collect();
    if let Some(request_id) = request_id {
        headers.insert("x-request-id".to_owned(), request_id);
    }
    GatewayResponse {
        status_code: parts.status.as_u16(),
        headers,
        body: text,
        is_base64_encoded: false,
    }
}
