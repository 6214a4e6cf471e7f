//! The only place where what went wrong becomes an HTTP answer: RFC 9457 problems with a stable `code`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use millrace_app::authenticate::AuthenticationError;
use millrace_app::compile::CompileError;
use millrace_app::import::ImportError;
use millrace_core::FileId;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::FileVersion;
use millrace_spec::SpecErrors;
use millrace_spec::import::Place;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dto::spec_life::SpecReference;

/// After how long a caller may try again when the database is resuming.
const RESUMING_RETRY_SECONDS: u32 = 5;
/// After how long a caller may try again when something is away.
const AWAY_RETRY_SECONDS: u32 = 2;

/// One broken rule among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemError {
    /// JSON pointer into the body, or `/query/<name>`, `/header/<name>`, `/form/<name>`,
    /// `/files/<name>/<line>/<column>`.
    pub pointer: String,
    /// The rule, stable.
    pub code: String,
    /// What is wrong, in words.
    pub message: String,
}

/// A problem (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Address of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "https://millrace.example/problems/not_found")]
    pub problem_type: String,
    /// The kind of problem in words.
    #[schema(example = "not found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The kind of problem, stable.
    #[schema(example = "not_found")]
    pub code: String,
    /// Every broken rule, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemError>,
    /// The file that is there already, with the code `file_exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub file_id: Option<FileId>,
    /// Its latest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The specs that are in the way, a hundred at most: with the code `spec_needed` those that need the spec, with
    /// `needs_retired` those that it needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub specs: Vec<SpecReference>,
}

/// A problem on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of problem, stable.
    pub code: &'static str,
    detail: String,
    errors: Vec<ProblemError>,
    retry_after_seconds: Option<u32>,
    file: Option<FileVersion>,
    specs: Box<[SpecReference]>,
}

/// What handlers answer.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds: None,
            file: None,
            specs: Box::default(),
        }
    }

    /// 400: the request cannot be read.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404, also for what could not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409: the state does not allow it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422: the request can be read and breaks a rule.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 422: an idempotency key was used before, for something else.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        let detail = "the Idempotency-Key stands for another request";
        Self::invalid("idempotency_key_reused", detail)
    }

    /// 500, without internals.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "the request could not be handled; the reason has been logged";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// Adds a broken rule with its place.
    #[must_use]
    pub fn at(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.errors.push(ProblemError {
            pointer: pointer.into(),
            code: code.into(),
            message: message.into(),
        });
        self
    }

    /// Names the file that is in the way.
    #[must_use]
    pub fn about(mut self, file: FileVersion) -> Self {
        self.file = Some(file);
        self
    }

    /// Names the specs that are in the way.
    #[must_use]
    pub fn blocked_by(mut self, specs: Vec<SpecReference>) -> Self {
        self.specs = specs.into();
        self
    }

    /// Says after how long to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    fn body(&self) -> ProblemBody {
        ProblemBody {
            problem_type: format!("https://millrace.example/problems/{}", self.code),
            title: self.code.replace('_', " "),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.to_owned(),
            errors: self.errors.clone(),
            file_id: self.file.map(|file| file.file_id),
            version: self.file.map(|file| file.version),
            specs: self.specs.to_vec(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"millrace\""),
            );
        }
        response
    }
}

impl Problem {
    /// 503: readers hold a spec's table for so long that it cannot be changed.
    pub(crate) fn spec_in_use() -> Self {
        let detail = "readers hold the table of the spec: try again once they are done";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "spec_in_use", detail).retry_after(AWAY_RETRY_SECONDS)
    }
}

impl From<Failure> for Problem {
    /// Logs the failure, once, and tells the caller no more than whether to try again.
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::Transient => {
                tracing::warn!(operation = failure.operation, error = %failure, "a call could not be done for now");
                let is_resuming = failure
                    .detail
                    .as_deref()
                    .is_some_and(|detail| detail.contains("Resuming"));
                let seconds = if is_resuming {
                    RESUMING_RETRY_SECONDS
                } else {
                    AWAY_RETRY_SECONDS
                };
                let detail = "a part of the service is away for the moment; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", detail)
                    .retry_after(seconds)
            }
            FailureKind::Conflict => {
                tracing::info!(operation = failure.operation, error = %failure, "a call met a conflict");
                Self::conflict(
                    "conflict",
                    "somebody else changed the same thing, or the name is taken",
                )
            }
            FailureKind::NotFound | FailureKind::Configuration => {
                tracing::error!(operation = failure.operation, error = %failure, "a call is not set up well");
                Self::internal()
            }
            FailureKind::Invalid => {
                // The cause may quote a value that a caller sent, so it stays out of the log.
                tracing::error!(operation = failure.operation, error = %failure, "a call could not be done");
                Self::internal()
            }
        }
    }
}

/// The detail of a problem with so many errors.
pub(crate) fn rules_are_broken(count: usize) -> String {
    match count {
        1 => "1 rule is broken".to_owned(),
        _ => format!("{count} rules are broken"),
    }
}

impl From<SpecErrors> for Problem {
    fn from(errors: SpecErrors) -> Self {
        let errors = errors.into_errors();
        let detail = match &errors[..] {
            [only] => only.message.clone(),
            all => rules_are_broken(all.len()),
        };
        let problem = Self::invalid("invalid_spec", detail);
        errors.into_iter().fold(problem, |problem, error| {
            problem.at(error.pointer, error.code, error.message)
        })
    }
}

impl From<CompileError> for Problem {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Spec(errors) => errors.into(),
            CompileError::Failed(failure) => failure.into(),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let findings = match error {
            ImportError::Failed(failure) => return failure.into(),
            ImportError::Order(findings) => findings,
        };
        let detail = match &findings[..] {
            [only] => only.reason.clone(),
            all => rules_are_broken(all.len()),
        };
        let problem = Self::invalid("invalid_import", detail);
        findings.into_iter().fold(problem, |problem, finding| {
            problem.at(pointer_of(&finding.place), finding.rule, finding.reason)
        })
    }
}

/// A place in what was posted as a pointer: `/files/<name>`, then line and column, or the pointer into the file.
fn pointer_of(place: &Place) -> String {
    let mut pointer = String::new();
    if let Some(file) = &place.file {
        pointer = format!("/files/{}", file.replace('~', "~0").replace('/', "~1"));
    }
    for number in [place.line, place.column].into_iter().flatten() {
        pointer.push_str(&format!("/{number}"));
    }
    pointer + place.pointer.as_deref().unwrap_or_default()
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        let detail = error.to_string();
        match error {
            AuthenticationError::Missing => Self::new(StatusCode::UNAUTHORIZED, "missing_token", detail),
            AuthenticationError::Invalid => Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail),
            AuthenticationError::Unavailable(failure) => {
                tracing::warn!(operation = failure.operation, error = %failure, "the clients table could not be read");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", detail)
                    .retry_after(AWAY_RETRY_SECONDS)
            }
        }
    }
}
