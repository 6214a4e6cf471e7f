//! Driving files on: what is answered.

use millrace_app::drive::DrivenPage;
use millrace_core::FileId;
use millrace_core::ids::FileVersion;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::files::sequence_cursor;
use crate::extract::query::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// A file that was driven on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileDriven {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
    /// How many messages were sent.
    #[schema(example = 1)]
    pub messages: usize,
}

/// A page of open files that were driven on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AllDriven {
    /// How many file versions.
    #[schema(example = 2)]
    pub files: usize,
    /// Which they were, the newest first.
    pub driven: Vec<DrivenVersion>,
    /// Hand this back as `cursor` to drive the next page on; null on the last one.
    pub next: Option<String>,
}

impl From<DrivenPage> for AllDriven {
    fn from(page: DrivenPage) -> Self {
        Self {
            files: page.driven.len(),
            driven: page.driven.into_iter().map(DrivenVersion::from).collect(),
            next: page.next.map(|sequence| sequence.to_string()),
        }
    }
}

/// Which page of open files is driven on.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DriveQuery {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub cursor: Option<i64>,
}

impl ReadQuery for DriveQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let cursor = sequence_cursor(members)?;
        Ok(Self { cursor })
    }
}

/// A file version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DrivenVersion {
    /// The file.
    #[schema(value_type = String, format = Uuid)]
    pub file_id: FileId,
    /// Its version.
    pub version: u32,
}

impl From<FileVersion> for DrivenVersion {
    fn from(file: FileVersion) -> Self {
        Self {
            file_id: file.file_id,
            version: file.version,
        }
    }
}
