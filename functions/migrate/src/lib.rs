#![doc = include_str!("../README.md")]

pub mod config;
pub mod custom_resource;
pub mod handler;
pub mod migrate;
pub mod migrations;
pub mod seed;
