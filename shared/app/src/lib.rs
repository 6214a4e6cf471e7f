//! Use cases: what the functions do, over ports and the store.
//!
//! A use case decides and calls; it knows no SDK, no runtime, no HTTP and no queue wire format. Every one may be run
//! twice, late, or be killed half-way: effects are single commits with unique keys, and what a commit makes
//! necessary lies in the outbox with it. Start at [`ports`] for what is needed, then follow a file:
//! [`upload`] (or [`sources`] → [`fetch`]) → [`ingest`] → [`contribute`] or [`load_dimension`] → [`track`]. [`drive`]
//! starts a file again from its facts; [`pipelines`] and [`schedules`] say when; [`repair`] has its rejected rows tried again. A document: [`documents`] → [`render_document`]. Specs come in by `compile`
//! and `create`, or by `import`, and go on by `life`, where the feature `specs` is on.

pub mod arrive;
pub mod authenticate;
pub mod batch;
mod chunk_check;
#[cfg(feature = "specs")]
pub mod compile;
mod compose;
pub mod contribute;
#[cfg(feature = "specs")]
pub mod create;
pub mod documents;
pub mod drive;
pub mod explain;
pub mod fetch;
pub mod figures;
pub mod format;
pub mod hops;
#[cfg(feature = "specs")]
pub mod import;
pub mod ingest;
#[cfg(feature = "specs")]
pub mod life;
pub mod load_dimension;
pub mod moved;
pub mod moves;
pub mod multipart;
pub mod outbox;
mod partials;
mod parts;
pub mod pipelines;
pub mod ports;
pub mod reconcile;
pub mod reconcile_daily;
mod reduce;
pub mod render_document;
pub mod repair;
pub mod row_errors;
pub mod schedules;
pub mod sources;
pub mod system_message;
pub mod track;
pub mod upload;

use millrace_core::failure::Failure;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Done, now or before.
    Done,
    /// Done but for something that is tried again by itself another time: said why, and acknowledged.
    DoneExcept(String),
    /// Cannot ever be done: said why, and acknowledged. Bad *data* is not this; it is recorded and done.
    Reject(String),
}

/// The answer of a use case that handles a message: a failure is retried when it is transient.
pub type Handled = Result<Disposition, Failure>;
