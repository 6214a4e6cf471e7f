//! The fan-in: a chunk counts once, and the last one completes the file.

use millrace_core::facts::{FileStatus, Mode, status};
use millrace_core::ids::FileVersion;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::chunk_objects::RowErrorObject;
use millrace_store::files::{FinishedChunk, WholeFile};

use super::{Bench, counts, new_id, whole};

fn chunk(file: FileVersion, number: u32) -> FinishedChunk<'static> {
    FinishedChunk {
        file,
        chunk: number,
        part_key: Some(["p0", "p1", "p2"][number as usize]),
        row_errors: Some((["e0", "e1", "e2"][number as usize], 7)),
        counts: counts(3, 1),
        whole: None,
    }
}

const PLAN: WholeFile<'_> = WholeFile {
    chunks: 3,
    sha256: "1",
    size_bytes: 100,
};

#[tokio::test]
async fn chunks_and_plan_come_in_any_order_and_twice() {
    let Some(bench) = Bench::new().await else { return };
    // Where the plan comes among the chunks.
    for plan_at in 0..4 {
        let file = bench.created(&format!("{plan_at}.csv"), Mode::New).await;
        let sha256 = plan_at.to_string();
        let plan = WholeFile {
            sha256: &sha256,
            ..PLAN
        };
        let mut steps: Vec<Option<u32>> = vec![Some(2), Some(0), Some(1)];
        steps.insert(plan_at, None);
        for (at, step) in steps.iter().enumerate() {
            for _ in 0..3 {
                let is_validated = match step {
                    Some(number) => bench.store.finish_chunk(&chunk(file, *number)).await.unwrap(),
                    None => bench.store.finish_plan(file, plan).await.unwrap(),
                };
                assert_eq!(is_validated, at == 3, "step {at} with the plan at {plan_at}");
            }
        }
        let record = bench.store.load_file(file).await.unwrap().unwrap();
        assert_eq!(record.facts.counts, counts(9, 3));
        assert_eq!((record.chunks_expected, record.size_bytes), (Some(3), Some(100)));
        assert_eq!(record.sha256.as_deref(), Some(sha256.as_str()));
        assert_eq!(bench.store.list_parts(file).await.unwrap(), ["p0", "p1", "p2"]);
        let errors: Vec<(u32, String)> = bench
            .store
            .list_row_errors(file)
            .await
            .unwrap()
            .into_iter()
            .map(
                |RowErrorObject {
                     chunk,
                     key,
                     size_bytes,
                 }| {
                    assert_eq!(size_bytes, 7);
                    (chunk, key)
                },
            )
            .collect();
        assert_eq!(
            errors,
            [(0, "e0".to_owned()), (1, "e1".to_owned()), (2, "e2".to_owned())]
        );
        // What completing wrote, once: one message to aggregate, one that the facts changed.
        let outbox = bench.store.list_outbox(file).await.unwrap();
        assert_eq!(outbox.len(), 2, "{outbox:?}");
    }
}

#[tokio::test]
async fn chunks_at_once_complete_a_file_once() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    bench.store.finish_plan(file, PLAN).await.unwrap();
    let chunks: Vec<FinishedChunk<'_>> = [0, 1, 2, 2, 1, 0]
        .into_iter()
        .map(|number| chunk(file, number))
        .collect();
    let finished =
        futures_util::future::join_all(chunks.iter().map(|one| bench.store.finish_chunk(one))).await;
    assert!(
        finished
            .into_iter()
            .filter(|outcome| *outcome.as_ref().unwrap())
            .count()
            >= 1
    );
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert!(record.facts.validated);
    assert_eq!(record.facts.counts, counts(9, 3));
    assert_eq!(bench.store.list_outbox(file).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_without_rows_is_refused() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let mut only = whole(file, "1");
    only.counts = counts(0, 0);
    only.part_key = None;
    for _ in 0..2 {
        bench.store.finish_chunk(&only).await.unwrap();
    }
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(record.facts.error.as_ref().unwrap().rule, Rule::EmptyFile);
    assert!(!record.facts.validated && record.facts.datasets.is_empty());
    assert_eq!(bench.store.list_outbox(file).await.unwrap().len(), 1);
    assert_eq!(bench.count("ingestion.content_claim").await, "0");
}

#[tokio::test]
async fn a_file_of_rejected_rows_alone_is_validated() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let mut only = whole(file, "1");
    only.counts = counts(0, 2);
    only.part_key = None;
    only.row_errors = Some(("e", 9));
    assert!(bench.store.finish_chunk(&only).await.unwrap());
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(status(&record.facts), FileStatus::Processing);
    assert_eq!(record.facts.counts, counts(0, 2));
    assert!(bench.store.list_parts(file).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_first_reason_stays_and_a_validated_file_is_not_refused() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let (first, second) = (
        FileError::of_file(Rule::NotCsv, "first"),
        FileError::of_file(Rule::EmptyFile, "second"),
    );
    assert!(bench.store.fail_file(file, &first).await.unwrap());
    assert!(!bench.store.fail_file(file, &second).await.unwrap());
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(record.facts.error, Some(first.clone()));
    assert!(record.received_at.is_some());
    // A chunk that comes late changes nothing of that.
    assert!(!bench.store.finish_chunk(&whole(file, "1")).await.unwrap());
    assert!(
        bench
            .store
            .load_file(file)
            .await
            .unwrap()
            .unwrap()
            .facts
            .datasets
            .is_empty()
    );
    let good = bench.validated("b.csv", Mode::New, "2").await;
    assert!(!bench.store.fail_file(good, &first).await.unwrap());
    assert_eq!(
        bench.store.load_file(good).await.unwrap().unwrap().facts.error,
        None
    );
}

#[tokio::test]
async fn receiving_is_recorded_once() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    bench.store.mark_received(file, 10, 5).await.unwrap();
    let first = bench.store.load_file(file).await.unwrap().unwrap();
    bench.store.mark_received(file, 99, 6).await.unwrap();
    let second = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(
        (first.received_at.clone(), Some(10)),
        (second.received_at.clone(), second.size_bytes)
    );
    assert!(first.received_at.is_some());
    bench
        .store
        .mark_received(
            FileVersion {
                file_id: new_id(5),
                version: 1,
            },
            1,
            5,
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_status_is_stored_where_people_look() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let stored = async || bench.store.load_file(file).await.unwrap().unwrap().stored_status;
    assert_eq!(stored().await, "Upload_in_progress");
    for _ in 0..2 {
        bench.store.store_status(file, "Uploaded").await.unwrap();
        assert_eq!(stored().await, "Uploaded");
    }
    assert!(
        bench
            .store
            .load_file(FileVersion { version: 2, ..file })
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_database_itself_refuses_rows_that_do_not_add_up() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let mut wrong = whole(file, "1");
    wrong.counts.rows = 5;
    let failure = bench.store.finish_chunk(&wrong).await.unwrap_err();
    assert_eq!(failure.detail.as_deref(), Some("23514"));
    assert!(!bench.store.load_file(file).await.unwrap().unwrap().facts.received);
}
