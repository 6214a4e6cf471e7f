//! A worker killed at each point of ingestion, over and over: nothing is lost and nothing counts twice.

use std::collections::BTreeMap;

use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_tests::{Delivered, Fault, Sent};

use super::super::Sales;
use super::chance;

const FILES: usize = 60;
const ROWS: usize = 2_000;
const KILLS: usize = 200;
/// Kills at each point, at least.
const KILLS_A_POINT: usize = 20;

/// A point: what it is called, the call at which it is, and whether that has had its effect. The last point is behind all
/// calls.
const POINTS: [(&str, &str, Fault); 8] = [
    ("after the lease", "set received_at", Fault::After),
    ("in the plan", "validate_chunk", Fault::After),
    ("chunk read", "uploads/", Fault::After),
    ("part written", "parts/", Fault::After),
    ("errors written", "errors/", Fault::After),
    ("before the commit", "ingestion.finish_chunk", Fault::Before),
    ("after the commit", "ingestion.finish_chunk", Fault::After),
    ("before the acknowledgement", "", Fault::Before),
];

/// Some rows that are rejected, so that there is something to write of them.
fn csv(number: usize) -> String {
    let row = |at: usize| match at % 100 {
        99 => format!("2023-01-08,a,no number {at},1,2\n"),
        _ => format!(
            "2023-01-{:02},s{},{number}.{:02},1,2\n",
            1 + at % 28,
            at % 7,
            at % 100
        ),
    };
    (0..ROWS).map(row).collect()
}

impl Sales {
    /// Handles a message with a worker that is killed at a point; whether it came there. The message comes again.
    async fn kill(&self, message: &Sent, (name, words, fault): (&str, &str, Fault)) -> bool {
        let is_behind_all = words.is_empty();
        if !is_behind_all {
            self.road.faults.die_on(words, fault);
        }
        let delivered = self.road.deliver(message).await;
        let is_killed = is_behind_all || self.road.faults.hits() > 0;
        self.road.faults.stop();
        match delivered {
            Delivered::Done => {}
            Delivered::Failed(failure) if is_killed && failure.is_transient() => {}
            other => panic!("{name}: {other:?}"),
        }
        if is_killed {
            self.road.queues.put_back(message.clone());
        }
        is_killed
    }
}

#[tokio::test]
async fn two_hundred_kills_at_eight_points_neither_lose_nor_double() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let mut random = chance(62);
    sales.road.chunk_bytes = 12_000;
    for number in 0..FILES {
        sales
            .send(&format!("{number}.csv"), Mode::New, &csv(number))
            .await;
    }
    let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
    let ingests = |message: &Sent| matches!(message.queue, Queue::Ingest | Queue::Chunk);
    while kills.values().sum::<usize>() < KILLS || kills.len() < POINTS.len() {
        let waiting: Vec<usize> = (0..sales.road.queues.len())
            .zip(sales.road.queues.all())
            .filter(|(_, message)| ingests(message))
            .map(|(at, _)| at)
            .collect();
        assert!(
            !waiting.is_empty(),
            "everything is ingested before the kills are done: {kills:?}"
        );
        let message = sales.road.queues.take(*random.one_of(&waiting)).unwrap();
        // Where there were the fewest kills so far.
        let point = *POINTS
            .iter()
            .min_by_key(|(name, ..)| kills.get(name).copied().unwrap_or_default())
            .unwrap();
        if sales.kill(&message, point).await {
            *kills.entry(point.0).or_default() += 1;
        }
    }
    println!("{kills:?}");
    assert!(kills.values().all(|kills| *kills >= KILLS_A_POINT), "{kills:?}");
    sales.road.settle().await;
    let killed = sales.figures().await;
    let counted = "select concat_ws(' ', count(*), sum(rows), sum(kept), sum(rejected)) from ingestion.file_tracker \
         where file_status = 'Ready_to_archive'";
    let (rows, rejected) = (FILES * ROWS, FILES * ROWS / 100);
    let expected = format!("{FILES} {rows} {} {rejected}", rows - rejected);
    assert_eq!(sales.lines(counted).await, [expected]);
    // No part that a killed worker left is read: those that are registered are those that add up.
    assert_eq!(super::super::reconciled::findings(&sales).await, []);
    sales.assert_clean().await;
    sales.begin_anew().await;
    for number in 0..FILES {
        sales
            .send(&format!("{number}.csv"), Mode::New, &csv(number))
            .await;
    }
    sales.road.settle().await;
    assert_eq!(sales.figures().await, killed, "figures of calm");
}
