//! The sample triggers in `events/`, handled by the functions' own handlers over memory and a real database.

mod clock;
mod drops;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::ports::{MessageSender, ObjectStore};
use millrace_aws::{Connection, QueueUrls, Queues};
use millrace_core::content_hash::ContentHash;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::{DocumentId, FileVersion};
use millrace_core::message::Queue;
use millrace_core::object_key;
use millrace_store::documents::{DocumentState, NewDocument};
use millrace_store::files::{BeginVersion, Handling, NewVersion};
use millrace_tests::{Counter, Database, Road, repository, specs};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The file that the samples are about.
const FILE: &str = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b";
const CSV: &str =
    "date,grade,school_id,students_attendance_marked,total_students\n2023-01-08,1,1000000001,8,10\n";
const SCHOOL_CSV: &str =
    "school_id,cluster_id,block_id,district_id,state_id\n1000000001,100000006,10008,105,7\n";

fn sample(name: &str) -> SqsEvent {
    let text = std::fs::read_to_string(repository().join(format!("events/{name}.json"))).unwrap();
    let mut trigger: SqsEvent = serde_json::from_str(&text).unwrap();
    for record in &mut trigger.records {
        // What is to come again is not postponed: there is no queue behind these tests.
        record.event_source_arn = Some("no queue".to_owned());
    }
    trigger
}

/// The body of a sample's message.
fn body(name: &str) -> Value {
    serde_json::from_str(sample(name).records[0].body.as_deref().unwrap()).unwrap()
}

fn failed(response: &SqsBatchResponse) -> Vec<&str> {
    response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

struct Functions {
    database: Database,
    road: Road,
    file: FileVersion,
}

impl Functions {
    /// The functions over a database in which the samples' file is registered and its object has arrived.
    async fn new(spec: (SpecKind, &str), csv: &str) -> Option<Self> {
        let database = Database::new()?;
        specs::create_attendance(&database.owner_store()).await;
        let road = Road::new(database.app());
        let version = NewVersion {
            spec,
            file_name: "a.csv",
            mode: Mode::New,
            file_id: None,
            new_file_id: FILE.parse().unwrap(),
            client_id: "tests",
            idempotency: None,
            handling: Handling::default(),
        };
        let BeginVersion::Created(begun) = database.store().begin_version(&version).await.unwrap() else {
            panic!("not created")
        };
        road.landing.put(&object_key::upload(begun.file), csv);
        Some(Self {
            road,
            file: begun.file,
            database,
        })
    }

    fn queues(&self) -> (Arc<dyn MessageSender>, Arc<Queues>) {
        let sender: Arc<dyn MessageSender> = self.road.queues.clone();
        (
            sender,
            Arc::new(Queues::new(&Connection::new(), QueueUrls::new([], &[]))),
        )
    }

    fn collections(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.road.collections.clone())
    }

    async fn csv_ingest(&self, trigger: SqsEvent, chunk_bytes: u64) -> SqsBatchResponse {
        let (sender, queues) = self.queues();
        let deps = millrace_fn_csv_ingest::deps::Deps {
            store: self.database.store(),
            landing: Arc::new(self.road.landing.clone()),
            collections: self.collections(),
            sender,
            surroundings: Arc::new(Counter::default()),
            queues,
            chunk_bytes,
            reminder_delay_seconds: 60,
        };
        millrace_fn_csv_ingest::handler::handle(trigger, &deps).await
    }

    async fn perf_worker(&self, trigger: SqsEvent) -> SqsBatchResponse {
        let (sender, queues) = self.queues();
        let deps = millrace_fn_perf_worker::deps::Deps {
            store: self.database.store(),
            collections: self.collections(),
            mover: self.road.mover(),
            sender,
            queues,
            reminder_delay_seconds: 60,
        };
        millrace_fn_perf_worker::handler::handle(trigger, u64::MAX, &deps).await
    }

    async fn pdf_generator(&self, trigger: SqsEvent) -> SqsBatchResponse {
        let deps = millrace_fn_pdf_generator::deps::Deps {
            store: self.database.store(),
            documents: Arc::new(self.road.documents.clone()),
            queues: self.queues().1,
            timer: Arc::new(Counter::default()),
        };
        millrace_fn_pdf_generator::handler::handle(trigger, 1_700_000_120_000, &deps).await
    }

    async fn status_updater(&self, trigger: SqsEvent) -> SqsBatchResponse {
        let (sender, queues) = self.queues();
        let deps = millrace_fn_status_updater::deps::Deps {
            store: self.database.store(),
            sender,
            queues,
            scheduler: self.road.scheduler.clone(),
            reminder_delay_seconds: 60,
        };
        millrace_fn_status_updater::handler::handle(trigger, &deps).await
    }

    /// The messages that went to the chunk queue.
    fn sent_chunks(&self) -> Vec<Value> {
        let messages = self.road.queues.all();
        let chunks = messages.iter().filter(|message| message.queue == Queue::Chunk);
        chunks
            .map(|message| serde_json::from_str(&message.body).unwrap())
            .collect()
    }

    /// The queues that messages went to, reminders left out.
    fn sent(&self) -> Vec<Queue> {
        let messages = self.road.queues.all();
        self.road.queues.purge();
        let messages = messages.iter().filter(|message| !message.is_reminder());
        messages.map(|message| message.queue).collect()
    }

    async fn value(&self, query: &str) -> String {
        self.database.value(query).await.unwrap_or_default()
    }
}

#[tokio::test]
async fn an_event_file_walks_through_the_functions() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    for repeat in 0..2 {
        let response = functions.csv_ingest(sample("csv-ingest-upload"), 1_000_000).await;
        assert_eq!(failed(&response), Vec::<&str>::new());
        let expected: &[Queue] = if repeat == 0 {
            &[Queue::Status, Queue::Perf]
        } else {
            &[]
        };
        assert_eq!(functions.sent(), expected);
    }
    assert_eq!(
        functions.value("select count(*) from operations.outbox").await,
        "0"
    );
    for _ in 0..2 {
        let response = functions.perf_worker(sample("perf-worker-aggregate")).await;
        assert_eq!(failed(&response), Vec::<&str>::new());
        let cells = "select cell_key || ' ' || m1_sum || ' ' || m2_sum from stored.cells_1";
        assert_eq!(
            functions.value(cells).await,
            r#"["2023-01-08","1000000001"] 8 10"#
        );
    }
    assert_eq!(functions.sent(), [Queue::Status]);
    for name in [
        "status-updater-facts-changed",
        "status-updater-reminder",
        "status-updater-drive-dataset",
    ] {
        let response = functions.status_updater(sample(name)).await;
        assert_eq!(failed(&response), Vec::<&str>::new());
        assert_eq!(
            functions.road.record(functions.file).await.stored_status,
            "Ready_to_archive"
        );
    }
    assert!(functions.sent().is_empty());
}

#[tokio::test]
async fn a_large_file_is_planned_and_its_chunk_validated() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    let response = functions.csv_ingest(sample("csv-ingest-file"), 10).await;
    assert_eq!(failed(&response), Vec::<&str>::new());
    assert_eq!(functions.sent_chunks(), [body("csv-ingest-chunk")]);
    functions.sent();
    let response = functions.csv_ingest(sample("csv-ingest-chunk"), 10).await;
    assert_eq!(failed(&response), Vec::<&str>::new());
    assert_eq!(functions.sent(), [Queue::Status, Queue::Perf]);
    assert!(functions.road.record(functions.file).await.facts.validated);
}

/// Of the object's hash the header is in the message's state, and the rest is read.
#[tokio::test]
async fn a_plan_goes_on_where_another_message_left_it() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    let size_bytes = CSV.len() as u64;
    let store = functions.database.store();
    store.mark_received(functions.file, size_bytes, 10).await.unwrap();
    let mut chunk = body("csv-ingest-chunk");
    chunk["hop"] = json!(2);
    for _ in 0..2 {
        let response = functions.csv_ingest(sample("csv-ingest-plan-on"), 10).await;
        assert_eq!(failed(&response), Vec::<&str>::new());
        assert_eq!(functions.sent_chunks(), [chunk.clone()]);
        functions.sent();
    }
    let whole = "select sha256 || ' ' || chunks_expected || ' ' || size_bytes from ingestion.file_tracker";
    let sha256 = ContentHash::from(<[u8; 32]>::from(Sha256::digest(CSV)));
    assert_eq!(functions.value(whole).await, format!("{sha256} 1 {size_bytes}"));
}

#[tokio::test]
async fn a_dimension_file_is_loaded() {
    let Some(functions) = Functions::new(specs::SCHOOLS, SCHOOL_CSV).await else {
        return;
    };
    functions.csv_ingest(sample("csv-ingest-upload"), 1_000_000).await;
    assert_eq!(functions.sent(), [Queue::Status, Queue::Perf]);
    let response = functions.perf_worker(sample("perf-worker-load-dimension")).await;
    assert_eq!(failed(&response), Vec::<&str>::new());
    assert_eq!(
        functions
            .value("select cluster_id from ingestion.dimension_master")
            .await,
        "100000006"
    );
}

#[tokio::test]
async fn poison_comes_again_alone() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    functions.csv_ingest(sample("csv-ingest-upload"), 1_000_000).await;
    let trigger = sample("perf-worker-poison");
    let poison = trigger.records[0].message_id.clone().unwrap();
    let response = functions.perf_worker(trigger).await;
    assert_eq!(failed(&response), [poison.as_str()]);
    assert_eq!(functions.value("select count(*) from stored.cells_1").await, "1");
}

#[tokio::test]
async fn what_is_not_ours_is_acknowledged() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    for name in ["csv-ingest-test-event", "csv-ingest-object-created"] {
        let response = functions.csv_ingest(sample(name), 1_000_000).await;
        assert_eq!(failed(&response), Vec::<&str>::new(), "{name}");
    }
    assert!(!functions.road.record(functions.file).await.facts.received);
    assert!(functions.sent().is_empty());
}

#[tokio::test]
async fn a_failure_comes_again_alone() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    functions
        .database
        .script("revoke all on ingestion.chunk from millrace_app")
        .await;
    let mut trigger = sample("csv-ingest-upload");
    let failing = trigger.records[0].message_id.clone().unwrap();
    let good = sample("csv-ingest-test-event").records.remove(0);
    trigger.records.push(good);
    trigger.records[1].message_id = Some("good".to_owned());
    let response = functions.csv_ingest(trigger, 1_000_000).await;
    assert_eq!(failed(&response), [failing.as_str()]);
    functions
        .database
        .script("grant all on ingestion.chunk to millrace_app")
        .await;
    let response = functions.csv_ingest(sample("csv-ingest-upload"), 1_000_000).await;
    assert_eq!(failed(&response), Vec::<&str>::new());
    assert!(functions.road.record(functions.file).await.facts.validated);
}

/// The document that the samples are about, registered for a dataset.
async fn register(functions: &Functions, dataset: &str) -> DocumentId {
    let document_id = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4d".parse().unwrap();
    let new = NewDocument {
        document_id,
        title: "Sample",
        query: &serde_json::from_value(json!({"dataset": dataset, "group_by": [], "filters": []})).unwrap(),
        client_id: "tests",
        idempotency: None,
    };
    functions.database.store().create_document(&new).await.unwrap();
    document_id
}

#[tokio::test]
async fn a_document_is_rendered_beside_poison() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    let document_id = register(&functions, "SAC_stds_atd_cmp_by_school").await;
    let trigger = sample("pdf-generator-poison");
    let poison = trigger.records[0].message_id.clone().unwrap();
    assert_eq!(failed(&functions.pdf_generator(trigger).await), [poison.as_str()]);
    let response = functions
        .pdf_generator(sample("pdf-generator-render-document"))
        .await;
    assert_eq!(failed(&response), Vec::<&str>::new());
    let record = functions.road.document(document_id).await;
    assert_eq!((record.state, record.attempts), (DocumentState::Ready, 1));
}

/// The tenth delivery is the last: its failure is the document's, and the message goes to the dead-letter queue.
#[tokio::test]
async fn the_last_delivery_fails_the_document_and_is_not_acknowledged() {
    let Some(functions) = Functions::new(specs::ATTENDANCE, CSV).await else {
        return;
    };
    let document_id = register(&functions, "SAC_stds_atd_cmp_by_school").await;
    functions
        .database
        .script("revoke all on ingestion.contribution from millrace_app")
        .await;
    for (delivery, state) in [("9", DocumentState::Queued), ("10", DocumentState::Failed)] {
        let mut trigger = sample("pdf-generator-render-document");
        let attributes = &mut trigger.records[0].attributes;
        attributes.insert("ApproximateReceiveCount".to_owned(), delivery.to_owned());
        assert_eq!(
            failed(&functions.pdf_generator(trigger).await).len(),
            1,
            "{delivery}"
        );
        let record = functions.road.document(document_id).await;
        assert_eq!(
            (record.state, record.error.unwrap().code.as_str()),
            (state, "misconfigured")
        );
    }
}
