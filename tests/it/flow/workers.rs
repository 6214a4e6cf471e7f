//! Workers at once, on real sessions of the database.

use millrace_core::facts::Mode;
use millrace_tests::{Order, Random};

use super::Sales;

#[tokio::test]
async fn eight_workers_on_one_dataset_are_exact() {
    let seed = Random::seed(31);
    println!("seed {seed}");
    let rows = |number: usize| {
        let line = |at: usize| {
            let amount = (number * 7 + at * 13) % 50;
            format!("2023-01-0{},s{},{amount}.5,{amount},60\n", at % 3 + 1, at % 4)
        };
        (0..20).map(line).collect::<String>()
    };
    let Some(calm) = Sales::new().await else { return };
    for number in 10..20 {
        calm.send(&format!("{number}.csv"), Mode::New, &rows(number))
            .await;
    }
    calm.road.settle().await;
    let expected = calm.figures().await;
    let Some(busy) = Sales::new().await else { return };
    let mut files = Vec::new();
    for number in 0..14 {
        files.push(
            busy.send(&format!("{number}.csv"), Mode::New, &rows(number))
                .await,
        );
    }
    let mut order = Order::Random {
        random: Random::new(seed),
        twice_permille: 300,
        reminders_permille: 200,
    };
    busy.road.drain_with_workers(&mut order, 8).await;
    for file in &files[..4] {
        busy.road.delete(file.file_id).await;
    }
    for number in 4..10 {
        // Every one moves its extremes: they are looked up while the others move theirs.
        busy.send(&format!("{number}.csv"), Mode::Replace, &rows(number + 10))
            .await;
    }
    busy.road.drain_with_workers(&mut order, 8).await;
    for file in &files[10..14] {
        busy.road.delete(file.file_id).await;
    }
    busy.road.drain_with_workers(&mut order, 8).await;
    for number in 10..14 {
        busy.send(&format!("{number}.csv"), Mode::New, &rows(number))
            .await;
    }
    busy.road.drain_with_workers(&mut order, 8).await;
    // Files 4 to 9 hold the rows of 14 to 19 now, and 10 to 13 their own.
    assert_eq!(busy.figures().await, expected);
    busy.assert_clean().await;
}

/// A reader that never sees a version half: every file has the same total in each of its versions.
#[tokio::test]
async fn readers_see_versions_whole() {
    let Some(sales) = Sales::new().await else { return };
    let rows = |version: usize| {
        format!(
            "2023-01-08,s{version},{}.5,1,1\n2023-01-09,s{},{},1,1\n",
            version,
            version + 1,
            99 - version
        )
    };
    for name in ["a.csv", "b.csv"] {
        sales
            .send(
                name,
                Mode::New,
                &(rows(0) + &format!("2023-01-01,{name},0,1,1\n")),
            )
            .await;
    }
    sales.road.settle().await;
    let writes = async {
        for version in 1..15 {
            for name in ["a.csv", "b.csv"] {
                let rows = rows(version) + &format!("2023-01-01,{name},0,1,1\n");
                sales.send(name, Mode::Replace, &rows).await;
            }
            sales.road.drain_with_workers(&mut Order::First, 4).await;
        }
    };
    let reads = async {
        let mut totals = Vec::new();
        for _ in 0..200 {
            let total = sales
                .database
                .value("select sum(m1_sum)::text || ' ' || sum(row_count) from stored.cells_1")
                .await;
            totals.push(total.unwrap());
            tokio::task::yield_now().await;
        }
        totals.dedup();
        totals
    };
    let ((), totals) = tokio::join!(writes, reads);
    assert_eq!(totals, ["199.0 6"]);
}
