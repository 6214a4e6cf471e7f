//! Driving a file on from the facts alone, whatever the queues lost.

use millrace_core::definition::SpecKind;
use millrace_core::facts::OpenStep;
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{Envelope, IngestMessage, PerfMessage, Queue, StatusMessage};
use millrace_store::Store;
use millrace_store::files::{FileFilter, FileRecord};

use crate::outbox::{send_outbox, to_body};
use crate::ports::MessageSender;

/// Sends whatever a file version still needs; how many messages that was.
///
/// # Errors
/// [`Failure`] of the queues or the database.
pub async fn drive_file(
    store: &Store,
    sender: &dyn MessageSender,
    record: &FileRecord,
) -> Result<usize, Failure> {
    let file = record.file;
    let mut sent = send_outbox(store, sender, file).await?;
    for step in record.facts.open_steps() {
        let (queue, body) = match (step, record.ingestion_type) {
            (OpenStep::Ingest, _) => (
                Queue::Ingest,
                to_body(&Envelope::new(IngestMessage::IngestFile { file }))?,
            ),
            (OpenStep::Apply(_), SpecKind::Dimension) => (
                Queue::Perf,
                to_body(&Envelope::new(PerfMessage::LoadDimension { file }))?,
            ),
            (OpenStep::Apply(dataset), SpecKind::Event | SpecKind::Dataset | SpecKind::Source) => (
                Queue::Perf,
                to_body(&Envelope::new(PerfMessage::Aggregate { file, dataset }))?,
            ),
        };
        sender.send(queue, body, 0).await?;
        sent += 1;
    }
    if sent == 0 {
        // Nothing is open: at most the stored status is late.
        let body = to_body(&Envelope::new(StatusMessage::FactsChanged { file }))?;
        sender.send(Queue::Status, body, 0).await?;
        sent = 1;
    }
    Ok(sent)
}

/// Drives every file version on for which something is still to be done.
///
/// # Errors
/// [`Failure`] of the queues or the database.
pub async fn drive_all(store: &Store, sender: &dyn MessageSender) -> Result<Vec<FileVersion>, Failure> {
    const PAGE: u32 = 200;
    let mut driven = Vec::new();
    for file in store.list_files_with_outbox(10_000).await? {
        send_outbox(store, sender, file).await?;
    }
    let mut filter = FileFilter {
        open_only: true,
        limit: PAGE,
        ..FileFilter::default()
    };
    loop {
        let records = store.list_files(&filter).await?;
        for record in &records {
            drive_file(store, sender, record).await?;
            driven.push(record.file);
        }
        match records.last() {
            Some(last) if records.len() == PAGE as usize => filter.before = Some(last.sequence),
            _ => return Ok(driven),
        }
    }
}
