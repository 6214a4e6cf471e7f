//! Faults against a running stack, one test at a time: processes killed at named points, messages that come twice, late
//! or never were ours, a database that is away, replies that are lost. Seeds are printed; `MILLRACE_TEST_SEED` sets
//! them. While faults run nothing may be doubled; after they stop everything has to settle in time.

mod deliveries;
mod documents;
mod fetch;
mod hostile;
mod kills;
mod outages;
mod races;
mod readers;

use std::time::Duration;

use futures_util::future::join_all;
use millrace_tests::Random;
use millrace_tests::stack::{Api, AttendanceSpecs, Emulator, Model, Row, Stack, random_rows};
use serde_json::Value;

/// How long after the last fault everything has to be settled.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

const DEAD_LETTERS: [&str; 6] = [
    "IngestDeadLetterQueueUrl",
    "ChunkDeadLetterQueueUrl",
    "PerfDeadLetterQueueUrl",
    "StatusDeadLetterQueueUrl",
    "PdfDeadLetterQueueUrl",
    "FetchDeadLetterQueueUrl",
];

/// A batch of files on its way, and what has to come of it.
struct Batch {
    api: Api,
    specs: AttendanceSpecs,
    model: Model,
    /// Names and ids.
    files: Vec<(String, String)>,
}

impl Batch {
    /// Specs and schools, nothing else yet.
    async fn prepare(stack: &Stack, stem: &str) -> Self {
        let api = stack.api();
        stack.controls().clear_faults().await;
        stack.controls().release_all().await;
        let specs = AttendanceSpecs::create(&api, stem).await;
        specs.send_schools(&api, 8).await;
        Self {
            api,
            specs,
            model: Model::default(),
            files: Vec::new(),
        }
    }

    /// Sends so many files of so many rows, all at once.
    async fn send(&mut self, random: &mut Random, count: usize, rows: usize) {
        let first = self.files.len();
        let made: Vec<(String, Vec<Row>)> = (0..count)
            .map(|at| (format!("file {}.csv", first + at), random_rows(random, rows)))
            .collect();
        for ten in made.chunks(10) {
            let ids = join_all(
                ten.iter()
                    .map(|(name, rows)| self.specs.send(&self.api, name, rows)),
            )
            .await;
            for ((name, rows), file_id) in ten.iter().zip(ids) {
                self.model.set(name, rows);
                self.files.push((name.clone(), file_id));
            }
        }
    }

    /// Waits until every file is at its end, which has to be the good one.
    async fn settle(&self) -> Vec<Value> {
        let settled = join_all(
            self.files
                .iter()
                .map(|(_, file_id)| self.api.settled(file_id, SETTLED_WITHIN)),
        )
        .await;
        for file in &settled {
            assert_eq!(file["status"], "Ready_to_archive", "{file}");
        }
        settled
    }

    /// Fails unless figures, rows and chunks are exactly those of the files.
    async fn assert_exact(&self, stack: &Stack) {
        self.model.assert_served(&self.api, &self.specs.by_school).await;
        let sql = stack.sql().await;
        let event = &self.specs.attendance;
        let ours = format!("ingestion_type = 'event' and ingestion_name = '{event}'");
        let current =
            "version = (select max(version) from ingestion.file_tracker n where n.file_id = t.file_id)";
        let kept = format!(
            "select coalesce(sum(kept), 0) from ingestion.file_tracker t where {ours} and mode <> 'delete' and {current}"
        );
        assert_eq!(
            sql.number(&kept).await,
            i64::try_from(self.model.rows().count()).unwrap(),
            "rows kept"
        );
        // Each chunk counted once: what the tracker says is what its chunks hold.
        let off = format!(
            "select count(*) from ingestion.file_tracker t where {ours} and mode <> 'delete' \
             and row(chunks_done::bigint, rows::numeric) is distinct from (select row(count(*), coalesce(sum(c.rows), 0)) \
             from ingestion.chunk c where (c.file_id, c.version) = (t.file_id, t.version))"
        );
        assert_eq!(
            sql.number(&off).await,
            0,
            "file versions whose chunks do not add up"
        );
        let twice = format!(
            "select count(*) from (select target, c.file_id from ingestion.contribution c \
             join ingestion.file_tracker t using (file_id, version) where t.{ours} and is_current group by 1, 2 \
             having count(*) > 1) x"
        );
        assert_eq!(sql.number(&twice).await, 0, "files that count twice");
        self.assert_parts(&sql, &stack.emulator(), stack.output("CollectionsBucketName"))
            .await;
    }

    /// Every registered part is there. Parts that a killed worker left have no row, so nothing reads them.
    async fn assert_parts(&self, sql: &millrace_tests::stack::Query, emulator: &Emulator, bucket: &str) {
        let registered = format!(
            "select part_key from ingestion.chunk join ingestion.file_tracker using (file_id, version) \
             where ingestion_name = '{}' and part_key is not null",
            self.specs.attendance
        );
        let stored = emulator.keys(bucket, &format!("parts/event/{}/", self.specs.attendance));
        for row in sql.rows(&registered).await {
            let key = row[0].clone().unwrap();
            assert!(stored.contains(&key), "{key} is registered and not there");
        }
    }
}

/// What was given up, of all queues; the queues are empty afterwards.
fn dead_letters(stack: &Stack, emulator: &Emulator) -> Vec<String> {
    DEAD_LETTERS
        .iter()
        .flat_map(|name| emulator.drain(stack.output(name)))
        .collect()
}

/// The seed, printed.
fn seed(default: u64) -> Random {
    let seed = Random::seed(default);
    println!("seed {seed} (MILLRACE_TEST_SEED)");
    Random::new(seed)
}
