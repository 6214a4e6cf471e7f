//! Schedules: EventBridge has what the newest version says, in whatever order it is told; what it sends begins one run.

use async_trait::async_trait;
use millrace_app::Disposition;
use millrace_app::compile::{CompileError, compile_spec};
use millrace_app::ports::{Scheduler, WantedSchedule};
use millrace_app::schedules::follow_schedule;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::message::Queue;
use millrace_core::name::Name;
use millrace_store::Store;
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_tests::{Fault, Random, specs};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::pipelines::{NIGHTLY, pipeline};
use super::{BY_SHOP, Sales};

const NAME: &str = "every_night";

fn schedule(expression: &str, state: &str) -> Value {
    json!({"ingestion_type": "schedule", "schedule_name": NAME, "pipeline_name": NIGHTLY, "scheduled_at": expression,
        "time_zone": "Asia/Kolkata", "state": state})
}

fn name() -> Name {
    Name::parse(NAME).unwrap()
}

impl Sales {
    async fn scheduled() -> Option<Self> {
        let sales = Self::new().await?;
        sales
            .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
            .await;
        sales
            .create_pipeline(&schedule("cron(0 2 * * ? *)", "enabled"))
            .await;
        Some(sales)
    }

    /// Tells of a change of the schedule.
    fn tell(&self) {
        let body = json!({"v": 1, "kind": "schedule_changed", "schedule": NAME});
        self.road.queues.push(Queue::Status, body.to_string());
    }

    /// What EventBridge sends when it is time.
    fn fire(&self) {
        let body = json!({"v": 1, "kind": "run_schedule", "schedule": NAME});
        self.road.queues.push(Queue::Status, body.to_string());
    }

    /// Expression and whether it fires, if it is there.
    fn there(&self) -> Option<(String, bool)> {
        let kept = self.road.scheduler.schedule(NAME)?;
        Some((kept.expression, kept.is_enabled))
    }

    async fn is_taken(&self) -> bool {
        self.store
            .load_schedule(&name())
            .await
            .unwrap()
            .unwrap()
            .is_taken()
    }
}

#[tokio::test]
async fn one_whose_last_time_has_passed_is_refused() {
    let Some(sales) = Sales::new().await else { return };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    for (years, expected) in [("2199", None), ("1970-2025", Some("never"))] {
        let body = schedule(&format!("cron(0 2 * * ? {years})"), "enabled");
        let compiled = compile_spec(&sales.store, SpecKind::Schedule, &body).await;
        let code = compiled.err().map(|error| match error {
            CompileError::Spec(errors) => errors.into_errors().remove(0).code,
            CompileError::Failed(failure) => panic!("{failure:?}"),
        });
        assert_eq!(code.as_deref(), expected, "{years}");
    }
}

#[tokio::test]
async fn it_is_made_changed_paused_retired_and_restored() {
    let Some(sales) = Sales::scheduled().await else {
        return;
    };
    let owner = sales.database.owner_store();
    assert!(!sales.is_taken().await);
    sales.tell();
    sales.road.settle().await;
    assert!(sales.is_taken().await);
    let kept = sales.road.scheduler.schedule(NAME).unwrap();
    assert_eq!(
        (kept.expression.as_str(), kept.time_zone.as_str()),
        ("cron(0 2 * * ? *)", "Asia/Kolkata")
    );
    assert_eq!(
        kept.message,
        format!(r#"{{"v":1,"kind":"run_schedule","schedule":"{NAME}"}}"#)
    );
    specs::migrate(&owner, 1, &schedule("rate(1 hour)", "paused"))
        .await
        .unwrap();
    assert!(!sales.is_taken().await);
    sales.tell();
    sales.road.settle().await;
    assert_eq!(sales.there(), Some(("rate(1 hour)".to_owned(), false)));
    let kind = SpecKind::Schedule;
    assert_eq!(
        owner.retire_spec(kind, NAME, "tests").await.unwrap(),
        RetireSpec::Retired
    );
    sales.tell();
    sales.road.settle().await;
    assert_eq!(sales.there(), None);
    assert_eq!(
        owner.restore_spec(kind, NAME).await.unwrap(),
        RestoreSpec::Restored
    );
    for _ in 0..3 {
        sales.tell();
    }
    sales.road.settle().await;
    assert_eq!(sales.there(), Some(("rate(1 hour)".to_owned(), false)));
    assert!(sales.is_taken().await);
    // A pipeline's schedules stand in its way.
    let needed = owner
        .retire_spec(SpecKind::Pipeline, NIGHTLY, "tests")
        .await
        .unwrap();
    assert!(matches!(needed, RetireSpec::Needed { .. }));
}

#[tokio::test]
async fn it_is_followed_where_every_call_fails_once() {
    let Some(sales) = Sales::scheduled().await else {
        return;
    };
    let owner = sales.database.owner_store();
    let mut version = 1;
    for fault in [Fault::Before, Fault::After] {
        for call in 0..4 {
            let expression = format!("rate({} minutes)", version + 1);
            specs::migrate(&owner, version, &schedule(&expression, "enabled"))
                .await
                .unwrap();
            version += 1;
            sales.tell();
            sales.road.faults.fail_at(call, fault);
            sales.road.drain(&mut millrace_tests::Order::First).await;
            sales.road.faults.stop();
            assert_eq!(sales.there(), Some((expression, true)), "{fault:?} at {call}");
            assert!(sales.is_taken().await);
        }
    }
}

/// Somebody who is slow: while it writes, the schedule changes and others follow that.
struct Slow<'a> {
    sales: &'a Sales,
    owner: Store,
    changes: Mutex<Vec<Value>>,
}

impl Slow<'_> {
    async fn overtake(&self) {
        let Some(body) = self.changes.lock().await.pop() else {
            return;
        };
        let record = self.sales.store.load_schedule(&name()).await.unwrap().unwrap();
        match body {
            Value::Null => drop(
                self.owner
                    .retire_spec(SpecKind::Schedule, NAME, "tests")
                    .await
                    .unwrap(),
            ),
            Value::Bool(_) => drop(self.owner.restore_spec(SpecKind::Schedule, NAME).await.unwrap()),
            body => drop(specs::migrate(&self.owner, record.version, &body).await.unwrap()),
        }
        let scheduler = self.sales.road.scheduler.as_ref();
        let followed = follow_schedule(&self.sales.store, scheduler, &name()).await;
        assert_eq!(followed.unwrap(), Disposition::Done);
    }
}

#[async_trait]
impl Scheduler for Slow<'_> {
    async fn put(&self, schedule: &WantedSchedule<'_>) -> Result<(), Failure> {
        self.overtake().await;
        self.sales.road.scheduler.put(schedule).await
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        self.overtake().await;
        self.sales.road.scheduler.remove(name).await
    }
}

/// Whoever writes an older state last finds that, and writes the newer one.
#[tokio::test]
async fn a_slow_writer_does_not_have_the_last_word() {
    let Some(sales) = Sales::scheduled().await else {
        return;
    };
    let change = |expression: &str| schedule(expression, "enabled");
    for (changes, last) in [
        (vec![change("rate(2 hours)")], Some("rate(2 hours)")),
        (
            vec![change("rate(3 hours)"), change("rate(4 hours)")],
            Some("rate(4 hours)"),
        ),
        (vec![Value::Null], None),
        (vec![Value::Bool(true)], Some("rate(4 hours)")),
        (
            vec![Value::Null, Value::Bool(true), change("rate(5 hours)")],
            Some("rate(5 hours)"),
        ),
    ] {
        let slow = Slow {
            sales: &sales,
            owner: sales.database.owner_store(),
            changes: Mutex::new(changes.into_iter().rev().collect()),
        };
        let followed = follow_schedule(&sales.store, &slow, &name()).await;
        assert_eq!(followed.unwrap(), Disposition::Done);
        assert_eq!(sales.there().map(|(expression, _)| expression).as_deref(), last);
        assert!(sales.is_taken().await);
    }
}

#[tokio::test]
async fn what_eventbridge_refuses_is_told_and_mended_by_the_next_version() {
    let Some(sales) = Sales::scheduled().await else {
        return;
    };
    let owner = sales.database.owner_store();
    specs::migrate(&owner, 1, &schedule("cron(0 2 1 1 ? 2199)", "enabled"))
        .await
        .unwrap();
    sales.tell();
    sales.road.settle().await;
    let record = sales.store.load_schedule(&name()).await.unwrap().unwrap();
    assert!(!record.is_taken());
    assert_eq!(record.error.unwrap().rule, "refused_by_eventbridge");
    specs::migrate(&owner, 2, &schedule("rate(1 day)", "enabled"))
        .await
        .unwrap();
    let record = sales.store.load_schedule(&name()).await.unwrap().unwrap();
    assert_eq!(record.error, None);
    sales.tell();
    sales.road.settle().await;
    assert!(sales.is_taken().await);
}

#[tokio::test]
async fn a_message_begins_one_run_however_often_it_comes() {
    let Some(mut sales) = Sales::scheduled().await else {
        return;
    };
    let file = sales.send("a.csv", Mode::New, "2023-01-08,a,5,1,2\n").await;
    sales.road.settle().await;
    for _ in 0..3 {
        sales.fire();
    }
    sales.road.settle().await;
    let runs = sales.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].begun_by.as_str(), runs[0].counts.held), ("schedule", 1));
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    sales.road.trigger = "another message".to_owned();
    sales.fire();
    sales.road.settle().await;
    assert_eq!(sales.runs().await.len(), 2);
    // A paused or retired schedule begins nothing, however late its message comes.
    let owner = sales.database.owner_store();
    specs::migrate(&owner, 1, &schedule("rate(1 hour)", "paused"))
        .await
        .unwrap();
    sales.road.trigger = "a late message".to_owned();
    sales.fire();
    sales.road.settle().await;
    assert_eq!(sales.runs().await.len(), 2);
    let mut random = Random::new(3);
    assert!(random.below(2) < 2);
}
