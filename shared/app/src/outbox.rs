//! Sending what a commit made necessary, and the reminder that covers a crash in between.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::message::{Envelope, Queue, StatusMessage};
use millrace_core::name::Name;
use millrace_store::Store;
use millrace_store::outbox::OutboxMessage;

use crate::ports::MessageSender;

/// Sends a file version's waiting messages and forgets them. A crash between the two sends them again: every
/// receiver bears that.
///
/// # Errors
/// [`Failure`] of the queues or the database; what was not sent stays.
pub async fn send_outbox(
    store: &Store,
    sender: &dyn MessageSender,
    file: FileVersion,
) -> Result<usize, Failure> {
    let mut messages = store.list_outbox(file).await?;
    // What this function may not send is another's: of one that is at work, or of the reminder's.
    messages.retain(|message| sender.sends_to(message.queue));
    send_all(store, sender, &messages).await
}

async fn send_all(
    store: &Store,
    sender: &dyn MessageSender,
    messages: &[OutboxMessage],
) -> Result<usize, Failure> {
    let mut sent = Vec::with_capacity(messages.len());
    let mut first_failure = None;
    for message in messages {
        match sender.send(message.queue, message.body.to_string(), 0).await {
            Ok(()) => sent.push(message.outbox_id),
            Err(failure) => {
                let is_hopeless = failure.kind.is_hopeless();
                first_failure.get_or_insert(failure);
                // A queue that is away is asked again later; what one of them does not take says nothing of the others.
                if !is_hopeless {
                    break;
                }
            }
        }
    }
    if !sent.is_empty() {
        store.complete_outbox(&sent).await?;
    }
    match first_failure {
        Some(failure) => Err(failure),
        None => Ok(sent.len()),
    }
}

/// Messages of a dataset or a pipeline that one handling sends. With `MOST_HOPS` handlings after each other, that is how
/// many files a dataset takes in, or a run lets go, without anybody driving them on.
pub const OUTBOX_PAGE: u32 = 200;

/// Sends some of what existing files owe a dataset; where more may be left, the same message goes out again. However
/// often this is done at once, every contribution's message is sent at least once, and bears to be sent twice.
///
/// # Errors
/// [`Failure`] of the queues or the database; what was not sent stays.
pub async fn drive_dataset(store: &Store, sender: &dyn MessageSender, dataset: &Name) -> Result<(), Failure> {
    let messages = store.list_outbox_of_dataset(dataset, OUTBOX_PAGE).await?;
    if send_all(store, sender, &messages).await? == OUTBOX_PAGE as usize {
        send_dataset(sender, dataset, 0).await?;
    }
    Ok(())
}

/// Sends some of what a pipeline's runs have to be sent; where more may be left, the same message goes out again.
///
/// # Errors
/// [`Failure`] of the queues or the database; what was not sent stays.
pub async fn drive_pipeline(
    store: &Store,
    sender: &dyn MessageSender,
    pipeline: &Name,
) -> Result<(), Failure> {
    let messages = store.list_outbox_of_pipeline(pipeline, OUTBOX_PAGE).await?;
    if send_all(store, sender, &messages).await? == OUTBOX_PAGE as usize {
        send_pipeline(sender, pipeline, 0).await?;
    }
    Ok(())
}

/// Has the status queue send what a pipeline's runs have to be sent: late before a commit that makes some, and without
/// delay after it.
///
/// # Errors
/// [`Failure`] of the queue.
pub async fn send_pipeline(
    sender: &dyn MessageSender,
    pipeline: &Name,
    delay_seconds: u16,
) -> Result<(), Failure> {
    let pipeline = pipeline.clone();
    let body = to_body(&Envelope::new(StatusMessage::DrivePipeline { pipeline }))?;
    sender.send(Queue::Status, body, delay_seconds).await
}

/// Has the status queue let EventBridge have a schedule as it is: late before the commit that changes it, and without
/// delay after it.
///
/// # Errors
/// [`Failure`] of the queue.
pub async fn send_schedule(
    sender: &dyn MessageSender,
    schedule: &Name,
    delay_seconds: u16,
) -> Result<(), Failure> {
    let schedule = schedule.clone();
    let body = to_body(&Envelope::new(StatusMessage::ScheduleChanged { schedule }))?;
    sender.send(Queue::Status, body, delay_seconds).await
}

/// Has the status queue send what existing files owe a dataset: late, before the commit that creates it (harmless if
/// there is none), and without delay after it.
///
/// # Errors
/// [`Failure`] of the queue.
pub async fn send_dataset(
    sender: &dyn MessageSender,
    dataset: &Name,
    delay_seconds: u16,
) -> Result<(), Failure> {
    let dataset = dataset.clone();
    let body = to_body(&Envelope::new(StatusMessage::DriveDataset { dataset }))?;
    sender.send(Queue::Status, body, delay_seconds).await
}

/// Sends, before a commit, a late look at the outbox that the commit will fill; harmless if it fails.
///
/// # Errors
/// [`Failure`] of the queue.
pub async fn send_reminder(
    sender: &dyn MessageSender,
    file: FileVersion,
    delay_seconds: u16,
) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(StatusMessage::Reminder { file }))?;
    sender.send(Queue::Status, body, delay_seconds).await
}

/// A message as it travels.
///
/// # Errors
/// [`Failure`] when it cannot be written as JSON, which would be a defect.
pub fn to_body<T: serde::Serialize>(message: &T) -> Result<String, Failure> {
    serde_json::to_string(message)
        .map_err(|error| Failure::new(millrace_core::FailureKind::Invalid, "message.encode", error))
}
