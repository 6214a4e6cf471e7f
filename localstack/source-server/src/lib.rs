#![doc = include_str!("../README.md")]

mod answer;
pub mod example;
mod server;
mod site;

pub use server::{Server, serve};
pub use site::{Asked, Fault, FaultKind, Site, SiteFile};
