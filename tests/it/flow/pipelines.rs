//! Pipelines: what is held until a run begins, what a run drives on, and what lets go of it without one.

use millrace_app::create::SpecPorts;
use millrace_app::drive::drive_file;
use millrace_app::life::{Migration, retire_spec};
use millrace_app::pipelines::begin_pipeline_run;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{FileStatus, Mode, status};
use millrace_core::ids::{FileVersion, RunId};
use millrace_core::name::Name;
use millrace_store::pipelines::{BeginPipelineRun, PipelineRunRecord, RunCounts};
use millrace_store::specs::RetireSpec;
use millrace_tests::{Fault, Order, Random, specs};
use serde_json::{Value, json};

use super::reconciled::findings;
use super::{BY_REGION, BY_SHOP, SHOPS, Sales, drive_all};

pub(super) const NIGHTLY: &str = "nightly";

/// A pipeline into one of the datasets.
pub(super) fn pipeline(name: &str, dataset: &str, runs: &str) -> Value {
    json!({"ingestion_type": "pipeline", "pipeline_name": name, "pipeline_type": "ingest_to_db", "runs": runs,
        "pipeline": [{"event_name": "sales", "dataset_name": dataset}]})
}

impl Sales {
    pub(super) async fn create_pipeline(&self, body: &Value) {
        specs::create(&self.database.owner_store(), body).await;
    }

    pub(super) async fn begin_run(&self, key: Option<(&str, &str)>) -> BeginPipelineRun {
        let (ports, name) = (self.road.pipeline_ports(), Name::parse(NIGHTLY).unwrap());
        let begun = begin_pipeline_run(&ports, &self.road.surroundings, &name, "tests", key).await;
        begun.unwrap()
    }

    pub(super) async fn run(&self) -> RunId {
        match self.begin_run(None).await {
            BeginPipelineRun::Created { run_id } => run_id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn runs(&self) -> Vec<PipelineRunRecord> {
        let name = Name::parse(NIGHTLY).unwrap();
        self.store.list_pipeline_runs(&name, None, 10).await.unwrap()
    }

    pub(super) async fn run_record(&self, run_id: RunId) -> PipelineRunRecord {
        let name = Name::parse(NIGHTLY).unwrap();
        let run = self.store.load_pipeline_run(&name, run_id).await.unwrap();
        run.unwrap()
    }

    async fn held(&self, file: FileVersion) -> Vec<(String, bool, bool)> {
        let record = self.road.record(file).await;
        let datasets = record.facts.datasets.into_iter();
        datasets
            .map(|fed| (fed.dataset.to_string(), fed.applied, fed.held))
            .collect()
    }

    fn spec_ports<'a>(&'a self, owner: &'a millrace_store::Store) -> SpecPorts<'a> {
        SpecPorts {
            store: &self.store,
            owner_store: owner,
            sender: self.road.sender(),
            reminder_delay_seconds: 60,
        }
    }
}

pub(super) const ROWS: &str = "2023-01-08,a,5,1,2\n2023-01-09,b,6,3,4\n";

pub(super) fn counts(found: u64, held: u64, applied: u64, waiting: u64) -> RunCounts {
    RunCounts {
        found,
        held,
        applied,
        waiting,
        ..RunCounts::default()
    }
}

#[tokio::test]
async fn a_file_is_held_for_its_dataset_until_a_run_begins() {
    let Some(sales) = Sales::new().await else { return };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let expected = [
        (BY_SHOP.to_owned(), false, true),
        (BY_REGION.to_owned(), true, false),
    ];
    assert_eq!(sales.held(file).await, expected);
    assert_eq!(sales.status(file).await, "Completed");
    assert!(sales.road.record(file).await.facts.is_held());
    // Nobody drives it on before that, and it is nobody's loss.
    let record = sales.road.record(file).await;
    assert_eq!(
        drive_file(&sales.store, sales.road.sender(), &record)
            .await
            .unwrap(),
        0
    );
    assert_eq!(drive_all(&sales.store, sales.road.sender()).await, []);
    assert_eq!(findings(&sales).await, []);
    // A message that comes all the same does nothing.
    let stray =
        json!({"v": 1, "kind": "aggregate", "file_id": file.file_id, "version": 1, "dataset": BY_SHOP});
    sales
        .road
        .queues
        .push(millrace_core::message::Queue::Perf, stray.to_string());
    sales.road.settle().await;
    assert_eq!(sales.lines("select count(*) from stored.cells_1").await, ["0"]);

    let run_id = sales.run().await;
    let begun = sales.run_record(run_id).await;
    assert_eq!((begun.counts, begun.finished_at), (counts(1, 1, 0, 1), None));
    assert_eq!(
        (begun.begun_by.as_str(), begun.requested_by.as_str()),
        ("request", "tests")
    );
    sales.road.settle().await;
    let over = sales.run_record(run_id).await;
    assert_eq!(over.counts, counts(1, 1, 1, 0));
    assert!(over.finished_at.is_some());
    let steps = sales.store.list_run_steps(run_id, None, 10).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].target.as_str(), steps[0].state.as_str()),
        (BY_SHOP, "applied")
    );
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    assert_eq!(sales.lines("select count(*) from stored.cells_1").await, ["2"]);
    sales.assert_clean().await;
    // There is nothing for another one.
    let run_id = sales.run().await;
    sales.road.settle().await;
    assert_eq!(sales.run_record(run_id).await.counts, RunCounts::default());
}

#[tokio::test]
async fn replacements_and_deletions_are_held_too_and_end_as_one_after_the_other() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let plain = {
        sales.send("a.csv", Mode::New, ROWS).await;
        sales.road.settle().await;
        let figures = sales.figures().await;
        sales.begin_anew().await;
        figures
    };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    sales.send("a.csv", Mode::New, "2023-01-08,a,50,10,20\n").await;
    sales.road.settle().await;
    let second = sales.send("a.csv", Mode::Replace, ROWS).await;
    let gone = sales.send("b.csv", Mode::New, "2023-01-10,c,1,1,1\n").await;
    sales.road.settle().await;
    sales.road.delete(gone.file_id).await;
    sales.road.settle().await;
    assert_eq!(sales.lines("select count(*) from stored.cells_1").await, ["0"]);
    let run_id = sales.run().await;
    let mut order = Order::Random {
        random: Random::new(7),
        twice_permille: 300,
        reminders_permille: 500,
    };
    sales.road.drain(&mut order).await;
    assert_eq!(sales.figures().await, plain);
    let found = sales.run_record(run_id).await.counts;
    assert_eq!((found.found, found.held, found.waiting), (4, 4, 0));
    assert_eq!(sales.status(second).await, "Ready_to_archive");
    assert_eq!(findings(&sales).await, []);
}

#[tokio::test]
async fn a_run_that_dies_at_any_call_is_begun_once_and_ends() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    for fault in [Fault::Before, Fault::After] {
        for call in 0.. {
            sales.begin_anew().await;
            let file = sales.send("a.csv", Mode::New, ROWS).await;
            sales.road.settle().await;
            sales.road.faults.die_at(call, fault);
            let (ports, name) = (sales.road.pipeline_ports(), Name::parse(NIGHTLY).unwrap());
            let key = Some(("key", "hash"));
            let died = begin_pipeline_run(&ports, &sales.road.surroundings, &name, "tests", key).await;
            let is_through = sales.road.faults.hits() == 0;
            sales.road.faults.stop();
            if died.is_err() {
                // The caller asks again; what the reminder does in between is the same.
                sales.begin_run(key).await;
            }
            sales.road.settle().await;
            assert_eq!(sales.runs().await.len(), 1, "{fault:?} at {call}");
            assert_eq!(
                sales.status(file).await,
                "Ready_to_archive",
                "{fault:?} at {call}"
            );
            sales.assert_clean().await;
            if is_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn workers_that_die_at_any_call_take_in_what_was_let_go_once() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    let mut seen = Vec::new();
    for call in (0..60).step_by(3) {
        sales.begin_anew().await;
        sales.send("a.csv", Mode::New, ROWS).await;
        sales
            .send(
                "b.csv",
                Mode::New,
                ROWS.replace("2023-01-09", "2023-01-10").as_str(),
            )
            .await;
        sales.road.settle().await;
        sales.run().await;
        sales.road.faults.fail_at(call, Fault::After);
        sales.road.drain(&mut Order::First).await;
        sales.road.faults.stop();
        seen.push(sales.figures().await);
        sales.assert_clean().await;
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn whoever_holds_no_more_lets_go() {
    let Some(sales) = Sales::new().await else { return };
    let owner = sales.database.owner_store();
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    sales
        .create_pipeline(&pipeline("other", BY_SHOP, "on_request"))
        .await;
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let name = |text: &str| Name::parse(text).unwrap();
    let retired = retire_spec(
        sales.spec_ports(&owner),
        (SpecKind::Pipeline, &name("other")),
        "tests",
    )
    .await;
    assert_eq!(retired.unwrap(), RetireSpec::Retired);
    sales.road.settle().await;
    assert!(
        sales.road.record(file).await.facts.is_held(),
        "the other one holds it still"
    );
    let at_once = pipeline(NIGHTLY, BY_SHOP, "on_arrival");
    let spec = (SpecKind::Pipeline, &name(NIGHTLY));
    let made = millrace_app::life::migrate_spec(sales.spec_ports(&owner), spec, 1, &at_once, "tests").await;
    assert_eq!(made.unwrap(), Migration::Created(2));
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    sales.assert_clean().await;
    // What a retired one held before it is restored is held again afterwards.
    let other = name("other");
    let restored = millrace_app::life::restore_spec(sales.spec_ports(&owner), (SpecKind::Pipeline, &other));
    restored.await.unwrap();
    sales.road.settle().await;
    let later = sales.send("b.csv", Mode::New, "2023-02-08,a,5,1,2\n").await;
    sales.road.settle().await;
    assert!(sales.road.record(later).await.facts.is_held());
}

#[tokio::test]
async fn a_dimension_is_held_and_loaded_by_a_run() {
    let Some(sales) = Sales::new().await else { return };
    let body = json!({"ingestion_type": "pipeline", "pipeline_name": NIGHTLY, "pipeline_type": "dimension_to_db",
        "runs": "on_request", "pipeline": [{"dimension_name": "shops"}]});
    sales.create_pipeline(&body).await;
    let record = sales
        .road
        .load(SHOPS, "shops.csv", Mode::New, "shop,region\na,north\n")
        .await;
    assert_eq!(status(&record.facts), FileStatus::Processing);
    assert_eq!(
        sales.lines("select shop from ingestion.shops").await,
        Vec::<String>::new()
    );
    sales.run().await;
    sales.road.settle().await;
    assert_eq!(sales.lines("select shop from ingestion.shops").await, ["a"]);
    assert_eq!(sales.status(record.file).await, "Ready_to_archive");
}
