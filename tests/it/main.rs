//! Tests across crates, in one binary.

mod stack;
mod store;
mod template;
