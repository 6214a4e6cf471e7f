//! Readers while files are replaced, taken back and brought again by eight workers at once: no total that no order of the
//! versions could give.

use std::cell::Cell;
use std::collections::BTreeSet;

use millrace_core::facts::Mode;
use millrace_core::ids::FileId;
use millrace_tests::{Order, Random};

use super::super::Sales;
use super::chance;

const READS: usize = 10_000;
const FILES: usize = 4;
const WORKERS: usize = 8;
/// What every version of a file adds up to, in as many rows.
const TOTAL: usize = 100;
const ROWS: usize = 3;

/// A version: the same total in other shops. `number` makes it differ from all others.
fn version(random: &mut Random, number: usize) -> String {
    let part = 1 + random.below(TOTAL - 2);
    let mut shop = || random.below(6);
    let rows = [
        (format!("s{}", shop()), part),
        (format!("s{}", shop()), TOTAL - part),
        (format!("only in {number}"), 0),
    ];
    rows.map(|(shop, amount)| format!("2023-01-08,{shop},{amount},1,1\n"))
        .concat()
}

/// Replaces, takes back and brings again until the readers are done; how many versions.
async fn write(sales: &Sales, random: &mut Random, is_over: &Cell<bool>) -> usize {
    let mut files: Vec<Option<FileId>> = vec![None; FILES];
    let mut versions = 0;
    while !is_over.get() {
        for (at, file) in files.iter_mut().enumerate() {
            versions += 1;
            let name = format!("{at}.csv");
            match *file {
                Some(file_id) if random.happens(300) => {
                    sales.road.delete(file_id).await;
                    *file = None;
                }
                known => {
                    let mode = if known.is_some() { Mode::Replace } else { Mode::New };
                    let sent = sales.send(&name, mode, &version(random, versions)).await;
                    *file = Some(sent.file_id);
                }
            }
        }
        let mut order = Order::Random {
            random: Random::new(random.number()),
            twice_permille: 300,
            reminders_permille: 100,
        };
        let drained = sales.road.drain_with_workers(&mut order, WORKERS).await;
        assert!(drained.rejected.is_empty());
    }
    versions
}

#[tokio::test]
async fn ten_thousand_readings_are_possible_ones() {
    let Some(sales) = Sales::new().await else { return };
    let mut random = chance(112);
    let is_over = Cell::new(false);
    let read = async {
        let mut seen = BTreeSet::new();
        for _ in 0..READS {
            let total = "select concat_ws(' ', coalesce(sum(sum_amount), 0), coalesce(sum(count_amount), 0)) \
                 from ingestion.sales_by_shop";
            seen.insert(sales.database.value(total).await.unwrap());
            tokio::task::yield_now().await;
        }
        is_over.set(true);
        seen
    };
    let (versions, seen) = tokio::join!(write(&sales, &mut random, &is_over), read);
    println!("{READS} readings during {versions} versions: {seen:?}");
    let possible: BTreeSet<String> = (0..=FILES)
        .map(|files| format!("{} {}", files * TOTAL, files * ROWS))
        .collect();
    assert!(seen.is_subset(&possible), "{:?}", seen.difference(&possible));
    assert!(seen.len() >= FILES, "too little has changed to tell: {seen:?}");
    assert!(versions >= 100, "{versions} versions");
    sales.assert_clean().await;
}
