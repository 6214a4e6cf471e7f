//! What S3 tells, and how it tells it: again, late, in any order, encoded, and what is no object's.

use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_core::object_key::ArrivedObject;
use millrace_tests::{Order, Random};
use serde_json::json;

use super::super::{SALES, Sales};
use super::{chance, rows};

const UPLOADS: usize = 170;
/// Objects that other systems drop, each written twice.
const DROPS: usize = 90;
/// Events of all objects together, beside those that are no object's.
const EVENTS: usize = 1_000;
/// Names, and versions of each.
const NAMES: usize = 100;

/// What S3 says of a write; the key as S3 writes it, or with everything encoded that can be.
fn event(arrived: &ArrivedObject, random: &mut Random) -> String {
    let object = &arrived.object;
    let is_all = random.happens(300);
    let encoded = |byte: u8| match byte {
        b' ' if !is_all => "+".to_owned(),
        b'/' | b'.' | b'-' | b'_' if !is_all => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() && !is_all => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let key: String = object.key.bytes().map(encoded).collect();
    // A drop's writes are ordered by it; an upload is written once, and what it says does not matter.
    let sequencer = match object.key.starts_with("uploads/") {
        true => Some(format!("{:016X}", random.number())),
        false => arrived.sequencer.clone(),
    };
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "awsRegion": "us-east-1", "eventTime": "2026-03-10T05:16:23.987Z",
        "userIdentity": {"principalId": "AWS:tests"}, "requestParameters": {"sourceIPAddress": "203.0.113.17"},
        "responseElements": {}, "s3": {"s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": "landing", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::landing"},
            "object": {"key": key, "size": arrived.size_bytes, "eTag": object.etag, "versionId": object.version,
                "sequencer": sequencer}}}]})
    .to_string()
}

impl Sales {
    /// What the last write of an object is told as, instead of which nothing is in the queue.
    fn told(&self, key: &str, bytes: String) -> ArrivedObject {
        let arrived = self.road.write(key, bytes);
        self.road.queues.take(self.road.queues.len() - 1).unwrap();
        arrived
    }

    /// Every file and every drop, written; what S3 would tell.
    async fn writes(&self) -> Vec<ArrivedObject> {
        let mut writes = Vec::new();
        for number in 0..UPLOADS {
            let begun = self
                .road
                .begin(SALES, &format!("{number}.csv"), Mode::New)
                .await
                .unwrap();
            let millrace_store::files::BeginVersion::Created(version) = begun else {
                panic!("{begun:?}");
            };
            let key = millrace_core::object_key::upload(version.file);
            writes.push(self.told(&key, Self::csv(&rows(1, "upload", number))));
        }
        for number in 0..DROPS {
            let key = format!("drops/event/sales/day {number} \u{e9}+&=.csv");
            for amount in [number, 1_000 + number] {
                writes.push(self.told(&key, Self::csv(&rows(1, "drop", amount))));
            }
        }
        writes
    }
}

#[tokio::test]
async fn a_thousand_events_in_any_order_make_each_file_once() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let mut random = chance(82);
    let writes = sales.writes().await;
    let mut events: Vec<String> = Vec::new();
    // Each of them at least once, then any of them again, up to five times.
    let mut times = vec![1; writes.len()];
    while times.iter().sum::<usize>() < EVENTS {
        let at = random.below(times.len());
        times[at] += usize::from(times[at] < 5);
    }
    for (arrived, times) in writes.iter().zip(&times) {
        events.extend((0..*times).map(|_| event(arrived, &mut random)));
    }
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-10T05:16:23.987Z",
        "Bucket": "landing", "RequestId": "x", "HostId": "y"});
    events.extend(std::iter::repeat_n(test.to_string(), 20));
    while !events.is_empty() {
        let event = events.swap_remove(random.below(events.len()));
        sales.road.queues.push(Queue::Ingest, event);
        sales.road.deliver_some(&mut Order::First, random.below(4)).await;
    }
    sales.road.settle().await;
    let files = "select concat_ws(' ', count(*), (select count(*) from operations.dropped_object), \
         (select count(*) from ingestion.file_tracker where file_status not in ('Ready_to_archive', 'Error'))) \
         from ingestion.file";
    let expected = format!("{} {} 0", UPLOADS + DROPS, 2 * DROPS);
    assert_eq!(
        sales.lines(files).await,
        [expected],
        "files, writes of drops, versions on their way"
    );
    // A version an upload; of a drop one a write, and one more where the later write is registered anew behind the older one,
    // whose event came late.
    let versions = async |of: &str| {
        let query = format!(
            "select string_agg(distinct versions::text, ' ' order by versions::text) from ( \
             select count(*) as versions from ingestion.file_tracker t join ingestion.file f using (file_id) \
             where {of} group by file_id) v"
        );
        sales.lines(&query).await
    };
    assert_eq!(versions("f.file_name not like 'day%'").await, ["1"]);
    assert_eq!(versions("f.file_name like 'day%'").await, ["2 3"]);
    let sums = "select concat_ws(' ', shop, sum(sum_amount), sum(count_amount)) from ingestion.sales_by_shop \
         group by shop order by shop";
    let drops: usize = (0..DROPS).map(|number| 1_000 + number).sum();
    let uploads: usize = (0..UPLOADS).sum();
    let expected = [
        format!("drop {drops} {DROPS}"),
        format!("upload {uploads} {UPLOADS}"),
    ];
    assert_eq!(sales.lines(sums).await, expected);
    sales.assert_clean().await;
}

/// The same bytes again, other bytes, and other bytes once more, whose events come in any order; and each file's last bytes
/// under another name.
#[tokio::test]
async fn a_hundred_names_of_four_versions_count_what_came_last() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let mut random = chance(83);
    let mut order = Order::Random {
        random: Random::new(random.number()),
        twice_permille: 200,
        reminders_permille: 150,
    };
    for name in 0..NAMES {
        let file = format!("{name}.csv");
        let versions = [name, name, 1_000 + name, 2_000 + name];
        for (at, amount) in versions.into_iter().enumerate() {
            let mode = if at == 0 { Mode::New } else { Mode::Replace };
            sales.send(&file, mode, &rows(1, "a", amount)).await;
        }
        sales.road.deliver_some(&mut order, random.below(40)).await;
    }
    sales.road.drain(&mut order).await;
    for name in 0..NAMES {
        let copy = format!("copy of {name}.csv");
        sales.send(&copy, Mode::New, &rows(1, "a", 2_000 + name)).await;
    }
    sales.road.drain(&mut order).await;
    let total: usize = (0..NAMES).map(|name| 2_000 + name).sum();
    let sums = "select concat_ws(' ', sum(sum_amount), sum(count_amount)) from ingestion.sales_by_shop";
    assert_eq!(sales.lines(sums).await, [format!("{total} {NAMES}")]);
    let versions = "select concat_ws(' ', count(*), count(distinct file_id), \
         count(*) filter (where file_status = 'Ready_to_archive'), \
         count(*) filter (where unchanged_of is not null and unchanged_of <> file_id)) from ingestion.file_tracker";
    let expected = format!("{} {} {} {NAMES}", 5 * NAMES, 2 * NAMES, 5 * NAMES);
    assert_eq!(sales.lines(versions).await, [expected]);
    sales.assert_clean().await;
}
