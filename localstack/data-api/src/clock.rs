//! Time as an argument: the system's clock, and one that tests move by hand.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

/// A clock that only goes forwards.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns when [`Clock::now`] has reached `moment`.
    async fn sleep_until(&self, moment: Duration);
}

/// The system's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that begins at zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep_until(&self, moment: Duration) {
        tokio::time::sleep_until((self.start + moment).into()).await;
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    time: watch::Sender<Duration>,
}

impl ManualClock {
    /// A clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            time: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Moves the clock forwards and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        self.time.send_modify(|time| *time += by);
    }

    /// How many are waiting for some moment. Lets a test wait until a call has begun to watch its time-out.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.time.receiver_count()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.time.borrow()
    }

    async fn sleep_until(&self, moment: Duration) {
        // ends early only when the clock itself is gone, and then nobody measures any more
        let _ = self.time.subscribe().wait_for(|time| *time >= moment).await;
    }
}
