#![doc = include_str!("../README.md")]

pub mod access;
pub mod address;
pub mod content;
pub mod date;
pub mod listing;
pub mod problem;

pub use access::Access;
pub use address::AddressPolicy;
pub use problem::{FetchProblem, FetchRule};
