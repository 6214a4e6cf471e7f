//! Uploads in parts: in any order, by several clients, broken off, forgotten.

use millrace_app::multipart::{
    Multipart, MultipartError, PART_BYTES, begin_multipart, load_multipart, parts_of,
};
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::object_key;
use millrace_core::row_error::Rule;
use millrace_store::files::{BeginVersion, Declared, Handling};
use millrace_tests::Fault;

use super::declared::declared;
use super::{SALES, Sales};

/// Two parts and a bit.
fn csv() -> (Vec<u8>, u64) {
    let row = "2023-01-08,a,1,1,2\n";
    let count = 2 * PART_BYTES / row.len() as u64 + 1_000;
    let rows = row.repeat(usize::try_from(count).unwrap());
    (Sales::csv(&rows).into_bytes(), count)
}

/// A file of three parts that nobody sends.
fn three_parts() -> Handling {
    Handling {
        declared: Declared {
            size_bytes: Some(2 * PART_BYTES + 1),
            sha256: None,
        },
        ..Handling::default()
    }
}

impl Sales {
    async fn open(&self, handling: Handling) -> Multipart {
        let file = self.declare("large.csv", handling).await;
        begin_multipart(&self.road.multipart_ports(), file).await.unwrap()
    }

    /// The upload as a client knows it that comes anew.
    async fn upload(&self, file: FileVersion) -> Multipart {
        load_multipart(&self.store, file).await.unwrap()
    }

    /// Sends those of the parts, of a page of the list, that are not there.
    async fn send_parts(&self, file: FileVersion, bytes: &[u8], wanted: &[u32]) {
        let upload = self.upload(file).await;
        let listed = upload.list_parts(&self.road.multipart_ports(), 0, 100).await;
        for listed in listed.unwrap() {
            let (part, address) = (listed.part, listed.address);
            let at = |offset| usize::try_from(offset).unwrap();
            let range = at(part.offset)..at(part.offset + part.size_bytes);
            if wanted.contains(&part.number) {
                let address = address.unwrap();
                assert!(
                    !self
                        .road
                        .uploads
                        .put(&address, &bytes[range.start + 1..range.end])
                );
                assert!(self.road.uploads.put(&address, &bytes[range]));
            }
        }
    }

    async fn complete(&self, file: FileVersion) -> Result<(), MultipartError> {
        self.upload(file)
            .await
            .complete(&self.road.multipart_ports())
            .await
    }

    async fn abort(&self, file: FileVersion) -> Result<(), MultipartError> {
        self.upload(file).await.abort(&self.road.multipart_ports()).await
    }

    async fn missing(&self, file: FileVersion) -> Vec<u32> {
        match self.complete(file).await {
            Err(MultipartError::PartsMissing { missing, of: 3 }) => missing,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn parts_come_in_any_order_from_clients_that_die_in_between() {
    let Some(sales) = Sales::new().await else { return };
    let (bytes, rows) = csv();
    let file = sales.open(declared(&bytes)).await.record.file;
    assert_eq!(sales.missing(file).await, [1, 2, 3]);
    sales.send_parts(file, &bytes, &[2]).await;
    // Whoever comes next asks what is there.
    let upload = sales.upload(file).await;
    let ports = sales.road.multipart_ports();
    let there = |listed: Vec<millrace_app::multipart::ListedPart>| -> Vec<(u32, bool)> {
        let told = listed
            .into_iter()
            .map(|listed| (listed.part.number, listed.address.is_none()));
        told.collect()
    };
    let page = upload.list_parts(&ports, 0, 2).await.unwrap();
    assert_eq!(there(page), [(1, false), (2, true)]);
    let page = upload.list_parts(&ports, 2, 2).await.unwrap();
    assert_eq!(there(page), [(3, false)]);
    assert_eq!(sales.missing(file).await, [1, 3]);
    sales.send_parts(file, &bytes, &[3, 1]).await;
    // The answer is lost, and the client asks again; later again, when the file was read and its object may be elsewhere.
    sales
        .road
        .faults
        .fail_on("s3.complete_multipart_upload", Fault::After, 1);
    assert!(matches!(
        sales.complete(file).await,
        Err(MultipartError::Failed(_))
    ));
    sales.road.faults.stop();
    sales.complete(file).await.unwrap();
    sales.road.tell_of(&object_key::upload(file));
    sales.road.settle().await;
    let record = sales.road.record(file).await;
    assert_eq!(
        (
            record.stored_status.as_str(),
            record.facts.counts.kept,
            record.size_bytes
        ),
        ("Ready_to_archive", rows, Some(bytes.len() as u64))
    );
    sales.road.landing.remove(&object_key::upload(file));
    sales.complete(file).await.unwrap();
    for ended in [
        sales.abort(file).await,
        sales
            .upload(file)
            .await
            .list_parts(&ports, 0, 1)
            .await
            .map(|_| ()),
    ] {
        assert!(matches!(ended, Err(MultipartError::Completed)), "{ended:?}");
    }
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_version_has_one_upload_however_often_it_is_begun() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.declare("large.csv", three_parts()).await;
    let ports = sales.road.multipart_ports();
    // Killed before it is noted: S3 has an upload that nobody knows, until its lifecycle takes it.
    sales.road.faults.fail_on("set upload_id", Fault::Before, 1);
    assert!(begin_multipart(&ports, file).await.is_err());
    assert_eq!(sales.road.uploads.open(), 1);
    sales.road.faults.fail_on("set upload_id", Fault::After, 1);
    assert!(begin_multipart(&ports, file).await.is_err());
    sales.road.faults.stop();
    let one = begin_multipart(&ports, file).await.unwrap().record.upload_id;
    assert_eq!(begin_multipart(&ports, file).await.unwrap().record.upload_id, one);
    assert_eq!(sales.road.uploads.open(), 2);
    // Two at once: the later one gives up what it has begun.
    let raced = sales.declare("raced.csv", three_parts()).await;
    let both = tokio::join!(begin_multipart(&ports, raced), begin_multipart(&ports, raced));
    let ids = [both.0, both.1].map(|begun| begun.unwrap().record.upload_id);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(sales.road.uploads.open(), 3);
    // What does not come in parts has none.
    let BeginVersion::Created(plain) = sales.road.begin(SALES, "plain.csv", Mode::New).await.unwrap() else {
        panic!("it is new")
    };
    let none = load_multipart(&sales.store, plain.file).await.err();
    assert!(matches!(none, Some(MultipartError::None)), "{none:?}");
}

#[tokio::test]
async fn an_upload_that_is_broken_off_ends_and_frees_its_name() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.open(three_parts()).await.record.file;
    // Killed anywhere, it is broken off once more.
    for (words, fault) in [
        ("s3.abort_multipart_upload", Fault::After),
        ("end_upload", Fault::Before),
        ("end_upload", Fault::After),
    ] {
        sales.road.faults.fail_on(words, fault, 1);
        assert!(sales.abort(file).await.is_err(), "{words}");
        sales.road.faults.stop();
    }
    sales.abort(file).await.unwrap();
    sales.road.settle().await;
    let record = sales.road.record(file).await;
    assert_eq!(record.facts.error.unwrap().rule, Rule::UploadAborted);
    assert_eq!(
        (record.stored_status.as_str(), record.received_at),
        ("Error", None)
    );
    let ports = sales.road.multipart_ports();
    let upload = sales.upload(file).await;
    for ended in [
        sales.complete(file).await,
        upload.list_parts(&ports, 0, 1).await.map(|_| ()),
    ] {
        assert!(matches!(ended, Err(MultipartError::Ended)), "{ended:?}");
    }
    // Nobody looks for it again, and its name is free.
    super::drive_all(&sales.store, sales.road.sender()).await;
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Error");
    sales.send("large.csv", Mode::New, "2023-01-08,b,1,1,2\n").await;
    sales.road.settle().await;
    assert_eq!(sales.lines("select k2 from stored.cells_1").await, ["b"]);
    sales.assert_clean().await;
}

/// A completion that was under way while somebody broke off: S3 has the object, so it counts.
#[tokio::test]
async fn bytes_that_come_in_spite_of_all_take_the_version_up_again() {
    let Some(sales) = Sales::new().await else { return };
    let bytes = Sales::csv("2023-01-08,a,1,1,2\n").into_bytes();
    let file = sales.open(declared(&bytes)).await.record.file;
    sales.abort(file).await.unwrap();
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Error");
    sales.road.arrive(file, bytes);
    sales.road.settle().await;
    assert_eq!(sales.status(file).await, "Ready_to_archive");
    let ended = sales.abort(file).await;
    assert!(matches!(ended, Err(MultipartError::Completed)), "{ended:?}");
    sales.assert_clean().await;
}

#[tokio::test]
async fn an_upload_that_nobody_completes_is_waited_for_a_day() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.open(three_parts()).await.record.file;
    let mut rules = Vec::new();
    for hours in [23, 2] {
        let later =
            format!("update ingestion.file_tracker set created_at = created_at - interval '{hours} hours'");
        sales.database.script(&later).await;
        super::drive_all(&sales.store, sales.road.sender()).await;
        sales.road.settle().await;
        rules.push(sales.road.record(file).await.facts.error.map(|error| error.rule));
    }
    assert_eq!(rules, [None, Some(Rule::NeverReceived)]);
    // As long as S3 has the parts, it can be completed after all, and is taken up again.
    let bytes = vec![b'x'; usize::try_from(2 * PART_BYTES + 1).unwrap()];
    sales.send_parts(file, &bytes, &[1, 2, 3]).await;
    sales.complete(file).await.unwrap();
    sales.complete(file).await.unwrap();
    sales.road.tell_of(&object_key::upload(file));
    sales.road.settle().await;
    let error = sales.road.record(file).await.facts.error.unwrap();
    assert_ne!(error.rule, Rule::NeverReceived, "{}", error.message);
    // Once S3 has forgotten it, it is over.
    let gone = sales.declare("gone.csv", three_parts()).await;
    begin_multipart(&sales.road.multipart_ports(), gone)
        .await
        .unwrap();
    sales.road.uploads.expire();
    let ended = sales.complete(gone).await;
    assert!(matches!(ended, Err(MultipartError::Ended)), "{ended:?}");
    assert_eq!(parts_of(2 * PART_BYTES + 1, 0).count(), 3);
}
