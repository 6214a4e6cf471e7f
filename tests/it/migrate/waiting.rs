//! A database that is away: waited for until the deadline, never longer.

use millrace_app::ports::{LockStore as _, Surroundings as _};
use millrace_data_api::Limits;
use millrace_data_api::control::{Fault, FaultRule, Operation, Point};
use millrace_fn_migrate::migrate::{LEASE_MS, MigrateError};
use millrace_tests::{Counter, Database, MemoryLocks};

use super::{SCRIPTS, migrator, state};

const TIMES: u64 = 5;

#[tokio::test]
async fn a_database_that_resumes_or_cannot_be_reached_is_waited_for() {
    let at = Point::Before;
    for fault in [
        Fault::Resuming,
        Fault::Status { status: 503, at },
        Fault::Status { status: 504, at },
        Fault::Status {
            status: 500,
            at: Point::AfterCommit,
        },
        Fault::DropReply,
    ] {
        // Everywhere, at the beginning of a transaction, in one, and at its end.
        for words in ["", "BEGIN", "insert into two", "COMMIT"] {
            let Some(database) = Database::empty(Limits::default()) else {
                return;
            };
            let (locks, clock) = (MemoryLocks::default(), Counter::default());
            let control = database.engine().control();
            control.add_fault(FaultRule::matching(fault, words, TIMES));
            let begun_ms = clock.now_ms();
            let mut run = migrator(database.owner(), &locks, &clock, "a");
            run.patience.deadline_ms = begun_ms + 60_000;
            let done = run.run(&SCRIPTS, 3).await;
            assert_eq!(done.unwrap().applied, [1, 2, 3], "{fault:?} {words:?}");
            assert_eq!(control.faults()[0].hits, TIMES, "{fault:?} {words:?}");
            assert!(clock.now_ms() - begun_ms > 3_000, "with pauses that grow");
            assert_eq!(state(&database).await, "1,2,3 2");
        }
    }
}

#[tokio::test]
async fn a_database_that_stays_away_is_given_up_at_the_deadline() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let control = database.engine().control();
    control.add_fault(FaultRule::always(Fault::Resuming));
    let mut run = migrator(database.owner(), &locks, &clock, "a");
    let deadline_ms = clock.now_ms() + 10 * LEASE_MS;
    run.patience.deadline_ms = deadline_ms;
    match run.run(&SCRIPTS, 3).await {
        Err(MigrateError::Failed(failure)) => {
            assert_eq!(failure.detail.as_deref(), Some("DatabaseResumingException"));
        }
        other => panic!("{other:?}"),
    }
    let late_ms = clock.now_ms() - deadline_ms;
    assert!(late_ms < 1_000, "{late_ms} ms too late");
    assert!(control.faults()[0].hits > 60, "at least every five seconds");
    // The lock was let go, and held until then.
    let now_ms = clock.now_ms();
    let next = locks
        .acquire("migrations", "next", now_ms, LEASE_MS)
        .await
        .unwrap();
    assert_eq!(next.unwrap().fencing_token, 2);
}

#[tokio::test]
async fn a_statement_that_never_gets_through_is_named_in_the_end() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let unavailable = Fault::Status {
        status: 504,
        at: Point::Before,
    };
    let control = database.engine().control();
    control.add_fault(FaultRule::matching(unavailable, "insert into two", u64::MAX));
    let mut run = migrator(database.owner(), &locks, &clock, "a");
    run.patience.deadline_ms = clock.now_ms() + LEASE_MS;
    match run.run(&SCRIPTS, 3).await {
        Err(MigrateError::Statement { version, line, .. }) => assert_eq!((version, line), (2, 2)),
        other => panic!("{other:?}"),
    }
    assert_eq!(state(&database).await, "1 1");
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let Some(database) = Database::empty(Limits::default()) else {
        return;
    };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let mut scripts = SCRIPTS;
    scripts[0].script = "select 1 / 0";
    let run = migrator(database.owner(), &locks, &clock, "a");
    assert!(run.run(&scripts, 3).await.is_err());
    let requests = database.engine().control().requests(0);
    let begins = requests
        .iter()
        .filter(|request| request.operation == Operation::BeginTransaction);
    assert_eq!(begins.count(), 1);
}
