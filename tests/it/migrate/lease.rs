//! The lease of a run whose script takes longer than it.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use millrace_app::ports::{Lock, LockStore, Surroundings as _, Timer};
use millrace_core::failure::{Failure, FailureKind};
use millrace_data_api::Limits;
use millrace_data_api::control::Point;
use millrace_fn_migrate::migrate::{LEASE_MS, MigrateError, Migrated};
use millrace_tests::{Counter, Database, MemoryLocks};

use super::{Breathless, SCRIPTS, first, has_come, migrator, state};

type Outcome = Result<Migrated, MigrateError>;

/// A run whose first script takes four leases, and another one that tries from the second lease to the third.
async fn long_script(timer: &dyn Timer, clock: &Counter) -> Option<(Database, Outcome, Outcome)> {
    let database = Database::empty(Limits::default())?;
    let locks = MemoryLocks::default();
    let control = database.engine().control();
    let hold = control.hold(first("insert into one"), Point::Before);
    let long = migrator(database.owner(), &locks, timer, "long");
    let other = async {
        control.wait_until_held(hold, 1).await;
        let pass = async || {
            for _ in 0..LEASE_MS / 1_000 {
                clock.advance(1_000);
                tokio::task::yield_now().await;
            }
        };
        pass().await;
        let mut other = migrator(database.owner(), &locks, clock, "other");
        other.patience.deadline_ms = clock.now_ms() + 2 * LEASE_MS;
        let other = other.run(&SCRIPTS, 3).await;
        pass().await;
        control.release(hold);
        other
    };
    let (long, other) = tokio::join!(long.run(&SCRIPTS, 3), other);
    Some((database, long, other))
}

#[tokio::test]
async fn a_script_longer_than_the_lease_keeps_the_lock() {
    let clock = Counter::default();
    let Some((database, long, other)) = long_script(&clock, &clock).await else {
        return;
    };
    assert_eq!(long.unwrap().applied, [1, 2, 3]);
    assert!(matches!(other, Err(MigrateError::LockHeld)), "{other:?}");
    assert_eq!(state(&database).await, "1,2,3 2");
}

/// The mutant: without the heartbeat the lock is taken over in the middle of the script.
#[tokio::test]
async fn without_the_heartbeat_the_lock_is_taken_over() {
    let clock = Counter::default();
    let Some((database, long, other)) = long_script(&Breathless(&clock), &clock).await else {
        return;
    };
    assert!(matches!(long, Err(MigrateError::StaleToken(1))), "{long:?}");
    // It waits for the fence, which its time is too short for.
    match other {
        Err(MigrateError::Failed(failure)) => assert_eq!(failure.detail.as_deref(), Some("55P03")),
        other => panic!("{other:?}"),
    }
    assert_eq!(state(&database).await, "0");
}

#[tokio::test]
async fn a_lost_lease_stops_the_run_before_its_next_statement() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let control = database.engine().control();
    let hold = control.hold(first("create table one"), Point::AfterCommit);
    let loser = migrator(database.owner(), &locks, &clock, "loser");
    let thief = async {
        control.wait_until_held(hold, 1).await;
        let later = clock.now_ms() + 2 * LEASE_MS;
        assert!(
            locks
                .acquire("migrations", "thief", later, LEASE_MS)
                .await
                .unwrap()
                .is_some()
        );
        // Less than the lease: it is the heartbeat that finds out.
        clock.advance(LEASE_MS / 2);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        control.release(hold);
    };
    let (lost, ()) = tokio::join!(loser.run(&SCRIPTS, 3), thief);
    assert!(matches!(lost, Err(MigrateError::StaleToken(1))), "{lost:?}");
    assert!(!has_come(&database, "insert into one", None));
    assert!(has_come(&database, "ROLLBACK", None));
    assert_eq!(state(&database).await, "0");
}

/// A locks table that is away for the first renewals.
struct Away {
    locks: MemoryLocks,
    failures: AtomicU64,
}

#[async_trait]
impl LockStore for Away {
    async fn acquire(&self, id: &str, owner: &str, now: u64, lease: u64) -> Result<Option<Lock>, Failure> {
        self.locks.acquire(id, owner, now, lease).await
    }

    async fn renew(&self, lock: &Lock, now: u64, lease: u64) -> Result<bool, Failure> {
        let fewer = |left: u64| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
        {
            Ok(_) => Err(Failure::new(FailureKind::Transient, "away", "away")),
            Err(_) => self.locks.renew(lock, now, lease).await,
        }
    }

    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure> {
        self.locks.advance(lock, beyond).await
    }

    async fn release(&self, lock: &Lock) -> Result<bool, Failure> {
        self.locks.release(lock).await
    }
}

#[tokio::test]
async fn a_locks_table_that_is_away_for_a_while_is_waited_for() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let locks = Away {
        locks: MemoryLocks::default(),
        failures: AtomicU64::new(4),
    };
    let clock = Counter::default();
    let run = migrator(database.owner(), &locks, &clock, "a");
    assert_eq!(run.run(&SCRIPTS, 3).await.unwrap().applied, [1, 2, 3]);
    assert_eq!(locks.failures.load(Ordering::Relaxed), 0);
}
