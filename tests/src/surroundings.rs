//! Time and chance that a test chooses.

use std::sync::atomic::{AtomicU64, Ordering};

use millrace_app::ports::Surroundings;

/// A clock that moves by one millisecond a look, and ids that count up.
#[derive(Debug)]
pub struct Counter {
    now_ms: AtomicU64,
    ids: AtomicU64,
}

impl Counter {
    /// A clock that begins at some moment.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms: AtomicU64::new(now_ms),
            ids: AtomicU64::new(0),
        }
    }

    /// Moves the clock.
    pub fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new(1_700_000_000_000)
    }
}

impl Surroundings for Counter {
    fn now_ms(&self) -> u64 {
        self.now_ms.fetch_add(1, Ordering::Relaxed)
    }

    fn random_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        bytes[2..].copy_from_slice(&id.to_be_bytes());
        bytes
    }
}
