//! The real adapters behind the handlers' dependencies.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_app::authenticate::Authenticator;
use millrace_app::moved::MovedReader;
use millrace_aws::{
    Bucket, ClientsTable, Connection, DataApi, QueueUrls, Queues, SettingsTable, table_answers,
};
use millrace_core::Failure;
use millrace_core::message::Queue;
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;
use crate::deps::{Deps, Part, Probe};

/// The queues that the API sends to, of those whose health it reports; a template test compares with what its role
/// allows.
pub const SENDS_TO: &[Queue] = &[
    Queue::Ingest,
    Queue::Perf,
    Queue::Status,
    Queue::Pdf,
    Queue::Fetch,
];

/// Dependencies over AWS; clients are made on first use.
#[must_use]
pub fn connect(config: &Config) -> Deps {
    let connection = Connection::new();
    let store = |secret: &str| {
        Store::new(DataApi::connect(
            &connection,
            &config.database_arn,
            secret,
            &config.database_name,
        ))
    };
    let landing = Arc::new(Bucket::new(&connection, &config.landing_bucket));
    let collections = Arc::new(Bucket::new(&connection, &config.collections_bucket));
    let documents = Arc::new(Bucket::new(&connection, &config.documents_bucket));
    let queues = Arc::new(Queues::new(&connection, queue_urls(config)));
    let store_of_app = store(&config.database_secret_arn);
    let table = |name: &str| TableProbe(connection.clone(), name.to_owned());
    let mut parts = vec![
        part("database", DatabaseProbe(store_of_app.clone())),
        part("landing_bucket", BucketProbe(Arc::clone(&landing))),
        part("collections_bucket", BucketProbe(Arc::clone(&collections))),
        part("documents_bucket", BucketProbe(Arc::clone(&documents))),
        part("clients_table", table(&config.clients_table)),
        part("settings_table", table(&config.settings_table)),
        part("locks_table", table(&config.locks_table)),
    ];
    parts.extend(Queue::ALL.map(|queue| part(queue_name(queue), QueueProbe(Arc::clone(&queues), queue))));
    Deps {
        owner_store: store(&config.database_owner_secret_arn),
        store: store_of_app,
        signer: Arc::clone(&landing) as _,
        multipart_uploads: Arc::clone(&landing) as _,
        landing_reader: Arc::new(MovedReader::new(
            Bucket::new(&connection, &config.landing_bucket),
            Bucket::new(&connection, &config.collections_bucket),
        )),
        landing,
        collections,
        document_signer: Arc::clone(&documents) as _,
        documents,
        settings: Arc::new(SettingsTable::new(&connection, &config.settings_table)),
        sender: queues,
        reminder_delay_seconds: config.reminder_delay_seconds,
        authenticator: Authenticator::new(Arc::new(ClientsTable::new(&connection, &config.clients_table))),
        surroundings: Arc::new(Machine),
        parts,
    }
}

fn queue_urls(config: &Config) -> QueueUrls {
    let [ingest, chunk, perf, status, pdf, fetch] = config.queue_urls.each_ref().map(String::as_str);
    let known = [
        (Queue::Ingest, ingest),
        (Queue::Chunk, chunk),
        (Queue::Perf, perf),
        (Queue::Status, status),
        (Queue::Pdf, pdf),
        (Queue::Fetch, fetch),
    ];
    QueueUrls::new(known, SENDS_TO)
}

fn queue_name(queue: Queue) -> &'static str {
    match queue {
        Queue::Ingest => "ingest_queue",
        Queue::Chunk => "chunk_queue",
        Queue::Perf => "perf_queue",
        Queue::Status => "status_queue",
        Queue::Pdf => "pdf_queue",
        Queue::Fetch => "fetch_queue",
    }
}

fn part(name: &'static str, probe: impl Probe + 'static) -> Part {
    Part {
        name,
        probe: Box::new(probe),
    }
}

struct DatabaseProbe(Store);
struct BucketProbe(Arc<Bucket>);
struct TableProbe(Connection, String);
struct QueueProbe(Arc<Queues>, Queue);

#[async_trait]
impl Probe for DatabaseProbe {
    async fn answers(&self) -> Result<(), Failure> {
        self.0.schema_version().await.map(|_| ())
    }
}

#[async_trait]
impl Probe for BucketProbe {
    async fn answers(&self) -> Result<(), Failure> {
        self.0.answers().await
    }
}

#[async_trait]
impl Probe for TableProbe {
    async fn answers(&self) -> Result<(), Failure> {
        table_answers(&self.0, &self.1).await
    }
}

#[async_trait]
impl Probe for QueueProbe {
    async fn answers(&self) -> Result<(), Failure> {
        self.0.answers(self.1).await
    }
}
