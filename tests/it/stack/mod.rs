//! Against a running stack: real functions, queues, buckets and database. Skipped where there is none.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test relies on fails it by panicking; seeds and figures are printed"
)]

mod e2e;
mod faults;
mod iam;
mod site;
