//! Objects that leave the landing bucket, end to end: schedules move those of archived and of refused files, and what was
//! moved a while ago is deleted where it was.

use millrace_tests::Random;
use millrace_tests::stack::{Api, AttendanceSpecs, Stack, csv, random_rows, unique, wait_for, wait_until};
use serde_json::json;

use super::{CLOCK_PATIENCE, PATIENCE, assert_through};

const REFUSED: &str = "wrong,header\n1,2\n";

#[tokio::test]
async fn schedules_move_what_is_done_and_what_was_refused_and_it_leaves() {
    let Some(stack) = Stack::find() else { return };
    let (api, emulator, sql) = (stack.api(), stack.emulator(), stack.sql().await);
    let (landing, collections) = (
        stack.output("LandingBucketName"),
        stack.output("CollectionsBucketName"),
    );
    let specs = AttendanceSpecs::create(&api, "moves").await;
    let rows = random_rows(&mut Random::new(71), 20);
    let done = specs.send(&api, "a.csv", &rows).await;
    let refused = api.send_file("event", &specs.attendance, "b.csv", REFUSED).await;
    assert_through(&api.settled(&done, PATIENCE).await);
    assert_eq!(api.settled(&refused, PATIENCE).await["status"], "Error");

    let schedules = ["Archive", "Error"].map(|moves| (moves, unique(&format!("moves_{moves}"))));
    for (moves, name) in &schedules {
        let order = json!({"schedule_name": name, "scheduled_type": moves, "scheduled_at": "rate(1 minute)"});
        let set = api.post("/ingestion/scheduler", &order).await;
        assert_eq!(&set.expect(201)["schedule_name"], name);
    }
    let landed = |file_id: &str| emulator.keys(landing, &format!("uploads/{file_id}/"));
    for (folder, file_id, content) in [
        ("archive", &done, csv(&rows)),
        ("error", &refused, REFUSED.to_owned()),
    ] {
        let prefix = format!("{folder}/event/{}/{file_id}/", specs.attendance);
        let key = wait_for("an object is moved by the clock", CLOCK_PATIENCE, || async {
            emulator.keys(collections, &prefix).pop()
        })
        .await;
        assert_eq!(key, format!("{prefix}1"));
        let order = json!({"Bucket": collections, "Key": key, "ExpiresIn": 60});
        let address = emulator.call("s3", "presign_get", order);
        let copy = Api::download(address.as_str().unwrap()).await;
        assert_eq!((copy.status, copy.bytes), (200, content.into_bytes()));
        // It stays where it was for those who loaded the file before.
        assert_eq!(landed(file_id).len(), 1);
    }
    for (_, name) in &schedules {
        let _ = api.delete(&format!("/spec/schedule/{name}")).await.expect(200);
    }

    let is_archived = || async { api.file(&done).await["status"] == "Archived" };
    assert!(
        wait_until(PATIENCE, is_archived).await,
        "{}",
        api.file(&done).await
    );
    assert_eq!(api.file(&refused).await["status"], "Error");
    // A quarter of an hour goes by for these two.
    let ours = format!("file_id in ('{done}', '{refused}')");
    let moved = format!("select count(*) from ingestion.file_tracker where moved_key is not null and {ours}");
    let are_moved = || async { sql.number(&moved).await == 2 };
    assert!(wait_until(PATIENCE, are_moved).await, "not written down");
    sql.rows(&format!(
        "update ingestion.file_tracker set moved_at = now() - interval '1 hour' where {ours}"
    ))
    .await;
    emulator.send(stack.output("PerfQueueUrl"), r#"{"v":1,"kind":"leave_landing"}"#);
    let left = format!("select count(*) from ingestion.file_tracker where left_at is not null and {ours}");
    let have_left = || async { sql.number(&left).await == 2 };
    assert!(wait_until(PATIENCE, have_left).await, "they have not left");
    assert_eq!((landed(&done), landed(&refused)), (vec![], vec![]));
}
