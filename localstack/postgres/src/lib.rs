//! A PostgreSQL server of one's own: found, initialised, started, stopped; as root or not, in any folder.
//!
//! For the local stack and for tests. It must never know what is in the databases: roles, schemas and migrations are
//! its callers' business.
//!
//! Invariants:
//! - Only loopback is listened on. TCP always checks a password (SCRAM); the superuser comes in without one, but only
//!   over the unix socket in a folder that nobody else can enter.
//! - A [`Server`] that is dropped has stopped. One that was killed is recovered by the next [`Server::start`] on its
//!   folder: leftover processes are stopped, and committed rows are kept (`fsync` is off: only a crash of the machine
//!   loses them).
//! - Every call blocks, for well under a second as a rule, so that it can be made with or without a tokio runtime.
//!
//! Entry points: [`Binaries::find`], [`Server::start`], [`Server::create_database`]; for tests [`Server::ephemeral`].

mod account;
mod binaries;
mod data_dir;
mod error;
mod server;
mod sql;
mod watchdog;

pub use binaries::Binaries;
pub use data_dir::stop_leftover;
pub use error::PostgresError;
pub use server::{SUPERUSER, Server, ServerOptions};
