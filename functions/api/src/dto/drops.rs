//! Dropped objects on the wire.

use millrace_app::drive::DrivenDrops;
use millrace_core::FileId;
use millrace_store::drops::{DropFilter, DropRecord};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::files::{FileErrorDetail, sequence_cursor};
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// The most items of a page; the document says the same.
const MAX_DROPS: u32 = 1_000;

/// Which dropped objects to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DropQuery {
    /// `refused`: only those that became no file.
    #[param(value_type = Option<String>, example = "refused")]
    pub state: Option<RefusedOnly>,
    /// The most items of the page; 1,000 when not said, and at most. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 1_000, example = 100)]
    pub limit: u32,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub cursor: Option<i64>,
}

/// The value `refused` of the query member `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedOnly;

impl ReadQuery for DropQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let state = match members.optional("state")?.as_deref() {
            None => None,
            Some("refused") => Some(RefusedOnly),
            Some(_) => return Err(bad_member("state", "has to be refused, or absent")),
        };
        Ok(Self {
            state,
            limit: members.limit_of_at_most(MAX_DROPS)?,
            cursor: sequence_cursor(members)?,
        })
    }
}

impl DropQuery {
    /// What the store is asked for.
    #[must_use]
    pub fn filter(self) -> DropFilter {
        DropFilter {
            refused_only: self.state.is_some(),
            before: self.cursor,
            limit: self.limit,
        }
    }
}

/// An object that another system has put into the landing bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DroppedObject {
    /// Its key.
    #[schema(example = "drops/event/event_students_attendance/attendance-2023-01.csv")]
    pub key: String,
    /// Its version in the bucket.
    pub object_version: Option<String>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The file that it is, where it was taken; `GET /ingestion/files/{file_id}` says where that stands.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub file_id: Option<FileId>,
    /// The file's version.
    pub version: Option<u32>,
    /// Why it became no file.
    pub error: Option<FileErrorDetail>,
    /// When it was told of (RFC 3339).
    pub created_at: String,
}

impl From<DropRecord> for DroppedObject {
    fn from(record: DropRecord) -> Self {
        Self {
            key: record.object_key,
            object_version: record.object_version,
            size_bytes: record.size_bytes,
            file_id: record.file_id,
            version: record.version,
            error: record.error.map(FileErrorDetail::from),
            created_at: record.created_at,
        }
    }
}

/// A refused object that is to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DrivenObject {
    /// Its key.
    #[schema(example = "drops/event/event_students_attendance/attendance-2023-01.csv")]
    pub key: String,
    /// Its version in the bucket.
    pub object_version: Option<String>,
}

/// A page of refused objects that are to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DropsDriven {
    /// How many objects.
    #[schema(example = 1)]
    pub objects: usize,
    /// Which they are, the oldest first.
    pub driven: Vec<DrivenObject>,
    /// Hand this back as `cursor` to have the next page looked at; null on the last one.
    pub next: Option<String>,
}

impl From<DrivenDrops> for DropsDriven {
    fn from(page: DrivenDrops) -> Self {
        let driven = page.driven.into_iter().map(|refused| DrivenObject {
            key: refused.object_key,
            object_version: refused.object_version,
        });
        Self {
            objects: driven.len(),
            driven: driven.collect(),
            next: page.next.map(|drop_id| drop_id.to_string()),
        }
    }
}

/// A page of dropped objects, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DropPage {
    /// The objects.
    pub items: Vec<DroppedObject>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}
