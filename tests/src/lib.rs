//! The harness of the tests across crates: one PostgreSQL a process, a migrated database a test, everything else in
//! memory.
//!
//! A test takes a [`Database`] (skipping itself where no server is installed), puts a [`Road`] over it and sends files
//! along it: registration, object, S3's notification, then [`Road::drain`] hands messages to the use cases in any
//! order, more than once, with [`Faults`] on every port. Statements go through the RDS Data API in process
//! ([`Database::app`]), or straight to PostgreSQL where thousands of cases have to be quick ([`DirectSql`]).
//!
//! It must never know an AWS service, and no product crate may depend on it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    reason = "a harness fails by panicking, and says why a test is skipped"
)]

mod database;
mod direct_sql;
mod engine_sql;
mod faults;
mod locks;
mod multipart;
mod mutate;
mod objects;
mod queues;
mod random;
mod road;
mod scheduling;
mod served;
mod sources;
pub mod specs;
pub mod stack;
mod surroundings;
mod zips;

pub use database::{Database, postgres};
pub use direct_sql::DirectSql;
pub use engine_sql::EngineSql;
pub use faults::{Fault, Faults, FaultyLocks, FaultyObjects, FaultySender, FaultySql};
pub use locks::MemoryLocks;
pub use multipart::MemoryUploads;
pub use mutate::{RewrittenSql, mutate_function, replace_function};
pub use objects::MemoryObjects;
pub use queues::{MemoryQueues, Sent};
pub use random::Random;
pub use road::{Delivered, Drained, Order, Road};
pub use scheduling::{KeptSchedule, MemoryScheduler};
pub use served::Served;
pub use sources::{MemorySources, Page};
pub use surroundings::Counter;
pub use zips::{ZipMember, zip};

/// The repository's folder.
#[must_use]
pub fn repository() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A variable that steers the tests.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests are steered from their environment"
)]
pub fn test_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of the real sample data, where it is there: `MILLRACE_TEST_DATA`, else `shared/data` beside the
/// repository.
#[must_use]
pub fn sample_data(path: &str) -> Option<std::path::PathBuf> {
    let folder = test_variable("MILLRACE_TEST_DATA")
        .map_or_else(|| repository().join("../shared/data"), std::path::PathBuf::from);
    let file = folder.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: no {path} in the sample data (set MILLRACE_TEST_DATA)");
    None
}
