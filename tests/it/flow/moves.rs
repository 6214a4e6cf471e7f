//! Objects that leave the landing bucket: where every step dies, and what is read of them afterwards.

mod chains;
mod gone;

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use millrace_core::object_key::{is_moved, upload};
use millrace_tests::{Fault, Order};
use serde_json::json;

use super::Sales;
use super::reconciled::findings;

const ROWS: &str = "2023-01-08,a,5,1,2\n2023-01-09,b,six,3,4\n";

impl Sales {
    fn begin_move(&self, moves: &str) {
        self.ask(Queue::Perf, json!({"kind": "move_objects", "moves": moves}));
    }

    async fn move_all(&self, moves: &str) {
        self.begin_move(moves);
        self.road.settle().await;
    }

    /// Has the landing bucket left, as if what was moved had been moved an hour ago.
    fn begin_leaving(&self) {
        self.ask(Queue::Perf, json!({"kind": "leave_landing"}));
    }

    async fn let_an_hour_pass(&self) {
        self.database
            .query("update ingestion.file_tracker set moved_at = now() - interval '1 hour'")
            .await;
    }

    /// Where a version's object lies, by the facts, and its bytes there.
    async fn object(&self, file: FileVersion) -> (String, Option<Vec<u8>>) {
        let key = self.road.record(file).await.object().key;
        let bucket = match is_moved(&key) {
            true => &self.road.collections,
            false => &self.road.landing,
        };
        let bytes = bucket.bytes(&key);
        (key, bytes)
    }

    /// Asserts that a version's bytes are where the facts say.
    async fn assert_readable(&self, file: FileVersion, csv: &str, at: &str) {
        let (key, found) = self.object(file).await;
        assert_eq!(found.as_deref(), Some(csv.as_bytes()), "{at}: {key}");
    }
}

#[tokio::test]
async fn what_everything_has_is_archived_and_what_was_refused_goes_elsewhere() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    let refused = sales.send_refused("b.csv").await;
    sales.road.settle().await;
    let open = sales.road.begin(super::SALES, "c.csv", Mode::New).await.unwrap();
    let (before, error) = (
        sales.figures().await,
        sales.road.record(refused).await.facts.error,
    );
    sales.move_all("Archive").await;
    assert_eq!(sales.status(file).await, "Archived");
    assert_eq!(sales.status(refused).await, "Error");
    let (key, bytes) = sales.object(file).await;
    assert_eq!(key, format!("archive/event/sales/{}/1", file.file_id));
    assert_eq!(bytes, Some(Sales::csv(ROWS).into_bytes()));
    assert_eq!(sales.road.landing.keys(), [upload(refused)]);
    sales.move_all("Error").await;
    let record = sales.road.record(refused).await;
    assert_eq!(
        (record.facts.error, record.stored_status.as_str()),
        (error, "Error")
    );
    assert_eq!(
        sales.object(refused).await.0,
        format!("error/event/sales/{}/1", refused.file_id)
    );
    assert_eq!(sales.road.landing.keys(), Vec::<String>::new());
    // Twice is once, and nothing that counts has moved.
    sales.move_all("Archive").await;
    sales.move_all("Error").await;
    assert_eq!(sales.figures().await, before);
    assert_eq!(findings(&sales).await, []);
    assert!(format!("{open:?}").starts_with("Created"));
}

#[tokio::test]
async fn an_object_stays_for_those_who_know_it_from_before() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.road.grace_seconds = 900;
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    sales.move_all("Archive").await;
    assert_eq!(sales.status(file).await, "Archived");
    assert_eq!(sales.road.landing.keys(), [upload(file)], "both are there");
    sales.let_an_hour_pass().await;
    sales.begin_leaving();
    sales.road.settle().await;
    assert_eq!(sales.road.landing.keys(), Vec::<String>::new());
    // Without its copy nothing goes.
    let other = sales.send("b.csv", Mode::New, "2023-01-08,a,50,1,2\n").await;
    sales.road.settle().await;
    sales.move_all("Archive").await;
    let key = sales.object(other).await.0;
    sales.road.collections.remove(&key);
    sales.let_an_hour_pass().await;
    sales.begin_leaving();
    sales.road.settle().await;
    assert_eq!(sales.road.landing.keys(), [upload(other)]);
}

#[tokio::test]
async fn killed_at_every_call_it_loses_nothing_and_ends() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    for fault in [Fault::Before, Fault::After] {
        for call in 0.. {
            let at = format!("{fault:?} at {call}");
            sales.begin_anew().await;
            let file = sales.send("a.csv", Mode::New, ROWS).await;
            let refused = sales.send_refused("b.csv").await;
            let gone = sales.send("c.csv", Mode::New, "2023-01-08,a,50,1,2\n").await;
            sales.road.settle().await;
            sales.road.landing.remove(&upload(gone));
            sales.begin_move("Archive");
            sales.begin_move("Error");
            sales.road.faults.die_at(call, fault);
            sales.road.deliver_some(&mut Order::First, 12).await;
            let is_through = sales.road.faults.hits() == 0;
            sales.road.faults.stop();
            // Wherever it died, the bytes are where the facts say.
            sales.assert_readable(file, &Sales::csv(ROWS), &at).await;
            sales.assert_readable(refused, Sales::REFUSED, &at).await;
            sales.road.drain(&mut Order::First).await;
            sales.move_all("Archive").await;
            sales.move_all("Error").await;
            assert_eq!(sales.status(file).await, "Archived", "{at}");
            assert_eq!(sales.road.landing.keys(), Vec::<String>::new(), "{at}");
            assert_eq!(sales.status(gone).await, "Ready_to_archive", "{at}");
            assert!(sales.road.record(gone).await.facts.move_error.is_some(), "{at}");
            sales.assert_clean().await;
            if is_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn repairs_and_replays_read_what_was_moved() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let (before, _) = sales.road.repair_file(file).await.unwrap();
    sales.move_all("Archive").await;
    assert_eq!(sales.road.landing.keys(), Vec::<String>::new());
    let (after, _) = sales.road.repair_file(file).await.unwrap();
    assert_eq!(after, before, "the header is that of the moved object");
    let mended = String::from_utf8(after).unwrap().replacen("six", "6", 1);
    let repaired = sales.road.repair(file.file_id, mended).await;
    // While it is on its way, nothing that it reads is moved.
    sales.move_all("Archive").await;
    let record = sales.road.record(repaired).await;
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (2, 0));
    sales.move_all("Archive").await;
    assert_eq!(sales.status(repaired).await, "Archived");
    // What has no object of its own is archived with a word.
    let deletion = sales.road.delete(file.file_id).await;
    sales.road.settle().await;
    sales.move_all("Archive").await;
    assert_eq!(sales.status(deletion).await, "Archived");
    assert_eq!(findings(&sales).await, []);
}

/// A dropped object may be written again: the later write stays.
#[tokio::test]
async fn a_later_write_of_a_key_stays_where_it_is() {
    let Some(sales) = Sales::new().await else { return };
    let key = "drops/event/sales/day.csv";
    let (earlier, later) = (
        Sales::csv("2023-01-08,a,5,1,2\n"),
        Sales::csv("2023-01-08,a,7,1,2\n"),
    );
    sales.road.write(key, earlier.as_str());
    sales.road.settle().await;
    sales.move_all("Archive").await;
    assert_eq!(sales.road.landing.keys(), Vec::<String>::new());
    sales.road.write(key, later.as_str());
    sales.road.settle().await;
    let file_id = sales
        .lines("select distinct file_id::text from ingestion.file_tracker")
        .await;
    let file = |version| FileVersion {
        file_id: file_id[0].parse().unwrap(),
        version,
    };
    sales.assert_readable(file(1), &earlier, "the first").await;
    assert_eq!(sales.road.landing.keys(), [key]);
    sales.move_all("Archive").await;
    sales.assert_readable(file(2), &later, "the second").await;
}
