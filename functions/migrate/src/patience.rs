//! Waiting: for time to pass, and for failures that pass by themselves, never beyond a deadline.

use millrace_app::ports::Timer;
use millrace_core::failure::Failure;
use millrace_lambda::telemetry::chain;

const FIRST_PAUSE_MS: u64 = 500;
/// A database that resumes takes some 15 seconds; a pause must not add much to that.
const LONGEST_PAUSE_MS: u64 = 5_000;

/// An error of which some kinds pass by themselves.
pub trait MayPass {
    /// Whether the same call may succeed later.
    fn may_pass(&self) -> bool;

    /// The error with its causes, for the log.
    fn text(&self) -> String;
}

impl MayPass for Failure {
    fn may_pass(&self) -> bool {
        self.is_transient()
    }

    fn text(&self) -> String {
        chain(self)
    }
}

impl MayPass for anyhow::Error {
    fn may_pass(&self) -> bool {
        self.downcast_ref::<Failure>().is_some_and(Failure::is_transient)
    }

    fn text(&self) -> String {
        chain(self.as_ref())
    }
}

impl MayPass for reqwest::Error {
    fn may_pass(&self) -> bool {
        self.status().is_none_or(|status| status.is_server_error())
    }

    fn text(&self) -> String {
        chain(self)
    }
}

/// A clock and the moment when waiting ends.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// The clock.
    pub timer: &'a dyn Timer,
    /// When to give up, in milliseconds since 1970.
    pub deadline_ms: u64,
}

impl Patience<'_> {
    /// Pauses, at most until the deadline; false when that has come.
    pub async fn pause(&self, ms: u64) -> bool {
        let left_ms = self.deadline_ms.saturating_sub(self.timer.now_ms());
        if left_ms == 0 {
            return false;
        }
        self.timer.pause(ms.min(left_ms)).await;
        true
    }

    /// Tries what is harmless to repeat, with growing pauses, for as long as it fails in a way that may pass.
    ///
    /// # Errors
    /// The last one, when it does not pass by itself or the deadline has come.
    pub async fn insist<T, E, F>(&self, what: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        E: MayPass,
        F: Future<Output = Result<T, E>>,
    {
        let mut pause_ms = FIRST_PAUSE_MS;
        loop {
            let error = match attempt().await {
                Err(error) if error.may_pass() => error,
                settled => return settled,
            };
            tracing::warn!(what, pause_ms, error = error.text(), "failed for now");
            if !self.pause(pause_ms).await {
                return Err(error);
            }
            pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
        }
    }
}
