//! Runs one after another and at once.

use millrace_app::ports::LockStore as _;
use millrace_fn_migrate::migrate::{LEASE_MS, MigrateError, Migrated};
use millrace_fn_migrate::migrations::{MIGRATIONS, Migration, latest_version};
use millrace_fn_migrate::seed::seed;
use millrace_tests::{Counter, Database, MemoryLocks};

use super::{SCRIPTS, database, migrator, state};

#[tokio::test]
async fn the_real_migrations_are_applied_once() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let migrator = migrator(database.owner(), &locks, &clock, "a");
    let all: Vec<u32> = (1..=latest_version()).collect();
    let first = migrator.run(MIGRATIONS, latest_version()).await.unwrap();
    assert_eq!((first.from, first.to, first.applied), (0, latest_version(), all));
    let second = migrator.run(MIGRATIONS, latest_version()).await.unwrap();
    assert_eq!((second.from, second.applied), (latest_version(), Vec::new()));
}

#[tokio::test]
async fn two_at_once_end_well() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let one = migrator(database.owner(), &locks, &clock, "one");
    let other = migrator(database.owner(), &locks, &clock, "other");
    let (one, other) = tokio::join!(one.run(&SCRIPTS, 3), other.run(&SCRIPTS, 3));
    let mut applied = [one.unwrap().applied, other.unwrap().applied];
    applied.sort();
    assert_eq!(applied, [vec![], vec![1, 2, 3]]);
    assert_eq!(state(&database).await, "1,2,3 2");
}

#[tokio::test]
async fn a_holder_that_died_is_replaced_after_its_lease() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::new(1_000));
    locks
        .acquire("migrations", "dead", 1_000, LEASE_MS)
        .await
        .unwrap()
        .unwrap();
    let mut waiting = migrator(database.owner(), &locks, &clock, "waiting");
    waiting.patience.deadline_ms = 1_000;
    let refused = waiting.run(&SCRIPTS, 3).await;
    assert!(matches!(refused, Err(MigrateError::LockHeld)), "{refused:?}");
    clock.advance(LEASE_MS);
    waiting.patience.deadline_ms = u64::MAX;
    assert_eq!(waiting.run(&SCRIPTS, 3).await.unwrap().applied, [1, 2, 3]);
    let token = "select string_agg(distinct fencing_token::text, ',') from operations.migration";
    assert_eq!(database.value(token).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_lower_target_is_ignored() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let migrator = migrator(database.owner(), &locks, &clock, "a");
    assert_eq!(migrator.run(&SCRIPTS, 2).await.unwrap().applied, [1, 2]);
    let rolled_back = migrator.run(&SCRIPTS, 1).await.unwrap();
    let nothing = Migrated {
        from: 2,
        to: 2,
        applied: Vec::new(),
    };
    assert_eq!(rolled_back, nothing);
    assert_eq!(migrator.run(&SCRIPTS, 3).await.unwrap().applied, [3]);
    // An older build that knows fewer scripts changes nothing either.
    assert_eq!(migrator.run(&SCRIPTS[..1], 1).await.unwrap().to, 3);
    assert_eq!(state(&database).await, "1,2,3 2");
}

#[tokio::test]
async fn a_changed_script_is_refused() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let migrator = migrator(database.owner(), &locks, &clock, "a");
    migrator.run(&SCRIPTS, 1).await.unwrap();
    let mut changed = SCRIPTS;
    changed[0].script = "create table one (x bigint);";
    let refused = migrator.run(&changed, 3).await;
    assert!(matches!(refused, Err(MigrateError::Changed(1))), "{refused:?}");
    assert_eq!(state(&database).await, "1 1");
    // The lock was let go.
    assert_eq!(migrator.run(&SCRIPTS, 3).await.unwrap().applied, [2, 3]);
}

#[tokio::test]
async fn a_script_that_fails_is_taken_back_whole_and_named() {
    let Some(database) = database() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let migrator = migrator(database.owner(), &locks, &clock, "a");
    let mut scripts: Vec<Migration> = SCRIPTS.to_vec();
    scripts[1].script = "create table two (x int);\n-- a comment;\n\ninsert into nowhere values (1);";
    match migrator.run(&scripts, 3).await {
        Err(MigrateError::Statement {
            version,
            line,
            source,
        }) => {
            assert_eq!((version, line), (2, 4));
            assert_eq!(source.detail.as_deref(), Some("42P01"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(state(&database).await, "1 1");
    assert_eq!(migrator.run(&SCRIPTS, 3).await.unwrap().applied, [2, 3]);
}

#[tokio::test]
async fn a_restored_locks_table_goes_on_from_the_databases_token() {
    let Some(database) = database() else { return };
    let clock = Counter::default();
    let before = MemoryLocks::default();
    for _ in 0..3 {
        migrator(database.owner(), &before, &clock, "a")
            .run(&SCRIPTS, 1)
            .await
            .unwrap();
    }
    migrator(database.owner(), &before, &clock, "a")
        .run(&SCRIPTS, 2)
        .await
        .unwrap();
    let restored = MemoryLocks::default();
    let done = migrator(database.owner(), &restored, &clock, "b")
        .run(&SCRIPTS, 3)
        .await
        .unwrap();
    assert_eq!(done.applied, [3]);
    assert_eq!(
        database
            .value("select token > 4 from operations.fence")
            .await
            .as_deref(),
        Some("t")
    );
}

#[tokio::test]
async fn seeding_twice_is_seeding_once() {
    let Some(database) = Database::new() else { return };
    let store = database.owner_store();
    assert_eq!(seed(&store).await.unwrap().len(), 3);
    assert_eq!(seed(&store).await.unwrap(), Vec::<String>::new());
}
