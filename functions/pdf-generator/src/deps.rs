//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ports::{ObjectStore, Timer};
use millrace_app::render_document::RenderPorts;
use millrace_aws::{Bucket, Connection, DataApi, QueueUrls, Queues};
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;

/// What the handler works with.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// Where documents lie.
    pub documents: Arc<dyn ObjectStore>,
    /// Sets back-offs; nothing is sent.
    pub queues: Arc<Queues>,
    /// Says when the time is up.
    pub timer: Arc<dyn Timer>,
}

impl Deps {
    /// Adapters for a configuration; nothing is called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let connection = Connection::new();
        Self {
            store: Store::new(DataApi::connect(
                &connection,
                &config.database_arn,
                &config.database_secret_arn,
                &config.database_name,
            )),
            documents: Arc::new(Bucket::new(&connection, &config.documents_bucket)),
            queues: Arc::new(Queues::new(
                &connection,
                QueueUrls {
                    pdf: Some(config.pdf_queue_url.clone()),
                    ..QueueUrls::default()
                },
            )),
            timer: Arc::new(Machine),
        }
    }

    pub(crate) fn ports(&self) -> RenderPorts<'_> {
        RenderPorts {
            store: &self.store,
            documents: self.documents.as_ref(),
            timer: self.timer.as_ref(),
        }
    }
}
