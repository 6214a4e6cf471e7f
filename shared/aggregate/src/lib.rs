//! From clean rows to what the database is told: plan, partial, difference, settlement, staging.
//!
//! A file version becomes one [`Partial`] per dataset: per group key the row count and, per measure, count, exact
//! sum and (where the dataset asks for them) least and greatest value. The database never sees a partial, only the
//! [`difference`](difference::difference) between the new one and the one that it replaces, so that the cost of a
//! file does not grow with the number of files.
//!
//! ```text
//! blocks ─PartialBuilder→ Partial ─encode→ object (MRDP)        (one per file version and dataset)
//! old, new Partial ─difference→ CellDifference… ─Settlement→ … ─stage_chunks→ JSON for the bulk loader
//! ```
//!
//! Invariants: nothing is rounded; keys are unique and ascending by bytes everywhere; the same rows give the same
//! partial whatever their order or split; adding the differences of a sequence of versions to empty cells gives the
//! cells of the last version.
//!
//! This crate must never know of async, the database, S3 or a clock; its only I/O is an `impl Read` handed in.
//! Start at [`plan::AggregationPlan`].

mod accumulate;
pub mod builder;
mod calendar;
pub mod difference;
mod filter;
pub mod format;
mod group;
pub mod key;
mod merge;
pub mod partial;
pub mod plan;
pub mod settle;
pub mod staging;
mod steps;
pub mod trace;

#[cfg(test)]
mod recomputation;
#[cfg(test)]
mod sample;

pub use builder::{PartialBuilder, PartialError};
pub use difference::{CellDifference, DifferenceError, Extremes, MeasureDifference, difference};
pub use format::{PartialFormatError, PartialReader, PartialSummary, decode, encode};
pub use key::{CellKey, KeyError};
pub use partial::{Bounds, MeasurePartial, Partial, PartialEntry, bound_text};
pub use plan::{AggregationPlan, Layout, PlanError};
pub use settle::{SettleError, Settlement, overlaps, retracted_keys};
pub use staging::{StageChunk, StageChunks, StageError, stage_chunks};
pub use trace::{RowTracer, TracedRow};
