//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ports::{ObjectStore, Timer};
use millrace_app::render_document::RenderPorts;
use millrace_aws::{Base, Bucket, DatabaseAddress, QueueUrls, Queues};
use millrace_core::message::Queue;
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;

/// The queues that it sends to; a template test compares with what its role allows.
pub const SENDS_TO: &[Queue] = &[];

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
        let known = [(Queue::Pdf, config.pdf_queue_url.as_str())];
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
            documents: Arc::new(Bucket::new(&connection, &config.documents_bucket)),
            queues,
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
