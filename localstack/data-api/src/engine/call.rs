//! One statement's way: its own task, so that a caller that goes away does not stop it, and its time-out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millrace_sql::parameters::{Rewritten, SqlTextError, rewrite};

use super::Inner;
use super::sessions::{Lease, Left, wire_error};
use crate::api::{ApiError, ApiErrorKind};
use crate::wire::{Session, Status, WireError};

/// How long a cancelled statement may take to notice before its connection is cut.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// Whether a statement goes on when its call has timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterTimeout {
    Continue,
    Cancel,
}

/// Why a statement has no answer.
pub(super) enum Failure {
    /// The database or the connection.
    Wire(WireError),
    /// The service refuses the answer; the statement must have no effect.
    Refused(ApiError),
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// Set when the call has timed out and its statement must not be committed.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Commits what `session` has executed, unless the call is to have no effect any more.
    pub(super) async fn finish(&self, session: &mut Session) -> Result<Status, Failure> {
        if self.0.load(Ordering::SeqCst) {
            return Err(Failure::Refused(timed_out(session.process_id)));
        }
        Ok(session.finish().await?)
    }
}

/// A statement with numbered parameters.
pub(super) fn read_sql(sql: &str) -> Result<Rewritten, ApiError> {
    rewrite(sql).map_err(|error| match error {
        SqlTextError::MultipleStatements { .. } => ApiError::validation("Multistatements aren't supported"),
        SqlTextError::TooManyParameters => ApiError::validation("The statement has too many parameters"),
        SqlTextError::Nul { .. } => {
            let message = "ERROR: invalid byte sequence for encoding \"UTF8\": 0x00; SQLState: 22021";
            ApiError::new(ApiErrorKind::DatabaseError, message)
        }
    })
}

/// Runs a statement on `lease` in a task of its own and waits for it, at most as long as a call may take.
pub(super) async fn run<T, W, F>(
    inner: &Arc<Inner>,
    lease: Lease,
    after: AfterTimeout,
    work: W,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    W: FnOnce(Arc<Inner>, Lease, Stop) -> F,
    F: Future<Output = (Lease, Result<(T, Status), Failure>)> + Send + 'static,
{
    let (address, process_id, key) = (
        lease.session.address.clone(),
        lease.session.process_id,
        lease.session.secret_key,
    );
    let transaction_id = lease.transaction_id.clone();
    let stop = Stop::default();
    let working = work(Arc::clone(inner), lease, stop.clone());
    let mut task = tokio::spawn(settle(Arc::clone(inner), working));
    let deadline = inner.clock.now() + inner.limits.call;
    tokio::select! {
        biased;
        done = &mut task => return done.unwrap_or_else(|_| Err(lost())),
        () = inner.clock.sleep_until(deadline) => {}
    }
    if after == AfterTimeout::Cancel {
        stop.0.store(true, Ordering::SeqCst);
        if let Err(error) = address.cancel(process_id, key).await {
            tracing::warn!(error = %error, "cancelling a statement failed");
        }
        tokio::select! {
            _ = &mut task => {}
            () = inner.clock.sleep_until(deadline + CANCEL_PATIENCE) => {
                // closes the connection
                task.abort();
                inner.transactions.abort(transaction_id.as_deref());
            }
        }
    }
    Err(timed_out(process_id))
}

/// Waits for the work and gives the session back in the state the work left it in.
async fn settle<T>(
    inner: Arc<Inner>,
    working: impl Future<Output = (Lease, Result<(T, Status), Failure>)>,
) -> Result<T, ApiError> {
    let (lease, outcome) = working.await;
    let (left, result) = match outcome {
        Ok((answer, status)) => (Left::Well(status), Ok(answer)),
        Err(Failure::Wire(WireError::Sql(error))) => (Left::Failed, Err(wire_error(WireError::Sql(error)))),
        Err(Failure::Wire(error)) => (Left::Unusable, Err(wire_error(error))),
        Err(Failure::Refused(error)) => (Left::Unusable, Err(error)),
    };
    inner.give_back(lease, left).await;
    result
}

fn timed_out(process_id: i32) -> ApiError {
    ApiError {
        db_connection_id: Some(i64::from(process_id)),
        ..ApiError::new(ApiErrorKind::StatementTimeout, "Request timed out")
    }
}

fn lost() -> ApiError {
    ApiError::new(
        ApiErrorKind::InternalServerError,
        "the statement's task ended early",
    )
}
