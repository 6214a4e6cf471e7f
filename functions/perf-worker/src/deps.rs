//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::contribute::PerfPorts;
use millrace_app::moves::{GRACE_SECONDS, MovePorts};
use millrace_app::ports::{MessageSender, ObjectMover, ObjectStore};
use millrace_app::reconcile_daily::ReconcilePorts;
use millrace_aws::{Base, Bucket, BucketMover, DatabaseAddress, QueueUrls, Queues};
use millrace_core::message::Queue;
use millrace_lambda::surroundings::Machine;
use millrace_store::Store;

use crate::config::Config;

/// The queues that it sends to; a template test compares with what its role allows.
pub const SENDS_TO: &[Queue] = &[Queue::Perf, Queue::Status];
/// The queues that it receives from: messages to them count as hops.
pub const RECEIVES: &[Queue] = &[Queue::Perf];

/// What the handler works with.
pub struct Deps {
    /// The database.
    pub store: Store,
    /// Where parts and partials lie.
    pub collections: Arc<dyn ObjectStore>,
    /// Moves objects out of the landing bucket.
    pub mover: Arc<dyn ObjectMover>,
    /// Sends messages.
    pub sender: Arc<dyn MessageSender>,
    /// Sets back-offs.
    pub queues: Arc<Queues>,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

impl Deps {
    /// Adapters for a configuration; nothing is called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let known = [
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
            collections: Arc::new(Bucket::new(&connection, &config.collections_bucket)),
            mover: Arc::new(BucketMover::new(
                &connection,
                &config.landing_bucket,
                &config.collections_bucket,
            )),
            sender: queues.clone(),
            queues,
            reminder_delay_seconds: u16::try_from(config.reminder_delay_seconds).unwrap_or(900),
        }
    }

    pub(crate) fn move_ports<'a>(&'a self, sender: &'a dyn MessageSender, deadline_ms: u64) -> MovePorts<'a> {
        MovePorts {
            store: &self.store,
            mover: self.mover.as_ref(),
            sender,
            surroundings: &Machine,
            deadline_ms,
            reminder_delay_seconds: self.reminder_delay_seconds,
            grace_seconds: GRACE_SECONDS,
        }
    }

    pub(crate) fn reconcile_ports<'a>(&'a self, sender: &'a dyn MessageSender) -> ReconcilePorts<'a> {
        ReconcilePorts {
            store: &self.store,
            collections: self.collections.as_ref(),
            sender,
        }
    }

    pub(crate) fn ports<'a>(&'a self, sender: &'a dyn MessageSender, deadline_ms: u64) -> PerfPorts<'a> {
        PerfPorts {
            store: &self.store,
            collections: self.collections.as_ref(),
            sender,
            surroundings: &Machine,
            deadline_ms,
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }
}
