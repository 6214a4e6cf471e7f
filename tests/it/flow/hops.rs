//! Messages that a function sends to its own queue are counted, and a chain that does not end is stopped where it is seen.

use millrace_app::hops::{HopSender, MOST_HOPS};
use millrace_app::outbox::{OUTBOX_PAGE, send_outbox};
use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_tests::{Delivered, specs};
use serde_json::{Value, json};

use super::{BY_SHOP, Sales, drive_all};

const LATER: &str = "sales_by_day";
/// More than one message sends on at once, twice over.
const FILES: usize = 2 * OUTBOX_PAGE as usize + 20;

/// A dataset that owes its messages to many files.
async fn owing() -> Option<Sales> {
    let sales = Sales::new().await?;
    sales.send_many(FILES).await;
    let body = specs::dataset(&specs::Dataset {
        name: LATER,
        event: "sales",
        group_by: &["day"],
        functions: &["sum"],
        columns: &["sold"],
        ..specs::Dataset::default()
    });
    specs::create(&sales.database.owner_store(), &body).await;
    Some(sales)
}

fn message(hop: u32) -> Value {
    json!({"kind": "drive_dataset", "dataset": LATER, "hop": hop})
}

/// The hops of the waiting messages of a queue.
fn hops(sales: &Sales, queue: Queue) -> Vec<Option<u64>> {
    let waiting = sales
        .road
        .queues
        .all()
        .into_iter()
        .filter(|sent| sent.queue == queue);
    let read = waiting.map(|sent| serde_json::from_str::<Value>(&sent.body).unwrap());
    read.map(|body| body["hop"].as_u64()).collect()
}

async fn sum(sales: &Sales) -> Vec<String> {
    sales.lines("select sum_sold from ingestion.sales_by_day").await
}

#[tokio::test]
async fn each_message_to_its_own_queue_is_one_hop_further() {
    let Some(sales) = owing().await else { return };
    sales.ask(Queue::Status, message(0));
    let mut seen = Vec::new();
    while let Some(at) = sales
        .road
        .queues
        .all()
        .iter()
        .position(|sent| sent.body.contains("drive_dataset"))
    {
        let message = sales.road.queues.take(at).unwrap();
        assert!(matches!(sales.road.deliver(&message).await, Delivered::Done));
        seen.extend(hops(&sales, Queue::Status));
    }
    assert_eq!(seen, [Some(1), Some(2)]);
    // Another function's queue counts anew.
    assert_eq!(hops(&sales, Queue::Perf), vec![None; FILES]);
    sales.road.settle().await;
    assert_eq!(sum(&sales).await, [FILES.to_string()]);
}

#[tokio::test]
async fn a_chain_that_does_not_end_stops_loudly_and_loses_nothing() {
    let Some(sales) = owing().await else { return };
    sales.ask(Queue::Status, message(MOST_HOPS));
    let first = sales.road.queues.take(0).unwrap();
    match sales.road.deliver(&first).await {
        // A failure that no time mends: the message is in the dead-letter queue after its attempts.
        Delivered::Failed(failure) => {
            assert!(failure.kind.is_hopeless(), "{failure:?}");
            assert!(failure.to_string().contains("hops.send"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(hops(&sales, Queue::Status), []);
    sales.road.settle().await;
    assert_eq!(sum(&sales).await, [""; 0], "it is not shown before it has all");
    // Whoever drives on begins a new chain.
    drive_all(&sales.store, sales.road.sender()).await;
    sales.road.settle().await;
    assert_eq!(sum(&sales).await, [FILES.to_string()]);
    sales.assert_clean().await;
}

/// What a queue of its own does not get any more does not keep other queues' messages back.
#[tokio::test]
async fn a_chain_that_is_stopped_sends_what_goes_elsewhere() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    sales.road.queues.purge();
    let script = format!(
        "delete from operations.outbox; \
         select ingestion.post('{id}', 1, 'perf', 'load_dimension'); \
         select ingestion.post('{id}', 1, 'status', 'facts_changed')",
        id = file.file_id
    );
    sales.database.script(&script).await;
    let message = message(MOST_HOPS).to_string();
    let sender = HopSender::behind(&message, sales.road.sender(), &[Queue::Perf]);
    let failure = send_outbox(&sales.store, &sender, file).await.unwrap_err();
    assert!(failure.kind.is_hopeless(), "{failure:?}");
    assert_eq!(hops(&sales, Queue::Status), [None]);
    let left = sales.store.list_outbox(file).await.unwrap();
    assert_eq!((left.len(), left[0].queue), (1, Queue::Perf));
    let sent = send_outbox(&sales.store, sales.road.sender(), file).await;
    assert_eq!(sent.unwrap(), 1);
}

/// Chunks are sent by the function that receives them, and send none themselves.
#[tokio::test]
async fn chunks_are_one_hop() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    sales.road.chunk_bytes = 20;
    sales
        .send("a.csv", Mode::New, &"2023-01-08,a,1,1,2\n".repeat(9))
        .await;
    let arrived = sales.road.queues.take(0).unwrap();
    assert!(matches!(sales.road.deliver(&arrived).await, Delivered::Done));
    let chunks = hops(&sales, Queue::Chunk);
    assert!(
        chunks.len() > 3 && chunks.iter().all(|hop| *hop == Some(1)),
        "{chunks:?}"
    );
    sales.road.settle().await;
    let sum = format!("select sum_amount from ingestion.{BY_SHOP}");
    assert_eq!(sales.lines(&sum).await, ["9"]);
}

/// A look at the whole that is longer than a message goes on by the next one.
#[tokio::test]
async fn a_reconciliation_goes_on_one_hop_further_and_stops_at_the_limit() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    // More than a message looks at: versions that count nowhere.
    let script = "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name, latest_version) \
            select cast(md5(n::text) as uuid), 'event', 'sales', n::text, 1 from generate_series(1, 2100) n; \
         insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
            file_name, mode, chunks_expected, created_by, received_at, validated_at, unchanged_of) \
            select file_id, 1, 'event', 'sales', 1, file_name, 'new', 0, 'tests', now(), now(), gen_random_uuid() \
            from ingestion.file";
    sales.database.script(script).await;
    for (day, hop) in [("one", 0), ("two", 7), ("three", MOST_HOPS)] {
        sales.road.trigger = day.to_owned();
        let begin = |hop: u32| {
            let body = format!(r#"{{"v":1,"kind":"reconcile_all","hop":{hop}}}"#);
            sales.road.queues.push(Queue::Perf, body);
            sales.road.queues.take(0).unwrap()
        };
        let mut next = Some(begin(hop));
        let mut first = u64::from(hop) + 1;
        if hop == MOST_HOPS {
            match sales.road.deliver(&next.take().unwrap()).await {
                Delivered::Failed(failure) => assert!(failure.kind.is_hopeless(), "{failure:?}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(hops(&sales, Queue::Perf), []);
            // Whoever asks again begins a new chain.
            (next, first) = (Some(begin(0)), 1);
        }
        let mut seen = Vec::new();
        while let Some(message) = next {
            assert!(matches!(sales.road.deliver(&message).await, Delivered::Done));
            seen.extend(hops(&sales, Queue::Perf));
            next = sales.road.queues.take(0);
        }
        assert_eq!(seen, [Some(first), Some(first + 1)], "{day}");
        let look = sales.store.list_reconciliations(None, 1).await.unwrap().remove(0);
        assert!(look.finished_at.is_some() && look.findings == 0 && look.checked > 2_100);
    }
}
