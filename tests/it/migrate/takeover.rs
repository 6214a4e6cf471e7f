//! Taking over from a holder that is in a transaction: one that commits late, one that was killed.

use std::sync::Arc;
use std::time::Duration;

use millrace_data_api::control::Point;
use millrace_data_api::{Limits, ManualClock};
use millrace_fn_migrate::migrate::{LEASE_MS, MigrateError, Migrated};
use millrace_fn_migrate::migrations::Migration;
use millrace_store::Sql;
use millrace_tests::{Counter, Database, MemoryLocks, RewrittenSql};

use super::{Breathless, SCRIPTS, first, migrator, refused_at_the_fence, state};

/// A holder that stood still commits its first script while the next one waits for it.
async fn late_commit(database: &Database, next: Arc<dyn Sql>) -> Result<Migrated, MigrateError> {
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let breathless = Breathless(&clock);
    let control = database.engine().control();
    let hold = control.hold(first("COMMIT"), Point::Before);
    let slow = migrator(database.owner(), &locks, &breathless, "slow");
    let next = migrator(next, &locks, &clock, "next");
    let taking_over = async {
        control.wait_until_held(hold, 1).await;
        clock.advance(LEASE_MS);
        next.run(&SCRIPTS, 3).await
    };
    let release = async {
        refused_at_the_fence(database).await;
        control.release(hold);
    };
    let (slow, next, ()) = tokio::join!(slow.run(&SCRIPTS, 3), taking_over, release);
    assert!(matches!(slow, Err(MigrateError::StaleToken(1))), "{slow:?}");
    next
}

#[tokio::test]
async fn a_script_that_is_committed_during_the_take_over_is_not_run_again() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let next = late_commit(&database, database.owner()).await.unwrap();
    assert_eq!((next.from, next.to, next.applied), (0, 3, vec![2, 3]));
    assert_eq!(state(&database).await, "1,2,3 2");
}

/// The mutant: without the second look it is run again, and fails on what it made before.
#[tokio::test]
async fn without_the_second_look_the_script_is_run_again() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let by_version = "where version = cast(:version as integer)";
    let blind = by_version.replace("= cast", "= -cast");
    let sql = RewrittenSql::new(database.owner(), by_version, &blind);
    match late_commit(&database, Arc::new(sql)).await {
        Err(MigrateError::Statement { version, source, .. }) => {
            assert_eq!((version, source.detail.as_deref()), (1, Some("42P07")));
        }
        other => panic!("{other:?}"),
    }
}

/// Kills a run inside of its first script, and starts another one after its lease, while something happens.
async fn killed_holder(
    database: &Database,
    first_script: &'static str,
    deadline_ms: u64,
    meanwhile: impl AsyncFnOnce(),
) -> Result<Migrated, MigrateError> {
    let (locks, clock) = (MemoryLocks::default(), Counter::new(0));
    let control = database.engine().control();
    let hold = control.hold(first("insert into one"), Point::Before);
    let mut scripts: Vec<Migration> = SCRIPTS.to_vec();
    scripts[0].script = first_script;
    let killed = migrator(database.owner(), &locks, &clock, "killed");
    tokio::select! {
        done = killed.run(&scripts, 3) => panic!("{done:?}"),
        () = control.wait_until_held(hold, 1) => {}
    }
    control.discard(hold);
    clock.advance(LEASE_MS);
    let mut next = migrator(database.owner(), &locks, &clock, "next");
    next.patience.deadline_ms = deadline_ms;
    tokio::join!(next.run(&SCRIPTS, 3), meanwhile()).0
}

#[tokio::test]
async fn a_killed_holders_transaction_is_waited_for() {
    let service = Arc::new(ManualClock::new());
    let Some(database) = Database::empty_at(service.clone()) else {
        return;
    };
    // The service's own time-out ends it, when nothing else does.
    let minutes = async || {
        refused_at_the_fence(&database).await;
        service.advance(Duration::from_secs(3 * 60));
    };
    let next = killed_holder(&database, SCRIPTS[0].script, u64::MAX, minutes).await;
    assert_eq!(next.unwrap().applied, [1, 2, 3]);
    assert_eq!(state(&database).await, "1,2,3 2");
}

#[tokio::test]
async fn a_killed_holders_transaction_is_waited_for_until_the_deadline() {
    let Some(database) = Database::empty_at(Arc::new(ManualClock::new())) else {
        return;
    };
    let deadline_ms = 10 * LEASE_MS;
    let next = killed_holder(&database, SCRIPTS[0].script, deadline_ms, async || {}).await;
    match next {
        Err(MigrateError::Failed(failure)) => assert_eq!(failure.detail.as_deref(), Some("55P03")),
        other => panic!("{other:?}"),
    }
    assert_eq!(state(&database).await, "0");
}

#[tokio::test]
async fn the_database_itself_ends_a_silent_holders_transaction() {
    // The service's clock stands still.
    let Some(database) = Database::empty_at(Arc::new(ManualClock::new())) else {
        return;
    };
    let impatient = "create table one (x int); set local idle_in_transaction_session_timeout = '1ms'; \
                     insert into one values (1);";
    let next = killed_holder(&database, impatient, u64::MAX, async || {}).await;
    assert_eq!(next.unwrap().applied, [1, 2, 3]);
    assert_eq!(state(&database).await, "1,2,3 2");
}

#[tokio::test]
async fn silence_in_a_script_is_as_long_as_a_lease() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let script = [Migration {
        version: 1,
        name: "one",
        script: "create table one as select current_setting('idle_in_transaction_session_timeout') as silence",
    }];
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let run = migrator(database.owner(), &locks, &clock, "a");
    run.run(&script, 1).await.unwrap();
    let silence = database.value("select silence from one").await;
    assert_eq!(silence, Some(format!("{}s", LEASE_MS / 1_000)));
}
