//! Tests across crates, in one binary.

mod fetch;
mod flow;
mod migrate;
mod oracle;
mod stack;
mod store;
mod template;
mod tidy;
