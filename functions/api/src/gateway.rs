//! API Gateway's HTTP API payload (version 2.0) made into an HTTP request, and the answer made into its reply.
//!
//! Done here rather than by `lambda_http`, which builds the request with an `expect`: a URL that the `http` crate
//! refuses has to become a 400 problem, and a payload that does not decode must not fail the invocation.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::problem::Problem;

/// The most bytes of an answer; handlers cut their pages well below it.
pub const MAX_RESPONSE_BYTES: usize = 4_500 * 1024;

/// What API Gateway hands over; members that we do not need are left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GatewayRequest {
    raw_path: String,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, Option<String>>>,
    cookies: Option<Vec<String>>,
    request_context: RequestContext,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RequestContext {
    http: HttpContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HttpContext {
    method: String,
}

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

/// Answers an invocation; whatever the payload is, there is an answer.
pub async fn handle(router: Router, payload: Value) -> GatewayResponse {
    let request_id = payload
        .pointer("/requestContext/requestId")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let request = match read(payload) {
        Ok(request) => request,
        Err(problem) => return reply(problem.into_response(), request_id).await,
    };
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
    let gateway = serde_json::from_value(payload).map_err(|_| {
        Problem::malformed(
            "bad_request",
            "the payload is not an HTTP API request (version 2.0)",
        )
    })?;
    to_http(gateway)
}

fn to_http(gateway: GatewayRequest) -> Result<Request<Body>, Problem> {
    let method = Method::from_bytes(gateway.request_context.http.method.as_bytes())
        .map_err(|_| Problem::malformed("bad_request", "the method is not an HTTP method"))?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri(&gateway.raw_path, gateway.raw_query_string.as_deref())?;
    for (name, value) in gateway.headers.into_iter().flatten() {
        let (name, value) = header(&name, value.as_deref().unwrap_or_default())?;
        request.headers_mut().append(name, value);
    }
    if let Some(cookies) = gateway.cookies.filter(|cookies| !cookies.is_empty()) {
        let (name, value) = header("cookie", &cookies.join("; "))?;
        request.headers_mut().insert(name, value);
    }
    *request.body_mut() = body(gateway.body, gateway.is_base64_encoded)?;
    Ok(request)
}

fn uri(path: &str, query: Option<&str>) -> Result<Uri, Problem> {
    let query = query.filter(|query| !query.is_empty());
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let bad = || {
        Problem::malformed(
            "bad_url",
            "the path or the query holds characters that must be percent-encoded",
        )
    };
    if !text.starts_with('/') || text.contains('#') {
        return Err(bad());
    }
    let path_and_query = PathAndQuery::try_from(text).map_err(|_| bad())?;
    Ok(Uri::from(path_and_query))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let bad = || Problem::malformed("bad_header", "a header is not written as HTTP asks for");
    let name = HeaderName::try_from(name).map_err(|_| bad())?;
    let value = HeaderValue::try_from(value).map_err(|_| bad())?;
    Ok((name, value))
}

fn body(text: Option<String>, is_base64: bool) -> Result<Body, Problem> {
    let text = text.unwrap_or_default();
    if !is_base64 {
        return Ok(Body::from(text));
    }
    let bytes = STANDARD.decode(text);
    bytes
        .map(Body::from)
        .map_err(|_| Problem::malformed("bad_request", "the body is said to be base64 and is not"))
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
