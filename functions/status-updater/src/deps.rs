//! The adapters behind the ports.

use std::sync::Arc;

use millrace_app::ports::{MessageSender, Scheduler};
use millrace_app::track::TrackPorts;
use millrace_aws::{Base, DatabaseAddress, QueueUrls, Queues, ScheduleAddress, Schedules};
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
    /// EventBridge.
    pub scheduler: Arc<dyn Scheduler>,
    /// When a run's messages are looked for again.
    pub reminder_delay_seconds: u16,
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
        let Base {
            connection,
            store,
            queues,
        } = Base::new(database, QueueUrls::new(known, SENDS_TO));
        let address = ScheduleAddress {
            group: config.schedule_group.clone(),
            role_arn: config.schedule_role_arn.clone(),
            queue_arn: config.schedule_queue_arn.clone(),
            dead_letter_queue_arn: config.schedule_dead_letter_queue_arn.clone(),
        };
        Self {
            scheduler: Arc::new(Schedules::new(&connection, address)),
            reminder_delay_seconds: u16::try_from(config.reminder_delay_seconds).unwrap_or(900),
            store,
            sender: queues.clone(),
            queues,
        }
    }

    pub(crate) fn ports<'a>(&'a self, sender: &'a dyn MessageSender) -> TrackPorts<'a> {
        TrackPorts {
            store: &self.store,
            sender,
            scheduler: self.scheduler.as_ref(),
            reminder_delay_seconds: self.reminder_delay_seconds,
        }
    }
}
