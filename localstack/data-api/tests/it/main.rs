//! The Data API against a real PostgreSQL. Skipped where none is installed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say why they are skipped"
)]

mod availability;
mod aws_s3;
mod bench;
mod binding;
mod boto3;
mod controls;
mod exceptions;
mod http;
mod limits;
mod results;
mod statements;
mod timeouts;
mod transactions;
