//! Holders that were replaced and do not know it.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_app::ports::{Lock, LockStore};
use millrace_core::failure::Failure;
use millrace_fn_migrate::migrate::{LEASE_MS, MigrateError, Migrated};
use millrace_store::{Sql, Statement, TransactionId};
use millrace_tests::{Counter, Database, MemoryLocks, RewrittenSql};

use super::{SCRIPTS, database, migrator, state};

/// A locks table that tells every holder that it still holds the lock.
struct Flattering;

#[async_trait]
impl LockStore for Flattering {
    async fn acquire(&self, _: &str, _: &str, _: u64, _: u64) -> Result<Option<Lock>, Failure> {
        Ok(None)
    }

    async fn renew(&self, _: &Lock, _: u64, _: u64) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn advance(&self, lock: &Lock, _: u64) -> Result<Option<Lock>, Failure> {
        Ok(Some(lock.clone()))
    }

    async fn release(&self, _: &Lock) -> Result<bool, Failure> {
        Ok(true)
    }
}

/// A holder that lost its lease to another one, which has applied two scripts, writes.
async fn late_write(database: &Database, sql: Arc<dyn Sql>) -> Result<Migrated, MigrateError> {
    let (locks, clock) = (MemoryLocks::default(), Counter::new(1_000));
    let stale = locks
        .acquire("migrations", "stale", 1_000, LEASE_MS)
        .await
        .unwrap()
        .unwrap();
    clock.advance(LEASE_MS);
    let newer = migrator(database.owner(), &locks, &clock, "newer");
    assert_eq!(newer.run(&SCRIPTS, 2).await.unwrap().applied, [1, 2]);
    // Told so by the locks table, it stops by itself.
    let told = migrator(database.owner(), &locks, &clock, "stale");
    let refused = told.run_locked(&stale, &SCRIPTS, 3).await;
    assert!(matches!(refused, Err(MigrateError::StaleToken(1))), "{refused:?}");
    assert_eq!(state(database).await, "1,2 2");
    migrator(sql, &Flattering, &clock, "stale")
        .run_locked(&stale, &SCRIPTS, 3)
        .await
}

#[tokio::test]
async fn a_stale_holders_late_write_is_refused_in_the_database() {
    let Some(database) = database() else { return };
    let refused = late_write(&database, database.owner()).await;
    assert!(matches!(refused, Err(MigrateError::StaleToken(1))), "{refused:?}");
    assert_eq!(state(&database).await, "1,2 2");
}

/// The mutant: without the comparison in the database the late write goes through.
#[tokio::test]
async fn without_the_fence_a_late_write_goes_through() {
    let Some(database) = database() else { return };
    let sql = RewrittenSql::new(database.owner(), "and token <= cast(:token as bigint)", "");
    let written = late_write(&database, Arc::new(sql)).await;
    assert_eq!(written.unwrap().applied, [3]);
    assert_eq!(state(&database).await, "1,2,3 2");
}

#[tokio::test]
async fn a_holder_that_pauses_in_its_transaction_is_overtaken_and_commits_nothing() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::new(1_000));
    migrator(database.owner(), &locks, &clock, "first")
        .run(&SCRIPTS, 1)
        .await
        .unwrap();
    // It has taken the fence, and sleeps.
    let sql = database.owner();
    let transaction = sql.begin().await.unwrap();
    let within = |text: &'static str, transaction: &TransactionId| Statement::new(text).within(transaction);
    sql.execute(&within("update operations.fence set token = 2", &transaction))
        .await
        .unwrap();
    sql.execute(&within("create table late (x int)", &transaction))
        .await
        .unwrap();
    clock.advance(2 * LEASE_MS);
    let done = migrator(database.owner(), &locks, &clock, "second")
        .run(&SCRIPTS, 3)
        .await
        .unwrap();
    assert_eq!(done.applied, [2, 3]);
    assert!(sql.commit(&transaction).await.is_err());
    assert_eq!(
        database
            .value("select to_regclass('late') is null")
            .await
            .as_deref(),
        Some("t")
    );
}
