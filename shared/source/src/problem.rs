//! Every way in which a fetch ends badly: a value that is kept, shown, and decides about trying again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most characters of a message; what a source sends may be long.
const MAX_MESSAGE_CHARS: usize = 300;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchRule {
    /// The address cannot be read, or holds a user name.
    BadUrl,
    /// Neither `https`, nor `http` where the spec allows it.
    ForbiddenScheme,
    /// Host or port are not in the spec's list.
    ForbiddenHost,
    /// The host stands for an address that is private, of this machine, or of a cloud's metadata.
    ForbiddenAddress,
    /// A redirect without an address that can be read.
    BadRedirect,
    /// One redirect after another.
    TooManyRedirects,
    /// The file is not there (404, 410).
    NotFound,
    /// The source refuses (another 4xx).
    Refused,
    /// The source asks for patience (408, 425, 429).
    Throttled,
    /// The source fails (5xx), or answers what no request of ours asked for.
    ServerError,
    /// No connection.
    Unreachable,
    /// No answer in time, or a body that comes too slowly.
    TimedOut,
    /// The body ended before its announced end, or cannot be unpacked.
    Truncated,
    /// The body is larger than the spec allows.
    TooLarge,
    /// The body cannot be the file: an error page, nothing at all, another type.
    WrongContent,
    /// The list cannot be read.
    BadList,
    /// The list names no file at all: most likely its page has changed.
    NothingListed,
    /// A listed file whose date cannot be read.
    BadDate,
    /// A listed file whose name cannot be a file's.
    BadName,
    /// Tried too often: each time the work died on the way.
    GaveUp,
    /// Another run of the source is at work.
    SourceBusy,
    /// The source's spec is gone, or cannot be read.
    NoSource,
}

impl FetchRule {
    /// Whether the same request may go well a moment later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::ServerError | Self::Unreachable | Self::TimedOut | Self::Truncated
        )
    }
}

/// What went wrong, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchProblem {
    /// The rule, stable.
    pub rule: FetchRule,
    /// In words.
    pub message: String,
}

impl FetchProblem {
    /// A problem; the message is cut where it is too long, and control characters are shown.
    pub fn new(rule: FetchRule, message: impl AsRef<str>) -> Self {
        let shown: String = message
            .as_ref()
            .chars()
            .take(MAX_MESSAGE_CHARS)
            .map(|character| {
                if character.is_control() {
                    '\u{fffd}'
                } else {
                    character
                }
            })
            .collect();
        Self { rule, message: shown }
    }

    /// Whether the same request may go well a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.rule.is_transient()
    }
}

impl fmt::Display for FetchProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for FetchProblem {}
