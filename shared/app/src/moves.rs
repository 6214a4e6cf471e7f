//! Objects out of the landing bucket: those of archived files, and those of refused ones.
//!
//! An object is copied, the copy compared with it, and where it lies written down; from then on whoever loads the file
//! reads the copy. It leaves the landing bucket a good while later, when nobody is at work any more who loaded the file
//! before that. Killed anywhere it begins again: a copy is made over itself, what was written down is not written twice,
//! and what was deleted is gone. A message does what fits its worker's time, and sends another one for the rest.

use millrace_core::facts::Mode;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::{Envelope, PerfMessage, Queue};
use millrace_core::object_key::{self, ObjectAt};
use millrace_core::pipeline::MoveKind;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::FileRecord;
use millrace_store::moves::MovedFile;

use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::ports::{DescribedObject, MessageSender, ObjectMover, Surroundings};
use crate::{Disposition, Handled};

/// Files that are asked for at once.
const PAGE: u32 = 20;

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
    /// The clock.
    pub surroundings: &'a dyn Surroundings,
    /// When the worker is ended, in milliseconds since 1970.
    pub deadline_ms: u64,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
    /// How long an object stays where it was once it was moved.
    pub grace_seconds: u16,
}

/// Moves objects; the message for the rest, or for the landing bucket to be left, goes out behind it. A file that cannot be
/// moved keeps none of the others from it: it is tried again when the schedule comes round. One whose object is not there
/// is not tried again by itself; the file says so.
///
/// # Errors
/// [`Failure`] of a bucket, a queue or the database where nothing could be moved and it may be mended.
pub async fn move_objects(ports: &MovePorts<'_>, moves: MoveKind, before: Option<i64>) -> Handled {
    let list = async |before| ports.store.list_to_move(moves, before, PAGE).await;
    let step = async |record: &FileRecord| move_object(ports, moves, record).await;
    let rest = go_through(ports, before, list, |record| record.sequence, step).await?;
    let (message, delay_seconds) = match rest.before {
        None => (PerfMessage::LeaveLanding { before: None }, ports.grace_seconds),
        before => (PerfMessage::MoveObjects { moves, before }, 0),
    };
    send(ports, message, delay_seconds).await?;
    Ok(rest.disposition())
}

/// Deletes objects from the landing bucket whose copies are there; the message for the rest goes out behind it.
///
/// # Errors
/// [`Failure`] of a bucket, a queue or the database where nothing could be deleted and it may be mended.
pub async fn leave_landing(ports: &MovePorts<'_>, before: Option<i64>) -> Handled {
    let grace = u32::from(ports.grace_seconds);
    let list = async |before| ports.store.list_to_leave(grace, before, PAGE).await;
    let step = async |moved: &MovedFile| leave(ports, moved).await;
    let rest = go_through(ports, before, list, |moved| moved.sequence, step).await?;
    if let before @ Some(_) = rest.before {
        send(ports, PerfMessage::LeaveLanding { before }, 0).await?;
    }
    Ok(rest.disposition())
}

async fn send(ports: &MovePorts<'_>, message: PerfMessage, delay_seconds: u16) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(message))?;
    ports.sender.send(Queue::Perf, body, delay_seconds).await
}

/// What a message has left.
#[derive(Default)]
struct Rest {
    /// The place behind which there may be more; none once it was through.
    before: Option<i64>,
    /// The first failure of a file.
    failure: Option<Failure>,
}

impl Rest {
    fn disposition(self) -> Disposition {
        let failure = self.failure.map(|failure| failure.to_string());
        failure.map_or(Disposition::Done, Disposition::DoneExcept)
    }
}

/// Goes through files page by page, the newest first. Nothing is begun in the second half of the worker's time: the largest
/// object takes less than that to be copied. Where of several nothing succeeds, and may do so later, that is the failure of all;
/// one alone that takes all the time is passed over.
async fn go_through<T>(
    ports: &MovePorts<'_>,
    mut before: Option<i64>,
    list: impl AsyncFn(Option<i64>) -> Result<Vec<T>, Failure>,
    sequence: fn(&T) -> i64,
    step: impl AsyncFn(&T) -> Result<(), Failure>,
) -> Result<Rest, Failure> {
    let now_ms = ports.surroundings.now_ms();
    let until_ms = now_ms + ports.deadline_ms.saturating_sub(now_ms) / 2;
    let (mut tried, mut is_any_done, mut failure) = (0, false, None);
    loop {
        let page = list(before).await?;
        let mut is_time_up = false;
        for file in &page {
            match step(file).await {
                Ok(()) => is_any_done = true,
                Err(failed) => failure = failure.or(Some(failed)),
            }
            tried += 1;
            before = Some(sequence(file));
            is_time_up = ports.surroundings.now_ms() >= until_ms;
            if is_time_up {
                break;
            }
        }
        failure = match failure {
            Some(failed) if !is_any_done && !failed.kind.is_hopeless() && (tried > 1 || !is_time_up) => {
                return Err(failed);
            }
            failure => failure,
        };
        if is_time_up {
            return Ok(Rest { before, failure });
        }
        if page.len() < PAGE as usize {
            return Ok(Rest {
                before: None,
                failure,
            });
        }
    }
}

/// Moves an object, or writes down that it is not there. A version without an object of its own is done with a word.
async fn move_object(ports: &MovePorts<'_>, moves: MoveKind, record: &FileRecord) -> Result<(), Failure> {
    let file = record.file;
    let mut copied = None;
    if !matches!(record.mode, Mode::Delete | Mode::Replay) {
        let object = record.landing_object();
        let Some(original) = ports.mover.describe(&object).await? else {
            return ports.store.record_move_error(file, &gone(&object)).await;
        };
        let key = object_key::moved(moves, record.ingestion_type, &record.ingestion_name, file);
        copy(ports, object, &original, &key).await?;
        copied = Some((key, original.version));
    }
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    let (key, version) = copied.unzip();
    let version = version.flatten();
    let (key, version) = (key.as_deref(), version.as_deref());
    ports.store.record_move(file, moves, key, version).await?;
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(())
}

async fn copy(
    ports: &MovePorts<'_>,
    object: ObjectAt,
    original: &DescribedObject,
    key: &str,
) -> Result<(), Failure> {
    let object = ObjectAt {
        version: original.version.clone(),
        ..object
    };
    ports.mover.copy(&object, original.size_bytes, key).await?;
    let copy = ports.mover.describe_copy(key).await?;
    if copy.is_some_and(|copy| copy.is_same_as(original)) {
        return Ok(());
    }
    let why = format!("the copy at {key} is not like its object");
    Err(Failure::explained(FailureKind::Transient, "move.compare", why))
}

fn gone(object: &ObjectAt) -> FileError {
    let message = format!(
        "the object {} is not in the landing bucket, so it was not moved; once it is there again, drive the file on",
        object.key
    );
    FileError::of_file(Rule::ObjectGone, message)
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
    ports.mover.remove(&object).await?;
    ports.store.record_left(moved.file).await
}
