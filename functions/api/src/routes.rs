//! The handlers, one module per resource: decode, call a use case, encode.

pub(crate) mod batches;
pub(crate) mod datasets;
pub(crate) mod documents;
pub(crate) mod drops;
pub(crate) mod explain;
pub(crate) mod file_status;
pub(crate) mod files;
mod fitting;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod kpis;
pub(crate) mod multipart_uploads;
pub(crate) mod openapi;
pub(crate) mod pipelines;
pub(crate) mod reconciliation;
pub(crate) mod repairs;
pub(crate) mod schedules;
pub(crate) mod sources;
pub(crate) mod spec_life;
pub(crate) mod specs;
pub(crate) mod system_message;
pub(crate) mod uploads;
pub(crate) mod waiting;
