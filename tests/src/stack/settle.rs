//! Waiting on conditions: the one place where a test lets time pass.

use std::future::Future;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(60);

/// Looks at a condition until it gives a value; fails the test, naming what it waited for, after `patience`.
pub async fn wait_for<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begin.elapsed() < patience,
            "{what}: not within {} s",
            patience.as_secs()
        );
        pause(LOOK_EVERY).await;
    }
}

/// Looks at a condition until it holds or `patience` is over; says whether it holds.
pub async fn wait_until<F: Future<Output = bool>>(patience: Duration, mut look: impl FnMut() -> F) -> bool {
    let begin = Instant::now();
    loop {
        if look().await {
            return true;
        }
        if begin.elapsed() >= patience {
            return false;
        }
        pause(LOOK_EVERY).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a running stack is asked again and again until a condition holds"
)]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
