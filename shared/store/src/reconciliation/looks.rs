//! Looks at the whole that are written down, with what they have found.

use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, RunId};
use serde::Deserialize;

use crate::{Statement, Store};

/// A look at the whole that was written down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReconciliationRecord {
    /// The run.
    pub run_id: RunId,
    /// Its place among all.
    pub sequence: i64,
    /// How many files, datasets, partials, parts and queues were looked at.
    pub checked: u64,
    /// How much does not add up.
    pub findings: u64,
    /// Where it goes on.
    pub next: Option<String>,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// When it was over.
    pub finished_at: Option<String>,
}

/// Something that did not add up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FindingRecord {
    /// Its place among those of the run.
    pub finding_no: i64,
    /// The rule.
    pub rule: String,
    /// The dataset, where it is about one.
    pub dataset: Option<String>,
    /// The file, where it is about one.
    pub file_id: Option<FileId>,
    /// Its version.
    pub version: Option<u32>,
    /// What it was and what it should have been.
    pub message: String,
}

const RECONCILIATION: &str = "jsonb_build_object('run_id', r.run_id, 'sequence', r.sequence, 'checked', r.checked, \
     'findings', r.findings, 'next', r.next, 'started_at', r.started_at, 'finished_at', r.finished_at)::text \
     from operations.reconciliation r";

impl Store {
    /// Begins a look at the whole, once for an id. They are kept for 90 days at least: every new one takes two of the older
    /// ones along.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_reconciliation(&self, run_id: RunId) -> Result<(), Failure> {
        let text = "with old as (select run_id from operations.reconciliation \
                where started_at < now() - interval '90 days' order by sequence limit 2 for update skip locked), \
             lines as (delete from operations.reconciliation_finding f using old where f.run_id = old.run_id), \
             gone as (delete from operations.reconciliation r using old where r.run_id = old.run_id) \
             insert into operations.reconciliation (run_id) values (cast(:run_id as uuid)) on conflict do nothing";
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.rows(statement).await.map(|_| ())
    }

    /// A look at the whole.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_reconciliation(&self, run_id: RunId) -> Result<Option<ReconciliationRecord>, Failure> {
        let text = format!("select {RECONCILIATION} where r.run_id = cast(:run_id as uuid)");
        self.json(Statement::new(text).bind("run_id", run_id.to_string()))
            .await
    }

    /// Adds a page that begins at `from` to a look at the whole; false where it was added before.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn add_reconciled(
        &self,
        run_id: RunId,
        from: Option<&str>,
        next: Option<&str>,
        checked: u64,
        findings: &[serde_json::Value],
    ) -> Result<bool, Failure> {
        let text = "select operations.add_reconciled(cast(:run_id as uuid), cast(:from as text), \
             cast(:next as text), cast(:checked as bigint), cast(:findings as jsonb))";
        let statement = Statement::new(text)
            .bind("run_id", run_id.to_string())
            .bind("from", from)
            .bind("next", next)
            .bind("checked", checked)
            .bind("findings", serde_json::json!(findings).to_string());
        self.is_true(statement).await
    }

    /// Looks at the whole, the newest first, before one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_reconciliations(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReconciliationRecord>, Failure> {
        let text = format!(
            "select {RECONCILIATION} where cast(:before as bigint) is null or r.sequence < cast(:before as bigint) \
             order by r.sequence desc limit cast(:limit as integer)"
        );
        self.json_list(Statement::new(text).bind("before", before).bind("limit", limit))
            .await
    }

    /// What a look at the whole has found, in order, after a place.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_findings(
        &self,
        run_id: RunId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<FindingRecord>, Failure> {
        let text = "select jsonb_build_object('finding_no', f.finding_no, 'rule', f.rule, 'dataset', f.dataset, \
             'file_id', f.file_id, 'version', f.version, 'message', f.message)::text \
             from operations.reconciliation_finding f where f.run_id = cast(:run_id as uuid) \
             and f.finding_no > cast(:after as bigint) order by f.finding_no limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("run_id", run_id.to_string());
        self.json_list(statement.bind("after", after.unwrap_or(0)).bind("limit", limit))
            .await
    }
}
