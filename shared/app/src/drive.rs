//! Driving a file on from the facts alone, whatever the queues lost.

use millrace_core::definition::SpecKind;
use millrace_core::facts::{OpenStep, status};
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{Envelope, IngestMessage, PerfMessage, Queue, StatusMessage};
use millrace_store::Store;
use millrace_store::drops::RefusedDrop;
use millrace_store::files::FileRecord;

use crate::outbox::{send_outbox, to_body};
use crate::ports::MessageSender;

/// Sends whatever a file version still needs; how many messages that was. Where its object could not be moved, the next
/// move tries it again.
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
    if record.facts.move_error.is_some() {
        store.forget_move_error(file).await?;
    }
    for step in record.facts.open_steps() {
        let (queue, body) = match (step, record.ingestion_type) {
            (OpenStep::Ingest, _) => (
                Queue::Ingest,
                to_body(&Envelope::new(IngestMessage::IngestFile { file }))?,
            ),
            (OpenStep::Apply(_), SpecKind::Dimension | SpecKind::Dataset) => (
                Queue::Perf,
                to_body(&Envelope::new(PerfMessage::LoadDimension { file }))?,
            ),
            (OpenStep::Apply(dataset), _) => (
                Queue::Perf,
                to_body(&Envelope::new(PerfMessage::Aggregate {
                    file,
                    dataset,
                    parts_done: 0,
                }))?,
            ),
        };
        sender.send(queue, body, 0).await?;
        sent += 1;
    }
    if sent == 0 && record.stored_status != status(&record.facts).as_str() {
        // Nothing is open, and the stored status is late.
        let body = to_body(&Envelope::new(StatusMessage::FactsChanged { file }))?;
        sender.send(Queue::Status, body, 0).await?;
        sent = 1;
    }
    Ok(sent)
}

/// File versions that are driven on at once, at most.
pub const DRIVE_PAGE: u32 = 50;
/// Messages after which a page ends, so that one file that feeds very many datasets stays alone on its page.
const MOST_MESSAGES: usize = 200;

/// A page of file versions that were driven on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrivenPage {
    /// The file versions, the newest first.
    pub driven: Vec<FileVersion>,
    /// Where the next page starts; none when there is none.
    pub next: Option<i64>,
}

/// Drives some of the file versions on for which something is still to be done or to be sent, the newest first; `before`
/// is where the page before this one ended. The work of a call is bounded, however much there is to be done.
///
/// # Errors
/// [`Failure`] of the queues or the database; what was sent until then was sent.
pub async fn drive_open(
    store: &Store,
    sender: &dyn MessageSender,
    before: Option<i64>,
) -> Result<DrivenPage, Failure> {
    let open = store.list_open_files(before, DRIVE_PAGE).await?;
    let (mut driven, mut messages) = (Vec::new(), 0);
    for one in &open {
        if let Some(record) = store.load_file(one.file).await? {
            messages += drive_file(store, sender, &record).await?;
        }
        driven.push(one.file);
        if messages >= MOST_MESSAGES {
            break;
        }
    }
    let is_last = driven.len() == open.len() && open.len() < DRIVE_PAGE as usize;
    let last = driven.len().checked_sub(1).and_then(|at| open.get(at));
    Ok(DrivenPage {
        next: last.filter(|_| !is_last).map(|one| one.sequence),
        driven,
    })
}

/// A page of refused dropped objects that are to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrivenDrops {
    /// The objects, the oldest first.
    pub driven: Vec<RefusedDrop>,
    /// Where the next page starts; none when there is none.
    pub next: Option<i64>,
}

/// Has some of the dropped objects looked at again that were refused, the oldest first; `after` is where the page before
/// this one ended. Whoever takes the messages registers what can be taken by now, in whatever order they come: what counts
/// follows from the order of the writes. Oldest first, most of them need no second number for an earlier one.
///
/// # Errors
/// [`Failure`] of the queues or the database; what was sent until then was sent.
pub async fn drive_drops(
    store: &Store,
    sender: &dyn MessageSender,
    after: Option<i64>,
) -> Result<DrivenDrops, Failure> {
    let driven = store.list_refused_drops(after, DRIVE_PAGE).await?;
    for refused in &driven {
        let drop_id = refused.drop_id;
        let body = to_body(&Envelope::new(IngestMessage::TakeDrop { drop_id }))?;
        sender.send(Queue::Ingest, body, 0).await?;
    }
    let is_full = driven.len() == DRIVE_PAGE as usize;
    let last = driven.last().filter(|_| is_full);
    Ok(DrivenDrops {
        next: last.map(|last| last.drop_id),
        driven,
    })
}
