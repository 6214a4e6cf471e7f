//! Batches of rows on the wire.

use std::fmt::Formatter;

use millrace_app::row_errors::RejectedRow;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{FileStatus, Mode};
use millrace_core::row_error::RowCounts;
use millrace_core::{FileId, Name};
use millrace_store::files::RegisteredVersion;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::dto::files::RejectedRowItem;

/// A kind's batch: the name of its spec and its rows, under names of the kind's own, and what all kinds have.
macro_rules! batch {
    ($(#[$of:meta])* $Batch:ident, $kind:ident, $name:ident = $spec:tt, $file_name:tt, $(#[$rows_meta:meta])* $rows:ident: $Rows:ty,
        $texts:expr) => {
        $(#[$of])*
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Batch<'a> {
            /// The name of the spec.
            #[schema(example = $spec)]
            pub $name: String,
            $(#[$rows_meta])*
            #[serde(borrow)]
            pub $rows: $Rows,
            /// Your name for the batch, under which it can be replaced; one of ours when absent.
            #[schema(example = $file_name)]
            pub file_name: Option<String>,
            /// `new` (also when absent), `append` (a batch beside those of that name), or `replace`.
            #[schema(example = "new")]
            pub mode: Option<String>,
            /// The file to replace, when known by id rather than by name.
            pub file_id: Option<String>,
            /// `partial`: the rows that are kept count; `reject_all`: one rejected row refuses the batch. As the spec says when
            /// absent.
            #[schema(example = "partial")]
            pub on_error: Option<String>,
        }

        impl<'a> From<$Batch<'a>> for Batch<'a> {
            fn from(batch: $Batch<'a>) -> Self {
                let rows: Vec<&'a RawValue> = $texts(batch.$rows);
                Self {
                    kind: SpecKind::$kind,
                    name: batch.$name,
                    rows: rows.into_iter().map(RawValue::get).collect(),
                    file_name: batch.file_name,
                    mode: batch.mode,
                    file_id: batch.file_id,
                    on_error: batch.on_error,
                }
            }
        }
    };
}

batch! {
    /// Rows of an event.
    EventBatch, Event, event_name = "event_students_attendance", "attendance-2023-01-08.json",
    /// The rows: objects whose members are the spec's fields; what is null or absent is empty. At most 10,000.
    #[schema(value_type = Vec<Object>)]
    event: Vec<&'a RawValue>, |rows| rows
}

batch! {
    /// Rows of a dimension.
    DimensionBatch, Dimension, dimension_name = "dimension_school", "schools.json",
    /// The rows: objects whose members are the spec's fields; what is null or absent is empty. At most 10,000.
    #[schema(value_type = Vec<Object>)]
    dimension: Vec<&'a RawValue>, |rows| rows
}

batch! {
    /// Rows of a dataset that come ready.
    DatasetBatch, Dataset, dataset_name = "reviews_by_block", "reviews-2023-01.json",
    /// The rows.
    #[serde(deserialize_with = "object")]
    dataset: DatasetItems<'a>, |dataset: DatasetItems<'a>| dataset.items
}

/// The rows of a dataset's batch: an object, for which serde would take an array of its members too.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DatasetItems<'de>, D::Error> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = DatasetItems<'de>;

        fn expecting(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object with items")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<DatasetItems<'de>, A::Error> {
            DatasetItems::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Object)
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
    /// New, append or replace.
    pub mode: Option<String>,
    /// The file to replace.
    pub file_id: Option<String>,
    /// What a rejected row does to the rest.
    pub on_error: Option<String>,
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
