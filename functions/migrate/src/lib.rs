#![doc = include_str!("../README.md")]

pub mod config;
pub mod custom_resource;
pub mod handler;
mod lease;
mod ledger;
pub mod migrate;
pub mod migrations;
pub mod patience;
pub mod seed;
