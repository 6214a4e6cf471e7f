//! How often a process may be started again before that is called a failure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;

const WINDOW: Duration = Duration::from_secs(60);
const RESTARTS_MAX: usize = 10;

/// The restarts of the last minute, by what was restarted.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    moments: BTreeMap<&'static str, Vec<Instant>>,
}

impl Restarts {
    /// Counts a restart of `what`.
    ///
    /// # Errors
    /// When there were too many in a minute: starting it again does not help.
    pub(crate) fn note(&mut self, what: &'static str) -> anyhow::Result<()> {
        let moments = self.moments.entry(what).or_default();
        moments.retain(|moment| moment.elapsed() < WINDOW);
        moments.push(Instant::now());
        if moments.len() > RESTARTS_MAX {
            bail!("{what} ended {} times in a minute", moments.len());
        }
        Ok(())
    }
}
