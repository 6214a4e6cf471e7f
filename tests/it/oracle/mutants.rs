//! Mutants: each safety taken out of one database, where the oracle must find a difference, or the test that guards
//! the safety must see another answer.

use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::contributions::{Application, ApplyOutcome};
use millrace_tests::{Database, Fault, Order, Road, mutate_function, replace_function};

use super::runner::Runner;
use crate::flow::{SALES, create_specs};

/// Cases in which a mutant has to be found.
const MOST_CASES: u64 = 600;

/// The first difference that the oracle finds in a database.
async fn hunt(runner: &Runner) -> Option<String> {
    for seed in 0..MOST_CASES {
        if let Err(difference) = runner.run(seed).await {
            let first: Vec<&str> = difference.lines().take(6).collect();
            println!("found in case {seed}: {}", first.join(" "));
            return Some(difference);
        }
    }
    None
}

#[tokio::test]
async fn a_ledger_that_forgets_doubles_contributions() {
    let Some(runner) = Runner::new().await else { return };
    // Without the ledger's state, and without the check that catches most of what it lets through.
    for (function, find) in [
        ("ingestion.begin_settling", "contribution.state <> 'pending'"),
        (
            "ingestion.apply_contribution",
            "v_current.contribution_id is distinct from p_base_id",
        ),
    ] {
        mutate_function(&runner.database, function, find, "false").await;
    }
    assert!(hunt(&runner).await.is_some());
}

#[tokio::test]
async fn differences_to_a_version_that_is_gone_are_wrong() {
    let Some(runner) = Runner::new().await else { return };
    let find = "v_current.contribution_id is distinct from p_base_id";
    mutate_function(&runner.database, "ingestion.apply_contribution", find, "false").await;
    assert!(hunt(&runner).await.is_some());
}

#[tokio::test]
async fn chunks_without_a_key_are_counted_twice() {
    let Some(runner) = Runner::new().await else { return };
    runner
        .database
        .script("alter table ingestion.chunk drop constraint chunk_pkey")
        .await;
    assert!(hunt(&runner).await.is_some());
}

#[tokio::test]
async fn a_fan_in_that_counts_blindly_is_wrong() {
    let Some(runner) = Runner::new().await else { return };
    let find = "get diagnostics v_new = row_count";
    mutate_function(&runner.database, "ingestion.finish_chunk", find, "v_new := 1").await;
    // Two workers at once both see that it has not been counted.
    replace_function(&runner.database, "ingestion.has_chunk", " select false ").await;
    assert!(hunt(&runner).await.is_some());
}

#[tokio::test]
async fn an_older_version_wins_without_its_check() {
    let Some(runner) = Runner::new().await else { return };
    let find = "counting.version > contribution.version";
    mutate_function(&runner.database, "ingestion.begin_settling", find, "false").await;
    assert!(hunt(&runner).await.is_some());
}

#[tokio::test]
async fn without_the_outbox_nothing_is_sent_on() {
    let Some(runner) = Runner::new().await else { return };
    replace_function(&runner.database, "ingestion.post", " select ").await;
    assert!(hunt(&runner).await.is_some());
}

/// A worker that lost the reply of its commit tries again: what does the ledger answer?
async fn repeat(database: &Database) -> ApplyOutcome {
    create_specs(&database.owner_store()).await;
    let road = Road::new(database.app());
    road.send(
        SALES,
        "a.csv",
        Mode::New,
        "day,shop,amount,sold,offered\n2023-01-01,a,1,1,1\n",
    )
    .await;
    road.settle().await;
    let ids = "select contribution_id::text from ingestion.contribution where target = 'sales_by_shop'";
    let contribution_id = database.value(ids).await.unwrap().parse().unwrap();
    let application = Application {
        contribution_id,
        stage_id: "00000000-0000-4000-8000-000000000000",
        cells_staged: 0,
        base: Some(contribution_id),
        dataset_version: None,
        partial: None,
        cells: 0,
        rows: 0,
    };
    road.store.apply_contribution(&application).await.unwrap()
}

#[tokio::test]
async fn a_repeat_is_seen_by_the_ledger_alone() {
    let Some(database) = Database::new() else { return };
    assert_eq!(repeat(&database).await, ApplyOutcome::AlreadySettled);
    let Some(database) = Database::new() else { return };
    let find = "contribution.state <> 'pending'";
    mutate_function(&database, "ingestion.begin_settling", find, "false").await;
    assert_eq!(
        repeat(&database).await,
        ApplyOutcome::Applied,
        "the mutant applies it again"
    );
}

/// A crash between the commit and its messages.
async fn crash_before_sending(database: &Database) -> String {
    create_specs(&database.owner_store()).await;
    let road = Road::new(database.app());
    let file = road
        .send(
            SALES,
            "a.csv",
            Mode::New,
            "day,shop,amount,sold,offered\n2023-01-01,a,1,1,1\n",
        )
        .await;
    road.faults.fail_on("finish_chunk", Fault::After, 1);
    road.drain(&mut Order::First).await;
    road.record(file).await.stored_status
}

#[tokio::test]
async fn a_crash_before_sending_needs_the_outbox() {
    let Some(database) = Database::new() else { return };
    assert_eq!(crash_before_sending(&database).await, "Ready_to_archive");
    let Some(database) = Database::new() else { return };
    replace_function(&database, "ingestion.post", " select ").await;
    assert_ne!(crash_before_sending(&database).await, "Ready_to_archive");
}

const KEY: &str = r#"["2023-01-01","a"]"#;
const STAGE: &str = "00000000-0000-4000-8000-0000000000aa";

fn amount(amount: u8) -> String {
    format!("day,shop,amount,sold,offered\n2023-01-01,a,{amount},1,1\n")
}

/// A deletion looks its least amount up, and another file moves that before the deletion is applied.
async fn stale_extremes(database: &Database) -> (ApplyOutcome, Option<String>) {
    create_specs(&database.owner_store()).await;
    let road = Road::new(database.app());
    let dataset = Name::parse("sales_by_shop").unwrap();
    road.load(SALES, "stays.csv", Mode::New, &amount(5)).await;
    let gone = road.load(SALES, "gone.csv", Mode::New, &amount(1)).await;
    let deletion = road.delete(gone.file.file_id).await;
    road.queues.purge();
    let others = road
        .store
        .list_other_partials(deletion, &dataset, KEY, KEY)
        .await
        .unwrap();
    road.load(SALES, "stays.csv", Mode::Replace, &amount(3)).await;
    let pending = road
        .store
        .load_contribution(deletion, &dataset)
        .await
        .unwrap()
        .unwrap();
    let cells = format!(r#"[[{KEY:?},-1,[-1],["-1"],["5"],["5"],[true]]]"#);
    road.store
        .stage_differences(pending.contribution_id, STAGE, cells)
        .await
        .unwrap();
    let application = Application {
        contribution_id: pending.contribution_id,
        stage_id: STAGE,
        cells_staged: 1,
        base: pending.current.map(|current| current.contribution_id),
        dataset_version: Some(others.dataset_version),
        partial: None,
        cells: 0,
        rows: 0,
    };
    let outcome = road.store.apply_contribution(&application).await.unwrap();
    let least = "select trim_scale(m1_min)::text from stored.cells_1";
    (outcome, database.value(least).await)
}

#[tokio::test]
async fn extremes_of_a_dataset_that_moved_are_wrong() {
    let Some(database) = Database::new() else { return };
    let (outcome, least) = stale_extremes(&database).await;
    assert_eq!(
        (outcome, least.as_deref()),
        (ApplyOutcome::StaleDataset, Some("1"))
    );
    let Some(database) = Database::new() else { return };
    let find = "p_dataset_version <> v_dataset.version";
    mutate_function(&database, "ingestion.apply_contribution", find, "false").await;
    let (outcome, least) = stale_extremes(&database).await;
    let why = "the mutant writes an extreme that no file has any more";
    assert_eq!(
        (outcome, least.as_deref()),
        (ApplyOutcome::Applied, Some("5")),
        "{why}"
    );
}

/// A worker stages a contribution that another one has settled meanwhile, and dies.
async fn late_stage(database: &Database) -> Option<String> {
    create_specs(&database.owner_store()).await;
    let road = Road::new(database.app());
    road.load(SALES, "a.csv", Mode::New, &amount(5)).await;
    let ids = "select contribution_id::text from ingestion.contribution where target = 'sales_by_shop'";
    let contribution_id = database.value(ids).await.unwrap().parse().unwrap();
    let cells = format!(r#"[[{KEY:?},1,[1],["5"],["5"],["5"],[false]]]"#);
    road.store
        .stage_differences(contribution_id, STAGE, cells)
        .await
        .unwrap();
    database
        .value("select count(*) from ingestion.contribution_stage")
        .await
}

#[tokio::test]
async fn stages_outlive_their_contribution_without_their_check() {
    let Some(database) = Database::new() else { return };
    assert_eq!(late_stage(&database).await.as_deref(), Some("0"));
    let Some(database) = Database::new() else { return };
    let find = "and state = 'pending'";
    mutate_function(&database, "ingestion.stage_differences", find, "").await;
    assert_eq!(late_stage(&database).await.as_deref(), Some("1"));
}

/// Two files with the same bytes, the first of which gets others.
async fn sum_of_heirs(database: &Database) -> Option<String> {
    create_specs(&database.owner_store()).await;
    let road = Road::new(database.app());
    road.load(SALES, "a.csv", Mode::New, &amount(5)).await;
    road.load(SALES, "b.csv", Mode::New, &amount(5)).await;
    road.load(SALES, "a.csv", Mode::Replace, &amount(3)).await;
    let sum = "select sum(sum_amount)::text from ingestion.sales_by_shop";
    database.value(sum).await
}

#[tokio::test]
async fn bytes_that_nobody_inherits_are_lost() {
    let Some(database) = Database::new() else { return };
    assert_eq!(sum_of_heirs(&database).await.as_deref(), Some("8"));
    let Some(database) = Database::new() else { return };
    let find = "continue when not found";
    mutate_function(&database, "ingestion.release_content", find, "continue").await;
    assert_eq!(sum_of_heirs(&database).await.as_deref(), Some("3"));
}
