//! Functions send where their roles let them; what another has left is another's.

use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_tests::Order;

use super::Sales;

/// Whoever registered the file had it ingested and died before that was noted: the message that csv-ingest may not send
/// lies before those that it has to send, and stands in nobody's way.
#[tokio::test]
async fn a_message_that_is_another_functions_stands_in_nobodys_way() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    let post = format!(
        "select ingestion.post('{}', {}, 'ingest', 'ingest_file')",
        file.file_id, file.version
    );
    sales.database.script(&post).await;
    // Its notification: csv-ingest handles it, and sends on what it may.
    sales.road.deliver_some(&mut Order::First, 1).await;
    let sent: Vec<Queue> = sales
        .road
        .queues
        .all()
        .iter()
        .filter(|message| !message.is_reminder())
        .map(|message| message.queue)
        .collect();
    assert!(
        sent.contains(&Queue::Perf) && !sent.contains(&Queue::Ingest),
        "{sent:?}"
    );
    let left = "select string_agg(queue, ' ') from operations.outbox";
    assert_eq!(sales.database.value(left).await.as_deref(), Some("ingest"));
    // The reminder is the status-updater's, which may send it.
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    sales.assert_clean().await;
}
