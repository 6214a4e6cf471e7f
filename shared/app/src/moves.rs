//! Objects out of the landing bucket: those of archived files, and those of refused ones.
//!
//! An object is copied, the copy compared with it, and where it lies written down; from then on whoever loads the file
//! reads the copy. It leaves the landing bucket a good while later, when nobody is at work any more who loaded the file
//! before that. Killed anywhere it begins again: a copy is made over itself, what was written down is not written twice,
//! and what was deleted is gone.

use millrace_core::facts::Mode;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::{Envelope, PerfMessage, Queue};
use millrace_core::object_key::{self, ObjectAt};
use millrace_core::pipeline::MoveKind;
use millrace_store::Store;
use millrace_store::files::FileRecord;
use millrace_store::moves::MovedFile;

use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::{DescribedObject, MessageSender, ObjectMover};
use crate::{Disposition, Handled};

/// Files that a message moves at most, and bytes after which it ends.
const PAGE: u32 = 20;
const PAGE_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// How long an object stays in the landing bucket once it was moved: longer than any function runs that may have loaded
/// its file before, and what a message can be delayed.
pub const GRACE_SECONDS: u16 = 900;

/// What moving needs.
pub struct MovePorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// The two buckets.
    pub mover: &'a dyn ObjectMover,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
    /// How long an object stays where it was once it was moved.
    pub grace_seconds: u16,
}

/// Moves a page of objects; the message for the next page, or for the landing bucket to be left, goes out behind it. A
/// file that cannot be moved keeps none of the others from it: it is tried again when the schedule comes round.
///
/// # Errors
/// [`Failure`] of a bucket, a queue or the database where nothing could be moved and it may be mended by waiting.
pub async fn move_objects(ports: &MovePorts<'_>, moves: MoveKind, before: Option<i64>) -> Handled {
    let page = ports.store.list_to_move(moves, before, PAGE).await?;
    let (mut last, mut size_bytes, mut moved, mut first_failure) = (None, 0, 0, None);
    for record in &page {
        last = Some(record.sequence);
        match move_object(ports, moves, record).await {
            Ok(bytes) => {
                size_bytes += bytes;
                moved += 1;
            }
            // One whose object is not there stays what it is.
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
        if size_bytes >= PAGE_BYTES {
            break;
        }
    }
    if let (0, Some(failure)) = (moved, first_failure)
        && failure.kind == FailureKind::Transient
    {
        return Err(failure);
    }
    let is_over = page.len() < PAGE as usize && page.last().map(|record| record.sequence) == last;
    let (message, delay_seconds) = match is_over {
        false => (PerfMessage::MoveObjects { moves, before: last }, 0),
        true => (PerfMessage::LeaveLanding { before: None }, ports.grace_seconds),
    };
    let body = to_body(&Envelope::new(message))?;
    ports.sender.send(Queue::Perf, body, delay_seconds).await?;
    Ok(Disposition::Done)
}

/// Moves an object; its size. A version without an object of its own is done with a word.
async fn move_object(ports: &MovePorts<'_>, moves: MoveKind, record: &FileRecord) -> Result<u64, Failure> {
    let file = record.file;
    let has_object = !matches!(record.mode, Mode::Delete | Mode::Replay);
    let original = match has_object {
        true => Some(describe(ports, record).await?),
        false => None,
    };
    let mut moved = None;
    if let Some(original) = original {
        let (kind, name) = (record.ingestion_type, &record.ingestion_name);
        let key = object_key::moved(moves, kind, name, file);
        let object = ObjectAt {
            version: original.version.clone(),
            ..record.landing_object()
        };
        ports.mover.copy(&object, original.size_bytes, &key).await?;
        let copy = ports.mover.describe_copy(&key).await?;
        if !copy.is_some_and(|copy| copy.is_same_as(&original)) {
            let why = format!("the copy of the object of {file} is not like it");
            return Err(Failure::explained(FailureKind::Transient, "move.compare", why));
        }
        moved = Some((key, original));
    }
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    let key = moved.as_ref().map(|(key, _)| key.as_str());
    let version = moved
        .as_ref()
        .and_then(|(_, original)| original.version.as_deref());
    ports.store.record_move(file, moves, key, version).await?;
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(moved.map_or(0, |(_, original)| original.size_bytes))
}

async fn describe(ports: &MovePorts<'_>, record: &FileRecord) -> Result<DescribedObject, Failure> {
    let found = ports.mover.describe(&record.landing_object()).await?;
    found.ok_or_else(|| {
        let why = format!("the object of {} is not in the landing bucket", record.file);
        Failure::explained(FailureKind::NotFound, "move.describe", why)
    })
}

/// Deletes a page of objects from the landing bucket whose copies are there.
///
/// # Errors
/// [`Failure`] of a bucket, a queue or the database.
pub async fn leave_landing(ports: &MovePorts<'_>, before: Option<i64>) -> Handled {
    let grace = u32::from(ports.grace_seconds);
    let page = ports.store.list_to_leave(grace, before, PAGE).await?;
    let mut first_failure = None;
    for moved in &page {
        if let Err(failure) = leave(ports, moved).await {
            first_failure = first_failure.or(Some(failure));
        }
    }
    if page.len() == PAGE as usize {
        let before = page.last().map(|moved| moved.sequence);
        let body = to_body(&Envelope::new(PerfMessage::LeaveLanding { before }))?;
        ports.sender.send(Queue::Perf, body, 0).await?;
    }
    match first_failure {
        Some(failure) => Err(failure),
        None => Ok(Disposition::Done),
    }
}

async fn leave(ports: &MovePorts<'_>, moved: &MovedFile) -> Result<(), Failure> {
    // Nothing goes whose copy is not there.
    if ports.mover.describe_copy(&moved.moved_key).await?.is_none() {
        return Ok(());
    }
    let upload = || object_key::upload(moved.file);
    let object = ObjectAt {
        key: moved.object_key.clone().unwrap_or_else(upload),
        version: moved.landing_version.clone(),
        etag: None,
    };
    // Without a version nobody could tell this write from one that came after it.
    if object.version.is_some() || !object.key.starts_with(object_key::DROPS) {
        ports.mover.remove(&object).await?;
    }
    ports.store.record_left(moved.file).await
}
