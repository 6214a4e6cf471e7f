//! Pipelines beside each other: the order of their locks, what a run finds while others are at work, and how long runs are
//! kept.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::{FileVersion, RunId};
use millrace_core::name::Name;
use millrace_store::pipelines::{BeginPipelineRun, NewPipelineRun};
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_store::{Sql, Statement};
use millrace_tests::specs;
use serde_json::{Value, json};

use super::{Bench, DATASET};

const NIGHTLY: &str = "nightly";

fn pipeline(runs: &str) -> Value {
    json!({"ingestion_type": "pipeline", "pipeline_name": NIGHTLY, "pipeline_type": "ingest_to_db", "runs": runs,
        "pipeline": [{"event_name": "visits", "dataset_name": DATASET}]})
}

fn nightly() -> Name {
    Name::parse(NIGHTLY).unwrap()
}

fn run_id(number: u8) -> RunId {
    RunId::from_time_and_random(1_700_000_000_000, [number; 10])
}

impl Bench {
    /// With a pipeline that holds files for the dataset.
    async fn holding() -> Option<Self> {
        let bench = Self::new().await?;
        specs::create(&bench.owner, &pipeline("on_request")).await;
        Some(bench)
    }

    async fn begin_run(&self, number: u8) {
        let (pipeline, run_id) = (nightly(), run_id(number));
        let new = NewPipelineRun {
            run_id,
            pipeline: &pipeline,
            is_scheduled: false,
            requested_by: "tests",
            idempotency: None,
        };
        let begun = self.store.begin_pipeline_run(&new).await.unwrap();
        assert_eq!(begun, BeginPipelineRun::Created { run_id });
    }

    /// What a run found: file, target, and whether it was held.
    async fn found(&self, number: u8) -> Vec<(FileVersion, String, bool)> {
        let steps = self.store.list_run_steps(run_id(number), None, 10).await;
        let read = steps.unwrap().into_iter().map(|step| {
            let file = FileVersion {
                file_id: step.file_id,
                version: step.version,
            };
            (file, step.target, step.was_held)
        });
        read.collect()
    }

    async fn runs(&self) -> Vec<RunId> {
        let runs = self.store.list_pipeline_runs(&nightly(), None, 10).await;
        runs.unwrap().into_iter().map(|run| run.run_id).collect()
    }

    /// Does something while somebody else has done the first of two statements, and does the second.
    async fn between<T>(
        &self,
        sql: &dyn Sql,
        [first, second]: [&str; 2],
        work: impl Future<Output = T>,
    ) -> T {
        let transaction = sql.begin().await.unwrap();
        let execute = async |text: &str| {
            let statement = Statement::new(text.to_owned()).within(&transaction);
            sql.execute(&statement).await.unwrap();
        };
        execute(first).await;
        let finish = async {
            self.until_somebody_waits().await;
            execute(second).await;
            sql.commit(&transaction).await.unwrap();
        };
        tokio::join!(work, finish).0
    }

    /// Changes a pipeline while somebody is about to bring its dataset back, who has the feed's lock and wants the
    /// dataset's.
    async fn beside_a_restoration<T>(&self, change: impl Future<Output = T>) -> T {
        let holds_nothing = "select cast(1 / case when exists (select from pg_locks held join pg_locks waiting using (pid) \
             where held.locktype = 'advisory' and held.granted and waiting.locktype = 'advisory' \
             and not waiting.granted) then 0 else 1 end as text), \
             spec.restore_spec('dataset', 'visits_by_school')::text";
        let owner = self.database.owner();
        let lock = "select ingestion.lock_spec('event', 'visits')::text";
        self.between(owner.as_ref(), [lock, holds_nothing], change).await
    }
}

/// Otherwise each would wait for the other: the pipeline has the dataset and waits for its feed.
#[tokio::test]
async fn whoever_changes_a_pipeline_waits_for_its_feeds_before_it_has_anything_else() {
    let Some(bench) = Bench::new().await else { return };
    let owner = &bench.owner;
    let body = pipeline("on_request");
    bench.beside_a_restoration(specs::create(owner, &body)).await;
    let body = pipeline("on_arrival");
    let migrated = bench.beside_a_restoration(specs::migrate(owner, 1, &body));
    migrated.await.unwrap();
    let retire = owner.retire_spec(SpecKind::Pipeline, NIGHTLY, "tests");
    let retired = bench.beside_a_restoration(retire).await;
    assert_eq!(retired.unwrap(), RetireSpec::Retired);
    let restored = bench.beside_a_restoration(owner.restore_spec(SpecKind::Pipeline, NIGHTLY));
    assert_eq!(restored.await.unwrap(), RestoreSpec::Restored);
    assert_eq!(bench.count("operations.pipeline_target").await, "1");
}

/// As of one instant, a file is on its way or it is there.
#[tokio::test]
async fn a_file_that_is_validated_while_a_run_begins_is_found_once() {
    let Some(bench) = Bench::holding().await else {
        return;
    };
    let held = bench.validated("held.csv", Mode::New, "1").await;
    let coming = bench.created("coming.csv", Mode::New).await;
    let late = bench.created("late.csv", Mode::New).await;
    for file in [coming, late] {
        bench.store.mark_received(file, 10, 1024).await.unwrap();
    }
    let app = bench.database.app();
    let hold = "select 1 from ingestion.contribution for update";
    let validate = format!(
        "select ingestion.finish_chunk(cast('{}' as uuid), 1, 0, 'part', null, 0, 1, 1, 0, 1, '2', 10)::text",
        late.file_id
    );
    bench
        .between(app.as_ref(), [hold, &validate], bench.begin_run(1))
        .await;
    let expected = [
        (held, DATASET.to_owned(), true),
        (coming, String::new(), false),
        (late, DATASET.to_owned(), true),
    ];
    assert_eq!(bench.found(1).await, expected);
    let messages = "operations.outbox where file_id = operations.pipeline_outbox('nightly')";
    assert_eq!(bench.count(messages).await, "2");
    assert_eq!(bench.count("ingestion.contribution where is_held").await, "0");
}

#[tokio::test]
async fn of_two_runs_at_once_one_tells() {
    let Some(bench) = Bench::holding().await else {
        return;
    };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let first = format!(
        "select operations.begin_pipeline_run(cast('{}' as uuid), 'nightly', 'request', 'tests', null, null)::text",
        run_id(1)
    );
    let app = bench.database.app();
    bench
        .between(app.as_ref(), [&first, "select 1"], bench.begin_run(2))
        .await;
    assert_eq!(bench.found(1).await, [(file, DATASET.to_owned(), true)]);
    assert_eq!(bench.found(2).await, [(file, DATASET.to_owned(), false)]);
    let messages = "operations.outbox where file_id = operations.pipeline_outbox('nightly')";
    assert_eq!(bench.count(messages).await, "1");
}

/// Runs of pipelines, and looks at the whole.
#[tokio::test]
async fn old_runs_are_forgotten_by_new_ones() {
    let Some(bench) = Bench::holding().await else {
        return;
    };
    bench.validated("a.csv", Mode::New, "1").await;
    let finding = [json!({"rule": "a", "message": "b"})];
    for number in 1..=4 {
        bench.begin_run(number).await;
        let store = &bench.store;
        store.begin_reconciliation(run_id(number)).await.unwrap();
        let added = store.add_reconciled(run_id(number), None, None, 1, &finding);
        assert!(added.await.unwrap());
    }
    let age = "update operations.pipeline_run set created_at = created_at - interval '89 days'; \
         update operations.reconciliation set started_at = started_at - interval '89 days'";
    let age_further = "update operations.pipeline_run set created_at = created_at - interval '2 days' \
            where sequence <= 3; \
         update operations.reconciliation set started_at = started_at - interval '2 days' where sequence <= 3";
    bench.database.script(age).await;
    for (number, left) in [
        (5, vec![5, 4, 3, 2, 1]),
        (6, vec![6, 5, 4, 3]),
        (7, vec![7, 6, 5, 4]),
    ] {
        bench.begin_run(number).await;
        bench.store.begin_reconciliation(run_id(number)).await.unwrap();
        let left: Vec<RunId> = left.into_iter().map(run_id).collect();
        assert_eq!(bench.runs().await, left);
        let looks = bench.store.list_reconciliations(None, 10).await.unwrap();
        let looks: Vec<RunId> = looks.into_iter().map(|look| look.run_id).collect();
        assert_eq!(looks, left);
        if number == 5 {
            bench.database.script(age_further).await;
        }
    }
    assert_eq!(bench.count("operations.pipeline_run_step").await, "4");
    assert_eq!(bench.count("operations.reconciliation_finding").await, "1");
}
