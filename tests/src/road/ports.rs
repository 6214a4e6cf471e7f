//! What the use cases work with on a road.

use millrace_app::contribute::PerfPorts;
use millrace_app::fetch::FetchPorts;
use millrace_app::ingest::IngestPorts;
use millrace_app::sources::RunPorts;

use super::Road;

impl Road {
    /// What ingestion works with.
    #[must_use]
    pub fn ingest_ports(&self) -> IngestPorts<'_> {
        IngestPorts {
            store: &self.store,
            landing: &self.faulty_landing,
            collections: &self.faulty_collections,
            sender: &self.faulty_sender,
            chunk_bytes: self.chunk_bytes,
            reminder_delay_seconds: 60,
        }
    }

    /// What aggregation works with.
    #[must_use]
    pub fn perf_ports(&self) -> PerfPorts<'_> {
        PerfPorts {
            store: &self.store,
            collections: &self.faulty_collections,
            sender: &self.faulty_sender,
            surroundings: &self.surroundings,
            reminder_delay_seconds: 60,
        }
    }

    /// What fetching works with.
    #[must_use]
    pub fn fetch_ports(&self) -> FetchPorts<'_> {
        FetchPorts {
            store: &self.store,
            landing: &self.faulty_landing,
            sender: &self.faulty_sender,
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
            sender: &self.faulty_sender,
            reminder_delay_seconds: 60,
        }
    }
}
