//! Readers during merges: a total that no order of the files could give is never seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_tests::Random;
use millrace_tests::stack::{Row, Stack};
use serde_json::Value;

use super::{Batch, SETTLED_WITHIN, seed};

const ROWS: i64 = 400;
const ROUNDS: usize = 25;
const READERS: usize = 4;

/// As many pupils as always, in other schools.
fn moved(random: &mut Random) -> Vec<Row> {
    let school = |random: &mut Random| u32::try_from(random.below(8)).unwrap_or_default() + 1;
    let row = |random: &mut Random| Row {
        date: "2024-01-25",
        school: school(random),
        grade: 1,
        present: 1,
        total: 2,
    };
    (0..ROWS).map(|_| row(random)).collect()
}

/// Present and total over everything, as read now.
async fn totals(batch: &Batch) -> Option<(i64, i64)> {
    let path = format!("/kpis/{}?group_by=", batch.specs.by_school);
    let answer = batch
        .api
        .try_send(reqwest::Method::GET, &path, &[], Vec::new())
        .await?;
    if answer.status != 200 {
        return None;
    }
    let columns = answer.body["columns"].as_array()?;
    let names = columns.iter().filter_map(|column| column["name"].as_str());
    let row: BTreeMap<&str, &Value> = names
        .zip(answer.body["rows"][0].as_array().into_iter().flatten())
        .collect();
    let number = |name: &str| row.get(name).and_then(|value| value.as_i64()).unwrap_or(0);
    Some((number("sum_present"), number("sum_total")))
}

#[tokio::test]
async fn faults_readers_never_see_an_impossible_total() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let mut random = seed(111);
    let mut batch = Batch::prepare(&stack, "watched").await;
    for at in 0..4 {
        let (name, rows) = (format!("file {at}.csv"), moved(&mut random));
        let file_id = batch.specs.send(&batch.api, &name, &rows).await;
        batch.model.set(&name, &rows);
        batch.files.push((name, file_id));
    }
    batch.settle().await;
    let is_over = AtomicBool::new(false);
    let mut files = batch.files.clone();
    let versions: Vec<Vec<Vec<Row>>> = files
        .iter()
        .map(|_| (0..ROUNDS).map(|_| moved(&mut random)).collect())
        .collect();
    let write = async {
        for round in 0..ROUNDS {
            let sent = files
                .iter_mut()
                .zip(&versions)
                .map(|((name, id), versions)| batch.specs.replace(&batch.api, id, name, &versions[round]));
            futures_util::future::join_all(sent).await;
        }
        for (_, file_id) in &batch.files {
            batch.api.settled(file_id, SETTLED_WITHIN).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let read = || async {
        let (mut reads, mut impossible) = (0, Vec::new());
        while !is_over.load(Ordering::Relaxed) {
            let Some(seen) = totals(&batch).await else {
                continue;
            };
            reads += 1;
            if seen != (4 * ROWS, 8 * ROWS) {
                impossible.push(seen);
            }
        }
        (reads, impossible)
    };
    let readers = futures_util::future::join_all((0..READERS).map(|_| read()));
    let ((), seen) = futures_util::future::join(write, readers).await;
    let reads: usize = seen.iter().map(|(reads, _)| reads).sum();
    let impossible: Vec<(i64, i64)> = seen.into_iter().flat_map(|(_, impossible)| impossible).collect();
    println!("{reads} readings during {} replacements", 4 * ROUNDS);
    assert_eq!(impossible, [], "totals that no order of the versions gives");
    assert!(reads >= 100, "too few readings to tell");
    for ((name, _), versions) in batch.files.clone().iter().zip(&versions) {
        batch.model.set(name, &versions[ROUNDS - 1]);
    }
    batch.assert_exact(&stack).await;
}
