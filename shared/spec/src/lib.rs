//! Spec bodies: the seed's JSON, checked against a published JSON Schema and against what exists, made into the
//! definitions of `millrace-core`.
//!
//! Every check returns all problems that it can find at once, each with the JSON pointer of the offending member and
//! a stable code. This crate is pure: it must never know of a database, of HTTP or of a clock. Entry points:
//! [`check_dimension`], [`check_event`], [`check_dataset`], [`check_source`], [`schema`] and [`compare`].

pub mod compare;
mod constant;
mod dataset;
mod entity;
pub mod expression;
mod field;
pub mod import;
mod needs;
mod number;
mod pipeline;
mod pointer;
mod problem;
mod row;
mod schedule;
mod schema;
mod source;
mod transformer;

pub use dataset::{Catalogue, MAX_LISTED_EVENTS, References, check_dataset, references};
pub use entity::{check_dimension, check_event};
pub use field::{MAX_PATTERN_BYTES, MAX_PATTERNS, PATTERN_SIZE_LIMIT_BYTES};
pub use needs::{retired_need, taken_by_dimension, wrong_name};
pub use pipeline::{KnownDataset, PipelineCatalogue, check_pipeline, pipeline_needs};
pub use problem::{MAX_ERRORS, SpecError, SpecErrors};
pub use row::{MAX_DIMENSION_FIELDS, MAX_FIELDS};
pub use schedule::{
    check_not_over, check_schedule, has_end, next_runs, schedule_name, schedule_of_move, unknown_pipeline,
};
pub use schema::{schema, schema_text};
pub use source::{check_source, computed_target, unknown_target};
pub use transformer::{check_transformer, transformed_event};

#[cfg(test)]
mod tests;
