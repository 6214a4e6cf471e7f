//! A pipeline and its schedule, end to end: held until the clock begins a run, and nothing left of it once it is retired.

use millrace_tests::Random;
use millrace_tests::stack::{AttendanceSpecs, Stack, random_rows, unique, wait_for, wait_until};
use serde_json::{Value, json};

use super::{CLOCK_PATIENCE, PATIENCE, assert_through};

fn is_held(file: &Value, dataset: &str) -> bool {
    let mut fed = file["datasets"].as_array().into_iter().flatten();
    fed.any(|fed| fed["dataset"] == dataset && fed["held"] == true)
}

#[tokio::test]
async fn a_schedule_that_was_made_through_the_api_runs_its_pipeline() {
    let Some(stack) = Stack::find() else { return };
    let (api, emulator) = (stack.api(), stack.emulator());
    let specs = AttendanceSpecs::create(&api, "clock").await;
    let pipeline = unique("clock_pipeline");
    let body = json!({"pipeline_name": pipeline, "pipeline_type": "ingest_to_db", "runs": "on_request",
        "pipeline": [{"event_name": specs.attendance, "dataset_name": specs.by_school, "dimension_name": "",
            "transformer_name": ""}]});
    let _ = api.post("/spec/pipeline", &body).await.expect(201);
    let file_id = specs
        .send(&api, "a.csv", &random_rows(&mut Random::new(61), 20))
        .await;
    let held = || async { is_held(&api.file(&file_id).await, &specs.by_school) };
    assert!(wait_until(PATIENCE, held).await, "{}", api.file(&file_id).await);

    let order = json!({"pipeline_name": pipeline, "scheduled_at": "rate(1 minute)"});
    let set = api.post("/ingestion/scheduler", &order).await;
    assert_eq!(set.expect(201)["schedule_name"], pipeline);
    let path = format!("/spec/schedule/{pipeline}");
    let taken = || async { api.get(&path).await.body["schedule"]["taken"] == true };
    assert!(wait_until(PATIENCE, taken).await, "{}", api.get(&path).await.body);

    let runs = format!("/ingestion/pipeline/{pipeline}/runs");
    let run = wait_for("a run by the clock", CLOCK_PATIENCE, || async {
        let items = api.get(&runs).await.body["items"].as_array()?.clone();
        items.into_iter().find(|run| run["begun_by"] == "schedule")
    })
    .await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let run_id = run["run_id"].as_str().unwrap();
    let over = api.get(&format!("{runs}/{run_id}")).await;
    assert_eq!(over.body["counts"]["applied"], 1, "{}", over.body);

    let _ = api.delete(&path).await.expect(200);
    let schedules = || emulator.call("scheduler", "list_schedules", json!({"NamePrefix": pipeline}));
    let gone = || async { schedules()["Schedules"].as_array().is_some_and(Vec::is_empty) };
    assert!(wait_until(PATIENCE, gone).await, "{}", schedules());
    // By hand it runs as before.
    let begun = api
        .post("/ingestion/pipeline", &json!({"pipeline_name": pipeline}))
        .await;
    let _ = begun.expect(202);
    let gone = api.delete(&format!("/spec/pipeline/{pipeline}")).await;
    let _ = gone.expect(200);
}
