//! The words of the product: ids, decimals, spec definitions, queue messages, file facts, errors.
//!
//! Everything here is a value. This crate must never know of async, I/O, a clock, the environment, SQL or AWS;
//! time and random bytes come in as arguments. Start at [`definition`] for what a dataset is, at [`facts`] for the
//! life of a file, and at [`message`] for what travels between the functions.

pub mod access_point;
pub mod base64_bytes;
pub mod catalogue;
pub mod condition;
pub mod content_hash;
pub mod csv;
pub mod decimal;
pub mod definition;
pub mod facts;
pub mod failure;
pub mod field;
pub mod file_name;
pub mod ids;
pub mod message;
pub mod name;
pub mod object_key;
pub mod page;
pub mod pipeline;
pub mod principal;
pub mod row_error;
pub mod source;
pub mod step;
pub mod transition;
pub mod value;

pub use decimal::Decimal;
pub use failure::{Failure, FailureKind};
pub use ids::{ContributionId, DocumentId, FileId, FileVersion, RunId};
pub use name::Name;
