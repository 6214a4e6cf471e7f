//! Uploads that never arrive, arrive late, or are larger than a file may be.

use async_trait::async_trait;
use millrace_app::drive::{drive_file, drive_open};
use millrace_app::ingest::{IngestPorts, MAX_FILE_BYTES, ingest_file};
use millrace_app::ports::{ObjectReader, ObjectStream};
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::object_key::{self, ObjectAt};
use millrace_core::row_error::Rule;
use millrace_store::files::{BeginVersion, FileFilter};
use millrace_tests::Fault;

use super::{SALES, Sales};

const ONE: &str = "2023-01-08,a,1,1,2\n";
const TWO: &str = "2023-01-08,b,5,1,2\n";

impl Sales {
    /// Registers a version; its bytes stay away.
    async fn registered(&self, mode: Mode) -> FileVersion {
        match self.road.begin(SALES, "a.csv", mode).await.unwrap() {
            BeginVersion::Created(version) => version.file,
            other => panic!("{other:?}"),
        }
    }

    /// Lets the time pass that bytes are waited for.
    async fn wait(&self) {
        let later = "update ingestion.file_tracker set created_at = created_at - interval '31 minutes'";
        self.database.script(later).await;
    }

    async fn drive_all(&self) {
        drive_open(&self.store, self.road.sender(), None).await.unwrap();
        self.road.settle().await;
    }

    async fn rule(&self, file: FileVersion) -> Option<Rule> {
        self.road.record(file).await.facts.error.map(|error| error.rule)
    }

    /// The shops of the cells.
    async fn shops(&self) -> Vec<String> {
        self.lines("select k2 from stored.cells_1 order by k2").await
    }
}

#[tokio::test]
async fn an_upload_that_never_arrived_stands_in_nobodys_way_and_ends() {
    let Some(sales) = Sales::new().await else { return };
    let never = sales.registered(Mode::New).await;
    // Its address is still good: nobody gives it up, and nobody waits for it either.
    sales.drive_all().await;
    assert_eq!(sales.rule(never).await, None);
    let next = sales.send("a.csv", Mode::New, ONE).await;
    assert_eq!((next.file_id, next.version), (never.file_id, 2));
    sales.road.settle().await;
    assert_eq!(
        (sales.shops().await, sales.rule(never).await),
        (vec!["a".to_owned()], None)
    );
    // The next version has it looked for, without anybody driving anything on.
    sales.wait().await;
    sales.send("a.csv", Mode::Replace, TWO).await;
    sales.road.settle().await;
    assert_eq!(sales.rule(never).await, Some(Rule::NeverReceived));
    assert_eq!(sales.status(never).await, "Error");
    assert_eq!(sales.road.record(never).await.received_at, None);
    assert_eq!(sales.shops().await, ["b"]);
    // A file that is there is there.
    let begun = sales.road.begin(SALES, "a.csv", Mode::New).await.unwrap();
    assert!(matches!(begun, BeginVersion::Exists(_)), "{begun:?}");
    sales.assert_clean().await;
}

#[tokio::test]
async fn whoever_drives_files_on_ends_what_never_arrived() {
    let Some(sales) = Sales::new().await else { return };
    let never = sales.registered(Mode::New).await;
    sales.wait().await;
    for fault in [Fault::After, Fault::Before] {
        // The worker dies around its commit; the message comes again.
        sales.road.faults.fail_on("end_upload", fault, 1);
        drive_open(&sales.store, sales.road.sender(), None).await.unwrap();
        sales.road.drain(&mut millrace_tests::Order::First).await;
        sales.road.faults.stop();
    }
    assert_eq!(sales.status(never).await, "Error");
    let open = FileFilter {
        open_only: true,
        limit: 10,
        ..FileFilter::default()
    };
    assert_eq!(sales.store.list_files(&open).await.unwrap(), []);
    sales.assert_clean().await;
}

#[tokio::test]
async fn bytes_that_come_after_the_end_take_the_version_up_again() {
    let Some(sales) = Sales::new().await else { return };
    let late = sales.registered(Mode::New).await;
    sales.wait().await;
    sales.drive_all().await;
    assert_eq!(sales.status(late).await, "Error");
    sales.road.arrive(late, Sales::csv(ONE));
    sales.road.settle().await;
    assert_eq!(
        (sales.rule(late).await, sales.status(late).await.as_str()),
        (None, "Ready_to_archive")
    );
    assert_eq!(sales.shops().await, ["a"]);
    // Of two, the one registered last counts, in whatever order the bytes come.
    let late = sales.registered(Mode::Replace).await;
    sales.wait().await;
    sales.drive_all().await;
    sales.send("a.csv", Mode::Replace, TWO).await;
    sales.road.settle().await;
    sales.road.arrive(late, Sales::csv("2023-01-08,c,7,1,2\n"));
    sales.road.settle().await;
    assert_eq!(sales.status(late).await, "Ready_to_archive");
    assert_eq!(sales.shops().await, ["b"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn bytes_of_which_nobody_told_are_found_before_the_end() {
    let Some(sales) = Sales::new().await else { return };
    let untold = sales.registered(Mode::New).await;
    sales
        .road
        .landing
        .put(&object_key::upload(untold), Sales::csv(ONE));
    sales.wait().await;
    sales.drive_all().await;
    assert_eq!(sales.status(untold).await, "Ready_to_archive");
    // And after it, once somebody asks.
    let untold = sales.registered(Mode::Replace).await;
    sales.wait().await;
    sales.drive_all().await;
    sales
        .road
        .landing
        .put(&object_key::upload(untold), Sales::csv(TWO));
    let record = sales.road.record(untold).await;
    drive_file(&sales.store, sales.road.sender(), &record)
        .await
        .unwrap();
    sales.road.settle().await;
    assert_eq!(sales.status(untold).await, "Ready_to_archive");
    assert_eq!(sales.shops().await, ["b"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn an_upload_that_is_under_way_can_be_taken_back() {
    let Some(sales) = Sales::new().await else { return };
    let under_way = sales.registered(Mode::New).await;
    sales.road.delete(under_way.file_id).await;
    sales.road.arrive(under_way, Sales::csv(ONE));
    sales.road.settle().await;
    assert_eq!(sales.status(under_way).await, "Ready_to_archive");
    assert_eq!(sales.shops().await, Vec::<String>::new());
    sales.assert_clean().await;
}

/// A bucket in which every object is larger than a file may be; none of it is read.
struct Huge;

#[async_trait]
impl ObjectReader for Huge {
    async fn size_at(&self, _: &ObjectAt) -> Result<Option<u64>, Failure> {
        Ok(Some(MAX_FILE_BYTES + 1))
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        _: u64,
        _: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        panic!("{} is read", object.key)
    }
}

/// A header, a row, and then nothing but bytes of nothing, as files have that were given their size beforehand.
struct Padded;

/// More than anybody looks for a record in.
const PADDED_BYTES: u64 = (1 << 30) + (1 << 24);

#[async_trait]
impl ObjectReader for Padded {
    async fn size_at(&self, _: &ObjectAt) -> Result<Option<u64>, Failure> {
        Ok(Some(PADDED_BYTES))
    }

    async fn open_at(&self, _: &ObjectAt, _: u64, _: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        Ok(Box::new(Padding(Some(Sales::csv(ONE).into_bytes()), 0)))
    }
}

struct Padding(Option<Vec<u8>>, u64);

#[async_trait]
impl ObjectStream for Padding {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(beginning) = self.0.take() {
            return Ok(Some(beginning));
        }
        self.1 += 1 << 20;
        Ok((self.1 < PADDED_BYTES).then(|| vec![0; 1 << 20]))
    }
}

#[tokio::test]
async fn a_file_that_has_no_rows_any_more_is_refused_and_hangs_nowhere() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.registered(Mode::New).await;
    let ports = IngestPorts {
        landing: &Padded,
        ..sales.road.ingest_ports()
    };
    ingest_file(&ports, file).await.unwrap();
    let error = sales.road.record(file).await.facts.error.unwrap();
    assert_eq!(error.rule, Rule::NotCsv);
    assert!(error.message.contains("hold no row"), "{}", error.message);
}

#[tokio::test]
async fn a_file_has_at_most_ten_gib() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.registered(Mode::New).await;
    let ports = IngestPorts {
        landing: &Huge,
        ..sales.road.ingest_ports()
    };
    ingest_file(&ports, file).await.unwrap();
    let error = sales.road.record(file).await.facts.error.unwrap();
    assert_eq!(error.rule, Rule::FileTooLarge);
    assert!(
        error
            .message
            .contains("10737418241 bytes; at most 10737418240 (10 GiB)"),
        "{}",
        error.message
    );
}

/// Files beside others of the name: each has a name of its own, counts, and can be replaced and deleted.
#[tokio::test]
async fn appended_files_count_beside_those_of_their_name() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, ONE).await;
    let second = sales.send("a.csv", Mode::Append, TWO).await;
    let third = sales.send("a.csv", Mode::Append, ONE).await;
    sales.road.settle().await;
    let counted = "select coalesce(sum(row_count), 0)::text from stored.cells_1";
    let count = async || sales.database.value(counted).await.unwrap();
    assert_eq!(count().await, "2", "the same bytes once more change nothing");
    for file in [second, third] {
        let record = sales.store.load_file(file).await.unwrap().unwrap();
        assert_eq!(record.mode, Mode::New);
        assert_eq!(record.file_name, format!("a ({}).csv", file.file_id));
    }
    sales.road.delete(second.file_id).await;
    sales.road.settle().await;
    assert_eq!(count().await, "1");
}
