//! The renderer killed mid-way: before and after each of its calls at the database, so before and after reading,
//! rendering and storing; every document is ready, once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use millrace_tests::stack::{Controls, Stack, wait_until};
use millrace_tests::{Random, test_variable};
use serde_json::{Value, json};

use super::{Batch, SETTLED_WITHIN, dead_letters, seed};

/// Pieces of the texts of the worker's calls, in their order.
const POINTS: [&str; 6] = [
    "operations.begin_document",
    "set transaction isolation level repeatable read",
    "as row_key",
    "with source (kind, name, version, created_at)",
    "not exists (select from",
    "operations.complete_document",
];
const KILLS: u64 = 20;

/// Kills the renderer while calls of it are held at a point; whether there were any.
async fn kill_once(stack: &Stack, controls: &Controls, random: &mut Random) -> bool {
    let (point, at) = (
        random.one_of(&POINTS),
        *random.one_of(&["before", "after_commit"]),
    );
    let hold = controls.hold(point, at, 2).await;
    let is_held = hold.reached(1, Duration::from_secs(3)).await;
    let killed = match is_held {
        true => stack.function("pdf-generator").kill(),
        false => 0,
    };
    match random.happens(500) {
        true => hold.release().await,
        false => hold.discard().await,
    }
    killed > 0
}

async fn order(batch: &Batch, count: usize, first: usize) -> Vec<String> {
    let orders = (first..first + count).map(|number| {
        let query = json!({"dataset": batch.specs.by_school, "group_by": ["school_id"]});
        let title = format!("Document {number}");
        async move { batch.api.order_document(&title, query).await }
    });
    join_all(orders).await
}

#[tokio::test]
async fn faults_a_renderer_killed_mid_way_makes_every_document_once() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let wanted = test_variable("MILLRACE_TEST_KILLS").and_then(|kills| kills.parse().ok());
    let wanted: u64 = wanted.unwrap_or(KILLS).min(KILLS);
    let (mut random, controls) = (seed(62), stack.controls());
    let mut batch = Batch::prepare(&stack, "printed").await;
    batch.send(&mut random, 2, 300).await;
    batch.settle().await;
    dead_letters(&stack, &stack.emulator());
    let mut documents = order(&batch, 10, 0).await;
    let (mut kills, begin) = (0, Instant::now());
    while kills < wanted && begin.elapsed() < Duration::from_secs(150) {
        if kill_once(&stack, &controls, &mut random).await {
            kills += 1;
        } else {
            // All through: more documents for the rest of the kills.
            documents.extend(order(&batch, 5, documents.len()).await);
        }
    }
    controls.release_all().await;
    let last_kill = Instant::now();
    let given_up = settle(&stack, &batch, &documents).await;
    println!(
        "{kills} kills over {} documents in {:.0?}, settled {:.0?} after the last; given up and driven on: {given_up}",
        documents.len(),
        begin.elapsed(),
        last_kill.elapsed()
    );
    assert!(
        kills >= wanted,
        "only {kills} kills: the points are not reached any more"
    );
    assert_all_ready(&stack, &batch, &documents).await;
}

async fn is_all_settled(batch: &Batch) -> bool {
    for state in ["queued", "running"] {
        let open = batch
            .api
            .get(&format!("/api/documents?state={state}&limit=1"))
            .await;
        if open.status != 200 || open.body["items"] != json!([]) {
            return false;
        }
    }
    true
}

/// Waits until the queue is empty, and drives on whatever it gave up; how many messages that was.
async fn settle(stack: &Stack, batch: &Batch, documents: &[String]) -> usize {
    let emulator = stack.emulator();
    let is_quiet =
        || async { is_all_settled(batch).await || emulator.depth(stack.output("PdfQueueUrl")) == 0 };
    wait_until(Duration::from_secs(90), is_quiet).await;
    let given_up = dead_letters(stack, &emulator).len();
    if !is_all_settled(batch).await {
        let _ = batch
            .api
            .post("/api/documents/drive", &json!({}))
            .await
            .expect(202);
    }
    for document_id in documents {
        batch.api.settled_document(document_id, SETTLED_WITHIN).await;
    }
    given_up
}

/// Each in its first round, with its own title in its bytes' hash, and the bytes where the hash says.
async fn assert_all_ready(stack: &Stack, batch: &Batch, documents: &[String]) {
    let kept = stack.emulator().keys(stack.output("DocumentsBucketName"), "");
    let mut hashes = BTreeSet::new();
    for document_id in documents {
        let document = batch.api.get(&format!("/api/documents/{document_id}")).await;
        assert_eq!(
            (&document.body["state"], &document.body["error"]),
            (&json!("ready"), &Value::Null),
            "{}",
            document.text
        );
        let sha256 = document.body["sha256"].as_str().unwrap().to_owned();
        assert!(
            kept.contains(&format!("{sha256}.pdf")),
            "{document_id} is ready and its bytes are not there"
        );
        hashes.insert(sha256);
    }
    assert_eq!(
        hashes.len(),
        documents.len(),
        "every document has a title of its own"
    );
    let sql = stack.sql().await;
    let again = "select count(*) from operations.document where round <> 1 and title like 'Document %'";
    assert_eq!(sql.number(again).await, 0, "documents that were settled twice");
}
