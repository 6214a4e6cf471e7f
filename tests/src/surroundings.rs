//! Time and chance that a test chooses.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use millrace_app::ports::{Surroundings, Timer};
use tokio::sync::watch;

/// A clock that moves by one millisecond a look, and ids that count up. Who pauses moves it at once; who waits for a
/// moment waits until others have moved it there.
#[derive(Debug)]
pub struct Counter {
    now_ms: watch::Sender<u64>,
    ids: AtomicU64,
}

impl Counter {
    /// A clock that begins at some moment.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms: watch::Sender::new(now_ms),
            ids: AtomicU64::new(0),
        }
    }

    /// Moves the clock.
    pub fn advance(&self, ms: u64) {
        self.now_ms.send_modify(|now_ms| *now_ms += ms);
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new(1_700_000_000_000)
    }
}

impl Surroundings for Counter {
    fn now_ms(&self) -> u64 {
        let now_ms = *self.now_ms.borrow();
        self.advance(1);
        now_ms
    }

    fn random_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        bytes[2..].copy_from_slice(&id.to_be_bytes());
        bytes
    }
}

#[async_trait]
impl Timer for Counter {
    async fn pause(&self, ms: u64) {
        self.advance(ms);
        tokio::task::yield_now().await;
    }

    async fn reach(&self, moment_ms: u64) {
        let mut now_ms = self.now_ms.subscribe();
        // The sender is this clock's own, so it is there for as long as anybody waits.
        let _ = now_ms.wait_for(|now_ms| *now_ms >= moment_ms).await;
    }
}
