//! Messages that wait beside the state that caused them, and health.

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use millrace_core::message::{Envelope, PerfMessage, StatusMessage};
use millrace_core::name::Name;
use millrace_fn_migrate::migrations::latest_version;

use super::{Bench, DATASET, new_id};

#[tokio::test]
async fn messages_are_there_until_they_were_sent() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let other = bench.validated("b.csv", Mode::New, "2").await;
    let waiting = bench.store.list_outbox(file).await.unwrap();
    let queues: Vec<Queue> = waiting.iter().map(|message| message.queue).collect();
    assert_eq!(queues, [Queue::Status, Queue::Perf]);
    let status: Envelope<StatusMessage> = serde_json::from_value(waiting[0].body.clone()).unwrap();
    assert_eq!(status, Envelope::new(StatusMessage::FactsChanged { file }));
    let perf: Envelope<PerfMessage> = serde_json::from_value(waiting[1].body.clone()).unwrap();
    let dataset = Name::parse(DATASET).unwrap();
    assert_eq!(
        perf,
        Envelope::new(PerfMessage::Aggregate {
            file,
            dataset,
            parts_done: 0
        })
    );
    let open = async |before| {
        let open = bench.store.list_open_files(before, 1).await.unwrap();
        open.into_iter().next()
    };
    let newest = open(None).await.unwrap();
    assert_eq!(newest.file, other);
    let oldest = open(Some(newest.sequence)).await.unwrap();
    assert_eq!(oldest.file, file);
    assert_eq!(open(Some(oldest.sequence)).await, None);
    let for_dataset = async |name: &str| {
        let messages = bench
            .store
            .list_outbox_of_dataset(&Name::parse(name).unwrap(), 10)
            .await;
        messages
            .unwrap()
            .iter()
            .map(|message| message.outbox_id)
            .collect::<Vec<_>>()
    };
    let others = bench.store.list_outbox(other).await.unwrap();
    assert_eq!(
        for_dataset(DATASET).await,
        [waiting[1].outbox_id, others[1].outbox_id]
    );
    assert_eq!(for_dataset("another").await, [0_i64; 0]);
    for _ in 0..2 {
        bench
            .store
            .complete_outbox(&[waiting[0].outbox_id])
            .await
            .unwrap();
        assert_eq!(bench.store.list_outbox(file).await.unwrap().len(), 1);
    }
    bench.store.complete_outbox(&[]).await.unwrap();
    assert_eq!(bench.store.list_outbox(other).await.unwrap().len(), 2);
    let unknown = FileVersion {
        file_id: new_id(1),
        version: 1,
    };
    assert!(bench.store.list_outbox(unknown).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_that_fails_leaves_no_message() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    bench
        .database
        .script(
            "alter table ingestion.contribution add constraint never check (target <> 'visits_by_school')",
        )
        .await;
    bench
        .store
        .finish_chunk(&super::whole(file, "1"))
        .await
        .unwrap_err();
    assert!(bench.store.list_outbox(file).await.unwrap().is_empty());
    assert!(
        !bench
            .store
            .load_file(file)
            .await
            .unwrap()
            .unwrap()
            .facts
            .validated
    );
}

#[tokio::test]
async fn health_names_the_schema() {
    let Some(bench) = Bench::bare() else { return };
    assert_eq!(
        bench.store.schema_version().await.unwrap(),
        Some(i64::from(latest_version()))
    );
}
