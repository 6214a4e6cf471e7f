//! What the use cases work with on a road.

use std::sync::Arc;

use millrace_app::contribute::PerfPorts;
use millrace_app::fetch::FetchPorts;
use millrace_app::hops::HopSender;
use millrace_app::ingest::IngestPorts;
use millrace_app::moves::MovePorts;
use millrace_app::multipart::MultipartPorts;
use millrace_app::ports::{MessageSender, ObjectMover, Surroundings as _};
use millrace_app::reconcile_daily::ReconcilePorts;
use millrace_app::sources::RunPorts;
use millrace_app::track::TrackPorts;
use millrace_core::message::Queue;

use super::Road;
use crate::faults::{Faults, FaultySender};
use crate::queues::{AllowedQueues, Sent};

/// The queues as each function may use them, with faults.
pub(super) struct Senders {
    api: AllowedQueues,
    ingest: AllowedQueues,
    perf: AllowedQueues,
    status: AllowedQueues,
    fetch: AllowedQueues,
}

impl Senders {
    pub(super) fn new(queues: &Arc<dyn MessageSender>, faults: &Arc<Faults>) -> Self {
        let allowed = |sends_to| AllowedQueues::new(FaultySender::new(Arc::clone(queues), faults), sends_to);
        Self {
            api: allowed(millrace_fn_api::adapters::SENDS_TO),
            ingest: allowed(millrace_fn_csv_ingest::deps::SENDS_TO),
            perf: allowed(millrace_fn_perf_worker::deps::SENDS_TO),
            status: allowed(millrace_fn_status_updater::deps::SENDS_TO),
            fetch: allowed(millrace_fn_nightly_fetcher::deps::SENDS_TO),
        }
    }
}

impl Senders {
    /// The queues as the function may use them that a message comes to, which counts hops.
    pub(super) fn behind(&self, message: &Sent) -> HopSender<'_> {
        let (sender, own): (_, &'static [Queue]) = match message.queue {
            Queue::Ingest | Queue::Chunk => (&self.ingest, millrace_fn_csv_ingest::deps::RECEIVES),
            Queue::Perf => (&self.perf, millrace_fn_perf_worker::deps::RECEIVES),
            Queue::Fetch => (&self.fetch, millrace_fn_nightly_fetcher::deps::RECEIVES),
            Queue::Status => (&self.status, millrace_fn_status_updater::deps::RECEIVES),
            // What renders sends nothing.
            Queue::Pdf => (&self.api, &[]),
        };
        HopSender::behind(&message.body, sender, own)
    }
}

impl Road {
    /// The queues as the API may use them, with faults.
    #[must_use]
    pub fn sender(&self) -> &dyn MessageSender {
        &self.senders.api
    }

    /// What ingestion works with.
    #[must_use]
    pub fn ingest_ports(&self) -> IngestPorts<'_> {
        IngestPorts {
            store: &self.store,
            landing: &self.moved_reader,
            collections: &self.faulty_collections,
            sender: &self.senders.ingest,
            surroundings: &self.surroundings,
            chunk_bytes: self.chunk_bytes,
            plan_bytes: self.plan_bytes,
            reminder_delay_seconds: 60,
        }
    }

    /// What uploads in parts work with.
    #[must_use]
    pub fn multipart_ports(&self) -> MultipartPorts<'_> {
        MultipartPorts {
            store: &self.store,
            uploads: &self.uploads,
            landing: &self.faulty_landing,
            sender: self.sender(),
            reminder_delay_seconds: 60,
        }
    }

    /// What aggregation works with.
    #[must_use]
    pub fn perf_ports(&self) -> PerfPorts<'_> {
        PerfPorts {
            store: &self.store,
            collections: &self.faulty_collections,
            sender: &self.senders.perf,
            surroundings: &self.surroundings,
            deadline_ms: self.surroundings.now_ms() + self.perf_ms,
            reminder_delay_seconds: 60,
        }
    }

    /// What tracking works with.
    #[must_use]
    pub fn track_ports(&self) -> TrackPorts<'_> {
        TrackPorts {
            store: &self.store,
            sender: &self.senders.status,
            scheduler: self.scheduler.as_ref(),
            reminder_delay_seconds: 60,
        }
    }

    /// What moves objects, with faults.
    #[must_use]
    pub fn mover(&self) -> Arc<dyn ObjectMover> {
        Arc::clone(&self.mover) as Arc<dyn ObjectMover>
    }

    /// What moving objects works with.
    #[must_use]
    pub fn move_ports(&self) -> MovePorts<'_> {
        MovePorts {
            store: &self.store,
            mover: self.mover.as_ref(),
            sender: &self.senders.perf,
            surroundings: &self.surroundings,
            deadline_ms: self.surroundings.now_ms() + self.move_ms,
            reminder_delay_seconds: 60,
            grace_seconds: self.grace_seconds,
        }
    }

    /// What reconciling by the clock works with.
    #[must_use]
    pub fn reconcile_ports(&self) -> ReconcilePorts<'_> {
        ReconcilePorts {
            store: &self.store,
            collections: &self.faulty_collections,
            sender: &self.senders.perf,
        }
    }

    /// What beginning runs of pipelines works with.
    #[must_use]
    pub fn pipeline_ports(&self) -> RunPorts<'_> {
        RunPorts {
            store: &self.store,
            sender: &self.senders.api,
            reminder_delay_seconds: 60,
        }
    }

    /// What fetching works with.
    #[must_use]
    pub fn fetch_ports(&self) -> FetchPorts<'_> {
        FetchPorts {
            store: &self.store,
            landing: &self.faulty_landing,
            sender: &self.senders.fetch,
            locks: &self.faulty_locks,
            client: self.client.as_ref(),
            surroundings: &self.surroundings,
            private_networks: &self.private_networks,
            reminder_delay_seconds: 60,
        }
    }

    /// What beginning runs works with.
    #[must_use]
    pub fn run_ports(&self) -> RunPorts<'_> {
        RunPorts {
            store: &self.store,
            sender: &self.senders.fetch,
            reminder_delay_seconds: 60,
        }
    }
}
