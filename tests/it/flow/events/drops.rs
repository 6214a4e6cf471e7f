//! The sample triggers about dropped objects.

use millrace_app::drive::drive_drops;
use millrace_core::definition::SpecKind;
use millrace_core::message::Queue;
use millrace_store::specs::RetireSpec;
use millrace_tests::specs;

use super::{CSV, Functions, SCHOOL_CSV, failed, sample};

#[tokio::test]
async fn a_dropped_file_is_registered_by_its_event() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    // The sample's write is none that the bucket in memory knows: it has gone, and an operator sees that.
    for _ in 0..2 {
        let response = functions.csv_ingest(sample("csv-ingest-drop"), 1_000_000).await;
        assert_eq!(failed(&response), Vec::<&str>::new());
    }
    let dropped = "select concat_ws(' ', object_key, object_version, place like '0069af9c380a1b2c3d0%', version, size_bytes) \
         from operations.dropped_object";
    assert_eq!(
        functions.value(dropped).await,
        "drops/event/event_students_attendance/pr\u{e9}sences 08+09.csv 096fKKXTRTtl3on89fVO.nfljtsv6qko t 1 18342"
    );
    let tracked = "select concat_ws(' ', file_name, mode, created_by, error ->> 'rule') from ingestion.file_tracker \
         where object_key is not null";
    assert_eq!(
        functions.value(tracked).await,
        "pr\u{e9}sences 08+09.csv new drop object_gone"
    );
}

#[tokio::test]
async fn a_refused_drop_is_taken_by_the_message_that_driving_sends() {
    let Some(functions) = Functions::new(specs::SCHOOLS, SCHOOL_CSV).await else {
        return;
    };
    let again = async || {
        let response = functions
            .csv_ingest(sample("csv-ingest-take-drop"), 1_000_000)
            .await;
        assert_eq!(failed(&response), Vec::<&str>::new());
        let state = "select state from operations.dropped_object";
        functions.value(state).await
    };
    assert_eq!(again().await, "", "there is none yet");
    let owner = functions.database.owner_store();
    let (kind, event) = specs::ATTENDANCE;
    for (kind, name) in [(SpecKind::Dataset, specs::ATTENDANCE_BY_SCHOOL), (kind, event)] {
        let retired = owner.retire_spec(kind, name, "tests").await.unwrap();
        assert_eq!(retired, RetireSpec::Retired);
    }
    functions.csv_ingest(sample("csv-ingest-drop"), 1_000_000).await;
    assert_eq!(again().await, "refused");
    owner.restore_spec(kind, event).await.unwrap();
    functions.sent();
    let store = functions.database.store();
    drive_drops(&store, functions.road.sender(), None).await.unwrap();
    // The sample is the very message that is sent.
    let sent = functions.road.queues.take(0).unwrap();
    let body = sample("csv-ingest-take-drop").records[0].body.clone();
    assert_eq!((sent.queue, Some(sent.body)), (Queue::Ingest, body));
    assert_eq!(again().await, "taken");
    assert_eq!(again().await, "taken");
    let versions = "select count(*) from ingestion.file_tracker where object_key is not null";
    assert_eq!(functions.value(versions).await, "1");
}
