//! Hostile files beside good ones.

use std::time::Instant;

use futures_util::future::join_all;
use millrace_tests::stack::{Stack, hostile_files};
use serde_json::Value;

use super::{Batch, SETTLED_WITHIN, dead_letters, seed};

#[tokio::test]
async fn faults_hostile_files_end_with_a_reason_and_harm_no_other() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, emulator) = (seed(91), stack.emulator());
    let mut batch = Batch::prepare(&stack, "beside_hostile").await;
    dead_letters(&stack, &emulator);
    let begin = Instant::now();
    let hostile = hostile_files();
    assert_eq!(hostile.len(), 60);
    let (api, event) = (batch.api.clone(), batch.specs.attendance.clone());
    let mut sent: Vec<(String, String)> = Vec::new();
    for six in hostile.chunks(6) {
        let ids = join_all(
            six.iter()
                .map(|(name, content)| api.send_file("event", &event, name, content.clone())),
        )
        .await;
        sent.extend(six.iter().map(|(name, _)| name.clone()).zip(ids));
        batch.send(&mut random, 6, 50).await;
    }
    let mut kept = 0;
    for (name, file_id) in &sent {
        let file = api.settled(file_id, SETTLED_WITHIN).await;
        assert_has_reason(name, &file);
        kept += file["kept"].as_u64().unwrap_or_default();
    }
    batch.settle().await;
    println!(
        "60 hostile and 60 good files settled in {:.0?}; {kept} rows of hostile files kept",
        begin.elapsed()
    );
    batch.model.assert_served(&api, &batch.specs.by_school).await;
    assert_eq!(dead_letters(&stack, &emulator), Vec::<String>::new());
    // Deterministic errors are not tried again and again: a file is read once, unless a worker was too slow.
    let sql = stack.sql().await;
    let open = format!(
        "select count(*) from ingestion.file_tracker where ingestion_name = '{event}' and error is null \
         and validated_at is null"
    );
    assert_eq!(sql.number(&open).await, 0);
}

/// A state that is an end, with a rule and words for the one who sent it.
fn assert_has_reason(name: &str, file: &Value) {
    match file["status"].as_str() {
        Some("Error") => {
            let error = &file["error"];
            let says =
                error["rule"].is_string() && error["message"].as_str().is_some_and(|text| !text.is_empty());
            assert!(says, "{name}: {file}");
        }
        _ => assert!(
            file["rejected"].as_u64().is_some_and(|rows| rows > 0),
            "{name} was taken: {file}"
        ),
    }
}
