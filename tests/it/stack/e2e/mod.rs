//! The road end to end, over HTTP alone. Every test has specs of its own, so they run in parallel.

mod access;
mod conflicts;
mod documents;
mod drops;
mod figures;
mod known_answers;
mod limits;
mod moves;
mod multipart;
mod pipelines;
mod road;
mod rows;
mod sources;
mod system_message;
mod versions;

use std::time::Duration;

use millrace_tests::stack::assert_through;

/// How long a file may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// A schedule fires by the minute, at the emulator's tick.
const CLOCK_PATIENCE: Duration = Duration::from_secs(150);
