//! The system message. None of this asks the database, so that it can say that the database is away.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use millrace_app::system_message::{delete_system_message, load_system_message, store_system_message};
use millrace_core::principal::Scope;

use crate::auth::{Caller, caller_of};
use crate::deps::Deps;
use crate::dto::system_message::{SystemMessageAsked, SystemMessageDetail, SystemMessageShown};
use crate::extract::JsonBody;
use crate::problem::Answer;

/// Reads the message that is shown to everybody; with an administrator's token also one whose time has not come or is
/// over.
#[utoipa::path(get, path = "/api/system-message", operation_id = "read_system_message", tag = "service",
    responses((status = 200, description = "The message, if there is one.", body = SystemMessageShown,
        example = json!({"message": {"text": "Maintenance from 6 to 8 UTC", "level": "warning",
        "from": "2023-02-01T06:00:00Z", "to": "2023-02-01T08:00:00Z", "is_active": true}}))))]
pub(crate) async fn read(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
) -> Answer<Json<SystemMessageShown>> {
    let caller = caller_of(&deps, &headers).await?;
    let is_admin = caller.is_some_and(|caller| caller.has_scope(Scope::Admin));
    let now_ms = now_ms(&deps);
    let message = load_system_message(deps.settings.as_ref()).await?;
    let message = message.map(|message| SystemMessageDetail::new(message, now_ms));
    Ok(Json(SystemMessageShown {
        message: message.filter(|message| message.is_active || is_admin),
    }))
}

/// Sets the message, in place of the one before.
#[utoipa::path(put, path = "/api/system-message", operation_id = "set_system_message", tag = "service",
    request_body(content = SystemMessageAsked, example = json!({"text": "Maintenance from 6 to 8 UTC",
        "level": "warning", "from": "2023-02-01T06:00:00Z", "to": "2023-02-01T08:00:00Z"})),
    responses((status = 200, description = "Set.", body = SystemMessageShown,
        example = json!({"message": {"text": "Maintenance from 6 to 8 UTC", "level": "warning",
        "from": "2023-02-01T06:00:00Z", "to": "2023-02-01T08:00:00Z", "is_active": false}}))))]
pub(crate) async fn set(
    State(deps): State<Arc<Deps>>,
    Caller(caller): Caller,
    body: JsonBody<SystemMessageAsked>,
) -> Answer<Json<SystemMessageShown>> {
    let now_ms = now_ms(&deps);
    let message = body.value.check(&caller.client_id, now_ms)?;
    store_system_message(deps.settings.as_ref(), &message).await?;
    tracing::info!(client.id = caller.client_id, "the system message was set");
    Ok(Json(SystemMessageShown {
        message: Some(SystemMessageDetail::new(message, now_ms)),
    }))
}

/// Takes the message away.
#[utoipa::path(delete, path = "/api/system-message", operation_id = "remove_system_message", tag = "service",
    responses((status = 204, description = "There is no message.")))]
pub(crate) async fn remove(State(deps): State<Arc<Deps>>, Caller(caller): Caller) -> Answer<StatusCode> {
    delete_system_message(deps.settings.as_ref()).await?;
    tracing::info!(client.id = caller.client_id, "the system message was taken away");
    Ok(StatusCode::NO_CONTENT)
}

fn now_ms(deps: &Deps) -> i64 {
    i64::try_from(deps.surroundings.now_ms()).unwrap_or(i64::MAX)
}
