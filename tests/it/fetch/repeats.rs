//! Runs at once; messages that come again, late, or are poison.

use millrace_app::fetch::{FetchPorts, fetch_source};
use millrace_app::ports::{Lock, LockStore, Surroundings as _};
use millrace_app::sources::begin_run;
use millrace_core::failure::Failure;
use millrace_core::ids::FileId;
use millrace_core::message::Queue;
use millrace_store::sources::{BeginRun, Fetched, RunWork, SettledFetch, TakenRun};
use millrace_tests::{Delivered, Order};

use super::{Fetching, SOURCE, csv, name};
use crate::flow::SALES;

/// Locks that everybody gets.
struct Unlocked(millrace_tests::MemoryLocks);

#[async_trait::async_trait]
impl LockStore for Unlocked {
    async fn acquire(&self, id: &str, owner: &str, _: u64, _: u64) -> Result<Option<Lock>, Failure> {
        self.0.acquire(id, owner, u64::MAX / 2, 0).await
    }

    async fn renew(&self, lock: &Lock, now_ms: u64, lease_ms: u64) -> Result<bool, Failure> {
        self.0.renew(lock, now_ms, lease_ms).await
    }

    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure> {
        self.0.advance(lock, beyond).await
    }

    async fn release(&self, lock: &Lock) -> Result<bool, Failure> {
        self.0.release(lock).await
    }
}

/// Without the lock the source is asked although another worker has it: the test below would see it.
#[tokio::test]
async fn mutant_without_the_lock_the_source_is_asked_twice() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    let road = &fetching.road;
    let (run_id, unlocked) = (
        fetching.begin().await,
        Unlocked(millrace_tests::MemoryLocks::default()),
    );
    let now_ms = road.surroundings.now_ms();
    unlocked
        .acquire(&format!("source/{SOURCE}"), "other", now_ms, 1_000)
        .await
        .unwrap();
    let ports = FetchPorts {
        locks: &unlocked,
        ..road.fetch_ports()
    };
    fetch_source(&ports, &name(SOURCE), run_id, now_ms + 10_000)
        .await
        .unwrap();
    assert!(!road.sources.take_asked().is_empty());
}

#[tokio::test]
async fn of_two_runs_at_once_one_works_and_the_other_says_so() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    let road = &fetching.road;
    let (first, second) = (fetching.begin().await, fetching.begin().await);
    let source = name(SOURCE);
    let work = |run_id, token| RunWork {
        run_id,
        source: &source,
        token,
    };
    // Another worker holds the source, for the first run.
    fetching.store.take_run(&work(first, 1), 7_200).await.unwrap();
    let now_ms = road.surroundings.now_ms();
    let lock = road
        .locks
        .acquire(&format!("source/{SOURCE}"), "other", now_ms, 1_000)
        .await;
    let lock = lock.unwrap().unwrap();
    let ports = road.fetch_ports();
    fetch_source(&ports, &source, second, now_ms + 10_000)
        .await
        .unwrap();
    let (run, lines) = fetching.found(second).await;
    assert_eq!((run.state.as_str(), lines.len()), ("skipped", 0));
    assert_eq!(run.error.unwrap()["rule"], "source_busy");
    assert!(road.sources.take_asked().is_empty());
    road.locks.release(&lock).await.unwrap();
    fetch_source(&ports, &source, first, now_ms + 100_000)
        .await
        .unwrap();
    assert_eq!(fetching.found(first).await.0.state, "completed");
    // A run that is on its way between two of its workers is not overtaken either.
    let third = fetching.begin().await;
    let fourth = fetching.begin().await;
    let taken = fetching.store.take_run(&work(third, 50), 7_200).await.unwrap();
    assert!(matches!(taken, TakenRun::Working { .. }), "{taken:?}");
    let taken = fetching.store.take_run(&work(fourth, 51), 7_200).await.unwrap();
    assert!(
        matches!(taken, TakenRun::Skipped { at_work, .. } if at_work == third),
        "{taken:?}"
    );
    // One that was silent for long is.
    let fifth = fetching.begin().await;
    fetching
        .database
        .script("update operations.run set seen_at = now() - interval '3 hours'")
        .await;
    let taken = fetching.store.take_run(&work(fifth, 52), 7_200).await.unwrap();
    assert!(matches!(taken, TakenRun::Working { .. }), "{taken:?}");
    assert_eq!(fetching.found(third).await.0.error.unwrap()["rule"], "gave_up");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_worker_that_was_replaced_writes_nothing() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let (run_id, source) = (fetching.begin().await, name(SOURCE));
    let work = |token| RunWork {
        run_id,
        source: &source,
        token,
    };
    let store = &fetching.store;
    store.take_run(&work(3), 7_200).await.unwrap();
    store
        .note_listed(&work(3), &[("a.csv", "https://x/", None, None)])
        .await
        .unwrap();
    store.take_run(&work(4), 7_200).await.unwrap();
    assert_eq!(
        store.take_run(&work(3), 7_200).await.unwrap(),
        TakenRun::Overtaken { token: 4 }
    );
    assert!(
        !store
            .note_listed(&work(3), &[("b.csv", "https://x/", None, None)])
            .await
            .unwrap()
    );
    assert!(
        !store
            .fail_fetch(&work(3), "a.csv", &serde_json::json!({}))
            .await
            .unwrap()
    );
    assert!(!store.finish_run(&work(3), None::<&String>).await.unwrap());
    let fetched = Fetched {
        file_name: "a.csv",
        bytes: Some(("00", 1)),
        object_key: Some("sources/x"),
        ..Fetched::default()
    };
    let new_id = FileId::from_time_and_random(1, [1; 10]);
    let target = (SALES.0, &name(SALES.1));
    assert_eq!(
        store
            .settle_fetch(&work(3), &fetched, new_id, target)
            .await
            .unwrap(),
        SettledFetch::Stale
    );
    let settled = store
        .settle_fetch(&work(4), &fetched, new_id, target)
        .await
        .unwrap();
    assert!(matches!(settled, SettledFetch::Fetched(_)), "{settled:?}");
    // Registered once, however often it is said.
    assert_eq!(
        store
            .settle_fetch(&work(4), &fetched, new_id, target)
            .await
            .unwrap(),
        SettledFetch::Unchanged
    );
    assert_eq!(
        fetching
            .texts("select count(*)::text from ingestion.file_tracker")
            .await,
        ["1"]
    );
}

#[tokio::test]
async fn locks_that_were_lost_go_on_from_the_databases_token() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    fetching
        .database
        .script(&format!(
            "insert into operations.source_fence values ('{SOURCE}', 500)"
        ))
        .await;
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv fetched"]);
    // One token more for every delivery that took the lock.
    assert_eq!(
        fetching
            .texts("select (token > 500)::text from operations.source_fence")
            .await,
        ["true"]
    );
}

#[tokio::test]
async fn an_idempotency_key_begins_one_run() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let road = &fetching.road;
    let begin = async |key: &str, request: &str, source: &str| {
        let ports = road.run_ports();
        begin_run(
            &ports,
            &road.surroundings,
            &name(source),
            "tests",
            Some((key, request)),
        )
        .await
        .unwrap()
    };
    let BeginRun::Created { run_id } = begin("k", "r", SOURCE).await else {
        panic!()
    };
    assert_eq!(begin("k", "r", SOURCE).await, BeginRun::Replayed { run_id });
    assert_eq!(begin("k", "other", SOURCE).await, BeginRun::KeyReused);
    assert_eq!(begin("l", "r", "nobody").await, BeginRun::NoSource);
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    road.settle().await;
    assert_eq!(
        fetching
            .store
            .list_runs(&name(SOURCE), None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn messages_that_are_poison_late_or_come_in_any_order_harm_nothing() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[
        ("s-2024-01-01.csv", csv("2024-01-01", 1)),
        ("s-2024-02-01.csv", csv("2024-02-01", 2)),
    ]);
    let road = &fetching.road;
    for body in [
        "",
        "{}",
        r#"{"v":9,"kind":"fetch_all"}"#,
        r#"{"v":1,"kind":"fetch_source","source":"a b"}"#,
    ] {
        road.queues.push(Queue::Fetch, body);
        let message = road.queues.take(0).unwrap();
        assert!(
            matches!(road.deliver(&message).await, Delivered::Undecodable),
            "{body}"
        );
    }
    // A run that never committed, and a source that is none.
    let stray =
        r#"{"v":1,"kind":"fetch_source","source":"nobody","run_id":"01859000-0000-7000-8000-000000000000"}"#;
    road.queues.push(Queue::Fetch, stray);
    road.settle().await;
    let fences = "select count(*)::text from operations.source_fence";
    assert_eq!(fetching.texts(fences).await, ["0"]);
    for seed in 0..6 {
        for _ in 0..3 {
            fetching.begin().await;
        }
        let mut order = match seed {
            0 => Order::Last,
            _ => Order::Random {
                random: millrace_tests::Random::new(seed),
                twice_permille: 400,
                reminders_permille: 500,
            },
        };
        road.drain(&mut order).await;
    }
    assert_eq!(fetching.files().await.last().unwrap(), "3");
    assert_eq!(fetching.files().await.len(), 3);
    assert_eq!(fetching.registry().await.len(), 2);
}
