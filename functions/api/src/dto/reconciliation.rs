//! What does not add up, on the wire.

use millrace_app::reconcile::{Finding, Reconciled};
use millrace_core::FileId;
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
    /// The rule: `chunks_differ`, `rows_differ`, `cells_differ`, `files_doubled`, `files_missing`, `partial_missing`,
    /// `partial_damaged`, `partial_differs`, `rows_lost`, `part_missing` or `messages_wait`.
    #[schema(example = "cells_differ")]
    pub rule: &'static str,
    /// The dataset, where it is about one.
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
