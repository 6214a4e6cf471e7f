//! What tests may do to the endpoint: faults, holds, and the log of requests. Nothing here is part of the service.

mod faults;
mod holds;
mod requests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use faults::{Fault, FaultRule, FaultStatus};
pub use holds::HoldStatus;
pub use requests::RequestEntry;

use crate::api::{ApiError, ApiErrorKind};
use crate::clock::Clock;

/// The five operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the service's")]
pub enum Operation {
    Execute,
    BatchExecute,
    BeginTransaction,
    CommitTransaction,
    RollbackTransaction,
}

/// A point of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Nothing has happened yet.
    #[default]
    Before,
    /// The statement has taken effect (inside a transaction: has been executed), the caller has no answer yet.
    AfterCommit,
}

/// Which calls are meant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// A piece of the SQL text; for the calls without one, of `BEGIN`, `COMMIT` or `ROLLBACK`. All calls when not
    /// given.
    #[serde(rename = "match")]
    pub matching: Option<String>,
    /// The operation; any when not given.
    pub operation: Option<Operation>,
    /// How often; without end when not given.
    pub count: Option<u64>,
}

impl Scope {
    fn meets(&self, call: &Call<'_>) -> bool {
        self.count != Some(0)
            && self.operation.is_none_or(|operation| operation == call.operation)
            && self
                .matching
                .as_ref()
                .is_none_or(|piece| call.text.contains(piece.as_str()))
    }

    fn use_up(&mut self) {
        self.count = self.count.map(|count| count.saturating_sub(1));
    }
}

/// A call, as far as the controls look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) text: &'a str,
    pub(crate) transaction_id: Option<&'a str>,
}

/// The controls of one endpoint.
#[derive(Debug, Default)]
pub struct Control {
    ids: AtomicU64,
    faults: faults::Faults,
    holds: holds::Holds,
    requests: requests::Requests,
}

impl Control {
    /// Adds a fault and answers its id.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        let id = self.next_id();
        self.faults.add(id, rule);
        id
    }

    /// The faults, also those that are used up.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.faults.list()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Blocks the calls of `scope` at a point until they are released; answers the hold's id.
    pub fn hold(&self, scope: Scope, at: Point) -> u64 {
        let id = self.next_id();
        self.holds.add(id, scope, at);
        id
    }

    /// The holds that have not been released.
    #[must_use]
    pub fn holds(&self) -> Vec<HoldStatus> {
        self.holds.list()
    }

    /// Returns when at least `calls` calls wait at the hold, or the hold is gone.
    pub async fn wait_until_held(&self, id: u64, calls: usize) {
        self.holds.wait_until_held(id, calls).await;
    }

    /// Removes the hold and lets its calls go on. Says whether there was one.
    pub fn release(&self, id: u64) -> bool {
        self.holds.release(id, holds::Gate::Open)
    }

    /// Removes the hold and cuts its calls' connections: those held before never happen. Says whether there was one.
    pub fn discard(&self, id: u64) -> bool {
        self.holds.release(id, holds::Gate::Discard)
    }

    /// The requests after number `after`, as far as they are still remembered.
    #[must_use]
    pub fn requests(&self, after: u64) -> Vec<RequestEntry> {
        self.requests.after(after)
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Runs a call's `work` between its two points, and logs it.
    pub(crate) async fn around<T>(
        &self,
        call: Call<'_>,
        clock: &dyn Clock,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let number = self.requests.begin(call, clock.now());
        let result = self.with_points(call, clock, work).await;
        self.requests.end(number, clock.now(), result.as_ref().err());
        result
    }

    async fn with_points<T>(
        &self,
        call: Call<'_>,
        clock: &dyn Clock,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.at(Point::Before, call, clock).await?;
        let answer = work.await?;
        self.at(Point::AfterCommit, call, clock).await?;
        Ok(answer)
    }

    async fn at(&self, point: Point, call: Call<'_>, clock: &dyn Clock) -> Result<(), ApiError> {
        self.holds.pass(point, call).await?;
        for fault in self.faults.hits(point, call) {
            match fault {
                Fault::Delay { milliseconds } => {
                    clock
                        .sleep_until(clock.now() + Duration::from_millis(milliseconds))
                        .await;
                }
                Fault::Status { status, .. } => return Err(failure(status)),
                Fault::Resuming => {
                    let message = "The Aurora DB instance is resuming after being auto-paused. \
                                   Please wait a few seconds and try again.";
                    return Err(ApiError::new(ApiErrorKind::DatabaseResuming, message));
                }
                Fault::DropReply => return Err(dropped()),
            }
        }
        Ok(())
    }
}

fn failure(status: u16) -> ApiError {
    let kind = match status {
        503 => ApiErrorKind::ServiceUnavailable,
        504 => ApiErrorKind::DatabaseUnavailable,
        _ => ApiErrorKind::InternalServerError,
    };
    ApiError::new(kind, "a fault asked for this")
}

fn dropped() -> ApiError {
    ApiError::new(ApiErrorKind::ConnectionDropped, "the connection was cut")
}
