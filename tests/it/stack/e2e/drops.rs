//! What other systems drop, end to end: objects that are read in ranges as the write left them that its event tells of.

use millrace_tests::stack::{AttendanceSpecs, Model, Stack, assert_through, csv, random_rows, wait_for};
use millrace_tests::{Random, ZipMember, zip};
use serde_json::json;

use super::PATIENCE;

#[tokio::test]
async fn an_archive_and_a_file_in_chunks_may_be_dropped() {
    let Some(stack) = Stack::find() else { return };
    let (api, emulator, sql) = (stack.api(), stack.emulator(), stack.sql().await);
    let landing = stack.output("LandingBucketName");
    let rows = random_rows(&mut Random::new(73), 60_000);
    let (one, other) = rows.split_at(40_000);
    let archive = zip(&[
        ZipMember::deflated("one.csv", csv(one).as_bytes()),
        ZipMember::stored("other.csv", csv(other).as_bytes()),
    ]);
    for (name, bytes) in [("a.zip", archive), ("a.csv", csv(&rows).into_bytes())] {
        let sender = AttendanceSpecs::create(&api, "sender").await;
        let specs = AttendanceSpecs::create(&api, "dropped").await;
        specs.send_schools(&api, 8).await;
        // The other system has it from somewhere in the bucket.
        let file_id = api.send_file("event", &sender.attendance, name, bytes).await;
        assert_through(&api.settled(&file_id, PATIENCE).await);
        let source = emulator.keys(landing, &format!("uploads/{file_id}/")).remove(0);
        let key = format!("drops/event/{}/{name}", specs.attendance);
        let copy = json!({"Bucket": landing, "Key": key, "CopySource": {"Bucket": landing, "Key": source}});
        emulator.call("s3", "copy_object", copy);
        let taken = format!(
            "select file_id::text from ingestion.file_tracker where ingestion_name = '{}'",
            specs.attendance
        );
        let file_id = wait_for("the drop is taken", PATIENCE, || sql.value(&taken)).await;
        let file = api.settled(&file_id, PATIENCE).await;
        assert_through(&file);
        assert_eq!(file["kept"], rows.len(), "{file}");
        let mut model = Model::default();
        model.set(name, &rows);
        model.assert_served(&api, &specs.by_school).await;
    }
}
