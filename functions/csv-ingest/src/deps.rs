//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ingest::{IngestPorts, PLAN_BYTES};
use millrace_app::moved::MovedReader;
use millrace_app::ports::{MessageSender, ObjectReader, ObjectStore, Surroundings};
use millrace_aws::{Base, Bucket, DatabaseAddress, QueueUrls, Queues};
use millrace_core::message::Queue;
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;

/// The queues that it sends to; a template test compares with what its role allows.
pub const SENDS_TO: &[Queue] = &[Queue::Chunk, Queue::Perf, Queue::Status];
/// The queues that it receives from: messages to them count as hops.
pub const RECEIVES: &[Queue] = &[Queue::Ingest, Queue::Chunk];

/// What the handler works with.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// Where objects arrive.
    pub landing: Arc<dyn ObjectReader>,
    /// Where parts and row errors go.
    pub collections: Arc<dyn ObjectStore>,
    /// Sends messages.
    pub sender: Arc<dyn MessageSender>,
    /// Clock and chance.
    pub surroundings: Arc<dyn Surroundings>,
    /// Sets back-offs.
    pub queues: Arc<Queues>,
    /// Objects above this size are split.
    pub chunk_bytes: u64,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

impl Deps {
    /// Adapters for a configuration; nothing is called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let known = [
            (Queue::Ingest, config.ingest_queue_url.as_str()),
            (Queue::Chunk, config.chunk_queue_url.as_str()),
            (Queue::Perf, config.perf_queue_url.as_str()),
            (Queue::Status, config.status_queue_url.as_str()),
        ];
        let database = DatabaseAddress {
            cluster_arn: &config.database_arn,
            secret_arn: &config.database_secret_arn,
            name: &config.database_name,
        };
        let Base {
            connection,
            store,
            queues,
        } = Base::new(database, QueueUrls::new(known, SENDS_TO));
        Self {
            store,
            landing: Arc::new(MovedReader::new(
                Bucket::new(&connection, &config.landing_bucket),
                Bucket::new(&connection, &config.collections_bucket),
            )),
            collections: Arc::new(Bucket::new(&connection, &config.collections_bucket)),
            sender: queues.clone(),
            surroundings: Arc::new(Machine),
            queues,
            chunk_bytes: config.chunk_bytes,
            reminder_delay_seconds: u16::try_from(config.reminder_delay_seconds).unwrap_or(900),
        }
    }

    pub(crate) fn ports<'a>(&'a self, sender: &'a dyn MessageSender) -> IngestPorts<'a> {
        IngestPorts {
            store: &self.store,
            landing: self.landing.as_ref(),
            collections: self.collections.as_ref(),
            sender,
            surroundings: self.surroundings.as_ref(),
            chunk_bytes: self.chunk_bytes,
            plan_bytes: PLAN_BYTES,
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }
}
