//! The API without a socket: the router over fakes of its ports, and the gateway around it.

mod access;
mod answers;
mod batches;
mod document;
mod documents;
mod drops;
mod file_status;
mod files;
mod gateway;
mod import;
mod kpis;
mod limits;
mod multipart_uploads;
mod pipelines;
mod repairs;
mod retirement;
mod sources;
mod spec_life;
mod specs;
mod support;
mod system_message;
mod uploads;
mod waiting;
