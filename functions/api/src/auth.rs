//! Who may call what: every route declares its [`Access`], and a guard in front of it holds the caller to it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use millrace_app::authenticate::AuthenticationError;
use millrace_core::principal::{Principal, Scope};

use crate::deps::Deps;
use crate::problem::Problem;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Callers that hold a scope.
    Scope(Scope),
}

/// The caller, for handlers behind a scope.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Absent only where a route with a caller is declared public: a defect, and still nobody is let in.
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .map(Self)
            .ok_or_else(Problem::internal)
    }
}

/// Lets a request through that its route's access allows.
///
/// # Errors
/// 401, 403, or 503 when callers cannot be checked.
pub async fn guard(
    State((deps, access)): State<(Arc<Deps>, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if let Access::Scope(scope) = access {
        let token = bearer_token(request.headers()).ok_or(AuthenticationError::Missing)?;
        let principal = deps
            .authenticator
            .authenticate(token, deps.surroundings.now_ms())
            .await?;
        require(&principal, scope)?;
        request.extensions_mut().insert(principal);
    }
    Ok(next.run(request).await)
}

/// That a caller holds a scope.
///
/// # Errors
/// 403.
pub(crate) fn require(principal: &Principal, scope: Scope) -> Result<(), Problem> {
    if principal.has_scope(scope) {
        return Ok(());
    }
    let detail = format!("the token lacks the scope {}", scope.as_str());
    Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail))
}

/// The caller of a public route that shows more to some: none without a token, and a token has to be good.
///
/// # Errors
/// 401, or 503 when callers cannot be checked.
pub(crate) async fn caller_of(deps: &Deps, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
    if !headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let token = bearer_token(headers).ok_or(AuthenticationError::Missing)?;
    let now_ms = deps.surroundings.now_ms();
    Ok(Some(deps.authenticator.authenticate(token, now_ms).await?))
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next()?, values.next());
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && second.is_none();
    is_bearer.then(|| token.trim())
}
