//! Runs of pipelines: what they find, whom they tell, and that a request begins one.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_store::pipelines::BeginPipelineRun;
use millrace_store::specs::RetireSpec;

use super::pipelines::{NIGHTLY, ROWS, counts, pipeline};
use super::{BY_SHOP, Sales};

impl Sales {
    /// Lets a quarter of an hour go by for all that is open.
    async fn age(&self) {
        let script = "update ingestion.file_tracker set received_at = received_at - interval '16 minutes'; \
             update ingestion.contribution set created_at = created_at - interval '16 minutes', \
                told_at = told_at - interval '16 minutes'; \
             update operations.pipeline_run_step set told_at = told_at - interval '16 minutes'";
        self.database.script(script).await;
    }
}

#[tokio::test]
async fn a_run_drives_on_what_its_queues_have_lost() {
    let Some(sales) = Sales::new().await else { return };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_arrival"))
        .await;
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    // Seen, and not validated.
    sales.store.mark_received(file, 10, 1024).await.unwrap();
    sales.road.queues.purge();
    let run_id = sales.run().await;
    sales.road.settle().await;
    assert_eq!(
        sales.run_record(run_id).await.counts.waiting,
        1,
        "it may be at work"
    );
    sales.age().await;
    let run_id = sales.run().await;
    let steps = sales.store.list_run_steps(run_id, None, 10).await.unwrap();
    assert_eq!(
        (steps.len(), steps[0].target.as_str(), steps[0].state.as_str()),
        (1, "", "waiting")
    );
    // Others that begin a moment later tell nobody again, until that, too, is a quarter of an hour ago.
    let messages = "select count(*) from operations.outbox where queue = 'ingest'";
    for told in ["1", "2"] {
        sales.run().await;
        sales.run().await;
        assert_eq!(sales.lines(messages).await, [told]);
        sales.age().await;
    }
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    let over = sales.run_record(run_id).await.counts;
    assert_eq!((over.found, over.validated, over.waiting), (1, 1, 0));
}

/// What is at work is not begun a second time; what nobody was told of for a quarter of an hour may have been lost.
#[tokio::test]
async fn a_run_tells_once_of_what_is_at_work() {
    let Some(sales) = Sales::new().await else { return };
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let messages = "select count(*) from operations.outbox where queue = 'perf'";
    for (told, held) in [("1", 1), ("1", 0)] {
        let run_id = sales.run().await;
        assert_eq!(sales.lines(messages).await, [told]);
        assert_eq!(sales.run_record(run_id).await.counts, counts(1, held, 0, 1));
    }
    // The messages are lost.
    sales.database.script("delete from operations.outbox").await;
    sales.road.queues.purge();
    sales.run().await;
    assert_eq!(sales.lines(messages).await, ["0"]);
    sales.age().await;
    let last = sales.run().await;
    assert_eq!(sales.lines(messages).await, ["1"]);
    sales.run().await;
    assert_eq!(sales.lines(messages).await, ["1"], "told a moment ago");
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    assert_eq!(sales.run_record(last).await.counts, counts(1, 0, 1, 0));
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_key_and_a_trigger_begin_one_run() {
    let Some(sales) = Sales::new().await else { return };
    assert_eq!(sales.begin_run(None).await, BeginPipelineRun::NoPipeline);
    sales
        .create_pipeline(&pipeline(NIGHTLY, BY_SHOP, "on_request"))
        .await;
    let first = sales.begin_run(Some(("k", "h"))).await;
    let BeginPipelineRun::Created { run_id } = first else {
        panic!("{first:?}")
    };
    let again = sales.begin_run(Some(("k", "h"))).await;
    assert_eq!(again, BeginPipelineRun::Replayed { run_id });
    assert_eq!(
        sales.begin_run(Some(("k", "x"))).await,
        BeginPipelineRun::KeyReused
    );
    let owner = sales.database.owner_store();
    owner
        .retire_spec(SpecKind::Pipeline, NIGHTLY, "tests")
        .await
        .unwrap();
    assert_eq!(sales.begin_run(None).await, BeginPipelineRun::Retired);
    assert_eq!(sales.runs().await.len(), 1);
    // A dataset's pipelines stand in its way.
    owner.restore_spec(SpecKind::Pipeline, NIGHTLY).await.unwrap();
    let RetireSpec::Needed { dependants } = owner
        .retire_spec(SpecKind::Dataset, BY_SHOP, "tests")
        .await
        .unwrap()
    else {
        panic!("it is needed");
    };
    assert_eq!(
        (dependants[0].kind, dependants[0].name.as_str()),
        (SpecKind::Pipeline, NIGHTLY)
    );
}
