//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ports::MessageSender;
use millrace_aws::{Base, DatabaseAddress, QueueUrls, Queues};
use millrace_core::message::Queue;
use millrace_store::Store;

use crate::config::Config;

/// The queues that it sends to; a template test compares with what its role allows.
pub const SENDS_TO: &[Queue] = &[Queue::Ingest, Queue::Perf, Queue::Status];
/// The queues that it receives from: messages to them count as hops.
pub const RECEIVES: &[Queue] = &[Queue::Status];

/// What the handler works with.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// Sends messages.
    pub sender: Arc<dyn MessageSender>,
    /// Sets back-offs.
    pub queues: Arc<Queues>,
}

impl Deps {
    /// Adapters for a configuration; nothing is called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let known = [
            (Queue::Ingest, config.ingest_queue_url.as_str()),
            (Queue::Perf, config.perf_queue_url.as_str()),
            (Queue::Status, config.status_queue_url.as_str()),
        ];
        let database = DatabaseAddress {
            cluster_arn: &config.database_arn,
            secret_arn: &config.database_secret_arn,
            name: &config.database_name,
        };
        let Base { store, queues, .. } = Base::new(database, QueueUrls::new(known, SENDS_TO));
        Self {
            store,
            sender: queues.clone(),
            queues,
        }
    }
}
