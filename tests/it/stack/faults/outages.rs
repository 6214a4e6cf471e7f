//! The database away, and replies that are lost after the commit.

use std::time::{Duration, Instant};

use millrace_tests::stack::{Stack, signal, wait_until};
use serde_json::json;

use super::{Batch, dead_letters, seed};

/// Longer than the fault stack's visibility time-out of workers (six times three seconds).
const AWAY: Duration = Duration::from_secs(21);

/// Every call finds the database resuming for longer than a message stays unseen.
#[tokio::test]
async fn faults_a_database_that_is_away_for_long_loses_nothing() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, controls, emulator) = (seed(101), stack.controls(), stack.emulator());
    let mut batch = Batch::prepare(&stack, "away").await;
    dead_letters(&stack, &emulator);
    batch.send(&mut random, 20, 400).await;
    controls.fault(json!({"fault": "resuming"})).await;
    let away_since = Instant::now();
    let answer = batch.api.get("/ingestion/files?limit=1").await;
    answer.assert_problem(503, "temporarily_unavailable");
    let health = batch.api.get("/health").await;
    assert_eq!(health.expect(200)["status"], "degraded", "{}", health.text);
    let is_long = || async { away_since.elapsed() > AWAY };
    assert!(wait_until(AWAY * 2, is_long).await);
    let hits = controls.hits().await;
    controls.clear_faults().await;
    let back = Instant::now();
    let answers = || async { batch.api.get("/ingestion/files?limit=1").await.status == 200 };
    assert!(
        wait_until(Duration::from_secs(15), answers).await,
        "the API does not come back"
    );
    batch.settle().await;
    println!(
        "away for {AWAY:?}, {hits} calls refused, settled {:.0?} after its return",
        back.elapsed()
    );
    batch.assert_exact(&stack).await;
    assert_eq!(dead_letters(&stack, &emulator), Vec::<String>::new());
}

/// PostgreSQL killed again and again, in the middle of everything.
#[tokio::test]
async fn faults_a_database_that_is_killed_loses_nothing() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, controls) = (seed(102), stack.controls());
    let mut batch = Batch::prepare(&stack, "crashed").await;
    batch.send(&mut random, 20, 400).await;
    for piece in ["ingestion.finish_chunk", "ingestion.apply_contribution"] {
        let hold = controls.hold(piece, "before", 1).await;
        if !hold.reached(1, Duration::from_secs(5)).await {
            batch.send(&mut random, 4, 400).await;
            assert!(
                hold.reached(1, Duration::from_secs(20)).await,
                "{piece} is not reached"
            );
        }
        let before = stack.process_now("postgres").unwrap();
        // SIGQUIT is PostgreSQL's immediate stop: what was committed is found in its log, nothing else.
        signal(u32::try_from(before).unwrap(), "QUIT");
        hold.release().await;
        let is_back = || async {
            stack.process_now("postgres").is_some_and(|now| now != before) && healthy(&batch).await
        };
        assert!(
            wait_until(Duration::from_secs(60), is_back).await,
            "PostgreSQL does not come back"
        );
    }
    batch.settle().await;
    batch.assert_exact(&stack).await;
}

async fn healthy(batch: &Batch) -> bool {
    let answer = batch.api.get("/health").await;
    answer.status == 200 && answer.body["status"] == "healthy"
}

/// One reply of twenty is lost after its commit: nothing is done twice for it.
#[tokio::test]
async fn faults_a_lost_reply_doubles_nothing() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, controls) = (seed(103), stack.controls());
    let mut batch = Batch::prepare(&stack, "unheard").await;
    let begin = Instant::now();
    batch.send(&mut random, 40, 200).await;
    let seed = random.number() >> 1;
    controls
        .fault(json!({"fault": "drop_reply", "probability": 0.05, "seed": seed}))
        .await;
    let most = || async {
        let open = batch.api.get("/ingestion/files?status=open&limit=1").await;
        open.status == 200 && open.body["items"] == json!([])
    };
    wait_until(Duration::from_secs(45), most).await;
    let hits = controls.hits().await;
    controls.clear_faults().await;
    batch.settle().await;
    println!("{hits} replies lost in {:.0?}", begin.elapsed());
    assert!(hits > 5, "the fault was not met");
    batch.assert_exact(&stack).await;
}
