//! Messages that come twice, late, in any order, or were never ours.

use futures_util::future::join_all;
use millrace_tests::Random;
use millrace_tests::stack::{Stack, random_rows, unique, wait_until};
use serde_json::{Value, json};

use super::{Batch, SETTLED_WITHIN, dead_letters, seed};

/// What S3 says of an object; the key as S3 writes it, or with everything encoded that can be.
fn notification(bucket: &str, key: &str, random: &mut Random) -> String {
    let key = if random.happens(300) {
        key.bytes().map(|byte| format!("%{byte:02X}")).collect()
    } else {
        key.to_owned()
    };
    let sequencer = format!("{:016X}", random.number());
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2024-01-25T00:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:tests"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "x"}, "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": key, "size": 1, "eTag": "x", "sequencer": sequencer}}}]})
    .to_string()
}

fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}

/// Names, and versions of each.
const NAMES: usize = 12;
const VERSIONS: usize = 5;

/// Sends the further versions of every file of the batch, without waiting for those before.
async fn replace_all(batch: &mut Batch, random: &mut Random) {
    for _ in 1..VERSIONS {
        for ten in batch.files.clone().chunks(10) {
            let rows: Vec<_> = ten.iter().map(|_| random_rows(random, 60)).collect();
            let sent = ten.iter().zip(&rows);
            let sent = sent.map(|((name, id), rows)| batch.specs.replace(&batch.api, id, name, rows));
            join_all(sent).await;
            for ((name, _), rows) in ten.iter().zip(&rows) {
                batch.model.set(name, rows);
            }
        }
    }
}

/// Every object's event one to sixteen times, test events, and events of objects that no upload was given; shuffled.
fn events(batch: &Batch, bucket: &str, random: &mut Random) -> Vec<String> {
    let mut events = Vec::new();
    for (_, file_id) in &batch.files {
        for version in 1..=VERSIONS {
            for _ in 0..=random.below(16) {
                events.push(notification(
                    bucket,
                    &format!("uploads/{file_id}/{version}.csv"),
                    random,
                ));
            }
        }
    }
    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket}).to_string();
    events.extend(std::iter::repeat_n(test_event, 10));
    let never_stored = "uploads/01890000-0000-7000-8000-000000000000/1.csv";
    for key in ["uploads/x/1.csv", "drops/a+b%C3%BC.csv", "sources/", never_stored] {
        events.push(notification(bucket, key, random));
    }
    shuffle(&mut events, random);
    events
}

/// Every event again and again, in any order, test events in between.
#[tokio::test]
async fn faults_events_twice_late_and_shuffled_change_nothing() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, emulator) = (seed(81), stack.emulator());
    let mut batch = Batch::prepare(&stack, "shuffled").await;
    dead_letters(&stack, &emulator);
    batch.send(&mut random, NAMES, 60).await;
    replace_all(&mut batch, &mut random).await;
    let events = events(&batch, stack.output("LandingBucketName"), &mut random);
    let queue = stack.output("IngestQueueUrl");
    emulator.send_all(queue, &events);
    batch.settle().await;
    let is_empty = || async { emulator.depth(queue) == 0 };
    assert!(wait_until(SETTLED_WITHIN, is_empty).await, "events are left over");
    for (_, file_id) in &batch.files {
        for version in 1..=VERSIONS as u64 {
            batch.api.settled_version(file_id, version, SETTLED_WITHIN).await;
        }
    }
    println!(
        "{} events beside S3's own for {} versions",
        events.len(),
        NAMES * VERSIONS
    );
    batch.assert_exact(&stack).await;
    let event = &batch.specs.attendance;
    let versions = format!("select count(*) from ingestion.file_tracker where ingestion_name = '{event}'");
    let versions = stack.sql().await.number(&versions).await;
    assert_eq!(
        usize::try_from(versions).unwrap(),
        NAMES * VERSIONS,
        "no version comes of an event"
    );
    assert_eq!(dead_letters(&stack, &emulator), Vec::<String>::new());
}

/// Envelopes that nobody can read, beside good files.
#[tokio::test]
async fn faults_poison_ends_in_the_dead_letter_queue_and_harms_no_other() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, emulator) = (seed(82), stack.emulator());
    let mut batch = Batch::prepare(&stack, "poisoned").await;
    dead_letters(&stack, &emulator);
    let mark = unique("poison");
    let bodies = |queue: &str| {
        let told = |value: Value| value.to_string();
        vec![
            format!("{{ {mark} {queue}"),
            format!("\u{1F4A5} {mark} {queue}"),
            told(json!({"v": 1, "kind": "explode", "mark": mark, "queue": queue})),
            told(json!({"v": "one", "kind": "aggregate", "mark": mark, "queue": queue})),
            told(json!([mark, queue])),
            told(
                json!({"v": 1, "kind": "validate_chunk", "file_id": "x", "version": -1, "mark": mark, "queue": queue}),
            ),
        ]
    };
    let queues = [
        "IngestQueueUrl",
        "ChunkQueueUrl",
        "PerfQueueUrl",
        "StatusQueueUrl",
    ];
    let mut poison = Vec::new();
    for queue in queues {
        let bodies = bodies(queue);
        emulator.send_all(stack.output(queue), &bodies);
        poison.extend(bodies);
    }
    batch.send(&mut random, 10, 100).await;
    batch.settle().await;
    batch.assert_exact(&stack).await;
    let mut found = Vec::new();
    let is_there = wait_until(SETTLED_WITHIN, || {
        found.extend(dead_letters(&stack, &emulator));
        let is_all = found.len() >= poison.len();
        async move { is_all }
    })
    .await;
    found.sort();
    poison.sort();
    assert!(
        is_there && found == poison,
        "given up: {found:#?}\nsent: {poison:#?}"
    );
}

/// Queues that lose everything: the files are driven on from the facts.
#[tokio::test]
async fn faults_lost_queues_are_made_good_from_the_facts() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, emulator, controls) = (seed(83), stack.emulator(), stack.controls());
    let mut batch = Batch::prepare(&stack, "purged").await;
    for (piece, at) in [
        ("ingestion.finish_chunk", "before"),
        ("ingestion.apply_contribution", "before"),
        ("operations.outbox", "before"),
    ] {
        let hold = controls.hold(piece, at, 40).await;
        batch.send(&mut random, 6, 80).await;
        assert!(
            hold.reached(2, std::time::Duration::from_secs(30)).await,
            "{piece} is not reached"
        );
        for name in ["csv-ingest", "perf-worker", "status-updater"] {
            let _ = stack.function(name).kill();
        }
        hold.discard().await;
        for queue in [
            "IngestQueueUrl",
            "ChunkQueueUrl",
            "PerfQueueUrl",
            "StatusQueueUrl",
        ] {
            emulator.call("sqs", "purge_queue", json!({"QueueUrl": stack.output(queue)}));
        }
        let driven = batch.api.post("/ingestion/drive", &json!({})).await;
        assert!(
            driven.expect(202)["files"]
                .as_u64()
                .is_some_and(|files| files > 0),
            "{}",
            driven.text
        );
        batch.settle().await;
    }
    batch.assert_exact(&stack).await;
}
