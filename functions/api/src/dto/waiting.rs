//! What waits for a dimension, on the wire.

use millrace_app::explain::KeyLines;
use millrace_core::FileId;
use millrace_core::definition::DatasetDefinition;
use millrace_store::datasets::WaitingKey;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::explain::{LineDetail, line_page};
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// A dimension's key that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingKeyDetail {
    /// The key; null for cells without one, which no dimension can have.
    pub key: Option<String>,
    /// How many cells wait for it.
    pub cells: u64,
    /// How many rows those were made from.
    pub rows: u64,
}

/// A page of missing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingPage {
    /// The dimension; null where the dataset looks nothing up.
    pub dimension: Option<String>,
    /// The field that it is looked up by.
    pub field: Option<String>,
    /// The keys, in their order.
    pub items: Vec<WaitingKeyDetail>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl From<WaitingKey> for WaitingKeyDetail {
    fn from(waiting: WaitingKey) -> Self {
        Self {
            key: waiting.key,
            cells: waiting.cells,
            rows: waiting.rows,
        }
    }
}

/// The key whose lines are listed.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitingLinesQuery {
    /// The key; cells without one when absent.
    #[param(example = "1000000001")]
    pub key: Option<String>,
    /// The most lines of the page; 1,000 when not said.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for WaitingLinesQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let key = members.optional("key")?;
        if key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Err(bad_member("key", "has to be text without NUL characters"));
        }
        Ok(Self {
            key,
            limit: members.limit()?,
            cursor: members.optional("cursor")?,
        })
    }
}

/// A page of the lines behind a key: lines of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingLinePage {
    /// The file; null where the files that were looked at have no such line.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub file_id: Option<FileId>,
    /// The version that counts.
    pub version: Option<u32>,
    /// The file's name.
    pub file_name: Option<String>,
    /// The names of the key fields.
    pub keys: Vec<String>,
    /// The lines, in the order of the file, those that were mended later behind them. A page may be empty and still have a next one.
    pub items: Vec<LineDetail>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl WaitingLinePage {
    /// The page of a dataset's lines.
    #[must_use]
    pub fn new(definition: &DatasetDefinition, lines: KeyLines) -> Self {
        let mut page = Self {
            file_id: None,
            version: None,
            file_name: None,
            keys: definition.keys.iter().map(|key| key.field.to_string()).collect(),
            items: Vec::new(),
            next: lines.next,
        };
        if let Some((name, traced)) = lines.file {
            let traced = line_page(definition, traced);
            (page.file_id, page.version) = (Some(traced.file_id), Some(traced.version));
            (page.file_name, page.items) = (Some(name), traced.items);
        }
        page
    }
}
