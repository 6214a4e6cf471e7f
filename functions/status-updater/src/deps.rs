//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ports::MessageSender;
use millrace_aws::{Connection, DataApi, QueueUrls, Queues};
use millrace_store::Store;

use crate::config::Config;

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
        let connection = Connection::new();
        let queues = Arc::new(Queues::new(
            &connection,
            QueueUrls {
                ingest: Some(config.ingest_queue_url.clone()),
                perf: Some(config.perf_queue_url.clone()),
                status: Some(config.status_queue_url.clone()),
                ..QueueUrls::default()
            },
        ));
        Self {
            store: Store::new(DataApi::connect(
                &connection,
                &config.database_arn,
                &config.database_secret_arn,
                &config.database_name,
            )),
            sender: queues.clone(),
            queues,
        }
    }
}
