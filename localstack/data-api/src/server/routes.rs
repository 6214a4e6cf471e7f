//! From a path to an operation or a control.

use bytes::Bytes;
use http::{Method, Response, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{failure, respond};
use crate::api::{ApiError, ApiErrorKind};
use crate::control::{FaultRule, Point, Scope};
use crate::engine::Engine;

/// Where the controls are.
pub(super) const CONTROL: &str = "/_control/";

/// Answers one of the five operations.
pub(super) async fn operation(
    engine: &Engine,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Vec<u8>, ApiError> {
    if method != Method::POST {
        return Err(unknown());
    }
    match path {
        "/Execute" => write(&engine.execute_statement(read(body)?).await?),
        "/BatchExecute" => write(&engine.batch_execute_statement(read(body)?).await?),
        "/BeginTransaction" => write(&engine.begin_transaction(read(body)?).await?),
        "/CommitTransaction" => write(&engine.commit_transaction(read(body)?).await?),
        "/RollbackTransaction" => write(&engine.rollback_transaction(read(body)?).await?),
        _ => Err(unknown()),
    }
}

fn unknown() -> ApiError {
    ApiError::new(ApiErrorKind::UnknownOperation, "no such operation")
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        // a member that is none of its enumeration's breaks the model, not the format
        let kind = if message.starts_with("unknown variant") && !message.contains("Values") {
            ApiErrorKind::Validation
        } else {
            ApiErrorKind::Serialization
        };
        ApiError::new(kind, message)
    })
}

fn write<T: Serialize>(answer: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(answer)
        .map_err(|error| ApiError::new(ApiErrorKind::InternalServerError, error.to_string()))
}

#[derive(Deserialize)]
struct HoldRequest {
    #[serde(flatten)]
    scope: Scope,
    #[serde(default)]
    at: Point,
}

#[derive(Deserialize)]
struct ReleaseRequest {
    id: u64,
    #[serde(default)]
    discard: bool,
}

/// Answers a control.
pub(super) fn control(engine: &Engine, method: &Method, uri: &Uri, body: &[u8]) -> Response<Full<Bytes>> {
    let name = uri.path().strip_prefix(CONTROL).unwrap_or_default();
    let answer = controlled(
        engine,
        method.as_str(),
        name,
        uri.query().unwrap_or_default(),
        body,
    );
    match answer {
        Ok(answer) => respond(200, None, answer.to_string().into_bytes()),
        Err(error) => failure(&error),
    }
}

fn controlled(
    engine: &Engine,
    method: &str,
    name: &str,
    query: &str,
    body: &[u8],
) -> Result<serde_json::Value, ApiError> {
    let control = engine.control();
    match (method, name) {
        ("POST", "faults") => {
            let rule: FaultRule = read(body)?;
            let seed = rule.seed;
            Ok(json!({"id": control.add_fault(rule), "seed": seed}))
        }
        ("GET", "faults") => Ok(json!({"faults": control.faults()})),
        ("DELETE", "faults") => {
            control.clear_faults();
            Ok(json!({}))
        }
        ("POST", "hold") => {
            let request: HoldRequest = read(body)?;
            Ok(json!({"id": control.hold(request.scope, request.at)}))
        }
        ("GET", "holds") => Ok(json!({"holds": control.holds()})),
        ("POST", "release") => {
            let request: ReleaseRequest = read(body)?;
            let found = if request.discard {
                control.discard(request.id)
            } else {
                control.release(request.id)
            };
            Ok(json!({"released": found}))
        }
        ("GET", "requests") => {
            let after = query
                .strip_prefix("after=")
                .and_then(|after| after.parse().ok())
                .unwrap_or(0);
            Ok(json!({"requests": control.requests(after)}))
        }
        ("GET", "health") => Ok(json!({"status": "up"})),
        _ => Err(unknown()),
    }
}
