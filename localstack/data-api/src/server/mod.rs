//! The service over HTTP (rest-json, HTTP/1.1).

mod routes;

use std::convert::Infallible;
use std::io;
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::api::{ApiError, ApiErrorKind};
use crate::engine::Engine;

/// A connection is cut instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut")]
struct Cut;

/// Serves the engine on `listener` until the future is dropped.
///
/// # Errors
/// When no more connections can be accepted.
pub async fn serve(listener: TcpListener, engine: Engine) -> io::Result<Infallible> {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // a caller that has gone already
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        // only speed is lost without it
        let _ = stream.set_nodelay(true);
        let engine = engine.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(engine.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(error = %error, "a connection ended");
            }
        });
    }
}

/// Reads the request, and answers it in a task of its own: a caller that goes away does not stop its call.
async fn answer(engine: Engine, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let head = parts.uri.to_string().len() + header_bytes(&parts.headers);
    let is_control = parts.uri.path().starts_with(routes::CONTROL);
    let body = match read_body(body, engine.limits().request_bytes.saturating_sub(head)).await {
        Ok(body) => body,
        Err(error) => return Ok(failure(&error)),
    };
    if is_control {
        return Ok(routes::control(&engine, &parts.method, &parts.uri, &body));
    }
    let path = parts.uri.path().to_owned();
    let called = tokio::spawn(async move { routes::operation(&engine, &parts.method, &path, &body).await });
    match called.await {
        Ok(Ok(body)) => Ok(respond(200, None, body)),
        Ok(Err(error)) if error.kind == ApiErrorKind::ConnectionDropped => Err(Cut),
        Ok(Err(error)) => Ok(failure(&error)),
        Err(_) => Err(Cut),
    }
}

/// The limit counts headers too: name, colon, blank, value, line end.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// Reads the body; one that is too large is read to its end, or the caller would see a broken connection instead of
/// the answer.
async fn read_body(mut body: Incoming, limit: usize) -> Result<Bytes, ApiError> {
    let mut kept = BytesMut::new();
    let mut is_too_large = false;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::new(ApiErrorKind::Serialization, error.to_string()))?;
        let data = frame.into_data().unwrap_or_default();
        is_too_large |= kept.len() + data.len() > limit;
        if !is_too_large {
            kept.extend_from_slice(&data);
        }
    }
    if is_too_large {
        return Err(ApiError::new(
            ApiErrorKind::BadRequest,
            "The request exceeded the size limit",
        ));
    }
    Ok(kept.freeze())
}

fn failure(error: &ApiError) -> Response<Full<Bytes>> {
    tracing::info!(
        error = error.kind.name(),
        message = error.message,
        "refused a call"
    );
    respond(
        error.kind.status(),
        Some(error.kind.name()),
        error.body().to_string().into_bytes(),
    )
}

fn respond(status: u16, error: Option<&'static str>, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-amzn-requestid", uuid::Uuid::now_v7().to_string());
    if let Some(name) = error {
        response = response.header("x-amzn-errortype", name);
    }
    // every part is known to be valid
    response.body(Full::new(Bytes::from(body))).unwrap_or_default()
}
