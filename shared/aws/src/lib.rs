//! Adapters from the ports to AWS, and to external sources over HTTP: the only crate that names SDK types.
//!
//! A client is made on first use, from one shared configuration that is loaded once. The SDK's own
//! `AWS_ENDPOINT_URL*` variables are all that tells a laptop from AWS. `SdkError` is mapped to
//! [`millrace_core::Failure`] in one place, `failure`.

#[cfg(all(feature = "rdsdata", feature = "sqs"))]
mod base;
mod connection;
#[cfg(feature = "rdsdata")]
mod data_api;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod failure;
#[cfg(feature = "s3")]
mod mover;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "scheduler")]
mod scheduler;
#[cfg(feature = "secrets")]
mod secrets;
#[cfg(feature = "source")]
mod source;
#[cfg(feature = "sqs")]
mod sqs;

#[cfg(all(feature = "rdsdata", feature = "sqs"))]
pub use base::{Base, DatabaseAddress};
pub use connection::Connection;
#[cfg(feature = "rdsdata")]
pub use data_api::{DataApi, database_failure};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{ClientsTable, LocksTable, SettingsTable, table_answers};
#[cfg(feature = "s3")]
pub use mover::BucketMover;
#[cfg(feature = "s3")]
pub use s3::Bucket;
#[cfg(feature = "scheduler")]
pub use scheduler::{ScheduleAddress, Schedules};
#[cfg(feature = "secrets")]
pub use secrets::{DatabaseCredentials, SecretReader};
#[cfg(feature = "source")]
pub use source::HttpSources;
#[cfg(feature = "sqs")]
pub use sqs::{QueueUrls, Queues};
