//! The real clock and real chance.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use millrace_app::ports::{Surroundings, Timer};

/// The machine's clock and the operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Surroundings for Machine {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn random_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        // Without random numbers ids could collide; the unique keys would then refuse them, so this is no silent loss.
        let _ = getrandom::fill(&mut bytes);
        bytes
    }
}

#[async_trait]
impl Timer for Machine {
    #[expect(
        clippy::disallowed_methods,
        reason = "a deadline, and another service that is away, can be waited for in no other way"
    )]
    async fn pause(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    async fn reach(&self, moment_ms: u64) {
        let left_ms = moment_ms.saturating_sub(self.now_ms());
        if left_ms > 0 {
            self.pause(left_ms).await;
        }
    }
}
