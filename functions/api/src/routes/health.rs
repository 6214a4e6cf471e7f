//! Health: every part is asked, at once, for a moment.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::deps::{Deps, Part};
use crate::dto::health::{Health, PartHealth};
use crate::extract::{NoParameters, Query};

/// How long a part may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How the service is: 503 only when no part answers.
#[utoipa::path(get, path = "/health", operation_id = "read_health", tag = "service",
    responses(
        (status = 200, description = "Every part answers, or some do: `degraded`.", body = Health, example = json!({
            "status": "degraded", "parts": [{"name": "database", "status": "down", "code": "temporarily_unavailable"},
            {"name": "landing_bucket", "status": "up"}]})),
        (status = 503, description = "No part answers.", body = Health, example = json!({
            "status": "down", "parts": [{"name": "database", "status": "down", "code": "temporarily_unavailable"}]})),
    ))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    Query(NoParameters): Query<NoParameters>,
) -> Response {
    let parts = join_all(deps.parts.iter().map(ask)).await;
    let up = parts.iter().filter(|part| part.code.is_none()).count();
    let (code, status) = match up {
        _ if up == parts.len() => (StatusCode::OK, "healthy"),
        0 => (StatusCode::SERVICE_UNAVAILABLE, "down"),
        _ => (StatusCode::OK, "degraded"),
    };
    let body = Json(Health { status, parts });
    match code {
        StatusCode::OK => body.into_response(),
        code => (code, [(RETRY_AFTER, "2")], body).into_response(),
    }
}

async fn ask(part: &Part) -> PartHealth {
    let answer = tokio::time::timeout(PROBE_TIMEOUT, part.probe.answers()).await;
    let code = match answer {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => {
            tracing::warn!(part = part.name, error = %failure, "a part does not answer");
            Some(failure.code())
        }
        Err(_) => Some("timed_out"),
    };
    let status = if code.is_none() { "up" } else { "down" };
    PartHealth {
        name: part.name,
        status,
        code,
    }
}
