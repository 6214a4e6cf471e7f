//! Repairs under duplicates, disorder and deaths.

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_tests::{Order, Random};

use super::super::Sales;
use super::{MENDED, ROWS, all_mended, counts, mended};

/// A settled file with two rejected rows, and its repair on the way.
async fn under_way(sales: &Sales) -> (FileVersion, FileVersion) {
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let sent = mended(&sales.road, first, &MENDED).await;
    let second = sales.road.repair(first.file_id, sent).await;
    (first, second)
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_counts_every_row_once() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let clean = sales.figures_of_clean(&all_mended()).await;
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        let (_, second) = under_way(&sales).await;
        let is_through = sales.road.die_over_all(call).await;
        sales.road.drain(&mut Order::Last).await;
        assert_eq!(counts(&sales.road.record(second).await), (4, 4, 0), "{call}");
        assert_eq!(sales.figures().await, clean, "{call}");
        sales.assert_clean().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 20, "only {call} calls were stopped at");
}

#[tokio::test]
async fn whatever_the_order_and_the_repeats_the_rows_are_those_of_a_clean_file() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let clean = sales.figures_of_clean(&all_mended()).await;
    for seed in 0..20 {
        sales.begin_anew().await;
        sales.road.chunk_bytes = 60;
        let (first, second) = under_way(&sales).await;
        sales.road.faults.fail_randomly(seed, 50);
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 300,
            reminders_permille: 200,
        };
        sales.road.drain(&mut order).await;
        sales.road.faults.stop();
        for record in driven_on(&sales, [first, second]).await {
            assert!(record, "{seed}");
        }
        sales.road.settle().await;
        assert_eq!(sales.figures().await, clean, "{seed}");
        assert_eq!(counts(&sales.road.record(second).await), (4, 4, 0), "{seed}");
        sales.assert_clean().await;
    }
}

/// Drives both versions on from their facts; whether each could be.
async fn driven_on(sales: &Sales, files: [FileVersion; 2]) -> Vec<bool> {
    let mut driven = Vec::new();
    for file in files {
        let record = sales.road.record(file).await;
        let sent = millrace_app::drive::drive_file(&sales.store, sales.road.sender(), &record).await;
        driven.push(sent.is_ok());
    }
    driven
}

#[tokio::test]
async fn a_replay_that_the_queues_lost_is_driven_on() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    super::ask_for_no_day(&sales).await;
    let replayed = sales.road.replay(first.file_id).await;
    while sales.road.queues.take(0).is_some() {}
    super::super::drive_all(&sales.store, sales.road.sender()).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(replayed).await), (4, 3, 1));
    sales.assert_clean().await;
}
