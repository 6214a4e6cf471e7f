//! The programme under operations, and what is known of it without asking it: the files that count.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_app::batch::check_batch;
use millrace_app::create::SpecPorts;
use millrace_app::format::load_format;
use millrace_app::life::restore_spec;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::name::Name;
use millrace_store::files::Handling;
use millrace_store::repairs::BeginRepair;
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_tests::{Database, Delivered, Fault, Order, Random, Road, specs};
use serde_json::Value;

use super::bodies;
use super::files::{self, Content, Form, Live};
use crate::flow::kpis::{MEALS, VISITS};
use crate::flow::repairs::mended;
use crate::oracle::runner::LEFTOVERS;

/// Files of a spec, at most.
const MOST_FILES: usize = 9;
/// Workers at once.
const WORKERS: usize = 4;
/// Calls of a worker before it is killed, at most.
const MOST_CALLS: usize = 14;

/// What was done, for the account.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Account {
    pub(super) added: usize,
    pub(super) replaced: usize,
    pub(super) deleted: usize,
    pub(super) repaired: usize,
    pub(super) reordered: usize,
    pub(super) duplicated: usize,
    pub(super) killed: usize,
}

impl Account {
    pub(super) fn operations(&self) -> usize {
        self.added + self.replaced + self.deleted + self.repaired + self.reordered + self.duplicated
    }
}

/// A database with the programme, and its files.
pub(super) struct World {
    pub(super) database: Database,
    pub(super) road: Road,
    random: Random,
    /// Bodies of the specs, each in its newest version.
    pub(super) bodies: Vec<Value>,
    pub(super) live: BTreeMap<(&'static str, String), Live>,
    pub(super) account: Account,
    registered: usize,
    pub(super) is_wide: bool,
    /// Whether the dataset that is retired for a while is.
    pub(super) is_retired: bool,
}

impl World {
    pub(super) async fn new(seed: u64) -> Option<Self> {
        let mut world = Self::declare(seed, bodies::first()).await?;
        // Most files are split.
        world.road.chunk_bytes = 500;
        Some(world)
    }

    async fn declare(seed: u64, bodies: Vec<Value>) -> Option<Self> {
        let database = Database::new()?;
        for body in &bodies {
            specs::create(&database.owner_store(), body).await;
        }
        let mut road = Road::new(Arc::new(database.direct().await));
        road.most_deliveries = 50_000;
        Some(Self {
            database,
            road,
            random: Random::new(seed),
            bodies,
            live: BTreeMap::new(),
            account: Account::default(),
            registered: 0,
            is_wide: false,
            is_retired: false,
        })
    }

    /// One operation, then some of the messages that there are.
    pub(super) async fn operate(&mut self) {
        match self.random.below(100) {
            0..=29 => self.send(false).await,
            30..=54 => self.send(true).await,
            55..=65 => self.delete().await,
            66..=69 => self.repair().await,
            70..=84 => self.reorder().await,
            _ => self.duplicate(),
        }
        if self.random.happens(80) {
            self.work_at_once().await;
        } else {
            let most = *self.random.one_of(&[3, 12, 12, 30, 120]);
            self.deliver(most).await;
        }
    }

    fn order(&mut self, twice_permille: usize) -> Order {
        Order::Random {
            random: Random::new(self.random.number()),
            twice_permille,
            reminders_permille: 150,
        }
    }

    /// Several workers at once, often on the same message, until nothing is left.
    async fn work_at_once(&mut self) {
        let mut order = self.order(400);
        let drained = self.road.drain_with_workers(&mut order, WORKERS).await;
        assert_eq!(drained.rejected, Vec::<String>::new());
    }

    async fn deliver(&mut self, most: usize) {
        let (count, mut order) = (self.random.below(most), self.order(60));
        self.road.deliver_some(&mut order, count).await;
    }

    /// A file, new or in the place of another one.
    async fn send(&mut self, is_replacing: bool) {
        let spec = files::spec(&mut self.random);
        let names: Vec<String> = self.names(spec.1);
        let is_full = names.len() >= MOST_FILES;
        let is_known = (is_replacing || is_full) && !names.is_empty();
        let (name, mode) = if is_known {
            (self.random.one_of(&names).clone(), Mode::Replace)
        } else {
            (format!("file {}", self.registered), Mode::New)
        };
        let (is_copy, form) = (!is_known && self.random.happens(120), self.form(spec));
        let copied = self.copied(spec.1).filter(|_| is_copy);
        let content = copied
            .unwrap_or_else(|| files::content(&mut self.random, spec, form, self.registered, self.is_wide));
        if is_known {
            self.account.replaced += 1;
        } else {
            self.account.added += 1;
        }
        self.register(spec, name, mode, content).await;
    }

    fn names(&self, spec: &str) -> Vec<String> {
        let keys = self.live.keys().filter(|(of, _)| *of == spec);
        keys.map(|(_, name)| name.clone()).collect()
    }

    fn form(&mut self, spec: (SpecKind, &str)) -> Form {
        match spec {
            VISITS | MEALS => *self
                .random
                .one_of(&[Form::Csv, Form::Csv, Form::Csv, Form::Zip, Form::Json]),
            _ => Form::Csv,
        }
    }

    /// What another new file of the spec holds, so that it counts once, whichever comes first. Of a dimension none: which
    /// of two files with the same rows came last would be a question.
    fn copied(&mut self, spec: &str) -> Option<Content> {
        let others = self.live.iter().filter(|((of, _), live)| {
            *of == spec && live.mode == Mode::New && live.spec.0 == SpecKind::Event
        });
        let others: Vec<&Content> = others.map(|(_, live)| &live.content).collect();
        (!others.is_empty()).then(|| (*self.random.one_of(&others)).clone())
    }

    /// Registers a version and sends its bytes, as the API does.
    pub(super) async fn register(
        &mut self,
        spec: (SpecKind, &'static str),
        name: String,
        mode: Mode,
        content: Content,
    ) {
        let file = send(&self.road, spec, &name, mode, &content).await;
        self.registered += 1;
        let live = Live {
            spec,
            file,
            mode,
            content,
            repairs: Vec::new(),
            registered: self.registered,
        };
        self.live.insert((spec.1, name), live);
    }

    async fn delete(&mut self) {
        let keys: Vec<_> = self.live.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let key = self.random.one_of(&keys).clone();
        let live = self.live.remove(&key).unwrap();
        self.road.delete(live.file.file_id).await;
        self.account.deleted += 1;
    }

    /// Sends the repair file of some file, with one kind of fault or all of them mended.
    async fn repair(&mut self) {
        let keys: Vec<_> = self.live.keys().cloned().collect();
        let is_all = self.random.happens(600);
        for key in keys {
            let live = &self.live[&key];
            let holders = self.live.values().filter(|other| other.content == live.content);
            let is_fit = live.spec == VISITS && live.content.form == Form::Csv && live.repairs.len() < 2;
            if !is_fit || holders.count() > 1 || self.random.happens(500) {
                continue;
            }
            let record = self.road.record(live.file).await;
            let is_checked = record.facts.validated && record.unchanged_of.is_none();
            if !is_checked || record.facts.counts.rejected == 0 {
                continue;
            }
            let bytes = mended(&self.road, live.file, files::mending(is_all))
                .await
                .into_bytes();
            if let BeginRepair::Created(version) =
                self.road.begin_repair(live.file.file_id, Mode::Repair).await
            {
                self.road.arrive(version.file, bytes.clone());
                let live = self.live.get_mut(&key).unwrap();
                (live.file, live.mode) = (version.file, Mode::Repair);
                live.repairs.push(bytes);
                self.account.repaired += 1;
                return;
            }
        }
    }

    /// The newest messages first.
    async fn reorder(&mut self) {
        let count = 5 + self.random.below(15);
        self.road.deliver_some(&mut Order::Last, count).await;
        self.account.reordered += 1;
    }

    /// Messages that come again.
    fn duplicate(&mut self) {
        for message in self.road.queues.all() {
            if self.random.happens(200) {
                self.road.queues.put_back(message);
            }
        }
        self.account.duplicated += 1;
    }

    /// A worker is killed between two of its calls, or within one; its message comes again.
    pub(super) async fn kill(&mut self) {
        loop {
            if self.road.queues.is_empty() {
                self.send(true).await;
            }
            let at = self.random.below(self.road.queues.len());
            let message = self.road.queues.take(at).unwrap();
            let fault = *self.random.one_of(&[Fault::Before, Fault::After]);
            let call = self.random.below(MOST_CALLS) as u64;
            self.road.faults.die_at(call, fault);
            let delivered = self.road.deliver(&message).await;
            let is_killed = self.road.faults.hits() > 0;
            self.road.faults.stop();
            match delivered {
                Delivered::Done => {}
                Delivered::Failed(failure) if is_killed && failure.is_transient() => {
                    self.road.queues.put_back(message);
                }
                other => panic!("{}: {other:?}", message.body),
            }
            if is_killed {
                self.account.killed += 1;
                return;
            }
        }
    }

    /// Everything that is on its way comes to rest; what is left over.
    pub(super) async fn settle(&mut self) -> Vec<String> {
        let mut order = self.order(60);
        let drained = self.road.drain(&mut order).await;
        assert_eq!(drained.rejected, Vec::<String>::new());
        assert!(drained.undecodable.is_empty());
        lines(&self.database, LEFTOVERS).await
    }

    /// Second versions of specs, while files are on their way.
    pub(super) async fn widen(&mut self) {
        let owner = self.database.owner_store();
        for body in bodies::second() {
            specs::migrate(&owner, 1, &body).await.unwrap();
            let member = format!("{}_name", body["ingestion_type"].as_str().unwrap());
            let name = body[&member].clone();
            let mut places = self.bodies.iter_mut();
            *places.find(|known| known[&member] == name).unwrap() = body;
        }
        self.is_wide = true;
    }

    /// A dataset takes no files any more, and has all of them once it is back.
    pub(super) async fn retire(&mut self) {
        let owner = self.database.owner_store();
        let retired = owner
            .retire_spec(SpecKind::Dataset, bodies::RETIRED, "tests")
            .await;
        assert_eq!(retired.unwrap(), RetireSpec::Retired);
        self.is_retired = true;
    }

    pub(super) async fn restore(&mut self) {
        let owner = self.database.owner_store();
        let ports = SpecPorts {
            store: &self.road.store,
            owner_store: &owner,
            sender: self.road.sender(),
            reminder_delay_seconds: 60,
        };
        let name = Name::parse(bodies::RETIRED).unwrap();
        let restored = restore_spec(ports, (SpecKind::Dataset, &name)).await;
        assert_eq!(restored.unwrap(), RestoreSpec::Restored);
        self.is_retired = false;
    }

    /// A dataset that comes after its files.
    pub(super) async fn add_dataset(&mut self) {
        let body = bodies::later();
        specs::create(&self.database.owner_store(), &body).await;
        let name = body["dataset_name"].as_str().unwrap();
        let message = format!(r#"{{"v":1,"kind":"drive_dataset","dataset":"{name}"}}"#);
        self.road
            .queues
            .push(millrace_core::message::Queue::Status, message);
        self.bodies.push(body);
    }

    /// The same files, each sent once and in order to a programme that was declared today.
    pub(super) async fn built_anew(&self) -> Self {
        let mut other = Self::declare(0, self.bodies.clone()).await.unwrap();
        other.is_wide = self.is_wide;
        for ((_, name), live) in self.arrived() {
            let file = send(&other.road, live.spec, name, Mode::New, &live.content).await;
            other.road.settle().await;
            for repair in &live.repairs {
                other.road.repair(file.file_id, repair.clone()).await;
                other.road.settle().await;
            }
        }
        other
    }

    /// The files that count, as they arrived.
    pub(super) fn arrived(&self) -> Vec<(&(&'static str, String), &Live)> {
        let mut files: Vec<_> = self.live.iter().collect();
        files.sort_by_key(|(_, live)| live.registered);
        files
    }
}

async fn send(road: &Road, spec: (SpecKind, &str), name: &str, mode: Mode, content: &Content) -> FileVersion {
    let handling = Handling {
        content_format: content.form.content_format(),
        ..Handling::default()
    };
    let bytes = match content.form {
        Form::Csv | Form::Zip => content.bytes.clone(),
        Form::Json => {
            let rows: Vec<&serde_json::value::RawValue> = serde_json::from_slice(&content.bytes).unwrap();
            let format = load_format(&road.store, spec.0, spec.1, None)
                .await
                .unwrap()
                .unwrap();
            let rows = rows.into_iter().map(serde_json::value::RawValue::get);
            check_batch(rows, format.as_file_format(), 0).unwrap().object
        }
    };
    road.send_as(spec, name, mode, bytes, handling).await
}

/// The only column of a query.
pub(super) async fn lines(database: &Database, query: &str) -> Vec<String> {
    let rows = database.query(query).await;
    rows.into_iter().flatten().flatten().collect()
}
