//! Merges whose commit's answer is lost, and merges that want the same cells at once.

use millrace_core::facts::Mode;
use millrace_tests::{Drained, Order, Random, mutate_function};

use super::super::{BY_SHOP, Sales};
use super::{chance, rows};

/// Files, each of which is merged into two datasets.
const FILES: usize = 1_000;
/// Answers that are lost, of a thousand.
const LOST_PERMILLE: usize = 50;
const WORKERS: usize = 16;

impl Sales {
    /// The sum over all shops.
    async fn total(&self) -> String {
        let total =
            format!("select concat_ws(' ', sum(sum_amount), sum(count_amount)) from ingestion.{BY_SHOP}");
        self.lines(&total).await.remove(0)
    }

    /// Merges files while answers of commits are lost; how many were.
    async fn merge_unheard(&self, files: usize, seed: u64) -> (Drained, u64) {
        for number in 0..files {
            self.send(&format!("{number}.csv"), Mode::New, &rows(1, "a", number))
                .await;
        }
        self.road
            .faults
            .lose_answers("ingestion.apply_contribution", seed, LOST_PERMILLE);
        let drained = self.road.drain(&mut Order::First).await;
        let lost = self.road.faults.hits();
        self.road.faults.stop();
        (drained, lost)
    }
}

fn expected(files: usize) -> String {
    format!("{} {files}", (0..files).sum::<usize>())
}

#[tokio::test]
async fn two_thousand_merges_with_lost_answers_double_nothing() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let (drained, lost) = sales.merge_unheard(FILES, chance(104).number()).await;
    println!("{} merges, {lost} answers lost", 2 * FILES);
    assert!(
        lost >= 50 && drained.failed as u64 == lost,
        "{lost} lost, {} came again",
        drained.failed
    );
    assert_eq!(sales.total().await, expected(FILES));
    sales.assert_clean().await;
}

/// The ledger's row is not written with the effect: whoever did not hear the answer does it again.
#[tokio::test]
async fn without_the_ledger_lost_answers_double() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let forgets = [
        ("ingestion.settle", "set state = p_state", "set state = 'pending'"),
        (
            "ingestion.apply_contribution",
            "set is_current = true",
            "set is_current = false",
        ),
    ];
    for (function, find, replacement) in forgets {
        mutate_function(&sales.database, function, find, replacement).await;
    }
    let (_, lost) = sales.merge_unheard(100, chance(105).number()).await;
    assert!(lost > 0);
    let (found, expected) = (sales.total().await, expected(100));
    println!("{lost} answers lost, {found} instead of {expected}");
    let rows = |total: &str| total.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
    assert!(
        rows(&found) > rows(&expected),
        "the check does not see a missing ledger"
    );
}

/// Files with the same keys in other orders, of which the half is replaced meanwhile.
#[tokio::test]
async fn sixteen_workers_on_the_same_cells_wait_and_do_not_fail() {
    let Some(sales) = Sales::new().await else { return };
    let mut random = chance(106);
    let content = |random: &mut Random, number: usize| {
        let mut lines: Vec<String> = (0..20)
            .map(|shop| rows(1, &format!("s{shop}"), number + shop))
            .collect();
        for at in (1..lines.len()).rev() {
            lines.swap(at, random.below(at + 1));
        }
        // Some of the keys, in any order.
        lines.truncate(12);
        lines.concat()
    };
    let mut last: Vec<String> = Vec::new();
    for number in 0..40 {
        let csv = content(&mut random, number);
        sales.send(&format!("{number}.csv"), Mode::New, &csv).await;
        last.push(csv);
    }
    let mut order = Order::Random {
        random: Random::new(random.number()),
        twice_permille: 100,
        reminders_permille: 100,
    };
    sales.road.deliver_some(&mut order, 60).await;
    for (number, last) in last.iter_mut().enumerate().take(20) {
        *last = content(&mut random, 100 + number);
        sales.send(&format!("{number}.csv"), Mode::Replace, last).await;
    }
    let drained = sales.road.drain_with_workers(&mut order, WORKERS).await;
    assert_eq!(
        (drained.failed, drained.rejected.len()),
        (0, 0),
        "failures that a worker saw"
    );
    let busy = sales.figures().await;
    sales.assert_clean().await;
    let Some(calm) = Sales::direct().await else { return };
    for (number, csv) in last.iter().enumerate() {
        calm.send(&format!("{number}.csv"), Mode::New, csv).await;
    }
    calm.road.settle().await;
    assert_eq!(busy, calm.figures().await);
}
