//! The real clock and real chance.

use std::time::SystemTime;

use millrace_app::ports::Surroundings;

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
