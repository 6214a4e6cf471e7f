//! Two workers on the same thing at once, and the mutants: with a safety off the same check has to fail.

use std::time::Duration;

use millrace_tests::Random;
use millrace_tests::stack::{Hold, Query, Stack, random_rows};
use serde_json::json;

use super::{Batch, SETTLED_WITHIN, seed};

const PATIENCE: Duration = Duration::from_secs(20);

/// Has two workers bring the same file into the same dataset: both are held right before they apply.
async fn apply_twice_at_once(stack: &Stack, batch: &mut Batch, random: &mut Random) {
    let (controls, emulator) = (stack.controls(), stack.emulator());
    let hold = controls.hold("ingestion.apply_contribution", "before", 2).await;
    batch.send(random, 1, 300).await;
    assert!(hold.reached(1, PATIENCE).await, "nobody applies");
    let (_, file_id) = batch.files.last().unwrap();
    let again = json!({"v": 1, "kind": "aggregate", "file_id": file_id, "version": 1, "dataset": batch.specs.by_school});
    emulator.send(stack.output("PerfQueueUrl"), &again.to_string());
    assert!(hold.reached(2, PATIENCE).await, "the second worker does not come");
    hold.release().await;
}

/// Has two workers come to register the same chunk: both are held right before they do.
async fn hold_two_at_finish(stack: &Stack, batch: &mut Batch, random: &mut Random) -> [Hold; 2] {
    let (controls, emulator) = (stack.controls(), stack.emulator());
    let first = controls.hold("ingestion.finish_chunk", "before", 1).await;
    batch.send(random, 1, 300).await;
    assert!(first.reached(1, PATIENCE).await, "nobody registers");
    let second = controls.hold("ingestion.finish_chunk", "before", 1).await;
    let (_, file_id) = batch.files.last().unwrap();
    let again = json!({"v": 1, "kind": "ingest_file", "file_id": file_id, "version": 1});
    emulator.send(stack.output("IngestQueueUrl"), &again.to_string());
    assert!(
        second.reached(1, PATIENCE).await,
        "the second worker does not come"
    );
    [first, second]
}

#[tokio::test]
async fn faults_two_workers_on_the_same_thing_count_once() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let mut random = seed(71);
    let mut batch = Batch::prepare(&stack, "raced").await;
    for _ in 0..3 {
        apply_twice_at_once(&stack, &mut batch, &mut random).await;
        let [first, second] = hold_two_at_finish(&stack, &mut batch, &mut random).await;
        futures_util::future::join(first.release(), second.release()).await;
        batch.settle().await;
        batch.assert_exact(&stack).await;
    }
}

/// Replaces pieces of a function's text; the text before.
async fn mutate(sql: &Query, function: &str, pieces: &[(&str, &str)]) -> String {
    let original = sql.function(function).await;
    let mut mutant = original.clone();
    for (find, replacement) in pieces {
        assert!(mutant.contains(find), "{function} no longer holds: {find}");
        mutant = mutant.replacen(find, replacement, 1);
    }
    sql.run(&mutant).await;
    original
}

/// The ledger off: the state is not looked at, nor the base, and the stage of an applied contribution stays.
#[tokio::test]
async fn faults_mutant_without_the_ledger_is_found() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, sql) = (seed(72), stack.sql().await);
    let mut batch = Batch::prepare(&stack, "mutant_ledger").await;
    let begin = mutate(
        &sql,
        "ingestion.begin_settling",
        &[("contribution.state <> 'pending'", "false")],
    )
    .await;
    let apply = mutate(
        &sql,
        "ingestion.apply_contribution",
        &[("v_current.contribution_id is distinct from p_base_id", "false")],
    )
    .await;
    let settle = mutate(
        &sql,
        "ingestion.settle",
        &[(
            "delete from ingestion.contribution_stage where",
            "delete from ingestion.contribution_stage where false and",
        )],
    )
    .await;
    apply_twice_at_once(&stack, &mut batch, &mut random).await;
    let is_found = || async {
        batch.model.differences(&batch.api, &batch.specs.by_school).await > 0 && has_settled(&batch).await
    };
    let doubled = millrace_tests::stack::wait_until(Duration::from_secs(30), is_found).await;
    let differences = batch.model.differences(&batch.api, &batch.specs.by_school).await;
    sql.run(&begin).await;
    sql.run(&apply).await;
    sql.run(&settle).await;
    sql.run("delete from ingestion.contribution_stage").await;
    println!("without the ledger {differences} cells are wrong");
    assert!(
        doubled && differences > 0,
        "the check does not see a missing ledger"
    );
}

async fn has_settled(batch: &Batch) -> bool {
    let (_, file_id) = batch.files.last().unwrap();
    batch.api.file(file_id).await["status"] == "Ready_to_archive"
}

/// The fan-in's key off: a chunk that is registered twice counts twice.
#[tokio::test]
async fn faults_mutant_without_the_chunk_key_is_found() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, sql) = (seed(73), stack.sql().await);
    let mut batch = Batch::prepare(&stack, "mutant_chunk").await;
    sql.run("alter table ingestion.chunk drop constraint chunk_pkey")
        .await;
    let [first, second] = hold_two_at_finish(&stack, &mut batch, &mut random).await;
    let (_, file_id) = batch.files.last().unwrap().clone();
    let rows = i64::try_from(batch.model.rows().count()).unwrap();
    let counted = format!("select kept from ingestion.file_tracker where file_id = '{file_id}'");
    // One after the other: without the key, two at once would also wait for each other's locks.
    first.release().await;
    let is_counted = || async { sql.number(&counted).await == rows };
    assert!(
        millrace_tests::stack::wait_until(PATIENCE, is_counted).await,
        "the chunk is not counted"
    );
    second.release().await;
    let is_doubled = || async { sql.number(&counted).await > rows };
    let doubled = millrace_tests::stack::wait_until(Duration::from_secs(30), is_doubled).await;
    let found = sql.number(&counted).await;
    batch.api.settled(&file_id, SETTLED_WITHIN).await;
    sql.run(&format!(
        "delete from ingestion.chunk c using ingestion.chunk d where c.file_id = '{file_id}' \
         and (c.file_id, c.version, c.chunk) = (d.file_id, d.version, d.chunk) and c.ctid > d.ctid"
    ))
    .await;
    sql.run("alter table ingestion.chunk add primary key (file_id, version, chunk)")
        .await;
    println!("without the chunk's key {found} rows are counted of {rows}");
    assert!(doubled, "the check does not see a missing key");
}

/// A version that is replaced and taken back while it is being applied comes too late, and changes nothing.
#[tokio::test]
async fn faults_replacing_and_deleting_during_a_merge_are_exact() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, controls) = (seed(74), stack.controls());
    let mut batch = Batch::prepare(&stack, "overtaken").await;
    batch.send(&mut random, 2, 200).await;
    batch.settle().await;
    for round in 0..4 {
        let (name, file_id) = batch.files[0].clone();
        let hold = controls.hold("ingestion.apply_contribution", "before", 1).await;
        let late = random_rows(&mut random, 150);
        let late_version = batch.specs.replace(&batch.api, &file_id, &name, &late).await;
        assert!(hold.reached(1, PATIENCE).await, "nobody applies");
        let last_version = if round % 2 == 0 {
            let rows = random_rows(&mut random, 100);
            batch.model.set(&name, &rows);
            batch.specs.replace(&batch.api, &file_id, &name, &rows).await
        } else {
            batch.model.remove(&name);
            let deleted = batch.api.delete(&format!("/ingestion/files/{file_id}")).await;
            deleted.expect(202)["version"].as_u64().unwrap()
        };
        batch
            .api
            .settled_version(&file_id, last_version, SETTLED_WITHIN)
            .await;
        hold.release().await;
        batch
            .api
            .settled_version(&file_id, late_version, SETTLED_WITHIN)
            .await;
        batch
            .model
            .assert_served(&batch.api, &batch.specs.by_school)
            .await;
    }
}
