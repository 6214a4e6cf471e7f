//! Killed at every call: the next run ends well, whatever was reached.

use std::sync::Arc;

use millrace_fn_migrate::migrate::LEASE_MS;
use millrace_fn_migrate::migrations::{MIGRATIONS, Migration, latest_version};
use millrace_tests::{Counter, Database, Fault, Faults, FaultySql, MemoryLocks};

use super::{SCRIPTS, database, migrator, state};

/// Runs migrations on an empty database with a death at some call, then again; whether the call was reached.
async fn die_at(call: u64, fault: Fault, migrations: &[Migration]) -> Option<(Database, bool)> {
    let database = database()?;
    let target = migrations.last().unwrap().version;
    let (locks, clock, faults) = (MemoryLocks::default(), Counter::default(), Faults::none());
    faults.die_at(call, fault);
    let sql = Arc::new(FaultySql::new(database.owner(), &faults));
    let mut killed = migrator(sql, &locks, &clock, "killed");
    // The dead do not try again.
    killed.patience.deadline_ms = 0;
    let died = killed.run(migrations, target).await;
    let was_reached = faults.hits() > 0;
    assert_eq!(died.is_err(), was_reached, "call {call}: {died:?}");
    clock.advance(2 * LEASE_MS);
    let again = migrator(database.owner(), &locks, &clock, "next")
        .run(migrations, target)
        .await;
    let again = again.unwrap_or_else(|error| panic!("call {call} {fault:?}: {error:?}"));
    assert_eq!(again.to, target, "call {call} {fault:?}");
    let versions = database
        .value("select string_agg(version::text, ',' order by version) from operations.migration")
        .await;
    let all: Vec<String> = (1..=target).map(|version| version.to_string()).collect();
    assert_eq!(versions, Some(all.join(",")), "call {call} {fault:?}");
    Some((database, was_reached))
}

#[tokio::test]
async fn every_call_of_short_scripts() {
    for call in 0.. {
        let fault = if call % 2 == 0 {
            Fault::Before
        } else {
            Fault::After
        };
        let Some((database, was_reached)) = die_at(call, fault, &SCRIPTS).await else {
            return;
        };
        let rows = database
            .value("select three() || ' ' || (select count(*) from two)")
            .await;
        assert_eq!(rows.as_deref(), Some("5 2"), "call {call} {fault:?}");
        if !was_reached {
            println!("{call} calls");
            return;
        }
    }
}

#[tokio::test]
async fn commits_whose_reply_is_lost() {
    let Some(database) = database() else { return };
    let (locks, clock, faults) = (MemoryLocks::default(), Counter::default(), Faults::none());
    faults.fail_on("commit", Fault::After, 1);
    let sql = Arc::new(FaultySql::new(database.owner(), &faults));
    let migrator = migrator(sql, &locks, &clock, "a");
    let done = migrator.run(&SCRIPTS, 3).await.unwrap();
    assert_eq!(
        (done.from, done.applied),
        (0, vec![1, 2, 3]),
        "the first was its own"
    );
    assert_eq!(faults.hits(), 1);
    assert_eq!(state(&database).await, "1,2,3 2");
}

/// The real scripts, at every seventh call.
#[tokio::test]
async fn some_calls_of_the_real_scripts() {
    for call in (3..).step_by(7) {
        let fault = if call % 2 == 0 {
            Fault::After
        } else {
            Fault::Before
        };
        let Some((_, was_reached)) = die_at(call, fault, MIGRATIONS).await else {
            return;
        };
        if !was_reached {
            assert!(call > u64::from(latest_version()) * 5, "{call} calls");
            return;
        }
    }
}
