//! The application role's password: set by one run at a time, and never told.

use millrace_fn_migrate::migrate::MigrateError;
use millrace_fn_migrate::patience::MayPass as _;
use millrace_tests::{Counter, Database, MemoryLocks, replace_function};

use super::{has_come, migrator};

/// What the function's body was before it hid its errors' context.
const TELLING: &str =
    "begin execute format('alter role millrace_app with login password %L', p_password); end";

#[tokio::test]
async fn it_is_set_and_set_again() {
    let Some(database) = Database::new() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let migrator = migrator(database.owner(), &locks, &clock, "a");
    // The one that it has, since the role is shared by all databases of the server.
    for _ in 0..2 {
        migrator.set_app_password(database.app_password()).await.unwrap();
    }
    assert!(database.store().schema_version().await.unwrap().is_some());
}

#[tokio::test]
async fn many_at_once_end_well() {
    let Some(database) = Database::new() else { return };
    let (locks, clock) = (MemoryLocks::default(), Counter::default());
    let owners = ["a", "b", "c", "d", "e", "f"];
    let runs = owners.map(|owner| migrator(database.owner(), &locks, &clock, owner));
    let all = runs
        .iter()
        .map(|run| run.set_app_password(database.app_password()));
    for set in futures_util::future::join_all(all).await {
        set.unwrap();
    }
    assert!(
        has_come(&database, "update operations.fence", None),
        "behind the fence"
    );
}

/// Sets the password while another session changes the role; `end` is what happens to the two once it waits for that.
async fn disturbed(database: &Database, deadline_ms: u64, end: &[&str]) -> Result<(), MigrateError> {
    // The row is locked first, so that this session itself never comes second.
    let change = "begin; select 1 from pg_authid where rolname = 'millrace_app' for update; \
                  alter role millrace_app login";
    database.script(change).await;
    let (locks, clock) = (MemoryLocks::default(), Counter::new(1_000));
    let mut run = migrator(database.owner(), &locks, &clock, "a");
    run.patience.deadline_ms = deadline_ms;
    let disturbing = async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event_type = 'Lock'";
        while database.value(waiting).await.as_deref() != Some("1") {
            database.script("select pg_stat_clear_snapshot()").await;
        }
        for script in end {
            database.script(script).await;
        }
    };
    tokio::join!(run.set_app_password(database.app_password()), disturbing).0
}

const CANCEL: [&str; 2] = [
    "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() \
     and wait_event_type = 'Lock'",
    "rollback",
];

#[tokio::test]
async fn another_databases_change_of_the_role_is_tried_again() {
    let Some(database) = Database::new() else { return };
    disturbed(&database, u64::MAX, &["commit"]).await.unwrap();
    match disturbed(&database, 0, &["commit"]).await {
        Err(MigrateError::Failed(failure)) => assert_eq!(failure.detail.as_deref(), Some("40001")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_keeps_its_state_and_tells_nothing() {
    let Some(database) = Database::new() else { return };
    let error = disturbed(&database, 0, &CANCEL).await.unwrap_err();
    let (text, whole) = (error.text(), format!("{error:?}"));
    assert!(
        text.contains("57014") && whole.contains("could not be set"),
        "{text}: {whole}"
    );
    for told in [text, whole] {
        assert!(
            !told.contains("of the tests") && !told.contains("alter role"),
            "{told}"
        );
    }
}

/// The mutant: what the error's context tells without that.
#[tokio::test]
async fn without_hiding_it_the_context_tells_the_password() {
    let Some(database) = Database::new() else { return };
    assert!(database.app_password().contains("of the tests"));
    replace_function(&database, "operations.set_app_password", TELLING).await;
    let error = disturbed(&database, 0, &CANCEL).await.unwrap_err();
    assert!(format!("{error:?}").contains("of the tests"), "{error:?}");
}
