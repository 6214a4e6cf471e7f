//! Batches of rows on the wire.

use millrace_app::row_errors::RejectedRow;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{FileStatus, Mode};
use millrace_core::row_error::RowCounts;
use millrace_core::{FileId, Name};
use millrace_store::files::RegisteredVersion;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::dto::files::RejectedRowItem;

/// Rows of an event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBatch<'a> {
    /// The name of the spec.
    #[schema(example = "event_students_attendance")]
    pub event_name: String,
    /// The rows: objects whose members are the spec's fields; what is null or absent is empty. At most 10,000.
    #[serde(borrow)]
    #[schema(value_type = Vec<Object>)]
    pub event: Vec<&'a RawValue>,
    /// Your name for the batch, under which it can be replaced; one of ours when absent.
    #[schema(example = "attendance-2023-01-08.json")]
    pub file_name: Option<String>,
    /// `new` (also when absent), or `replace`.
    #[schema(example = "new")]
    pub mode: Option<String>,
    /// The file to replace, when known by id rather than by name.
    pub file_id: Option<String>,
    /// `partial`: the rows that are kept count; `reject_all`: one rejected row refuses the batch. As the spec says when
    /// absent.
    #[schema(example = "partial")]
    pub on_error: Option<String>,
}

/// Rows of a dimension.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DimensionBatch<'a> {
    /// The name of the spec.
    #[schema(example = "dimension_school")]
    pub dimension_name: String,
    /// The rows: objects whose members are the spec's fields; what is null or absent is empty. At most 10,000.
    #[serde(borrow)]
    #[schema(value_type = Vec<Object>)]
    pub dimension: Vec<&'a RawValue>,
    /// Your name for the batch, under which it can be replaced; one of ours when absent.
    #[schema(example = "schools.json")]
    pub file_name: Option<String>,
    /// `new` (also when absent), or `replace`.
    #[schema(example = "new")]
    pub mode: Option<String>,
    /// The file to replace, when known by id rather than by name.
    pub file_id: Option<String>,
    /// `partial`: the rows that are kept count; `reject_all`: one rejected row refuses the batch. As the spec says when
    /// absent.
    #[schema(example = "partial")]
    pub on_error: Option<String>,
}

/// Rows of a dataset that come ready.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetBatch<'a> {
    /// The name of the spec.
    #[schema(example = "reviews_by_block")]
    pub dataset_name: String,
    /// The rows.
    #[serde(borrow)]
    pub dataset: DatasetItems<'a>,
    /// Your name for the batch, under which it can be replaced; one of ours when absent.
    #[schema(example = "reviews-2023-01.json")]
    pub file_name: Option<String>,
    /// `new` (also when absent), or `replace`.
    #[schema(example = "new")]
    pub mode: Option<String>,
    /// The file to replace, when known by id rather than by name.
    pub file_id: Option<String>,
    /// `partial`: the rows that are kept count; `reject_all`: one rejected row refuses the batch. As the spec says when
    /// absent.
    #[schema(example = "partial")]
    pub on_error: Option<String>,
}

/// The rows of a dataset's batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetItems<'a> {
    /// The rows: objects whose members are the spec's fields; what is null or absent is empty. At most 10,000.
    #[serde(borrow)]
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<&'a RawValue>,
}

/// A batch of any kind.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Dimension, event or dataset.
    pub kind: SpecKind,
    /// The name of the spec.
    pub name: String,
    /// The rows, as they are written.
    pub rows: Vec<&'a str>,
    /// The caller's name for it.
    pub file_name: Option<String>,
    /// New or replace.
    pub mode: Option<String>,
    /// The file to replace.
    pub file_id: Option<String>,
    /// What a rejected row does to the rest.
    pub on_error: Option<String>,
}

fn texts(rows: Vec<&RawValue>) -> Vec<&str> {
    rows.into_iter().map(RawValue::get).collect()
}

impl<'a> From<EventBatch<'a>> for Batch<'a> {
    fn from(batch: EventBatch<'a>) -> Self {
        Self {
            kind: SpecKind::Event,
            name: batch.event_name,
            rows: texts(batch.event),
            file_name: batch.file_name,
            mode: batch.mode,
            file_id: batch.file_id,
            on_error: batch.on_error,
        }
    }
}

impl<'a> From<DimensionBatch<'a>> for Batch<'a> {
    fn from(batch: DimensionBatch<'a>) -> Self {
        Self {
            kind: SpecKind::Dimension,
            name: batch.dimension_name,
            rows: texts(batch.dimension),
            file_name: batch.file_name,
            mode: batch.mode,
            file_id: batch.file_id,
            on_error: batch.on_error,
        }
    }
}

impl<'a> From<DatasetBatch<'a>> for Batch<'a> {
    fn from(batch: DatasetBatch<'a>) -> Self {
        Self {
            kind: SpecKind::Dataset,
            name: batch.dataset_name,
            rows: texts(batch.dataset.items),
            file_name: batch.file_name,
            mode: batch.mode,
            file_id: batch.file_id,
            on_error: batch.on_error,
        }
    }
}

/// A batch that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchAccepted {
    /// The file that the batch is.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// The name of its spec.
    #[schema(value_type = String, example = "event_students_attendance")]
    pub ingestion_name: Name,
    /// Its name.
    #[schema(example = "attendance-2023-01-08.json")]
    pub file_name: String,
    /// How it changes the data.
    #[schema(value_type = String, example = "new")]
    pub mode: Mode,
    /// Where it stands; ask `GET /ingestion/files/{file_id}` for more.
    #[schema(example = "Upload_in_progress")]
    pub status: &'static str,
    /// Rows that keep every rule.
    pub valid_record_count: u64,
    /// Rows that break at least one.
    pub invalid_record_count: u64,
    /// The first twenty of these; `GET /ingestion/files/{file_id}/row-errors` has all, once the batch has been validated.
    pub row_errors: Vec<RejectedRowItem>,
}

impl BatchAccepted {
    /// The answer for a batch that was checked, registered and stored.
    #[must_use]
    pub fn new(version: RegisteredVersion, counts: RowCounts, first_rejected: Vec<RejectedRow>) -> Self {
        Self {
            file_id: version.file.file_id,
            version: version.file.version,
            ingestion_name: version.ingestion_name,
            file_name: version.file_name,
            mode: version.mode,
            status: FileStatus::UploadInProgress.as_str(),
            valid_record_count: counts.kept,
            invalid_record_count: counts.rejected,
            row_errors: first_rejected.into_iter().map(RejectedRowItem::from).collect(),
        }
    }
}
