//! The API without a socket: the router over fakes of its ports, and the gateway around it.

mod access;
mod answers;
mod document;
mod files;
mod gateway;
mod kpis;
mod limits;
mod sources;
mod specs;
mod support;
mod uploads;
