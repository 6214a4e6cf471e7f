//! Changes of specs that have many files: each is one call, and has to end before the Data API ends it.
//!
//! `MILLRACE_TEST_MANY_FILES` says how many files there are, and `--nocapture` shows how long the database took:
//! `infra/performance.md` has the figures of 100,000.

use millrace_core::definition::SpecKind;
use millrace_core::ids::RunId;
use millrace_core::name::Name;
use millrace_store::pipelines::{BeginPipelineRun, NewPipelineRun, RunCounts};
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_tests::{specs, test_variable};
use serde_json::{Value, json};

use super::{Bench, DATASET, visits, visits_by_school};

const NIGHTLY: &str = "nightly";

/// Files in a test that measures nothing.
const FEW: usize = 1_100;

/// A database with many files of the event, and what is done with it.
struct Many {
    bench: Bench,
    files: usize,
}

impl Many {
    async fn new() -> Option<Self> {
        let bench = Bench::bare()?;
        let files = test_variable("MILLRACE_TEST_MANY_FILES").map_or(FEW, |files| files.parse().unwrap());
        specs::create(&bench.owner, &visits()).await;
        let many = Self { bench, files };
        many.add_version("true", "'new'", 1).await;
        Some(many)
    }

    /// Has each file whose number `n` fits a condition have a version that is validated.
    async fn add_version(&self, condition: &str, mode: &str, version: u32) {
        let files = self.files;
        let script = format!(
            "create temporary table many as select n, cast(md5(n::text) as uuid) as file_id \
                from generate_series(1, {files}) n where {condition}; \
             insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name, latest_version) \
                select file_id, 'event', 'visits', n::text, {version} from many on conflict do nothing; \
             insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
                file_name, mode, chunks_expected, created_by, received_at, validated_at) \
                select file_id, {version}, 'event', 'visits', 1, n::text, {mode}, 0, 'tests', now(), now() \
                from many order by n; \
             drop table many; analyze ingestion.file, ingestion.file_tracker"
        );
        self.bench.database.script(&script).await;
    }

    async fn script(&self, script: &str) {
        self.bench.database.script(script).await;
    }

    /// How many of the files' numbers fit.
    fn numbers(&self, fits: impl Fn(usize) -> bool) -> u64 {
        (1..=self.files).filter(|number| fits(*number)).count() as u64
    }

    async fn count(&self, what: &str) -> u64 {
        self.bench.count(what).await.parse().unwrap()
    }

    /// Does something, and shows how long the database's clock went on meanwhile.
    async fn timed<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let database = &self.bench.database;
        let begun = database.value("select clock_timestamp()").await.unwrap();
        let done = work.await;
        let ms =
            format!("select round(extract(epoch from clock_timestamp() - timestamptz '{begun}') * 1000)");
        let (files, ms) = (self.files, database.value(&ms).await.unwrap());
        println!("{files} files: {what}: {ms} ms");
        done
    }

    /// Ends all that is pending, as if it had been taken in.
    async fn take_in(&self) {
        self.script(
            "update ingestion.contribution set state = 'applied', settled_at = now(), is_held = false, \
                is_current = true where state = 'pending'; \
             update ingestion.dataset set building = false; delete from operations.outbox; \
             analyze ingestion.contribution",
        )
        .await;
    }

    /// Deletes and replaces files, of which some are refused and some unchanged; and some came, or came and went, meanwhile.
    async fn change_while_retired(&self) {
        self.add_version(
            "n % 5 <> 0",
            "case when n % 3 = 0 then 'delete' else 'replace' end",
            2,
        )
        .await;
        self.script(
            "update ingestion.file_tracker set error = '{}' where version = 2 and mode <> 'delete' \
                and file_name::integer % 7 = 0; \
             update ingestion.file_tracker set unchanged_of = file_id where version = 2 and mode <> 'delete' \
                and file_name::integer % 11 = 0; \
             delete from ingestion.contribution where file_id in (select file_id from ingestion.file \
                where file_name::integer % 13 = 0); analyze ingestion.contribution",
        )
        .await;
    }

    async fn retire(&self, kind: SpecKind, name: &str) {
        let retired = self.bench.owner.retire_spec(kind, name, "tests");
        let what = format!("retire the {}", kind.as_str());
        assert_eq!(self.timed(&what, retired).await.unwrap(), RetireSpec::Retired);
    }

    async fn restore(&self, kind: SpecKind, name: &str) {
        let restored = self.bench.owner.restore_spec(kind, name);
        let what = format!("restore the {}", kind.as_str());
        assert_eq!(self.timed(&what, restored).await.unwrap(), RestoreSpec::Restored);
    }

    /// Begins a run, and reads what it found.
    async fn run(&self, number: u8) -> RunCounts {
        let (store, name) = (&self.bench.store, Name::parse(NIGHTLY).unwrap());
        let run_id = RunId::from_time_and_random(1_700_000_000_000, [number; 10]);
        let new = NewPipelineRun {
            run_id,
            pipeline: &name,
            is_scheduled: false,
            requested_by: "tests",
            idempotency: None,
        };
        let begun = self.timed("begin a run", store.begin_pipeline_run(&new)).await;
        assert_eq!(begun.unwrap(), BeginPipelineRun::Created { run_id });
        let read = store.load_pipeline_run(&name, run_id);
        let read = self.timed("read the run", read).await;
        read.unwrap().unwrap().counts
    }
}

fn pipeline() -> Value {
    json!({"ingestion_type": "pipeline", "pipeline_name": NIGHTLY, "pipeline_type": "ingest_to_db",
        "runs": "on_request", "pipeline": [{"event_name": "visits", "dataset_name": DATASET}]})
}

const PENDING: &str = "ingestion.contribution where state = 'pending'";
const MESSAGES: &str = "operations.outbox where queue = 'perf'";

#[tokio::test]
async fn a_dataset_takes_in_and_catches_up_with_many_files() {
    let Some(many) = Many::new().await else { return };
    let (bench, files) = (&many.bench, many.files as u64);
    let dataset = visits_by_school();
    many.timed("create a dataset", specs::create(&bench.owner, &dataset))
        .await;
    assert_eq!(many.count(PENDING).await, files);
    let rows = "select count(distinct o.file_id), count(distinct o.outbox_id), \
            count(*) filter (where o.body = jsonb_build_object('v', 1, 'kind', 'aggregate', 'file_id', o.file_id, \
                'version', 1, 'dataset', 'visits_by_school')), \
            count(*) filter (where o.file_id <= o.before) \
         from (select *, lag(file_id) over (order by outbox_id) as before from operations.outbox) o";
    let row = bench.database.query(rows).await.remove(0);
    let expected = [files, files, files, 0].map(|count| Some(count.to_string()));
    assert_eq!(row, expected, "a message a file, in their order");

    // The last one publishes it.
    many.script(
        "update ingestion.contribution set state = 'applied' where file_id <> cast(md5('7') as uuid); \
         analyze ingestion.contribution",
    )
    .await;
    let settle =
        "select ingestion.settle(c, 'applied', 1) from ingestion.contribution c where c.state = 'pending'";
    many.timed("settle the last of them", bench.database.query(settle))
        .await;
    assert_eq!(many.count("ingestion.dataset where building").await, 0);

    many.take_in().await;
    many.script("update ingestion.contribution set is_current = true")
        .await;
    many.retire(SpecKind::Dataset, DATASET).await;
    many.change_while_retired().await;
    many.restore(SpecKind::Dataset, DATASET).await;
    let is_there = |n: usize| !n.is_multiple_of(13);
    let is_deleted = |n: usize| !n.is_multiple_of(5) && n.is_multiple_of(3);
    let is_replaced = |n: usize| {
        !n.is_multiple_of(5) && !n.is_multiple_of(3) && !n.is_multiple_of(7) && !n.is_multiple_of(11)
    };
    let deleted = many.numbers(|n| is_there(n) && is_deleted(n));
    let replaced = many.numbers(is_replaced);
    let first = many.numbers(|n| !is_there(n) && !is_replaced(n) && !is_deleted(n));
    for (which, expected) in [
        ("t.version = 2 and t.mode = 'delete'", deleted),
        ("t.version = 2 and t.mode = 'replace'", replaced),
        ("t.version = 1", first),
        ("true", deleted + replaced + first),
    ] {
        let found = format!(
            "ingestion.contribution c join ingestion.file_tracker t using (file_id, version) \
             join operations.outbox o using (file_id, version) where c.state = 'pending' and {which}"
        );
        assert_eq!(many.count(&found).await, expected, "{which}");
    }
    assert_eq!(many.count(MESSAGES).await, deleted + replaced + first);
    assert_eq!(many.count("ingestion.dataset where building").await, 1);
}

#[tokio::test]
async fn a_pipeline_holds_and_lets_go_of_many_files() {
    let Some(many) = Many::new().await else { return };
    let (owner, files) = (&many.bench.owner, many.files as u64);
    specs::create(owner, &visits_by_school()).await;
    let hold = "update ingestion.contribution set state = 'pending', is_held = true, told_at = null; \
         delete from operations.outbox; analyze ingestion.contribution";
    many.script(hold).await;
    many.timed("create a pipeline", specs::create(owner, &pipeline()))
        .await;
    assert_eq!(many.count(MESSAGES).await, 0, "it holds them still");

    let run = RunCounts {
        found: files,
        held: files,
        waiting: files,
        ..RunCounts::default()
    };
    assert_eq!(many.run(1).await, run);
    assert_eq!(many.count(MESSAGES).await, files);
    let name = Name::parse(NIGHTLY).unwrap();
    let page = many.bench.store.list_outbox_of_pipeline(&name, 50);
    let page = many.timed("a page of its messages", page).await.unwrap();
    assert_eq!(page.len(), 50);
    // All of them are at work now.
    assert_eq!(many.run(2).await, RunCounts { held: 0, ..run });
    assert_eq!(many.count(MESSAGES).await, files);

    many.take_in().await;
    many.script(
        "update ingestion.file_tracker set validated_at = null, received_at = now() - interval '1 day'",
    )
    .await;
    let coming = RunCounts {
        found: files,
        waiting: files,
        ..RunCounts::default()
    };
    assert_eq!(many.run(3).await, coming);
    assert_eq!(
        many.count("operations.outbox where queue = 'ingest'").await,
        files
    );
    many.script("update ingestion.file_tracker set validated_at = now()")
        .await;

    many.script(hold).await;
    many.retire(SpecKind::Pipeline, NIGHTLY).await;
    assert_eq!(many.count(MESSAGES).await, files);
    assert_eq!(many.count("ingestion.contribution where is_held").await, 0);
    many.restore(SpecKind::Pipeline, NIGHTLY).await;
}
