//! Transactions: open, busy, ended. A transaction that rests too long or lasts too long is rolled back by a task of
//! its own, so that its locks go away even if nobody asks for it again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Inner;
use super::sessions::{Left, wire_error};
use super::target::{Target, check_length, check_schema};
use crate::api::{ApiError, ApiErrorKind, BeginTransactionRequest};
use crate::limits::Limits;
use crate::wire::{Session, Status};

/// Of how many ended transactions the end is remembered.
const ENDED_MAX: usize = 10_000;

#[derive(Debug)]
struct Open {
    /// Absent while a statement is running.
    session: Option<Session>,
    target: Target,
    begun: Duration,
    last_used: Duration,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Aborted,
    Expired,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<String, Open>,
    ended: VecDeque<(String, End)>,
}

/// All transactions.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    state: Mutex<State>,
}

impl Open {
    fn deadline(&self, limits: &Limits) -> Duration {
        (self.last_used + limits.transaction_idle).min(self.begun + limits.transaction_total)
    }
}

impl State {
    fn end(&mut self, id: &str, end: End) -> Option<Open> {
        let open = self.open.remove(id)?;
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((id.to_owned(), end));
        Some(open)
    }

    fn not_found(&self, id: &str) -> ApiError {
        let end = self
            .ended
            .iter()
            .rev()
            .find(|(ended, _)| ended == id)
            .map(|(_, end)| *end);
        let message = match end {
            Some(End::Aborted) => {
                format!("Transaction {id} was aborted due to an error from a previous call")
            }
            Some(End::Expired) => format!("Transaction {id} is not found: it has expired"),
            Some(End::Done) | None => format!("Transaction {id} is not found"),
        };
        ApiError::new(ApiErrorKind::TransactionNotFound, message)
    }
}

impl Transactions {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a transaction whose session is gone.
    pub(super) fn abort(&self, id: Option<&str>) {
        if let Some(id) = id {
            self.lock().end(id, End::Aborted);
        }
    }

    /// When the transaction expires if nothing happens; for a busy one, when it is worth looking again.
    fn deadline(&self, id: &str, limits: &Limits, now: Duration) -> Option<Duration> {
        let state = self.lock();
        let open = state.open.get(id)?;
        Some(if open.session.is_some() {
            open.deadline(limits)
        } else {
            now + limits.transaction_idle
        })
    }

    /// Ends the transaction if it is at rest and its time is over.
    fn expire(&self, id: &str, limits: &Limits, now: Duration) -> Option<(Session, Target)> {
        let mut state = self.lock();
        let is_over = state
            .open
            .get(id)
            .is_some_and(|open| open.session.is_some() && now >= open.deadline(limits));
        let open = if is_over {
            state.end(id, End::Expired)?
        } else {
            return None;
        };
        open.session.map(|session| (session, open.target))
    }

    fn take(&self, id: &str, wanted: &Target, names_database: bool) -> Result<(Session, Target), ApiError> {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(id) else {
            return Err(state.not_found(id));
        };
        let refused = |message: &str| Err(ApiError::new(ApiErrorKind::BadRequest, message));
        if open.target.cluster != wanted.cluster {
            return refused("Resource ARN is not the same as the transaction's");
        }
        if open.target.credentials != wanted.credentials {
            return refused("Secret is not the same as the transaction's");
        }
        if names_database && open.target.database != wanted.database {
            return refused("Database name is not the same as transaction's");
        }
        let Some(session) = open.session.take() else {
            let message = "Transaction is still running a query";
            return Err(ApiError::new(ApiErrorKind::DatabaseError, message));
        };
        Ok((session, open.target.clone()))
    }
}

impl Inner {
    pub(super) async fn take_transaction(
        &self,
        id: &str,
        target: &Target,
        names_database: bool,
    ) -> Result<(Session, Target), ApiError> {
        // its own task may not have come to it yet
        self.expire_transaction(id).await;
        self.transactions.take(id, target, names_database)
    }

    async fn expire_transaction(&self, id: &str) -> bool {
        let expired = self.transactions.expire(id, &self.limits, self.clock.now());
        let Some((session, target)) = expired else {
            return false;
        };
        self.reset(session, &target).await;
        true
    }

    pub(super) async fn give_back_transaction(&self, id: &str, session: Session, target: Target, left: Left) {
        if left == Left::Well(Status::InTransaction) {
            let mut state = self.transactions.lock();
            if let Some(open) = state.open.get_mut(id) {
                open.session = Some(session);
                open.last_used = self.clock.now();
            }
            return;
        }
        // `COMMIT` sent as a statement leaves the session well, but in no transaction
        let end = if left == Left::Well(Status::Idle) {
            End::Done
        } else {
            End::Aborted
        };
        self.transactions.lock().end(id, end);
        if left != Left::Unusable {
            self.reset(session, &target).await;
        }
    }
}

pub(super) async fn begin(inner: &Arc<Inner>, request: &BeginTransactionRequest) -> Result<String, ApiError> {
    check_schema(request.schema.as_deref())?;
    let database = request.database.as_deref();
    let target = inner
        .target(&request.resource_arn, &request.secret_arn, database)
        .await?;
    let mut session = inner.session(&target).await?;
    session.command("BEGIN").await.map_err(wire_error)?;
    let now = inner.clock.now();
    let id = new_id();
    let open = Open {
        session: Some(session),
        target,
        begun: now,
        last_used: now,
    };
    inner.transactions.lock().open.insert(id.clone(), open);
    watch(inner, id.clone());
    Ok(id)
}

/// As long as the service's: clients must not count on a short one.
fn new_id() -> String {
    let part = || uuid::Uuid::now_v7().simple().to_string();
    format!("{}{}{}{}=", part(), part(), part(), part())
}

/// Rolls the transaction back when its time is over.
fn watch(inner: &Arc<Inner>, id: String) {
    let weak = Arc::downgrade(inner);
    let clock = Arc::clone(&inner.clock);
    tokio::spawn(async move {
        loop {
            let deadline = weak
                .upgrade()
                .and_then(|inner| inner.transactions.deadline(&id, &inner.limits, clock.now()));
            let Some(deadline) = deadline else { return };
            clock.sleep_until(deadline).await;
            let Some(inner) = weak.upgrade() else { return };
            if inner.expire_transaction(&id).await {
                return;
            }
        }
    });
}

/// Commits or rolls back.
pub(super) async fn end(
    inner: &Arc<Inner>,
    resource_arn: &str,
    secret_arn: &str,
    id: &str,
    command: &'static str,
) -> Result<(), ApiError> {
    check_length("transactionId", id, 1, 192)?;
    let target = inner.target(resource_arn, secret_arn, None).await?;
    let (mut session, target) = inner.take_transaction(id, &target, false).await?;
    let (inner, id) = (Arc::clone(inner), id.to_owned());
    // a caller that goes away does not stop it half-way
    let ending = tokio::spawn(async move {
        let ended = session.command(command).await;
        let end = if ended.is_ok() { End::Done } else { End::Aborted };
        inner.transactions.lock().end(&id, end);
        inner.reset(session, &target).await;
        ended.map(|_| ()).map_err(wire_error)
    });
    let lost = || {
        ApiError::new(
            ApiErrorKind::InternalServerError,
            "the transaction's task ended early",
        )
    };
    ending.await.unwrap_or_else(|_| Err(lost()))
}
