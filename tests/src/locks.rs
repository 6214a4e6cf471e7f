//! The locks table in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{Lock, LockStore};
use millrace_core::failure::Failure;

#[derive(Debug, Clone)]
struct Held {
    lock: Lock,
    /// Zero once it was let go.
    until_ms: u64,
}

/// Locks with leases and fencing tokens that only grow.
#[derive(Debug, Default)]
pub struct MemoryLocks {
    held: Mutex<BTreeMap<String, Held>>,
}

impl MemoryLocks {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LockStore for MemoryLocks {
    async fn acquire(
        &self,
        id: &str,
        owner: &str,
        now_ms: u64,
        lease_ms: u64,
    ) -> Result<Option<Lock>, Failure> {
        let mut all = self.lock();
        let before = all.get(id);
        if before.is_some_and(|held| held.until_ms > now_ms) {
            return Ok(None);
        }
        let lock = Lock {
            lock_id: id.to_owned(),
            owner: owner.to_owned(),
            fencing_token: before.map_or(0, |held| held.lock.fencing_token) + 1,
        };
        let held = Held {
            lock: lock.clone(),
            until_ms: now_ms + lease_ms,
        };
        all.insert(id.to_owned(), held);
        Ok(Some(lock))
    }

    async fn renew(&self, lock: &Lock, now_ms: u64, lease_ms: u64) -> Result<bool, Failure> {
        let mut all = self.lock();
        let Some(held) = all.get_mut(&lock.lock_id).filter(|held| held.lock == *lock) else {
            return Ok(false);
        };
        held.until_ms = now_ms + lease_ms;
        Ok(true)
    }

    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure> {
        let mut all = self.lock();
        let Some(held) = all.get_mut(&lock.lock_id).filter(|held| held.lock == *lock) else {
            return Ok(None);
        };
        held.lock.fencing_token = beyond + 1;
        Ok(Some(held.lock.clone()))
    }

    async fn release(&self, lock: &Lock) -> Result<bool, Failure> {
        let mut all = self.lock();
        let Some(held) = all.get_mut(&lock.lock_id).filter(|held| held.lock == *lock) else {
            return Ok(false);
        };
        held.until_ms = 0;
        Ok(true)
    }
}
