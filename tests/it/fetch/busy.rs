//! Locks that are held: by a worker of another run, by one of the same run, or by one that has died.

use std::sync::Arc;

use millrace_app::fetch::{FetchPorts, fetch_source};
use millrace_app::ports::{Lock, LockStore, MessageSender, Surroundings as _};
use millrace_core::failure::Failure;
use millrace_core::ids::RunId;
use millrace_core::message::Queue;
use millrace_store::sources::{RunWork, TakenRun};
use millrace_tests::{Delivered, MemoryLocks, MemoryQueues, Order, mutate_function};

use super::{Fetching, SOURCE, csv, name};

fn lock_id() -> String {
    format!("source/{SOURCE}")
}

async fn fetching_one() -> Option<Fetching> {
    let fetching = Fetching::new().await?;
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    Some(fetching)
}

impl Fetching {
    /// A worker that takes the source's lock, and dies before it has done anything else.
    async fn die_with_the_lock(&self) {
        let now_ms = self.road.surroundings.now_ms();
        let lock = self.road.locks.acquire(&lock_id(), "dead", now_ms, 1_000).await;
        assert!(lock.unwrap().is_some());
    }

    /// Handles a run's message once; what it left to be sent.
    async fn deliver_run(&self, run_id: RunId) -> Vec<(String, u16)> {
        self.road.queues.purge();
        let ports = self.road.run_ports();
        millrace_app::sources::send_run(ports.sender, &name(SOURCE), run_id, 0)
            .await
            .unwrap();
        let message = self.road.queues.take(0).unwrap();
        let delivered = self.road.deliver(&message).await;
        assert!(matches!(delivered, Delivered::Done), "{delivered:?}");
        let left = self.road.queues.all().into_iter();
        let ours = left.filter(|message| message.queue == Queue::Fetch);
        ours.map(|message| (message.body, message.delay_seconds))
            .collect()
    }

    async fn state(&self, run_id: RunId) -> String {
        self.found(run_id).await.0.state
    }
}

#[tokio::test]
async fn a_dead_workers_lock_ends_no_run() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let run_id = fetching.begin().await;
    fetching.die_with_the_lock().await;
    // The message comes back: nobody is at work on another run, so this one is looked at again later.
    for _ in 0..2 {
        let left = fetching.deliver_run(run_id).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(
            left[0].0.contains(&run_id.to_string()) && left[0].1 > 0,
            "{left:?}"
        );
        assert_eq!(fetching.state(run_id).await, "queued");
    }
    fetching.road.surroundings.advance(1_000);
    fetching.road.settle().await;
    assert_eq!(fetching.state(run_id).await, "completed");
    assert_eq!(fetching.files().await.last().unwrap(), "1");
}

/// Where a held lock alone ends a run, the test above would see it.
#[tokio::test]
async fn mutant_with_the_lock_as_the_reason_a_run_is_skipped_for_nothing() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let reason = " and v_other.run_id is not null";
    mutate_function(&fetching.database, "operations.skip_run", reason, "").await;
    let run_id = fetching.begin().await;
    fetching.die_with_the_lock().await;
    fetching.deliver_run(run_id).await;
    assert_eq!(fetching.state(run_id).await, "skipped");
}

#[tokio::test]
async fn copies_of_one_message_at_once_end_no_run() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    for workers in 2..5 {
        let run_id = fetching.begin().await;
        let drained = fetching.road.drain_with_workers(&mut Order::First, workers).await;
        assert_eq!((drained.failed, drained.rejected.len()), (0, 0));
        assert_eq!(fetching.state(run_id).await, "completed", "{workers} workers");
    }
    assert_eq!(fetching.files().await.last().unwrap(), "1");
}

#[tokio::test]
async fn a_run_that_lost_its_message_is_gone_on_with_when_another_is_skipped() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let source = name(SOURCE);
    for is_locked in [false, true] {
        let first = fetching.begin().await;
        let work = RunWork {
            run_id: first,
            source: &source,
            token: 1_000,
        };
        let taken = fetching.store.take_run(&work, 7_200).await.unwrap();
        let is_ours = match taken {
            TakenRun::Overtaken { token } => {
                let work = RunWork { token, ..work };
                fetching.store.take_run(&work, 7_200).await.unwrap()
            }
            taken => taken,
        };
        assert!(matches!(is_ours, TakenRun::Working { .. }), "{is_ours:?}");
        fetching.road.queues.purge();
        let second = fetching.begin().await;
        if is_locked {
            fetching.die_with_the_lock().await;
        }
        // Somebody was seen at it a moment ago, so it needs nothing yet.
        assert_eq!(fetching.deliver_run(second).await, []);
        assert_eq!(fetching.state(second).await, "skipped");
        let long_ago = "update operations.run set seen_at = now() - interval '1 hour'";
        fetching.database.script(long_ago).await;
        let left = fetching.deliver_run(fetching.begin().await).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(
            left[0].0.contains(&first.to_string()) && left[0].1 == 0,
            "{left:?}"
        );
        fetching.road.surroundings.advance(1_000);
        fetching.road.settle().await;
        assert_eq!(fetching.state(first).await, "completed");
    }
}

/// Somebody with a newer token has written, maybe for another run: this one is not forgotten.
#[tokio::test]
async fn a_run_whose_worker_was_replaced_is_looked_at_again() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let (token, newer) = ("token <> p_token", "true");
    for _ in 0..2 {
        let run_id = fetching.begin().await;
        mutate_function(&fetching.database, "operations.is_fenced_off", token, newer).await;
        let left = fetching.deliver_run(run_id).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(
            left[0].0.contains(&run_id.to_string()) && left[0].1 > 0,
            "{left:?}"
        );
        assert_eq!(fetching.state(run_id).await, "running");
        mutate_function(&fetching.database, "operations.is_fenced_off", newer, token).await;
        fetching.road.settle().await;
        assert_eq!(fetching.state(run_id).await, "completed");
    }
}

/// Locks that are somebody else's as soon as they were taken.
struct Stolen(MemoryLocks);

#[async_trait::async_trait]
impl LockStore for Stolen {
    async fn acquire(&self, id: &str, owner: &str, now: u64, lease: u64) -> Result<Option<Lock>, Failure> {
        self.0.acquire(id, owner, now, lease).await
    }

    async fn renew(&self, _: &Lock, _: u64, _: u64) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn advance(&self, _: &Lock, _: u64) -> Result<Option<Lock>, Failure> {
        Ok(None)
    }

    async fn release(&self, _: &Lock) -> Result<bool, Failure> {
        Ok(false)
    }
}

#[tokio::test]
async fn a_run_that_is_overtaken_is_looked_at_again() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let run_id = fetching.begin().await;
    let fence = format!("insert into operations.source_fence values ('{SOURCE}', 500)");
    fetching.database.script(&fence).await;
    fetching.road.queues.purge();
    let stolen = Stolen(MemoryLocks::default());
    let ports = FetchPorts {
        locks: &stolen,
        ..fetching.road.fetch_ports()
    };
    let deadline_ms = fetching.road.surroundings.now_ms() + 10_000;
    fetch_source(&ports, &name(SOURCE), run_id, deadline_ms)
        .await
        .unwrap();
    assert_eq!(fetching.state(run_id).await, "queued");
    fetching.road.settle().await;
    assert_eq!(fetching.state(run_id).await, "completed");
}

/// A queue whose messages are handled at once: the lock has to be free by then.
struct AtOnce {
    queues: Arc<MemoryQueues>,
    locks: Arc<MemoryLocks>,
    now_ms: u64,
}

#[async_trait::async_trait]
impl MessageSender for AtOnce {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        if queue == Queue::Fetch && delay_seconds == 0 {
            let lock = self.locks.acquire(&lock_id(), "next", self.now_ms, 1_000).await?;
            let lock = lock.expect("the lock is held while the message goes out");
            self.locks.release(&lock).await?;
        }
        self.queues.send(queue, body, delay_seconds).await
    }
}

#[tokio::test]
async fn the_lock_is_free_when_the_next_message_goes_out() {
    let Some(fetching) = fetching_one().await else {
        return;
    };
    let days: Vec<String> = (1..=9).map(|day| format!("2024-01-0{day}")).collect();
    let files: Vec<(String, String)> = days
        .iter()
        .map(|day| (format!("s-{day}.csv"), csv(day, 1)))
        .collect();
    let listed: Vec<(&str, String)> = files
        .iter()
        .map(|(file, content)| (file.as_str(), content.clone()))
        .collect();
    fetching.list(&listed);
    let (road, run_id) = (&fetching.road, fetching.begin().await);
    road.queues.purge();
    let now_ms = road.surroundings.now_ms();
    let sender = AtOnce {
        queues: Arc::clone(&road.queues),
        locks: Arc::clone(&road.locks),
        now_ms,
    };
    let ports = FetchPorts {
        sender: &sender,
        ..road.fetch_ports()
    };
    fetch_source(&ports, &name(SOURCE), run_id, now_ms + 40)
        .await
        .unwrap();
    assert_eq!(fetching.state(run_id).await, "running");
    let is_next =
        |message: &millrace_tests::Sent| message.queue == Queue::Fetch && message.delay_seconds == 0;
    assert!(road.queues.all().iter().any(is_next), "{:?}", road.queues.all());
    road.settle().await;
    assert_eq!(fetching.state(run_id).await, "completed");
}
