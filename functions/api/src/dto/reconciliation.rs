//! What does not add up, on the wire.

use millrace_app::reconcile::{Finding, Reconciled};
use millrace_core::{FileId, RunId};
use millrace_store::reconciliation::{FindingRecord, ReconciliationRecord};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// Where a call goes on.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationQuery {
    /// The `next` of the call before.
    pub cursor: Option<String>,
}

impl ReadQuery for ReconciliationQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            cursor: members.optional("cursor")?,
        })
    }
}

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FindingDetail {
    /// The rule: `chunks_differ`, `rows_differ`, `cells_differ`, `dimension_differs`, `visible_rows_differ`, `files_doubled`,
    /// `files_missing`, `partial_missing`, `partial_damaged`, `partial_differs`, `rows_lost`, `part_missing`,
    /// `part_damaged`, `part_differs`, `object_gone`, `file_waits` or `messages_wait`.
    #[schema(example = "cells_differ")]
    pub rule: &'static str,
    /// The dataset or dimension, where it is about one.
    pub dataset: Option<String>,
    /// The file, where it is about one.
    #[schema(value_type = Option<String>)]
    pub file_id: Option<FileId>,
    /// Its version.
    pub version: Option<u32>,
    /// What it is and what it should be.
    pub message: String,
}

/// A part of the whole that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReconciliationPage {
    /// How many files, datasets, partials, parts or queues were looked at.
    pub checked: usize,
    /// What does not add up.
    pub findings: Vec<FindingDetail>,
    /// Hand this back as `cursor` to go on; null at the end.
    pub next: Option<String>,
}

impl From<Finding> for FindingDetail {
    fn from(finding: Finding) -> Self {
        Self {
            rule: finding.rule,
            dataset: finding.dataset,
            file_id: finding.file.map(|file| file.file_id),
            version: finding.file.map(|file| file.version),
            message: finding.message,
        }
    }
}

impl From<Reconciled> for ReconciliationPage {
    fn from(reconciled: Reconciled) -> Self {
        Self {
            checked: reconciled.checked,
            findings: reconciled.findings.into_iter().map(Into::into).collect(),
            next: reconciled.next,
        }
    }
}

/// A look at the whole by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReconciliationItem {
    /// The run.
    #[schema(value_type = String, format = Uuid)]
    pub run_id: RunId,
    /// How many files, datasets, partials, parts or queues were looked at so far.
    pub checked: u64,
    /// How much does not add up.
    pub findings: u64,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it was over; null while it goes on.
    pub finished_at: Option<String>,
}

impl From<ReconciliationRecord> for ReconciliationItem {
    fn from(record: ReconciliationRecord) -> Self {
        Self {
            run_id: record.run_id,
            checked: record.checked,
            findings: record.findings,
            started_at: record.started_at,
            finished_at: record.finished_at,
        }
    }
}

/// A page of looks at the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReconciliationRunPage {
    /// The looks, the newest first.
    pub items: Vec<ReconciliationItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Something that did not add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FoundDetail {
    /// The rule, as in `GET /reconciliation`.
    #[schema(example = "cells_differ")]
    pub rule: String,
    /// The dataset or dimension, where it is about one.
    pub dataset: Option<String>,
    /// The file, where it is about one.
    #[schema(value_type = Option<String>)]
    pub file_id: Option<FileId>,
    /// Its version.
    pub version: Option<u32>,
    /// What it was and what it should have been.
    pub message: String,
}

impl From<FindingRecord> for FoundDetail {
    fn from(record: FindingRecord) -> Self {
        Self {
            rule: record.rule,
            dataset: record.dataset,
            file_id: record.file_id,
            version: record.version,
            message: record.message,
        }
    }
}

/// A look at the whole with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReconciliationRunDetail {
    /// The look.
    #[serde(flatten)]
    pub run: ReconciliationItem,
    /// What did not add up, of this page.
    pub found: Vec<FoundDetail>,
    /// Hand this back as `cursor` to get the next of them; null on the last page.
    pub next: Option<String>,
}
