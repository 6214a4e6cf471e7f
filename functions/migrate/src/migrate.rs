//! Applying migrations under a lock whose fencing token is checked inside every transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_app::ports::{Lock, LockStore, Surroundings};
use millrace_core::failure::{Failure, FailureKind};
use millrace_sql::statements::split;
use millrace_store::{Sql, Statement, TransactionId, Value};

use crate::migrations::Migration;

const LOCK_ID: &str = "migrations";
/// How long a lock is held without a sign of life; a transaction of one script fits well into it.
pub const LEASE_MS: u64 = 30_000;
const WAIT_BETWEEN_TRIES: Duration = Duration::from_millis(200);

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
    /// Clock and chance.
    pub surroundings: &'a dyn Surroundings,
    /// Who runs: unique to this run.
    pub owner: String,
    /// When to give up waiting, in milliseconds since 1970.
    pub deadline_ms: u64,
}

impl Migrator<'_> {
    /// Brings the schema up to a version; a lower one than is there changes nothing.
    ///
    /// # Errors
    /// [`MigrateError`]; whatever was committed before stays, and the next run goes on from there.
    pub async fn run(&self, migrations: &[Migration], target: u32) -> Result<Migrated, MigrateError> {
        let mut lock = self.acquire().await?;
        let result = match self.overtake(&mut lock).await {
            Ok(()) => self.run_locked(&lock, migrations, target).await,
            Err(error) => Err(error),
        };
        // A lock that cannot be let go ends with its lease.
        if let Err(failure) = self.locks.release(&lock).await {
            tracing::warn!(error = %failure, "the lock could not be released");
        }
        result
    }

    async fn acquire(&self) -> Result<Lock, MigrateError> {
        loop {
            let now_ms = self.surroundings.now_ms();
            if let Some(lock) = self.locks.acquire(LOCK_ID, &self.owner, now_ms, LEASE_MS).await? {
                return Ok(lock);
            }
            if now_ms >= self.deadline_ms {
                return Err(MigrateError::LockHeld);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "DynamoDB has no way to wait for an item"
            )]
            tokio::time::sleep(WAIT_BETWEEN_TRIES).await;
        }
    }

    /// A locks table that was restored from a backup counts from an older token than the database has seen: whoever
    /// holds the lock now goes on from there. A holder that was replaced cannot, since the lock is not its own.
    async fn overtake(&self, lock: &mut Lock) -> Result<(), MigrateError> {
        self.prepare().await?;
        let text = "select token from operations.fence where lock_id = cast(:lock_id as text)";
        let rows = self
            .sql
            .execute(&Statement::new(text).bind("lock_id", LOCK_ID))
            .await?;
        let Some(Value::Long(seen)) = rows.into_first_value() else {
            return Ok(());
        };
        let seen = u64::try_from(seen).unwrap_or(0);
        if seen > lock.fencing_token {
            let advanced = self.locks.advance(lock, seen).await?;
            *lock = advanced.ok_or(MigrateError::StaleToken(lock.fencing_token))?;
        }
        Ok(())
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
        self.prepare().await?;
        let known = self.applied().await?;
        let from = known.keys().next_back().copied().unwrap_or(0);
        let mut done = Migrated {
            from,
            to: from,
            applied: Vec::new(),
        };
        for migration in migrations {
            match known.get(&migration.version) {
                Some(checksum) if *checksum != migration.checksum() => {
                    return Err(MigrateError::Changed(migration.version));
                }
                Some(_) => {}
                None if migration.version <= target => {
                    let now_ms = self.surroundings.now_ms();
                    if !self.locks.renew(lock, now_ms, LEASE_MS).await? {
                        return Err(MigrateError::StaleToken(lock.fencing_token));
                    }
                    self.apply(lock, migration).await?;
                    done.to = migration.version;
                    done.applied.push(migration.version);
                }
                None => {}
            }
        }
        Ok(done)
    }

    /// What the migrations themselves need; repeats change nothing.
    async fn prepare(&self) -> Result<(), Failure> {
        for text in [
            "create schema if not exists operations",
            "create table if not exists operations.migration (version integer primary key, name text not null, \
             checksum text not null, fencing_token bigint not null, applied_at timestamptz not null default now())",
            "create table if not exists operations.fence (lock_id text primary key, token bigint not null)",
        ] {
            self.sql.execute(&Statement::new(text)).await?;
        }
        let insert = "insert into operations.fence values (cast(:lock_id as text), 0) on conflict do nothing";
        self.sql
            .execute(&Statement::new(insert).bind("lock_id", LOCK_ID))
            .await
            .map(|_| ())
    }

    async fn applied(&self) -> Result<BTreeMap<u32, String>, Failure> {
        let text = "select version, checksum from operations.migration order by version";
        let rows = self.sql.execute(&Statement::new(text)).await?;
        let known = rows
            .rows
            .into_iter()
            .filter_map(|row| match <[Value; 2]>::try_from(row) {
                Ok([Value::Long(version), Value::Text(checksum)]) => {
                    Some((u32::try_from(version).ok()?, checksum))
                }
                _ => None,
            });
        Ok(known.collect())
    }

    async fn apply(&self, lock: &Lock, migration: &Migration) -> Result<(), MigrateError> {
        let transaction = self.sql.begin().await?;
        match self.apply_in(&transaction, lock, migration).await {
            Ok(()) => {
                self.sql.commit(&transaction).await?;
                tracing::info!(migration.version, migration.name, "migration applied");
                Ok(())
            }
            Err(error) => {
                // The first error is the one to report; the transaction ends by itself if this one fails too.
                let _ = self.sql.rollback(&transaction).await;
                Err(error)
            }
        }
    }

    async fn apply_in(
        &self,
        transaction: &TransactionId,
        lock: &Lock,
        migration: &Migration,
    ) -> Result<(), MigrateError> {
        self.take_fence(transaction, lock).await?;
        let version = migration.version;
        let statements = split(migration.script);
        for statement in statements {
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
        let insert = Statement::new(
            "insert into operations.migration (version, name, checksum, fencing_token) values \
             (cast(:version as integer), cast(:name as text), cast(:checksum as text), cast(:token as bigint))",
        );
        let bound = insert
            .bind("version", version)
            .bind("name", migration.name)
            .bind("checksum", migration.checksum())
            .bind("token", lock.fencing_token);
        self.sql.execute(&bound.within(transaction)).await?;
        Ok(())
    }

    /// Refuses to go on when a newer holder has written; keeps the row locked until the transaction ends.
    async fn take_fence(&self, transaction: &TransactionId, lock: &Lock) -> Result<(), MigrateError> {
        let statement = Statement::new(
            "update operations.fence set token = cast(:token as bigint) where lock_id = cast(:lock_id as text) \
             and token <= cast(:token as bigint) returning token",
        );
        let bound = statement
            .bind("token", lock.fencing_token)
            .bind("lock_id", lock.lock_id.as_str());
        let rows = self.sql.execute(&bound.within(transaction)).await?;
        match rows.into_first_value() {
            Some(_) => Ok(()),
            None => Err(MigrateError::StaleToken(lock.fencing_token)),
        }
    }

    /// Gives the application's role its password.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn set_app_password(&self, password: &str) -> Result<(), Failure> {
        let text = "select operations.set_app_password(cast(:password as text))::text";
        self.sql
            .execute(&Statement::new(text).bind("password", password))
            .await
            .map(|_| ())
    }
}

/// Whether a run may be tried again as it is.
#[must_use]
pub fn is_transient(error: &MigrateError) -> bool {
    match error {
        MigrateError::Failed(failure) | MigrateError::Statement { source: failure, .. } => {
            failure.kind == FailureKind::Transient
        }
        _ => false,
    }
}
