//! Messages that can never be handled, beside good ones.

use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_tests::{Delivered, Order, Sent};

use super::Sales;

/// A file that nobody knows.
const UNKNOWN: &str = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b";
const UNDECODABLE: [(Queue, &str); 7] = [
    (Queue::Ingest, "{"),
    (Queue::Ingest, "not json"),
    (Queue::Chunk, r#"{"v":1,"kind":"validate_chunk"}"#),
    (Queue::Perf, r#"{"v":1,"kind":"unheard_of","file_id":"x"}"#),
    (
        Queue::Perf,
        r#"{"v":1,"kind":"aggregate","file_id":"FILE","version":1,"dataset":"a b"}"#,
    ),
    (Queue::Status, ""),
    (
        Queue::Status,
        r#"{"v":1,"kind":"reminder","file_id":"x","version":1}"#,
    ),
];
const REJECTED: [(Queue, &str); 5] = [
    (
        Queue::Ingest,
        r#"{"v":1,"kind":"ingest_file","file_id":"UNKNOWN","version":1}"#,
    ),
    (
        Queue::Perf,
        r#"{"v":1,"kind":"aggregate","file_id":"UNKNOWN","version":1,"dataset":"sales_by_shop"}"#,
    ),
    (
        Queue::Perf,
        r#"{"v":1,"kind":"aggregate","file_id":"FILE","version":1,"dataset":"nothing"}"#,
    ),
    (
        Queue::Perf,
        r#"{"v":1,"kind":"load_dimension","file_id":"FILE","version":1}"#,
    ),
    (
        Queue::Status,
        r#"{"v":1,"kind":"facts_changed","file_id":"UNKNOWN","version":1}"#,
    ),
];

#[tokio::test]
async fn poison_reaches_nobody_else() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    for (queue, body) in UNDECODABLE.iter().chain(&REJECTED) {
        let body = body
            .replace("UNKNOWN", UNKNOWN)
            .replace("FILE", &file.file_id.to_string());
        sales.road.queues.push(*queue, body);
    }
    let drained = sales.road.drain(&mut Order::First).await;
    assert_eq!(
        drained.undecodable.len(),
        UNDECODABLE.len(),
        "{:?}",
        drained.undecodable
    );
    assert_eq!(drained.rejected.len(), REJECTED.len(), "{:?}", drained.rejected);
    assert_eq!(drained.failed, 0);
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_later_version_of_a_payload_is_not_thrown_away_unread() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    sales.road.settle().await;
    let message = Sent {
        queue: Queue::Status,
        body: format!(
            r#"{{"v":1,"kind":"facts_changed","file_id":"{}","version":1,"more":[1]}}"#,
            file.file_id
        ),
        delay_seconds: 0,
    };
    assert!(matches!(sales.road.deliver(&message).await, Delivered::Done));
}

#[tokio::test]
async fn sums_that_do_not_fit_refuse_the_file_for_that_dataset() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("good.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    let big = format!(
        "2023-01-08,b,{},1,2\n2023-01-08,b,0.{}1,1,2\n",
        "9".repeat(28),
        "0".repeat(17)
    );
    let file = sales.send("big.csv", Mode::New, &big).await;
    let drained = sales.road.drain(&mut Order::First).await;
    assert_eq!((drained.failed, drained.rejected.len()), (0, 0));
    let record = sales.road.record(file).await;
    assert_eq!(record.facts.error.unwrap().rule.code(), "sum_overflow");
    assert_eq!(record.stored_status, "Error");
    let of_amounts = |figures: &[String]| figures[0].clone();
    assert_eq!(of_amounts(&sales.figures().await), of_amounts(&figures));
    // Taking it back takes it out of the dataset that has it, and the figures are those from before.
    sales.road.delete(file.file_id).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await, figures);
    sales.assert_clean().await;
}
