//! Messages that follow from each other until everything is moved: counted, twice, in any order, cut off.

use millrace_app::hops::MOST_HOPS;
use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_core::object_key::upload;
use millrace_tests::{Delivered, Fault, Order, Random, Sent};
use serde_json::{Value, json};

use super::super::Sales;
use super::ROWS;

/// Time for one file a message, by a clock that moves by a millisecond a look.
const ONE_FILE_MS: u64 = 2;

impl Sales {
    /// A message of the perf queue behind so many hops.
    fn message(&self, mut body: Value, hop: u32) -> Sent {
        body["hop"] = hop.into();
        self.ask(Queue::Perf, body);
        self.road.queues.take(self.road.queues.len() - 1).unwrap()
    }

    /// Hands on what moves and leaves, one message after the other; kind and hop of each.
    async fn chain(&self) -> Vec<(String, Option<u64>)> {
        let mut seen = Vec::new();
        let is_move = |sent: &Sent| sent.body.contains("move_objects") || sent.body.contains("leave_landing");
        while let Some(at) = self.road.queues.all().iter().position(is_move) {
            let message = self.road.queues.take(at).unwrap();
            let body: Value = serde_json::from_str(&message.body).unwrap();
            seen.push((body["kind"].as_str().unwrap().to_owned(), body["hop"].as_u64()));
            assert!(matches!(self.road.deliver(&message).await, Delivered::Done));
        }
        seen
    }

    /// Fails the test unless a message is stopped at the limit, for a reason that no time mends.
    async fn assert_stopped(&self, message: Value) {
        let message = self.message(message, MOST_HOPS);
        match self.road.deliver(&message).await {
            Delivered::Failed(failure) => {
                assert!(failure.kind.is_hopeless(), "{failure:?}");
                assert!(failure.to_string().contains("hops.send"), "{failure}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// How many versions are archived, and how many objects lie in the landing bucket.
    async fn archived(&self) -> (String, usize) {
        let archived = "select count(*) from ingestion.file_tracker where archived_at is not null";
        (
            self.lines(archived).await.remove(0),
            self.road.landing.keys().len(),
        )
    }
}

#[tokio::test]
async fn a_worker_does_what_fits_its_time_and_each_message_is_one_hop_further() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.send_many(3).await;
    sales.road.move_ms = ONE_FILE_MS;
    sales.begin_move("Archive");
    let seen = sales.chain().await;
    let expected = |kind: &str, hops: &[u64]| -> Vec<(String, Option<u64>)> {
        hops.iter()
            .map(|hop| (kind.to_owned(), Some(*hop).filter(|hop| *hop > 0)))
            .collect()
    };
    let all = [
        expected("move_objects", &[0, 1, 2, 3]),
        expected("leave_landing", &[4, 5, 6, 7]),
    ];
    assert_eq!(seen, all.concat());
    sales.road.settle().await;
    assert_eq!(sales.archived().await, ("3".to_owned(), 0));
}

#[tokio::test]
async fn in_time_enough_one_message_moves_page_after_page() {
    let Some(sales) = Sales::new().await else { return };
    sales.send_many(45).await;
    sales.begin_move("Archive");
    let kinds: Vec<String> = sales.chain().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["move_objects", "leave_landing"]);
    sales.road.settle().await;
    assert_eq!(sales.archived().await, ("45".to_owned(), 0));
}

#[tokio::test]
async fn a_chain_that_is_too_long_stops_loudly_and_the_next_goes_on() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.road.grace_seconds = 900;
    sales.send_many(3).await;
    sales.road.move_ms = ONE_FILE_MS;
    sales
        .assert_stopped(json!({"kind": "move_objects", "moves": "Archive"}))
        .await;
    assert_eq!(
        sales.archived().await,
        ("1".to_owned(), 3),
        "what was done is done"
    );
    sales.road.move_ms = 1_000;
    sales.move_all("Archive").await;
    assert_eq!(sales.archived().await, ("3".to_owned(), 3));
    sales.let_an_hour_pass().await;
    sales.road.move_ms = ONE_FILE_MS;
    sales.assert_stopped(json!({"kind": "leave_landing"})).await;
    assert_eq!(sales.archived().await, ("3".to_owned(), 2));
    sales.begin_leaving();
    sales.road.settle().await;
    assert_eq!(sales.archived().await, ("3".to_owned(), 0));
    sales.assert_clean().await;
}

#[tokio::test]
async fn twice_and_in_any_order_each_object_is_moved_once() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    for seed in 0..8 {
        sales.begin_anew().await;
        sales.road.grace_seconds = 900;
        let files = sales.send_many(9).await;
        let refused = sales.send_refused("b.csv").await;
        sales.road.settle().await;
        let before = sales.figures().await;
        sales.road.move_ms = 6;
        for moves in ["Archive", "Error", "Archive", "Error"] {
            sales.begin_move(moves);
        }
        sales.begin_leaving();
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 300,
            reminders_permille: 300,
        };
        sales.road.drain_with_workers(&mut order, 4).await;
        sales.let_an_hour_pass().await;
        for _ in 0..3 {
            sales.begin_leaving();
        }
        let drained = sales.road.drain_with_workers(&mut order, 4).await;
        assert_eq!(drained.rejected, Vec::<String>::new(), "{seed}");
        assert_eq!(sales.archived().await, ("9".to_owned(), 0), "{seed}");
        for (number, file) in files.iter().enumerate() {
            let csv = Sales::csv(&Sales::row(number));
            sales.assert_readable(*file, &csv, &format!("{seed}")).await;
            assert_eq!(sales.status(*file).await, "Archived", "{seed}");
        }
        sales
            .assert_readable(refused, Sales::REFUSED, &format!("{seed}"))
            .await;
        assert_eq!(sales.figures().await, before, "{seed}");
        sales.assert_clean().await;
    }
}

/// What fails for every file comes again; what fails for one keeps none of the others.
#[tokio::test]
async fn an_outage_is_waited_for_and_one_bad_file_is_not() {
    let Some(sales) = Sales::new().await else { return };
    let files = sales.send_many(3).await;
    sales.road.faults.fail_on("copy", Fault::Before, 3);
    let body = json!({"kind": "move_objects", "moves": "Archive"});
    let message = sales.message(body, 0);
    match sales.road.deliver(&message).await {
        Delivered::Failed(failure) => assert!(failure.is_transient(), "{failure:?}"),
        other => panic!("{other:?}"),
    }
    assert!(
        sales.road.queues.is_empty(),
        "nothing follows from a message that comes again"
    );
    // The newest fails still.
    sales.road.faults.fail_on("copy", Fault::Before, 1);
    assert!(matches!(sales.road.deliver(&message).await, Delivered::Done));
    sales.road.faults.stop();
    sales.road.settle().await;
    let mut statuses = Vec::new();
    for file in &files {
        statuses.push(sales.status(*file).await);
    }
    assert_eq!(statuses, ["Archived", "Archived", "Ready_to_archive"]);
    assert_eq!(sales.road.landing.keys(), [upload(files[2])]);
    // The same for the landing bucket that is left.
    sales.road.faults.fail_on("remove", Fault::Before, 1);
    sales.send("other.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    sales.move_all("Archive").await;
    sales.road.faults.stop();
    assert_eq!(sales.archived().await, ("4".to_owned(), 1));
    sales.begin_leaving();
    sales.road.settle().await;
    assert_eq!(sales.archived().await, ("4".to_owned(), 0));
}

/// An outage that is slow is one, too: what is left of the time says nothing. A single file that takes all of it is passed
/// over.
#[tokio::test]
async fn a_slow_outage_is_waited_for() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.send_many(5).await;
    let message = sales.message(json!({"kind": "move_objects", "moves": "Archive"}), 0);
    for (time_ms, is_waited_for) in [(3 * ONE_FILE_MS, true), (ONE_FILE_MS, false)] {
        sales.road.move_ms = time_ms;
        sales.road.faults.fail_on("copy", Fault::Before, 5);
        let delivered = sales.road.deliver(&message).await;
        sales.road.faults.stop();
        assert_eq!(
            matches!(delivered, Delivered::Failed(_)),
            is_waited_for,
            "{delivered:?}"
        );
        assert_eq!(sales.road.queues.is_empty(), is_waited_for);
    }
    sales.road.settle().await;
    assert_eq!(sales.archived().await, ("4".to_owned(), 1));
}
