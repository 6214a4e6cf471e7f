//! Uploads in parts on the wire.

use millrace_app::multipart::{ListedPart, Multipart, PART_BYTES, PARTS_AWAITED_SECONDS, part_count};
use millrace_core::FileId;
use millrace_core::facts::Mode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::uploads::UploadAddress;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// The most parts of a page; the document says the same.
const MAX_PARTS: u32 = 100;

/// A registered file version whose bytes come in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MultipartOpened {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// How it changes the data.
    #[schema(value_type = String, example = "new")]
    pub mode: Mode,
    /// How many bytes will come.
    pub size_bytes: u64,
    /// How many of them every part has but the last, which has the rest.
    pub part_bytes: u64,
    /// How many parts there are.
    pub parts: u32,
    /// Until when its parts are kept for certain (RFC 3339).
    #[schema(example = "2023-01-09T12:00:00Z")]
    pub expires_at: String,
}

impl From<Multipart> for MultipartOpened {
    fn from(upload: Multipart) -> Self {
        let begun: jiff::Timestamp = upload.record.created_at.parse().unwrap_or_default();
        let awaited = jiff::SignedDuration::from_secs(i64::from(PARTS_AWAITED_SECONDS));
        Self {
            file_id: upload.record.file.file_id,
            version: upload.record.file.version,
            mode: upload.record.mode,
            size_bytes: upload.size_bytes,
            part_bytes: PART_BYTES,
            parts: part_count(upload.size_bytes),
            expires_at: (begun + awaited).to_string(),
        }
    }
}

/// Which parts to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PartQuery {
    /// The most parts of the page; 100 when not said, and at most.
    #[param(required = false, minimum = 1, maximum = 100, example = 100)]
    pub limit: u32,
    /// The `next` of the page before, which is the number of its last part.
    #[param(value_type = Option<String>, example = "100")]
    pub cursor: Option<u32>,
}

impl ReadQuery for PartQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            limit: members.limit_of_at_most(MAX_PARTS)?,
            cursor: members.number("cursor")?,
        })
    }
}

/// A part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartDetail {
    /// Its number, from 1.
    pub number: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Whether it is there.
    pub is_received: bool,
    /// Where to send it, as long as it is not there.
    pub upload: Option<UploadAddress>,
}

impl From<ListedPart> for PartDetail {
    fn from(listed: ListedPart) -> Self {
        Self {
            number: listed.part.number,
            offset: listed.part.offset,
            size_bytes: listed.part.size_bytes,
            is_received: listed.address.is_none(),
            upload: listed.address.map(UploadAddress::from),
        }
    }
}

/// A page of parts, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartPage {
    /// The parts.
    pub items: Vec<PartDetail>,
    /// What to ask the next page with.
    pub next: Option<String>,
}

impl PartPage {
    /// The page of an upload that has so many parts.
    #[must_use]
    pub fn new(listed: Vec<ListedPart>, parts: u32) -> Self {
        let last = listed.last().map(|listed| listed.part.number);
        Self {
            next: last.filter(|last| *last < parts).map(|last| last.to_string()),
            items: listed.into_iter().map(PartDetail::from).collect(),
        }
    }
}
