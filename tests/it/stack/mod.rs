//! Against a running stack: real functions, queues, buckets and database. Skipped where there is none.

mod e2e;
mod faults;
mod iam;
