//! Every call of every port fails once, before and after its effect; workers die at every call; replies of commits are
//! lost. The figures are those of a road on which nothing failed.

use millrace_core::facts::Mode;
use millrace_tests::{Delivered, Fault, Order, Sent};

use super::{SHOPS, Sales, drive_all};

const ONE: &str = "2023-01-08,a,1,1,2\n2023-01-08,b,5,1,2\nnonsense,b,5,1,2\n";
const TWO: &str = "2023-01-08,a,3,1,2\n2023-01-09,a,4,1,2\n2023-01-09,a,4,x,2\n";
const CHUNK_BYTES: u64 = 70;
const SHOP_ROWS: &str = "shop,region\na,north\nb,south\n";

/// A file in chunks, a dimension, a replacement that moves extremes, and a deletion.
async fn walk(sales: &Sales, mut between: impl AsyncFnMut(&Sales)) {
    sales.send("a.csv", Mode::New, ONE).await;
    sales.road.send(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
    let gone = sales.send("gone.csv", Mode::New, "2023-01-08,a,0.5,1,1\n").await;
    between(sales).await;
    sales.send("a.csv", Mode::Replace, TWO).await;
    sales.send("b.csv", Mode::New, ONE).await;
    between(sales).await;
    sales.road.delete(gone.file_id).await;
    between(sales).await;
}

/// A road on which files come in chunks.
async fn sales() -> Option<Sales> {
    let mut sales = Sales::direct().await?;
    sales.road.chunk_bytes = CHUNK_BYTES;
    Some(sales)
}

async fn begin_anew(sales: &mut Sales) {
    sales.begin_anew().await;
    sales.road.chunk_bytes = CHUNK_BYTES;
}

/// The figures without failures, and the calls that every stretch takes.
async fn calm(sales: &mut Sales) -> (Vec<String>, Vec<u64>) {
    let mut calls = Vec::new();
    walk(sales, async |sales| {
        sales.road.faults.stop();
        sales.road.settle().await;
        calls.push(sales.road.faults.calls());
    })
    .await;
    sales.assert_clean().await;
    (sales.figures().await, calls)
}

#[tokio::test]
async fn every_call_may_fail_once_on_either_side_of_its_effect() {
    let Some(mut sales) = sales().await else { return };
    let (expected, calls) = calm(&mut sales).await;
    println!("{calls:?} calls");
    let most = calls.iter().copied().max().unwrap();
    // Every call of the longest stretch; the same numbers in the others.
    for call in 0..most {
        let fault = if call % 2 == 0 {
            Fault::Before
        } else {
            Fault::After
        };
        begin_anew(&mut sales).await;
        walk(&sales, async |sales| {
            sales.road.faults.fail_at(call, fault);
            sales.road.drain(&mut Order::First).await;
            sales.road.faults.stop();
        })
        .await;
        assert_eq!(sales.figures().await, expected, "call {call} {fault:?}");
        sales.assert_clean().await;
    }
}

#[tokio::test]
async fn workers_may_die_at_every_call() {
    let Some(mut sales) = sales().await else { return };
    let (expected, calls) = calm(&mut sales).await;
    let most = calls.iter().copied().max().unwrap();
    for call in 0..most {
        let fault = if call % 2 == 0 {
            Fault::After
        } else {
            Fault::Before
        };
        begin_anew(&mut sales).await;
        walk(&sales, async |sales| {
            sales.road.faults.die_at(call, fault);
            // One worker after the other, each with the next message, until one dies; then all of them are alive again.
            while let Some(message) = sales.road.queues.take(0) {
                if let Delivered::Failed(_) = sales.road.deliver(&message).await {
                    sales.road.faults.stop();
                    sales.road.queues.put_back(message);
                }
            }
            sales.road.faults.stop();
        })
        .await;
        assert_eq!(sales.figures().await, expected, "call {call} {fault:?}");
        sales.assert_clean().await;
    }
}

#[tokio::test]
async fn lost_replies_of_commits_double_nothing() {
    let Some(mut sales) = sales().await else { return };
    let (expected, _) = calm(&mut sales).await;
    for commit in [
        "set received_at",
        "finish_chunk",
        "stage_differences",
        "apply_contribution",
        "stage_dimension_rows",
        "publish_dimension",
        "delete from operations.outbox",
        "set file_status",
    ] {
        begin_anew(&mut sales).await;
        let mut hits = 0;
        walk(&sales, async |sales| {
            sales.road.faults.fail_on(commit, Fault::After, 2);
            sales.road.drain(&mut Order::First).await;
            hits += sales.road.faults.hits();
            sales.road.faults.stop();
        })
        .await;
        assert!(hits > 0, "{commit} was never called");
        assert_eq!(sales.figures().await, expected, "{commit}");
        sales.assert_clean().await;
    }
}

/// The outbox: a crash between a commit and its messages, after which only the reminder is left.
#[tokio::test]
async fn the_reminder_alone_carries_a_crash_between_commit_and_send() {
    let Some(sales) = Sales::new().await else { return };
    sales.road.faults.stop();
    let file = sales.send("a.csv", Mode::New, ONE).await;
    let notification = sales.road.queues.take(0).unwrap();
    sales
        .road
        .faults
        .fail_on("from operations.outbox where file_id", Fault::Before, 1);
    sales.road.deliver(&notification).await;
    sales.road.faults.stop();
    // Nothing but the reminder is in the queues, and the notification never comes again.
    let left = sales.road.queues.all();
    assert!(left.iter().all(Sent::is_reminder), "{left:?}");
    assert_eq!(left.len(), 1);
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_waited_for() {
    let Some(mut sales) = sales().await else { return };
    let (expected, _) = calm(&mut sales).await;
    begin_anew(&mut sales).await;
    walk(&sales, async |sales| {
        // Nothing works for a while; whatever was taken from the queues comes again.
        sales.road.faults.die_at(0, Fault::Before);
        let messages = sales.road.queues.all();
        sales.road.queues.purge();
        for message in messages {
            assert!(matches!(sales.road.deliver(&message).await, Delivered::Failed(_)));
            sales.road.queues.put_back(message);
        }
        sales.road.faults.stop();
        drive_all(&sales.road.store, sales.road.sender()).await;
        sales.road.drain(&mut Order::First).await;
    })
    .await;
    assert_eq!(sales.figures().await, expected);
    sales.assert_clean().await;
}
