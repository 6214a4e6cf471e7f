//! The same file again, new versions, deletions; in any order, twice; lost messages.

use millrace_core::facts::Mode;
use millrace_core::message::{ChunkMessage, Envelope, Queue};
use millrace_tests::{Delivered, Fault, Order, Random};

use super::{SALES, SHOPS, Sales, drive_all};

const ONE: &str = "2023-01-08,a,1,1,2\n2023-01-08,b,5,1,2\n";
const TWO: &str = "2023-01-08,a,3,1,2\n2023-01-09,a,4,1,2\n";

/// The figures of files that came in order, each on a road of its own.
async fn expected(files: &[(&str, &str)]) -> Option<Vec<String>> {
    let sales = Sales::new().await?;
    for (name, rows) in files {
        sales.send(name, Mode::New, rows).await;
    }
    sales.road.settle().await;
    Some(sales.figures().await)
}

fn random(seed: u64) -> Order {
    Order::Random {
        random: Random::new(seed),
        twice_permille: 300,
        reminders_permille: 300,
    }
}

#[tokio::test]
async fn the_same_bytes_change_nothing_and_say_so() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send("a.csv", Mode::New, ONE).await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    let again = sales.send("a.csv", Mode::Replace, ONE).await;
    let other_name = sales.send("b.csv", Mode::New, ONE).await;
    sales.road.settle().await;
    for file in [again, other_name] {
        let record = sales.road.record(file).await;
        assert_eq!(record.unchanged_of, Some(first.file_id));
        assert_eq!(record.stored_status, "Ready_to_archive");
    }
    assert_eq!(sales.figures().await, figures);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_new_version_takes_the_place_of_the_old_one() {
    let Some(expected) = expected(&[("a.csv", TWO)]).await else {
        return;
    };
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, ONE).await;
    sales.road.settle().await;
    sales.send("a.csv", Mode::Replace, TWO).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await, expected);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_deletion_takes_everything_back() {
    let Some(expected) = expected(&[("b.csv", TWO)]).await else {
        return;
    };
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, ONE).await;
    sales.send("b.csv", Mode::New, TWO).await;
    sales.road.settle().await;
    let deletion = sales.road.delete(file.file_id).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await, expected);
    assert_eq!(sales.status(deletion).await, "Ready_to_archive");
    // The least amount of the day is another file's now, and the same bytes may come again.
    sales.send("a.csv", Mode::New, ONE).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await.len(), expected.len() + 2);
}

#[tokio::test]
async fn versions_that_come_late_never_win() {
    let Some(expected) = expected(&[("a.csv", TWO)]).await else {
        return;
    };
    let seed = Random::seed(21);
    println!("seed {seed}");
    for round in 0..8 {
        let Some(sales) = Sales::new().await else { return };
        sales.send("a.csv", Mode::New, ONE).await;
        sales.send("a.csv", Mode::Replace, "2023-02-01,z,9,9,9\n").await;
        sales.send("a.csv", Mode::Replace, TWO).await;
        let mut order = match round {
            0 => Order::Last,
            _ => random(seed + round),
        };
        sales.road.drain(&mut order).await;
        assert_eq!(sales.figures().await, expected, "round {round}");
        sales.assert_clean().await;
    }
}

#[tokio::test]
async fn a_deletion_that_overtakes_its_file_wins() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, ONE).await;
    sales.road.delete(file.file_id).await;
    sales.road.drain(&mut Order::Last).await;
    assert!(sales.figures().await.is_empty());
    sales.assert_clean().await;
}

#[tokio::test]
async fn dimension_versions_that_come_late_never_win() {
    let Some(sales) = Sales::new().await else { return };
    for (mode, region) in [
        (Mode::New, "first"),
        (Mode::Replace, "second"),
        (Mode::Replace, "third"),
    ] {
        let csv = format!("shop,region\na,{region}\n");
        sales.road.send(SHOPS, "shops.csv", mode, csv).await;
    }
    sales.road.drain(&mut Order::Last).await;
    assert_eq!(sales.lines("select region from ingestion.shops").await, ["third"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn whatever_the_queues_lost_is_driven_on_from_the_facts() {
    let Some(expected) = expected(&[("a.csv", ONE), ("b.csv", TWO)]).await else {
        return;
    };
    // The queues are purged after so many deliveries.
    for lost_after in [0, 1, 2, 3, 5, 8] {
        let Some(mut sales) = Sales::new().await else {
            return;
        };
        sales.road.chunk_bytes = 60;
        sales.send("a.csv", Mode::New, ONE).await;
        sales.send("b.csv", Mode::New, TWO).await;
        for _ in 0..lost_after {
            let message = sales.road.queues.take(0).unwrap();
            sales.road.deliver(&message).await;
        }
        sales.road.queues.purge();
        for _ in 0..2 {
            drive_all(&sales.store, sales.road.sender()).await;
            sales.road.settle().await;
        }
        assert_eq!(sales.figures().await, expected, "after {lost_after}");
        sales.assert_clean().await;
    }
}

#[tokio::test]
async fn an_upload_that_never_came_harms_nothing() {
    let Some(sales) = Sales::new().await else { return };
    let begun = sales.road.begin(SALES, "a.csv", Mode::New).await.unwrap();
    println!("{begun:?}");
    drive_all(&sales.store, sales.road.sender()).await;
    sales.road.settle().await;
    assert!(sales.figures().await.is_empty());
}

#[tokio::test]
async fn a_chunk_of_an_older_plan_is_the_same_chunk() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.road.chunk_bytes = 10;
    let file = sales.send("a.csv", Mode::New, ONE).await;
    let notification = sales.road.queues.all().remove(0);
    sales.road.deliver(&notification).await;
    sales.road.deliver(&notification).await;
    let chunks: Vec<Envelope<ChunkMessage>> = sales
        .road
        .queues
        .all()
        .iter()
        .filter_map(|message| serde_json::from_str(&message.body).ok())
        .collect();
    let (first, second) = chunks.split_at(chunks.len() / 2);
    assert_eq!(first, second);
    assert!(first.len() > 1);
    // What counts is not read again.
    let mut sent = sales.road.queues.all().into_iter();
    let chunk = sent.find(|message| message.queue == Queue::Chunk).unwrap();
    assert!(matches!(sales.road.deliver(&chunk).await, Delivered::Done));
    sales.road.faults.fail_on("uploads/", Fault::Before, 1);
    assert!(matches!(sales.road.deliver(&chunk).await, Delivered::Done));
    assert_eq!(sales.road.faults.hits(), 0);
    sales.road.faults.stop();
    sales.road.settle().await;
    assert_eq!(sales.road.record(file).await.facts.counts.kept, 2);
}
