//! The adapters behind the ports.

use std::sync::Arc;

use ipnet::IpNet;
use millrace_app::fetch::FetchPorts;
use millrace_app::ports::{LockStore, MessageSender, ObjectStore, SourceClient, Surroundings};
use millrace_app::sources::RunPorts;
use millrace_aws::{Base, Bucket, DatabaseAddress, HttpSources, LocksTable, QueueUrls, Queues};
use millrace_core::message::Queue;
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;

/// The queues that it sends to; a template test compares with what its role allows.
pub const SENDS_TO: &[Queue] = &[Queue::Ingest, Queue::Status, Queue::Fetch];
/// The queues that it receives from: messages to them count as hops.
pub const RECEIVES: &[Queue] = &[Queue::Fetch];

/// What the handler works with.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// Where objects arrive.
    pub landing: Arc<dyn ObjectStore>,
    /// Sends messages.
    pub sender: Arc<dyn MessageSender>,
    /// Sets back-offs.
    pub queues: Arc<Queues>,
    /// One worker a source.
    pub locks: Arc<dyn LockStore>,
    /// Calls sources.
    pub client: Arc<dyn SourceClient>,
    /// Time and chance.
    pub surroundings: Arc<dyn Surroundings>,
    /// Private networks that a spec may name.
    pub private_networks: Vec<IpNet>,
    /// When a reminder looks at an outbox.
    pub reminder_delay_seconds: u16,
}

impl Deps {
    /// Adapters for a configuration; nothing is called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let known = [
            (Queue::Ingest, config.ingest_queue_url.as_str()),
            (Queue::Status, config.status_queue_url.as_str()),
            (Queue::Fetch, config.fetch_queue_url.as_str()),
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
            landing: Arc::new(Bucket::new(&connection, &config.landing_bucket)),
            sender: queues.clone(),
            queues,
            locks: Arc::new(LocksTable::new(&connection, &config.locks_table)),
            client: Arc::new(HttpSources::new()),
            surroundings: Arc::new(Machine),
            private_networks: config.private_networks.clone(),
            reminder_delay_seconds: u16::try_from(config.reminder_delay_seconds).unwrap_or(900),
        }
    }

    pub(crate) fn run_ports<'a>(&'a self, sender: &'a dyn MessageSender) -> RunPorts<'a> {
        RunPorts {
            store: &self.store,
            sender,
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }

    pub(crate) fn fetch_ports<'a>(&'a self, sender: &'a dyn MessageSender) -> FetchPorts<'a> {
        FetchPorts {
            store: &self.store,
            landing: self.landing.as_ref(),
            sender,
            locks: self.locks.as_ref(),
            client: self.client.as_ref(),
            surroundings: self.surroundings.as_ref(),
            private_networks: &self.private_networks,
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }
}
