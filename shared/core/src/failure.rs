//! What a port returns when something could not be done.

use std::error::Error;
use std::fmt;

/// The detail of a failure whose answer would have been larger than the other side sends: ask for less.
pub const RESPONSE_TOO_LARGE: &str = "ResponseTooLarge";

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
    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Transient)
    }

    /// Whether the call fails for a reason of our own making, which no waiting mends. What is away, has moved on, is
    /// missing or forbidden may be mended from outside: by time, by another message, by a deployment, by an operator.
    #[must_use]
    pub fn is_hopeless(self) -> bool {
        matches!(self, Self::Invalid)
    }
}

/// A call through a port that could not be done.
///
/// What it displays may be logged: the operation, a code of the other side, and words of our own, which hold names and
/// ids but no values of rows. Its source may quote what was sent or stored (PostgreSQL's DETAIL does), and is not logged.
#[derive(Debug)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The operation, as a short name (`s3.put_object`).
    pub operation: &'static str,
    /// A stable detail where the other side gave one (an SQLSTATE, a service's error code).
    pub detail: Option<String>,
    explanation: Option<String>,
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
            explanation: None,
            source: Some(source.into()),
        }
    }

    /// A failure that we found ourselves, explained in words.
    pub fn explained(kind: FailureKind, operation: &'static str, why: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            detail: None,
            explanation: Some(why.into()),
            source: None,
        }
    }

    /// A call that is wrong in itself, explained in words.
    pub fn invalid(operation: &'static str, why: impl Into<String>) -> Self {
        Self::explained(FailureKind::Invalid, operation, why)
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

    /// Whether the answer would have been larger than the other side sends: asking for less may help.
    #[must_use]
    pub fn is_response_too_large(&self) -> bool {
        self.kind == FailureKind::Invalid && self.detail.as_deref() == Some(RESPONSE_TOO_LARGE)
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
        if let Some(detail) = &self.detail {
            write!(formatter, " [{detail}]")?;
        }
        match &self.explanation {
            Some(why) => write!(formatter, ": {why}"),
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::{Failure, FailureKind};

    #[test]
    fn what_is_displayed_holds_our_own_words_and_nothing_of_the_source() {
        let message =
            "ERROR: duplicate key; Detail: Key (email)=(ada@example.org) already exists.; SQLState: 23505";
        let failure = Failure::new(FailureKind::Conflict, "data_api.execute_statement", message);
        let failure = failure.with_detail("23505");
        assert_eq!(
            failure.to_string(),
            "data_api.execute_statement failed (conflict) [23505]"
        );
        assert_eq!(
            failure.source().map(ToString::to_string).as_deref(),
            Some(message)
        );
        let own = Failure::invalid("contribute", "no partial was made");
        assert_eq!(
            own.to_string(),
            "contribute failed (internal_error): no partial was made"
        );
    }

    #[test]
    fn only_a_failure_of_our_own_making_is_hopeless() {
        let kinds = [
            FailureKind::Transient,
            FailureKind::NotFound,
            FailureKind::Conflict,
            FailureKind::Configuration,
            FailureKind::Invalid,
        ];
        let hopeless: Vec<_> = kinds.into_iter().filter(|kind| kind.is_hopeless()).collect();
        assert_eq!(hopeless, [FailureKind::Invalid]);
    }
}
