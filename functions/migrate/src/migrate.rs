//! Applying migrations under a lock whose fencing token is checked inside every transaction.

use std::sync::Arc;

use millrace_app::ports::{Lock, LockStore};
use millrace_core::failure::Failure;
use millrace_lambda::telemetry::chain;
use millrace_sql::statements::split;
use millrace_store::{Sql, Statement, TransactionId};

pub use crate::lease::LEASE_MS;

use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::migrations::Migration;
use crate::patience::{MayPass, Patience};

const LOCK_ID: &str = "migrations";
const PAUSE_BETWEEN_LOOKS_MS: u64 = 500;

/// Why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Another run held the lock until our time was up.
    #[error("another run held the lock until the time was up")]
    LockHeld,
    /// Another run took the lock over: what we would still write is refused.
    #[error("another run has taken the lock over; fencing token {0} is stale")]
    StaleToken(u64),
    /// A script was changed after it had been applied.
    #[error("migration {0} was changed after it had been applied")]
    Changed(u32),
    /// A statement failed; its transaction was taken back.
    #[error("migration {version} failed at line {line}")]
    Statement {
        /// The migration.
        version: u32,
        /// The line of the script.
        line: usize,
        /// The cause.
        #[source]
        source: Failure,
    },
    /// The lock or the database failed outside of a script.
    #[error("the lock or the database failed")]
    Failed(#[from] Failure),
}

impl MayPass for MigrateError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Failed(failure) | Self::Statement { source: failure, .. } => failure.is_transient(),
            Self::LockHeld | Self::StaleToken(_) | Self::Changed(_) => false,
        }
    }

    fn text(&self) -> String {
        chain(self)
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Migrated {
    /// The schema version before.
    pub from: u32,
    /// The schema version now.
    pub to: u32,
    /// The versions that this run applied.
    pub applied: Vec<u32>,
}

/// Applies migrations to one database.
pub struct Migrator<'a> {
    /// The database, as its owner.
    pub sql: Arc<dyn Sql>,
    /// The locks table.
    pub locks: &'a dyn LockStore,
    /// Who runs: unique to this run.
    pub owner: String,
    /// The clock, and how long to wait for another run or a database that is away.
    pub patience: Patience<'a>,
}

impl Migrator<'_> {
    /// Brings the schema up to a version; a lower one than is there changes nothing. A database that is away is waited
    /// for until the deadline.
    ///
    /// # Errors
    /// [`MigrateError`]; whatever was committed before stays, and the next run goes on from there.
    pub async fn run(&self, migrations: &[Migration], target: u32) -> Result<Migrated, MigrateError> {
        let lock = self.take_lock().await?;
        let result = self.run_locked(&lock, migrations, target).await;
        self.release(&lock).await;
        result
    }

    /// Gives the application's role its password, under the same lock.
    ///
    /// # Errors
    /// [`MigrateError`]; none of them holds the password.
    pub async fn set_app_password(&self, password: &str) -> Result<(), MigrateError> {
        let lock = self.take_lock().await?;
        let lease = self.lease(&lock);
        let set = || self.set_app_password_once(&lease, password);
        let result = lease.beside(self.patience.insist("app password", set)).await;
        self.release(&lock).await;
        result
    }

    async fn take_lock(&self) -> Result<Lock, MigrateError> {
        let lock = self.acquire().await?;
        match self.overtake(&lock).await {
            Ok(Some(advanced)) => Ok(advanced),
            Ok(None) => Ok(lock),
            Err(error) => {
                self.release(&lock).await;
                Err(error)
            }
        }
    }

    async fn release(&self, lock: &Lock) {
        // A lock that cannot be let go ends with its lease.
        if let Err(failure) = self.locks.release(lock).await {
            tracing::warn!(error = %failure, "the lock could not be released");
        }
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger { sql: &*self.sql }
    }

    fn lease<'l>(&'l self, lock: &'l Lock) -> Lease<'l> {
        Lease::new(lock, self.locks, self.patience.timer)
    }

    async fn acquire(&self) -> Result<Lock, MigrateError> {
        loop {
            let acquire = || {
                let now_ms = self.patience.timer.now_ms();
                self.locks.acquire(LOCK_ID, &self.owner, now_ms, LEASE_MS)
            };
            if let Some(lock) = self.patience.insist("lock", acquire).await? {
                return Ok(lock);
            }
            if !self.patience.pause(PAUSE_BETWEEN_LOOKS_MS).await {
                return Err(MigrateError::LockHeld);
            }
        }
    }

    /// A locks table that was restored from a backup counts from an older token than the database has seen: whoever
    /// holds the lock now goes on from there. A holder that was replaced cannot, since the lock is not its own.
    async fn overtake(&self, lock: &Lock) -> Result<Option<Lock>, MigrateError> {
        let ledger = self.ledger();
        let seen = self.patience.insist("fence", || ledger.seen_token(LOCK_ID));
        let seen = self.lease(lock).beside(seen).await?;
        if seen <= lock.fencing_token {
            return Ok(None);
        }
        let advanced = self.locks.advance(lock, seen).await?;
        advanced
            .map(Some)
            .ok_or(MigrateError::StaleToken(lock.fencing_token))
    }

    /// Applies what is missing, holding a lock.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_locked(
        &self,
        lock: &Lock,
        migrations: &[Migration],
        target: u32,
    ) -> Result<Migrated, MigrateError> {
        let lease = self.lease(lock);
        lease.beside(self.apply_missing(&lease, migrations, target)).await
    }

    async fn apply_missing(
        &self,
        lease: &Lease<'_>,
        migrations: &[Migration],
        target: u32,
    ) -> Result<Migrated, MigrateError> {
        let ledger = self.ledger();
        let known = self
            .patience
            .insist("applied migrations", || ledger.applied())
            .await?;
        let from = known.keys().next_back().copied().unwrap_or(0);
        let mut done = Migrated {
            from,
            to: from,
            applied: Vec::new(),
        };
        for migration in migrations {
            match known.get(&migration.version) {
                Some(recorded) => migration.check(&recorded.checksum)?,
                None if migration.version <= target => {
                    let apply = || self.apply(lease, migration);
                    let token = self.patience.insist("migration", apply).await?;
                    done.to = migration.version;
                    let is_ours = token == lease.lock.fencing_token;
                    tracing::info!(migration.version, migration.name, is_ours, "migration applied");
                    if is_ours {
                        done.applied.push(migration.version);
                    }
                }
                None => {}
            }
        }
        Ok(done)
    }

    /// Applies a script, or finds it applied; the token under which it was.
    async fn apply(&self, lease: &Lease<'_>, migration: &Migration) -> Result<u64, MigrateError> {
        lease.check().await?;
        let transaction = self.sql.begin().await?;
        let applied = self.apply_in(&transaction, lease, migration).await;
        self.end(&transaction, lease, applied).await
    }

    /// Commits what went well while the lock was ours, and takes everything else back.
    async fn end<T>(
        &self,
        transaction: &TransactionId,
        lease: &Lease<'_>,
        result: Result<T, MigrateError>,
    ) -> Result<T, MigrateError> {
        let commit = async {
            let done = result?;
            lease.check().await?;
            self.sql.commit(transaction).await?;
            Ok(done)
        };
        let ended = commit.await;
        if ended.is_err() {
            // Also after a commit that failed, which may not have been reached: an open transaction would be in our own
            // way. The first error is the one to report; the transaction ends by itself if this one fails too.
            let _ = self.sql.rollback(transaction).await;
        }
        ended
    }

    async fn apply_in(
        &self,
        transaction: &TransactionId,
        lease: &Lease<'_>,
        migration: &Migration,
    ) -> Result<u64, MigrateError> {
        let version = migration.version;
        self.ledger().take_fence(transaction, lease.lock).await?;
        if let Some(token) = self.ledger().find(transaction, migration).await? {
            return Ok(token);
        }
        for statement in split(migration.script) {
            lease.check().await?;
            let line = statement.line;
            self.sql
                .execute(&Statement::new(statement.text).within(transaction))
                .await
                .map_err(|source| MigrateError::Statement {
                    version,
                    line,
                    source,
                })?;
        }
        self.ledger().record(transaction, migration, lease.lock).await?;
        Ok(lease.lock.fencing_token)
    }

    async fn set_app_password_once(&self, lease: &Lease<'_>, password: &str) -> Result<(), MigrateError> {
        lease.check().await?;
        let transaction = self.sql.begin().await?;
        let set = async {
            self.ledger().take_fence(&transaction, lease.lock).await?;
            let text = "select operations.set_app_password(cast(:password as text))::text";
            let statement = Statement::new(text).bind("password", password);
            self.sql.execute(&statement.within(&transaction)).await?;
            Ok(())
        };
        let set = set.await;
        self.end(&transaction, lease, set).await
    }
}
