//! What a port returns when something could not be done.

use std::error::Error;
use std::fmt;

/// Why a call failed, as far as retrying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The other side is away, overloaded or the outcome is unknown; the same call may succeed later.
    Transient,
    /// What was asked for does not exist.
    NotFound,
    /// The state has moved on, or a unique key is taken.
    Conflict,
    /// The call is not allowed or not configured; retrying as it is will not help.
    Configuration,
    /// The call itself is wrong: a defect or data that should have been refused before.
    Invalid,
}

impl FailureKind {
    /// Whether the same call may succeed later: the only retry decision in the product.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Transient)
    }
}

/// A call through a port that could not be done.
#[derive(Debug)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The operation, as a short name (`s3.put_object`).
    pub operation: &'static str,
    /// A stable detail where the other side gave one (an SQLSTATE, a service's error code).
    pub detail: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with its cause.
    pub fn new(
        kind: FailureKind,
        operation: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            operation,
            detail: None,
            source: Some(source.into()),
        }
    }

    /// A failure that we found ourselves, explained in words.
    pub fn invalid(operation: &'static str, why: impl Into<String>) -> Self {
        Self::new(FailureKind::Invalid, operation, why.into())
    }

    /// Adds the other side's code (an SQLSTATE, an exception name).
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// A stable code for logs and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            FailureKind::Transient => "temporarily_unavailable",
            FailureKind::NotFound => "not_found",
            FailureKind::Conflict => "conflict",
            FailureKind::Configuration => "misconfigured",
            FailureKind::Invalid => "internal_error",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed ({})", self.operation, self.code())?;
        match &self.detail {
            Some(detail) => write!(formatter, " [{detail}]"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
