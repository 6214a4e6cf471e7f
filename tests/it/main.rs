//! Tests across crates, in one binary.

mod fetch;
mod flow;
mod import;
mod migrate;
mod oracle;
mod pdf;
mod stack;
mod store;
mod template;
mod tidy;
