//! What EventBridge sends, and what follows from it.

use millrace_tests::specs;
use serde_json::json;

use super::{CSV, Functions, failed, sample};

#[tokio::test]
async fn the_clocks_messages_walk_through_the_functions() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    let owner = functions.database.owner_store();
    let pipeline = json!({"ingestion_type": "pipeline", "pipeline_name": "attendance_nightly",
        "pipeline_type": "ingest_to_db", "pipeline": [{"dataset_name": specs::ATTENDANCE_BY_SCHOOL}]});
    let schedule = json!({"ingestion_type": "schedule", "pipeline_name": "attendance_nightly",
        "scheduled_at": "rate(1 day)"});
    for body in [pipeline, schedule] {
        specs::create(&owner, &body).await;
    }
    for name in [
        "schedule-changed",
        "run-schedule",
        "run-schedule",
        "drive-pipeline",
    ] {
        let response = functions
            .status_updater(sample(&format!("status-updater-{name}")))
            .await;
        assert_eq!(failed(&response), Vec::<&str>::new(), "{name}");
    }
    assert!(functions.road.scheduler.schedule("attendance_nightly").is_some());
    assert_eq!(
        functions
            .value("select count(*) from operations.pipeline_run")
            .await,
        "1"
    );
    for name in ["move-objects", "leave-landing", "reconcile-all"] {
        let response = functions
            .perf_worker(sample(&format!("perf-worker-{name}")))
            .await;
        assert_eq!(failed(&response), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(
        functions
            .value("select count(*) from operations.reconciliation")
            .await,
        "1"
    );
}
