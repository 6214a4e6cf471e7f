//! The road from an object to a dataset, with everything but the database in memory.

use std::sync::Arc;

use millrace_app::Disposition;
use millrace_app::moved::MovedReader;
use millrace_app::outbox::send_outbox;
use millrace_app::ports::{LockStore, MessageSender, SourceClient};
use millrace_app::upload::{UploadRequest, begin_version};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_store::files::{BeginVersion, FileRecord, Handling};
use millrace_store::{Sql, Store};

use crate::faults::{Faults, FaultyLocks, FaultyObjects, FaultySql};
use crate::locks::MemoryLocks;
use crate::multipart::MemoryUploads;
use crate::objects::MemoryObjects;
use crate::queues::{MemoryQueues, Sent};
use crate::random::Random;
use crate::scheduling::{MemoryMover, MemoryScheduler};
use crate::sources::MemorySources;
use crate::surroundings::Counter;

mod arrivals;
mod deaths;
mod documents;
mod handling;
mod ports;
mod repairs;

use ports::Senders;

/// What became of a message.
#[derive(Debug)]
pub enum Delivered {
    /// Handled.
    Done,
    /// Acknowledged with a reason why it can never be handled.
    Rejected(String),
    /// It comes again.
    Failed(Failure),
    /// It cannot be decoded: it goes to the dead-letter queue.
    Undecodable,
}

/// In which order messages come.
#[derive(Debug, Clone)]
pub enum Order {
    /// As they were sent.
    First,
    /// The last one first.
    Last,
    /// Any, some of them more than once; `twice_permille` of the messages.
    Random {
        /// Chance.
        random: Random,
        /// How many of a thousand messages come again.
        twice_permille: usize,
        /// How many of a thousand reminders come at all.
        reminders_permille: usize,
    },
}

/// What a drain saw.
#[derive(Debug, Default)]
pub struct Drained {
    /// Messages handled.
    pub done: usize,
    /// Messages that failed and came again.
    pub failed: usize,
    /// Reasons of those that were rejected.
    pub rejected: Vec<String>,
    /// Those that could not be decoded.
    pub undecodable: Vec<Sent>,
}

/// The road, with faults on every port.
pub struct Road {
    /// The database, with faults.
    pub store: Store,
    /// Where objects arrive, without faults.
    pub landing: MemoryObjects,
    /// Where parts and partials lie, without faults.
    pub collections: MemoryObjects,
    /// Where documents lie, without faults.
    pub documents: MemoryObjects,
    /// The queues, without faults.
    pub queues: Arc<MemoryQueues>,
    /// External sources.
    pub sources: Arc<MemorySources>,
    /// Who calls them; [`Self::sources`] unless a test puts another one here.
    pub client: Arc<dyn SourceClient>,
    /// One worker a source, without faults.
    pub locks: Arc<MemoryLocks>,
    /// How long a fetching worker may take, by the clock.
    pub fetch_ms: u64,
    /// How long a moving worker may take, by the clock.
    pub move_ms: u64,
    /// How long a worker may take that reduces parts, by the clock.
    pub perf_ms: u64,
    /// Private networks that a source may name.
    pub private_networks: Vec<ipnet::IpNet>,
    /// EventBridge.
    pub scheduler: Arc<MemoryScheduler>,
    /// What names a message of a schedule: the same again begins the same run.
    pub trigger: String,
    /// How long an object stays in the landing bucket once it was moved.
    pub grace_seconds: u16,
    /// Clock and chance.
    pub surroundings: Counter,
    /// Faults on every port.
    pub faults: Arc<Faults>,
    /// Objects above this size are split.
    pub chunk_bytes: u64,
    /// Bytes after which a plan goes on in another message.
    pub plan_bytes: u64,
    /// Multipart uploads of the landing bucket.
    pub uploads: MemoryUploads,
    /// Deliveries after which a drain gives up: something comes again and again.
    pub most_deliveries: usize,
    faulty_landing: FaultyObjects,
    moved_reader: MovedReader<FaultyObjects, FaultyObjects>,
    mover: Arc<MemoryMover>,
    faulty_collections: FaultyObjects,
    faulty_documents: FaultyObjects,
    senders: Senders,
    faulty_locks: FaultyLocks,
}

impl Road {
    /// A road over a database.
    #[must_use]
    pub fn new(sql: Arc<dyn Sql>) -> Self {
        let faults = Faults::none();
        let (landing, collections) = (MemoryObjects::new(64 * 1024), MemoryObjects::new(64 * 1024));
        let documents = MemoryObjects::new(64 * 1024);
        let queues = Arc::new(MemoryQueues::default());
        let bucket = |objects: &MemoryObjects| FaultyObjects::new(Arc::new(objects.clone()), &faults);
        let sources = Arc::new(MemorySources::default());
        let locks = Arc::new(MemoryLocks::default());
        let sender: Arc<dyn MessageSender> = Arc::clone(&queues) as Arc<dyn MessageSender>;
        Self {
            store: Store::new(Arc::new(FaultySql::new(sql, &faults))),
            scheduler: Arc::new(MemoryScheduler::new(&faults)),
            trigger: "a trigger".to_owned(),
            grace_seconds: 0,
            uploads: MemoryUploads::new(&landing, &faults),
            moved_reader: MovedReader::new(bucket(&landing), bucket(&collections)),
            mover: Arc::new(MemoryMover::new(&landing, &collections, &faults)),
            faulty_landing: bucket(&landing),
            faulty_collections: bucket(&collections),
            faulty_documents: bucket(&documents),
            senders: Senders::new(&sender, &faults),
            faulty_locks: FaultyLocks::new(Arc::clone(&locks) as Arc<dyn LockStore>, &faults),
            landing,
            collections,
            documents,
            queues,
            client: Arc::clone(&sources) as Arc<dyn SourceClient>,
            sources,
            locks,
            fetch_ms: 1_000_000,
            move_ms: 1_000_000,
            perf_ms: 1_000_000,
            private_networks: Vec::new(),
            surroundings: Counter::default(),
            faults,
            chunk_bytes: 1024 * 1024,
            plan_bytes: 1_000,
            most_deliveries: 20_000,
        }
    }

    /// Registers a version.
    ///
    /// # Errors
    /// Of the database.
    pub async fn begin(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
    ) -> Result<BeginVersion, Failure> {
        self.begin_as(spec, file_name, mode, Handling::default()).await
    }

    /// The same, to be taken in another way than most.
    ///
    /// # Errors
    /// Of the database.
    pub async fn begin_as(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
        handling: Handling,
    ) -> Result<BeginVersion, Failure> {
        let request = UploadRequest {
            spec,
            file_name,
            mode,
            file_id: None,
            client_id: "tests",
            idempotency: None,
            handling,
        };
        begin_version(&self.store, &self.surroundings, &request).await
    }

    /// Registers a version, puts its object and has S3 tell of it.
    pub async fn send(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
        bytes: impl Into<Vec<u8>>,
    ) -> FileVersion {
        self.send_as(spec, file_name, mode, bytes, Handling::default())
            .await
    }

    /// The same, to be read in another way than most.
    pub async fn send_as(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
        bytes: impl Into<Vec<u8>>,
        handling: Handling,
    ) -> FileVersion {
        match self.begin_as(spec, file_name, mode, handling).await.unwrap() {
            BeginVersion::Created(version) => {
                // As the API does: those before it are looked for.
                if version.has_open_predecessors {
                    let sent = send_outbox(&self.store, self.sender(), version.file).await;
                    sent.unwrap();
                }
                self.arrive(version.file, bytes);
                version.file
            }
            other => panic!("{file_name}: {other:?}"),
        }
    }

    /// Sends a file along the whole road.
    pub async fn load(&self, spec: (SpecKind, &str), file_name: &str, mode: Mode, csv: &str) -> FileRecord {
        let file = self.send(spec, file_name, mode, csv).await;
        self.settle().await;
        self.record(file).await
    }

    /// A file version with its facts.
    pub async fn record(&self, file: FileVersion) -> FileRecord {
        self.store.load_file(file).await.unwrap().unwrap()
    }

    /// Handles one message as its function would.
    pub async fn deliver(&self, message: &Sent) -> Delivered {
        match self.handle(message).await {
            Some(Ok(Disposition::Done | Disposition::DoneExcept(_))) => Delivered::Done,
            Some(Ok(Disposition::Reject(reason))) => Delivered::Rejected(reason),
            Some(Err(failure)) => Delivered::Failed(failure),
            None => Delivered::Undecodable,
        }
    }

    /// Handles messages until none is left; what fails comes again.
    pub async fn drain(&self, order: &mut Order) -> Drained {
        let mut drained = Drained::default();
        for _ in 0..self.most_deliveries {
            let Some(message) = self.next(order) else {
                return drained;
            };
            let delivered = self.deliver(&message).await;
            self.account(message, delivered, &mut drained);
        }
        panic!("the queues do not come to rest: {:?}", self.queues.all());
    }

    /// Handles at most so many messages; what fails comes again.
    pub async fn deliver_some(&self, order: &mut Order, count: usize) {
        let mut drained = Drained::default();
        for _ in 0..count {
            let Some(message) = self.next(order) else { return };
            let delivered = self.deliver(&message).await;
            self.account(message, delivered, &mut drained);
        }
    }

    /// Handles everything in order; nothing may fail, be rejected or be undecodable.
    pub async fn settle(&self) {
        let drained = self.drain(&mut Order::First).await;
        assert_eq!(drained.failed, 0);
        assert_eq!(drained.rejected, Vec::<String>::new());
        assert_eq!(drained.undecodable, Vec::new());
    }

    /// As [`Self::drain`], with so many workers at once.
    pub async fn drain_with_workers(&self, order: &mut Order, workers: usize) -> Drained {
        let mut drained = Drained::default();
        for _ in 0..self.most_deliveries {
            let messages: Vec<Sent> = std::iter::from_fn(|| self.next(order)).take(workers).collect();
            if messages.is_empty() {
                return drained;
            }
            let outcomes =
                futures_util::future::join_all(messages.iter().map(|message| self.deliver(message))).await;
            for (message, delivered) in messages.into_iter().zip(outcomes) {
                self.account(message, delivered, &mut drained);
            }
        }
        panic!("the queues do not come to rest: {:?}", self.queues.all());
    }

    fn account(&self, message: Sent, delivered: Delivered, drained: &mut Drained) {
        match delivered {
            Delivered::Done => drained.done += 1,
            Delivered::Rejected(reason) => drained.rejected.push(reason),
            Delivered::Undecodable => drained.undecodable.push(message),
            Delivered::Failed(failure) if failure.is_transient() => {
                drained.failed += 1;
                self.queues.put_back(message);
            }
            Delivered::Failed(failure) => panic!("{}: {failure}: {failure:?}", message.body),
        }
    }

    fn next(&self, order: &mut Order) -> Option<Sent> {
        match order {
            Order::First => self.queues.take(0),
            Order::Last => self.queues.take(self.queues.len().checked_sub(1)?),
            Order::Random {
                random,
                twice_permille,
                reminders_permille,
            } => loop {
                let message = self.queues.take(random.below(self.queues.len()))?;
                if message.is_reminder() && !random.happens(*reminders_permille) {
                    continue;
                }
                if random.happens(*twice_permille) {
                    self.queues.put_back(message.clone());
                }
                return Some(message);
            },
        }
    }
}
