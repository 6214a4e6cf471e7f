//! Looking by the clock whether it all adds up: a page after the other, each written down once with what was found.

use millrace_core::failure::Failure;
use millrace_core::ids::RunId;
use millrace_core::message::{Envelope, PerfMessage, Queue};
use millrace_store::Store;
use serde_json::json;

use crate::Disposition;
use crate::outbox::to_body;
use crate::ports::{MessageSender, ObjectStore};
use crate::reconcile::{Finding, ReconcileError, reconcile};
use crate::sources::run_of;

/// Pages that a message looks at.
const PAGES: usize = 20;

/// What reconciling needs.
pub struct ReconcilePorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where parts and partials lie.
    pub collections: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
}

/// A look at the whole that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciliation {
    /// The run.
    pub run_id: RunId,
    /// How many files, datasets, partials, parts and queues were looked at.
    pub checked: u64,
    /// How much does not add up.
    pub findings: u64,
}

/// Begins a look at the whole. `trigger` names what asked for it: the same trigger again begins the same one.
///
/// # Errors
/// [`Failure`] of the database or the queue.
pub async fn begin_reconciliation(ports: &ReconcilePorts<'_>, trigger: &str) -> Result<Disposition, Failure> {
    let run_id = run_of(trigger, "reconciliation");
    ports.store.begin_reconciliation(run_id).await?;
    send(ports, run_id).await?;
    Ok(Disposition::Done)
}

async fn send(ports: &ReconcilePorts<'_>, run_id: RunId) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(PerfMessage::Reconcile { run_id }))?;
    ports.sender.send(Queue::Perf, body, 0).await
}

/// Goes on with a look at the whole, some pages of it; answers the whole once it is over, to everybody who asks: who ended
/// it may have died before it could say so.
///
/// # Errors
/// [`Failure`] of a bucket, the queue or the database.
pub async fn go_on_reconciling(
    ports: &ReconcilePorts<'_>,
    run_id: RunId,
) -> Result<Option<Reconciliation>, Failure> {
    for _ in 0..PAGES {
        let Some(record) = ports.store.load_reconciliation(run_id).await? else {
            return Ok(None);
        };
        if record.finished_at.is_some() {
            return Ok(Some(Reconciliation {
                run_id,
                checked: record.checked,
                findings: record.findings,
            }));
        }
        let page = reconcile(ports.store, ports.collections, record.next.as_deref()).await;
        let page = page.map_err(|error| match error {
            ReconcileError::Failed(failure) => failure,
            ReconcileError::BadCursor => {
                Failure::invalid("reconcile.go_on", "a cursor of our own is not read")
            }
        })?;
        let findings: Vec<_> = page.findings.iter().map(written).collect();
        let is_mine = ports
            .store
            .add_reconciled(
                run_id,
                record.next.as_deref(),
                page.next.as_deref(),
                page.checked as u64,
                &findings,
            )
            .await?;
        if !is_mine {
            // Another one goes on with it.
            return Ok(None);
        }
    }
    send(ports, run_id).await?;
    Ok(None)
}

fn written(finding: &Finding) -> serde_json::Value {
    json!({"rule": finding.rule, "dataset": finding.dataset, "message": finding.message,
        "file_id": finding.file.map(|file| file.file_id), "version": finding.file.map(|file| file.version)})
}
