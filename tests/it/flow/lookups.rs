//! Looking up extremes in many files: several at a time, and each once a message.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_app::contribute::{PerfPorts, contribute};
use millrace_app::ports::{ObjectSink, ObjectStore, ObjectStream};
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::name::Name;
use millrace_store::{Rows, Sql, Statement, Store, TransactionId};
use millrace_tests::MemoryObjects;

use super::{BY_SHOP, Sales};

/// A bucket that knows what was opened how often, and how much of it at a time.
struct Watched {
    inner: MemoryObjects,
    opened: Mutex<BTreeMap<String, usize>>,
    opening: AtomicUsize,
    most: AtomicUsize,
}

impl Watched {
    fn new(inner: &MemoryObjects) -> Self {
        Self {
            inner: inner.clone(),
            opened: Mutex::default(),
            opening: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.inner.size(key).await
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        *self.opened.lock().unwrap().entry(key.to_owned()).or_default() += 1;
        let at_once = self.opening.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(at_once, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.opening.fetch_sub(1, Ordering::Relaxed);
        self.inner.open(key, start, end).await
    }

    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure> {
        self.inner.create(key).await
    }
}

/// A database whose dataset moves before the first few contributions are applied.
struct Moving {
    inner: Arc<dyn Sql>,
    moves: AtomicUsize,
}

#[async_trait]
impl Sql for Moving {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let is_apply = statement.text.contains("ingestion.apply_contribution");
        if is_apply && self.moves.load(Ordering::Relaxed) > 0 {
            self.moves.fetch_sub(1, Ordering::Relaxed);
            let moved = "update ingestion.dataset set version = version + 1 returning version";
            self.inner.execute(&Statement::new(moved)).await?;
        }
        self.inner.execute(statement).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        self.inner.begin().await
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.commit(transaction).await
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.rollback(transaction).await
    }
}

#[tokio::test]
async fn partials_are_read_eight_at_a_time_and_once_a_message() {
    const FILES: usize = 20;
    let Some(sales) = Sales::new().await else { return };
    let mut files = Vec::new();
    for number in 0..=FILES {
        let rows = format!("2023-01-08,a,{number},1,1\n2023-01-09,a,{},1,1\n", 100 - number);
        files.push(sales.send(&format!("{number}.csv"), Mode::New, &rows).await);
    }
    sales.road.settle().await;
    // The least and the greatest value both go.
    let deletion = sales.road.delete(files[0].file_id).await;
    let objects = Watched::new(&sales.road.collections);
    let moving = Arc::new(Moving {
        inner: sales.database.app(),
        moves: AtomicUsize::new(3),
    });
    let store = Store::new(Arc::clone(&moving) as Arc<dyn Sql>);
    let ports = PerfPorts {
        store: &store,
        collections: &objects,
        ..sales.road.perf_ports()
    };
    contribute(&ports, deletion, &Name::parse(BY_SHOP).unwrap(), 0)
        .await
        .unwrap();
    assert_eq!(moving.moves.load(Ordering::Relaxed), 0, "four attempts");
    assert_eq!(objects.most.load(Ordering::Relaxed), 8);
    let opened = objects.opened.lock().unwrap().clone();
    assert_eq!(
        opened.len(),
        FILES + 1,
        "the others' partials and its own: {opened:?}"
    );
    assert!(opened.values().all(|times| *times == 1), "{opened:?}");
    let extremes = "select concat_ws(' ', k1, m1_min, m1_max) from stored.cells_1 order by k1";
    assert_eq!(
        sales.lines(extremes).await,
        ["2023-01-08 1 20", "2023-01-09 80 99"]
    );
}
