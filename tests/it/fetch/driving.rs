//! Runs that nobody goes on with; what is left behind, and what is forgotten.

use millrace_app::sources::{begin_all, begin_run, drive_runs};
use millrace_core::message::Queue;
use millrace_store::sources::BeginRun;
use millrace_tests::Fault;

use super::{Fetching, SOURCE, csv, name};

#[tokio::test]
async fn open_runs_that_lost_their_messages_are_driven_on() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    let runs = [fetching.begin().await, fetching.begin().await];
    fetching.road.queues.purge();
    let drive = async |after| drive_runs(&fetching.road.run_ports(), after).await.unwrap();
    assert_eq!(drive(None).await, (2, None));
    fetching.road.settle().await;
    for run_id in runs {
        let run = fetching.found(run_id).await.0;
        assert_eq!(run.state, "completed");
        assert_eq!(drive(Some(run.sequence)).await, (0, None));
    }
    assert_eq!(drive(None).await, (0, None));
    let many = "insert into operations.run (run_id, source, spec_version, begun_by, requested_by) \
                select gen_random_uuid(), 'sales_of_region', 1, 'request', 'tests' from generate_series(1, 130)";
    fetching.database.script(many).await;
    let (count, next) = drive(None).await;
    assert_eq!(count, 100);
    assert_eq!(drive(next).await, (30, None));
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_behind_the_commit_is_no_failure_of_the_caller() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    let road = &fetching.road;
    let begin = async || {
        begin_run(
            &road.run_ports(),
            &road.surroundings,
            &name(SOURCE),
            "tests",
            None,
        )
        .await
    };
    // The look at the source, the reminder, the commit, the message.
    road.faults.fail_at(3, Fault::Before);
    let Ok(BeginRun::Created { run_id }) = begin().await else {
        panic!("the run was begun")
    };
    assert_eq!(road.faults.hits(), 1);
    for call in 0..3 {
        road.faults.fail_at(call, Fault::Before);
        assert!(begin().await.is_err(), "call {call}");
    }
    // The schedule's message comes again where one of its runs was not told of.
    road.faults.fail_at(3, Fault::Before);
    assert!(begin_all(&road.run_ports(), "a trigger").await.is_err());
    road.faults.stop();
    road.settle().await;
    assert_eq!(fetching.found(run_id).await.0.state, "completed");
}

#[tokio::test]
async fn a_source_that_is_none_leaves_nothing_behind() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let road = &fetching.road;
    let begun = begin_run(
        &road.run_ports(),
        &road.surroundings,
        &name("nobody"),
        "tests",
        None,
    )
    .await;
    assert_eq!(begun.unwrap(), BeginRun::NoSource);
    assert!(road.queues.is_empty());
    // A message of a run that never committed.
    let stray =
        r#"{"v":1,"kind":"fetch_source","source":"nobody","run_id":"01859000-0000-7000-8000-000000000000"}"#;
    road.queues.push(Queue::Fetch, stray);
    road.settle().await;
    let left = "select count(*)::text from operations.source_fence";
    assert_eq!(fetching.text(left).await, "0");
}

#[tokio::test]
async fn runs_are_forgotten_a_few_at_a_time_once_they_are_old() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    for _ in 0..4 {
        fetching.run().await;
    }
    let kept = fetching.begin().await;
    let old = "update operations.run set finished_at = finished_at - interval '91 days'";
    fetching.database.script(old).await;
    for left in ["4,2", "3,0", "4,0"] {
        fetching.run().await;
        let counts = "select concat_ws(',', (select count(*) from operations.run), \
                      (select count(*) from operations.run_file f join operations.run r using (run_id) \
                       where coalesce(r.finished_at, now()) < now() - interval '1 day'))";
        assert_eq!(fetching.text(counts).await, left);
    }
    // What had not ended then is still there, and what the registry holds.
    assert_eq!(fetching.found(kept).await.0.run_id, kept);
    assert_eq!(fetching.registry().await.len(), 1);
}
