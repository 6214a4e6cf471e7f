//! A source end to end: begun by the schedule's own message, issued again, renamed, and both.

use std::time::Duration;

use millrace_tests::Random;
use millrace_tests::stack::{Emulator, Stack, random_rows, wait_for};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};
use crate::stack::site::Site;

impl Site<'_> {
    /// Publishes what is listed now and runs the source; `name state` of every line.
    async fn fetched(&self) -> Vec<String> {
        self.publish().await;
        let run = self.over(&self.begin().await).await;
        assert_eq!(run["state"], "completed", "{run}");
        let files = run["files"].as_array().unwrap().iter();
        files
            .map(|file| {
                format!(
                    "{} {}",
                    file["file_name"].as_str().unwrap(),
                    file["state"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// Readers see what the listed files hold, each once.
    async fn assert_served(&self) {
        for entry in self.registry().await {
            if let Some(file_id) = entry["file_id"].as_str() {
                let file = self.api.settled(file_id, PATIENCE).await;
                assert_through(&file);
            }
        }
        self.model.assert_served(&self.api, &self.specs.by_school).await;
    }

    /// The first run that the schedule has begun, once it is over.
    async fn scheduled(&self) -> Value {
        let run_id = wait_for("a scheduled run", Duration::from_secs(60), || async {
            let runs = self.api.get(&self.path("runs")).await;
            let items = runs.body["items"].as_array()?.clone();
            let scheduled = items.into_iter().find(|run| run["begun_by"] == "schedule")?;
            Some(scheduled["run_id"].as_str()?.to_owned())
        })
        .await;
        self.over(&run_id).await
    }
}

/// Sends what the deployed schedule sends, to where it sends it.
fn send_as_the_schedule_does(stack: &Stack, emulator: &Emulator) {
    let schedules = emulator.call("scheduler", "list_schedules", json!({}));
    let mut names = schedules["Schedules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|schedule| schedule["Name"].as_str());
    let name = names
        .find(|name| name.ends_with("-fetch-all"))
        .unwrap_or_else(|| panic!("the schedule is not deployed: {schedules}"));
    let schedule = emulator.call("scheduler", "get_schedule", json!({"Name": name}));
    let (queue, target) = (stack.output("FetchQueueUrl"), &schedule["Target"]);
    let queue_name = queue.rsplit('/').next().unwrap();
    let sends_to = target["Arn"].as_str().unwrap();
    assert!(sends_to.ends_with(&format!(":{queue_name}")), "{schedule}");
    assert_eq!(schedule["State"], "ENABLED", "{schedule}");
    assert_eq!(target["Input"], r#"{"v":1,"kind":"fetch_all"}"#, "{schedule}");
    emulator.send(queue, target["Input"].as_str().unwrap());
}

#[tokio::test]
async fn the_schedules_message_runs_a_source_whose_files_change_and_move() {
    let Some(stack) = Stack::find() else { return };
    let (mut random, emulator) = (Random::new(91), stack.emulator());
    let mut site = Site::new(&stack, "nightly").await;
    let rows = random_rows(&mut random, 40);
    site.put("old-2024-01-01.csv", &rows, &Value::Null);
    site.put(
        "other-2024-01-02.csv",
        &random_rows(&mut random, 40),
        &Value::Null,
    );
    site.publish().await;

    send_as_the_schedule_does(&stack, &emulator);
    let run = site.scheduled().await;
    assert_eq!(
        (&run["state"], &run["counts"]),
        (&json!("completed"), &json!({"fetched": 2})),
        "{run}"
    );
    site.assert_served().await;

    // Issued again; renamed; issued again under the new name; and the old name for another file.
    site.put(
        "other-2024-01-02.csv",
        &random_rows(&mut random, 30),
        &Value::Null,
    );
    let lines = site.fetched().await;
    assert_eq!(
        lines,
        ["old-2024-01-01.csv unchanged", "other-2024-01-02.csv replaced"]
    );
    site.assert_served().await;
    site.remove("old-2024-01-01.csv");
    site.put("new-2024-01-01.csv", &rows, &Value::Null);
    let lines = site.fetched().await;
    assert_eq!(
        lines,
        ["new-2024-01-01.csv same_bytes", "other-2024-01-02.csv unchanged"]
    );
    site.assert_served().await;
    site.put("new-2024-01-01.csv", &random_rows(&mut random, 50), &Value::Null);
    let lines = site.fetched().await;
    assert_eq!(
        lines,
        ["new-2024-01-01.csv replaced", "other-2024-01-02.csv unchanged"]
    );
    site.assert_served().await;
    site.put("old-2024-01-01.csv", &rows, &Value::Null);
    let lines = site.fetched().await;
    assert_eq!(
        lines,
        [
            "new-2024-01-01.csv unchanged",
            "old-2024-01-01.csv fetched",
            "other-2024-01-02.csv unchanged"
        ]
    );
    site.assert_served().await;
    let driven = site.api.post("/api/sources/drive", &json!({})).await;
    assert_eq!(driven.expect(202)["next"], Value::Null);
}
