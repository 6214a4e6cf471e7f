//! The status that is stored where people look, and reminders.

use millrace_core::facts::status;
use millrace_core::ids::FileVersion;
use millrace_core::message::StatusMessage;
use millrace_store::Store;

use crate::outbox::{drive_dataset, send_outbox};
use crate::ports::MessageSender;
use crate::{Disposition, Handled};

/// Handles a message of the status queue.
///
/// # Errors
/// A failure of the database or the queues.
pub async fn track(store: &Store, sender: &dyn MessageSender, message: &StatusMessage) -> Handled {
    match message {
        StatusMessage::FactsChanged { file } => store_status(store, *file).await,
        StatusMessage::DriveDataset { dataset } => {
            drive_dataset(store, sender, dataset).await?;
            Ok(Disposition::Done)
        }
        StatusMessage::Reminder { file } => {
            send_outbox(store, sender, *file).await?;
            store_status(store, *file).await
        }
    }
}

/// Stores the status that follows from the facts. Two at once may store an older one last: whoever changed the facts
/// last sends another message after that, so the newest facts always have the last word.
async fn store_status(store: &Store, file: FileVersion) -> Handled {
    let Some(record) = store.load_file(file).await? else {
        return Ok(Disposition::Reject(format!("there is no file version {file}")));
    };
    let now = status(&record.facts);
    if record.stored_status != now.as_str() {
        store.store_status(file, now.as_str()).await?;
    }
    Ok(Disposition::Done)
}
