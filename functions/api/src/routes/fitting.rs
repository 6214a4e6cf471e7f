//! Pages that fit into the database's answer.

use millrace_core::Failure;
use millrace_store::datasets::ReadError;

/// An error that may be the database's.
pub(crate) trait FailsAtTheDatabase {
    /// What the database answered, if it was asked.
    fn failure(&self) -> Option<&Failure>;
}

impl FailsAtTheDatabase for Failure {
    fn failure(&self) -> Option<&Failure> {
        Some(self)
    }
}

impl FailsAtTheDatabase for ReadError {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Database(failure) => Some(failure),
            Self::Selection(_) => None,
        }
    }
}

/// The size of a page that is asked for, shortened when the database's answer would be too large.
///
/// The Data API sends answers of up to 1 MiB, and refuses to send larger ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize(u32);

impl PageSize {
    /// At most so many items.
    pub(crate) fn at_most(limit: u32) -> Self {
        Self(limit)
    }

    /// At most so many rows of so many columns: no more than could fit if all values were short.
    pub(crate) fn of_rows(limit: u32, columns: usize) -> Self {
        const ANSWER_BYTES: usize = 1 << 20;
        /// `{"stringValue":"…"},` and a few characters.
        const VALUE_BYTES: usize = 24;
        let fitting = ANSWER_BYTES / (columns + 1) / VALUE_BYTES;
        Self(limit.min(u32::try_from(fitting).unwrap_or(limit)).max(1))
    }

    /// How many items to ask for now.
    pub(crate) fn items(self) -> u32 {
        self.0
    }

    /// Takes an answer, or none when a shorter page is to be asked for.
    pub(crate) fn take<T, E: FailsAtTheDatabase>(&mut self, answer: Result<T, E>) -> Option<Result<T, E>> {
        match answer {
            Err(error) if self.0 > 1 && error.failure().is_some_and(Failure::is_response_too_large) => {
                self.0 = (self.0 / 4).max(1);
                None
            }
            answer => Some(answer),
        }
    }
}
