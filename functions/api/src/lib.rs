//! The HTTP API: every route of the product, behind API Gateway's HTTP API.
//!
//! Decode at the edge, call a use case, encode. No handler does long work: it validates, commits, enqueues. This
//! function alone knows HTTP statuses, and `problem` alone makes them of what went wrong. Start at [`router`], the
//! one table of routes; [`gateway`] is the edge to Lambda.

pub mod adapters;
pub mod auth;
pub mod config;
pub mod deps;
pub mod dto;
pub mod extract;
pub mod gateway;
pub mod openapi;
pub mod problem;
pub mod router;
mod routes;

#[cfg(test)]
mod tests;
