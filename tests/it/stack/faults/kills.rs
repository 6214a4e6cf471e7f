//! Functions killed with `kill -9` at named points: a call is held at the Data API, its caller killed, the call let go
//! or cut.

use std::time::{Duration, Instant};

use millrace_tests::stack::{Controls, Hold, Stack, wait_until};
use millrace_tests::{Random, test_variable};
use serde_json::json;

use super::{Batch, SETTLED_WITHIN, dead_letters, seed};

const WORKERS: [&str; 3] = ["csv-ingest", "perf-worker", "status-updater"];

/// A point: a piece of the call's text, and whose call it may be.
const POINTS: [(&str, &[&str]); 7] = [
    ("set received_at", &["csv-ingest"]),
    ("ingestion.finish_chunk", &["csv-ingest"]),
    ("ingestion.stage_differences", &["perf-worker"]),
    ("ingestion.apply_contribution", &["perf-worker"]),
    ("from operations.outbox where file_id", &WORKERS),
    ("delete from operations.outbox", &WORKERS),
    ("from ingestion.contribution c join", &["perf-worker"]),
];

/// Holds at three points, kills whoever is held there; how many held calls lost their caller.
async fn kill_once(stack: &Stack, controls: &Controls, random: &mut Random) -> u64 {
    let mut holds = Vec::new();
    for _ in 0..3 {
        let (piece, names) = random.one_of(&POINTS);
        let at = *random.one_of(&["before", "after_commit"]);
        let calls = u64::try_from(random.below(3)).unwrap_or_default() + 1;
        holds.push((controls.hold(piece, at, calls).await, *names));
    }
    let (any, more) = (Duration::from_millis(1_500), Duration::from_millis(120));
    if wait_until(any, || async { held(&holds).await.iter().sum::<u64>() > 0 }).await {
        // As many as come in a moment.
        wait_until(more, || async {
            held(&holds).await.iter().all(|calls| *calls > 0)
        })
        .await;
    }
    let held = held(&holds).await;
    let mut killed = 0;
    for name in WORKERS {
        let is_held = holds
            .iter()
            .zip(&held)
            .any(|((_, names), calls)| *calls > 0 && names.contains(&name));
        killed += if is_held { stack.function(name).kill() } else { 0 };
    }
    for (hold, _) in holds {
        if random.happens(500) {
            hold.release().await;
        } else {
            hold.discard().await;
        }
    }
    held.iter()
        .sum::<u64>()
        .min(u64::try_from(killed).unwrap_or_default())
}

async fn held(holds: &[(Hold, &[&str])]) -> Vec<u64> {
    futures_util::future::join_all(holds.iter().map(|(hold, _)| hold.waiting())).await
}

async fn is_all_settled(batch: &Batch) -> bool {
    let open = batch.api.get("/ingestion/files?status=open&limit=1").await;
    open.status == 200 && open.body["items"] == json!([])
}

fn queues(stack: &Stack) -> impl Iterator<Item = &str> {
    ["IngestQueueUrl", "ChunkQueueUrl", "PerfQueueUrl"]
        .into_iter()
        .map(|name| stack.output(name))
}

#[tokio::test]
async fn faults_kills_at_every_point_neither_lose_nor_double() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let wanted: u64 = test_variable("MILLRACE_TEST_KILLS")
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(200);
    let (mut random, controls, emulator) = (seed(61), stack.controls(), stack.emulator());
    let mut batch = Batch::prepare(&stack, "killed").await;
    dead_letters(&stack, &emulator);
    batch.send(&mut random, 60, 2_000).await;
    let begin = Instant::now();
    let (mut kills, mut idle) = (0, 0);
    while kills < wanted && begin.elapsed() < Duration::from_secs(170) {
        let now = kill_once(&stack, &controls, &mut random).await;
        kills += now;
        idle = if now == 0 { idle + 1 } else { 0 };
        // What was killed comes again after its visibility time-out. All through: more files for the rest of the kills.
        if idle >= 14 {
            batch.send(&mut random, 6, 2_000).await;
            idle = 0;
        }
    }
    controls.release_all().await;
    let killing = begin.elapsed();
    let last_kill = Instant::now();
    // Whoever was killed at each of its attempts was given up by its queue: its file is driven on from the facts.
    let is_quiet =
        || async { is_all_settled(&batch).await || queues(&stack).all(|queue| emulator.depth(queue) == 0) };
    wait_until(Duration::from_secs(60), is_quiet).await;
    let by_itself = is_all_settled(&batch).await;
    let given_up = dead_letters(&stack, &emulator);
    if !by_itself {
        let _ = batch.api.post("/ingestion/drive", &json!({})).await.expect(202);
    }
    batch.settle().await;
    println!(
        "{kills} kills over {} files in {:.0?}, settled {:.0?} after the last; by itself: {by_itself}, given up and \
         driven on: {}",
        batch.files.len(),
        killing,
        last_kill.elapsed(),
        given_up.len()
    );
    assert!(last_kill.elapsed() < SETTLED_WITHIN);
    batch.assert_exact(&stack).await;
    assert!(
        kills >= wanted.min(100),
        "only {kills} kills: the points are not reached any more"
    );
}
