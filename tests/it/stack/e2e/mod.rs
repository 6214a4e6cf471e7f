//! The road end to end, over HTTP alone. Every test has specs of its own, so they run in parallel.

mod access;
mod conflicts;
mod documents;
mod figures;
mod known_answers;
mod limits;
mod multipart;
mod pipelines;
mod road;
mod rows;
mod sources;
mod system_message;
mod versions;

use std::time::Duration;

use serde_json::Value;

/// How long a file may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Fails the test unless the file went all the way.
fn assert_through(file: &Value) {
    assert_eq!(file["status"], "Ready_to_archive", "{file}");
}
