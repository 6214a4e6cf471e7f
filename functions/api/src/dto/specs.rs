//! Specs on the wire.

use millrace_core::definition::SpecKind;
use millrace_spec::next_runs;
use millrace_store::specs::{Definition, SpecRecord, SpecSummary};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::dto::schedules::ScheduleStatus;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// What became of a spec that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecCreated {
    /// Its kind.
    #[schema(value_type = String, example = "dimension")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "dimension_school")]
    pub name: String,
    /// Its version.
    #[schema(example = 1)]
    pub version: u32,
    /// What makes a row unique, for a dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Vec<String>>,
    /// What is served, for a dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<String>>,
    /// What became of it, in words.
    pub message: String,
}

impl SpecCreated {
    /// The answer for a definition.
    #[must_use]
    pub fn new(definition: &Definition, version: u32, message: &str) -> Self {
        let Description {
            kind,
            name,
            key,
            outputs,
        } = describe(definition);
        Self {
            kind,
            name,
            version,
            key,
            outputs,
            message: message.to_owned(),
        }
    }
}

/// A spec that could be created as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecValid {
    /// Its kind.
    #[schema(value_type = String, example = "dimension")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "dimension_school")]
    pub name: String,
    /// What makes a row unique, for a dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Vec<String>>,
    /// What would be served, for a dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<String>>,
    /// The next times (RFC 3339, UTC), for a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_runs: Option<Vec<String>>,
    /// What stands under the name now.
    pub stored: Stored,
}

/// What stands under a spec's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// Nothing of this very name: it could be created.
    Absent,
    /// The very same spec: creating it again changes nothing.
    Identical,
    /// Another one: creating it is refused.
    Different,
}

impl SpecValid {
    /// The answer for a definition whose body was posted, beside what is stored, as of an instant in milliseconds since
    /// 1970.
    #[must_use]
    pub fn new(definition: &Definition, body: &Value, stored: Option<&SpecRecord>, now_ms: u64) -> Self {
        let Description {
            kind,
            name,
            key,
            outputs,
        } = describe(definition);
        Self {
            kind,
            name,
            key,
            outputs,
            next_runs: match definition {
                Definition::Schedule(schedule) => Some(next_runs(schedule, None, now_ms)),
                _ => None,
            },
            stored: match stored {
                None => Stored::Absent,
                Some(stored) if stored.body == *body => Stored::Identical,
                Some(_) => Stored::Different,
            },
        }
    }
}

/// What answers say of a definition.
struct Description {
    kind: SpecKind,
    name: String,
    key: Option<Vec<String>>,
    outputs: Option<Vec<String>>,
}

fn describe(definition: &Definition) -> Description {
    let (kind, name, key, outputs) = match definition {
        Definition::Dimension(dimension) => {
            let key = dimension.key.iter().map(ToString::to_string).collect();
            (SpecKind::Dimension, &dimension.name, Some(key), None)
        }
        Definition::Event(event) => (SpecKind::Event, &event.name, None, None),
        Definition::Source(source) => (SpecKind::Source, &source.name, None, None),
        Definition::Transformer(transformer) => (SpecKind::Transformer, &transformer.name, None, None),
        Definition::Pipeline(pipeline) => (SpecKind::Pipeline, &pipeline.name, None, None),
        Definition::Schedule(schedule) => (SpecKind::Schedule, &schedule.name, None, None),
        Definition::Dataset(dataset) => {
            let outputs = dataset
                .outputs
                .iter()
                .map(|output| output.name.to_string())
                .collect();
            let key = dataset.rows().filter(|rows| !rows.key.is_empty());
            let key = key.map(|rows| rows.key.iter().map(ToString::to_string).collect());
            (SpecKind::Dataset, &dataset.name, key, Some(outputs))
        }
    };
    Description {
        kind,
        name: name.to_string(),
        key,
        outputs,
    }
}

/// A spec in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecItem {
    /// Its kind.
    #[schema(value_type = String, example = "dimension")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "dimension_school")]
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Who created it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// Since when it is retired, if it is (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<String>,
}

/// A spec with its body.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SpecDetail {
    /// What the listing shows.
    #[serde(flatten)]
    pub item: SpecItem,
    /// The body as it was posted.
    #[schema(value_type = Object)]
    pub body: Value,
    /// How it stands, for the newest version of a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
}

/// A page of specs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecPage {
    /// The specs, by name.
    pub items: Vec<SpecItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl SpecPage {
    /// A page that was asked for with so many items.
    #[must_use]
    pub fn new(summaries: Vec<SpecSummary>, limit: u32) -> Self {
        let is_full = summaries.len() >= limit as usize;
        let next = summaries.last().filter(|_| is_full).map(|last| last.name.clone());
        Self {
            items: summaries.into_iter().map(SpecItem::from).collect(),
            next,
        }
    }

    /// A page of versions that was asked for with so many items.
    #[must_use]
    pub fn of_versions(summaries: Vec<SpecSummary>, limit: u32) -> Self {
        let is_full = summaries.len() >= limit as usize;
        let last = summaries.last().filter(|_| is_full);
        let next = last.map(|last| last.version.to_string());
        Self {
            items: summaries.into_iter().map(SpecItem::from).collect(),
            next,
        }
    }
}

impl From<SpecSummary> for SpecItem {
    fn from(summary: SpecSummary) -> Self {
        Self {
            kind: summary.kind,
            name: summary.name,
            version: summary.version,
            created_by: summary.created_by,
            created_at: summary.created_at,
            retired_at: summary.retired_at,
        }
    }
}

impl From<SpecRecord> for SpecDetail {
    fn from(record: SpecRecord) -> Self {
        let item = SpecItem {
            kind: record.kind,
            name: record.name,
            version: record.version,
            created_by: record.created_by,
            created_at: record.created_at,
            retired_at: record.retired_at,
        };
        Self {
            item,
            body: record.body,
            schedule: None,
        }
    }
}

/// A page that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The most items of the page; 1,000 when not said. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for PageQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            limit: members.limit()?,
            cursor: members.optional("cursor")?,
        })
    }
}
