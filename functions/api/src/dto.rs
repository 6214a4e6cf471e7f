//! What goes over the wire, one module per resource. DTOs carry no rules beyond their own shape.

pub mod answer;
pub mod batches;
pub mod documents;
pub mod drive;
pub mod drops;
pub mod explain;
pub mod file_status;
pub mod files;
pub mod health;
pub mod import;
pub mod kpi;
pub mod kpi_catalogue;
pub mod multipart_uploads;
pub mod pipelines;
pub mod reconciliation;
pub mod schedules;
pub mod sources;
pub mod spec_life;
pub mod specs;
pub mod system_message;
pub mod uploads;
pub mod waiting;
