//! A lock's lease: prolonged beside the work for as long as that runs, and looked at before each of its steps.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use millrace_app::ports::{Lock, LockStore, Timer};
use millrace_core::failure::Failure;

use crate::migrate::MigrateError;

/// How long a lock is held without a sign of life.
pub const LEASE_MS: u64 = 30_000;
/// Five more tries fit into a lease when one fails.
const HEARTBEAT_MS: u64 = LEASE_MS / 6;

/// A lock that this run took, and how long it is still ours.
pub(crate) struct Lease<'a> {
    pub(crate) lock: &'a Lock,
    locks: &'a dyn LockStore,
    timer: &'a dyn Timer,
    ends_ms: AtomicU64,
    is_lost: AtomicBool,
}

impl<'a> Lease<'a> {
    /// A lease of which nothing is known yet: the first look prolongs it.
    pub(crate) fn new(lock: &'a Lock, locks: &'a dyn LockStore, timer: &'a dyn Timer) -> Self {
        Self {
            lock,
            locks,
            timer,
            ends_ms: AtomicU64::new(0),
            is_lost: AtomicBool::new(false),
        }
    }

    /// Does some work with the heartbeat beside it. A lease that is lost does not cut the work off in the middle of a
    /// statement, whose transaction would stay open: the work stops where it looks, by [`Self::check`].
    pub(crate) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.keep() => match never {},
        }
    }

    async fn keep(&self) -> Infallible {
        loop {
            self.timer.reach(self.timer.now_ms() + HEARTBEAT_MS).await;
            match self.renew().await {
                Ok(true) => {}
                Ok(false) => return pending().await,
                Err(failure) => tracing::warn!(error = %failure, "the lease could not be prolonged"),
            }
        }
    }

    /// Refuses to go on when the lock is somebody else's.
    ///
    /// # Errors
    /// [`MigrateError::StaleToken`]; a failure of the locks table where the lease has ended and cannot be prolonged.
    pub(crate) async fn check(&self) -> Result<(), MigrateError> {
        let is_over = || self.timer.now_ms() >= self.ends_ms.load(Ordering::Relaxed);
        if self.is_lost.load(Ordering::Relaxed) || is_over() && !self.renew().await? {
            return Err(MigrateError::StaleToken(self.lock.fencing_token));
        }
        Ok(())
    }

    async fn renew(&self) -> Result<bool, Failure> {
        let now_ms = self.timer.now_ms();
        let is_ours = self.locks.renew(self.lock, now_ms, LEASE_MS).await?;
        if is_ours {
            self.ends_ms.store(now_ms + LEASE_MS, Ordering::Relaxed);
        } else {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        Ok(is_ours)
    }
}
