//! Sessions between calls. Invariant: a session in the pool is in no transaction and has no state left.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Inner;
use super::target::Target;
use crate::api::{ApiError, ApiErrorKind};
use crate::wire::{Session, Status, WireError};

/// The sessions that nobody uses.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<HashMap<Target, Vec<Session>>>,
    most: usize,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self {
            idle: Mutex::default(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Vec<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, target: &Target) -> Option<Session> {
        self.lock().get_mut(target)?.pop()
    }

    fn put(&self, target: &Target, session: Session) {
        let mut idle = self.lock();
        let sessions = idle.entry(target.clone()).or_default();
        if sessions.len() < self.most {
            sessions.push(session);
        }
    }
}

/// A session for one call.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) session: Session,
    pub(super) target: Target,
    /// The transaction it belongs to.
    pub(super) transaction_id: Option<String>,
}

/// How a call left its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The statement went well.
    Well(Status),
    /// The statement failed; the session takes others.
    Failed,
    /// The session must not be used any more: its effect is to be dropped with it, or it is broken.
    Unusable,
}

impl Inner {
    /// A session for a call: the transaction's, or one of its own.
    pub(super) async fn lease(
        &self,
        target: Target,
        transaction_id: Option<&str>,
        names_database: bool,
    ) -> Result<Lease, ApiError> {
        let Some(id) = transaction_id else {
            let session = self.session(&target).await?;
            return Ok(Lease {
                session,
                target,
                transaction_id: None,
            });
        };
        super::target::check_length("transactionId", id, 1, 192)?;
        let taken = self.take_transaction(id, &target, names_database).await?;
        Ok(Lease {
            session: taken.0,
            target: taken.1,
            transaction_id: Some(id.to_owned()),
        })
    }

    /// A session in no transaction.
    pub(super) async fn session(&self, target: &Target) -> Result<Session, ApiError> {
        let session = match self.pooled(target).await {
            Some(session) => session,
            None => Session::open(&self.address, &target.database, &target.credentials)
                .await
                .map_err(|error| self.connect_error(error, target))?,
        };
        if session.is_standby {
            let message = "The DB cluster doesn't have a writer instance.";
            return Err(ApiError::new(ApiErrorKind::DatabaseNotFound, message));
        }
        Ok(session)
    }

    /// A pooled session that still answers: the server may have ended it meanwhile.
    async fn pooled(&self, target: &Target) -> Option<Session> {
        while let Some(mut session) = self.pool.take(target) {
            if session.finish().await.is_ok_and(|status| status == Status::Idle) {
                return Some(session);
            }
        }
        None
    }

    fn connect_error(&self, error: WireError, target: &Target) -> ApiError {
        if let WireError::Sql(error) = &error {
            if error.state.starts_with("28") {
                self.secrets.forget(&target.credentials);
            }
            // starting up, shutting down, recovering
            if error.state == "57P03" {
                return ApiError::new(ApiErrorKind::DatabaseUnavailable, error.text());
            }
        }
        wire_error(error)
    }

    /// Takes a session back after a call.
    pub(super) async fn give_back(&self, lease: Lease, left: Left) {
        let Lease {
            session,
            target,
            transaction_id,
        } = lease;
        if let Some(id) = transaction_id {
            self.give_back_transaction(&id, session, target, left).await;
        } else if left != Left::Unusable {
            self.reset(session, &target).await;
        }
    }

    /// Removes what a session still holds, and pools it; one that cannot be reset is closed.
    pub(super) async fn reset(&self, mut session: Session, target: &Target) {
        let rolled_back = session.command("ROLLBACK").await;
        if rolled_back.is_ok_and(|status| status == Status::Idle)
            && session.command("DISCARD ALL").await.is_ok()
        {
            self.pool.put(target, session);
        }
    }
}

/// A failed statement or connection as the service reports it.
pub(super) fn wire_error(error: WireError) -> ApiError {
    match error {
        WireError::Sql(error) => ApiError::new(ApiErrorKind::DatabaseError, error.text()),
        WireError::Io(error) => {
            tracing::warn!(error = %error, "the connection to the database failed");
            ApiError::new(ApiErrorKind::DatabaseUnavailable, error.to_string())
        }
        WireError::RowTooLarge => ApiError::new(
            ApiErrorKind::DatabaseError,
            "Packet for query is too large: a row exceeded the size limit",
        ),
        WireError::ResultTooLarge => result_too_large(),
        WireError::Copy => ApiError::new(
            ApiErrorKind::DatabaseError,
            "ERROR: COPY from or to the client is not supported; SQLState: 0A000",
        ),
    }
}

pub(super) fn result_too_large() -> ApiError {
    ApiError::new(
        ApiErrorKind::DatabaseError,
        "Database response exceeded size limit",
    )
}
