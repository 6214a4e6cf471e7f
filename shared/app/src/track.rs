//! The status that is stored where people look, and reminders.

use millrace_core::facts::status;
use millrace_core::ids::FileVersion;
use millrace_core::message::StatusMessage;
use millrace_store::Store;

use crate::outbox::{drive_dataset, drive_pipeline, send_outbox};
use crate::ports::{MessageSender, Scheduler};
use crate::schedules::{follow_schedule, run_schedule};
use crate::sources::RunPorts;
use crate::{Disposition, Handled};

/// What tracking needs.
pub struct TrackPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// EventBridge.
    pub scheduler: &'a dyn Scheduler,
    /// When a run's messages are looked for again.
    pub reminder_delay_seconds: u16,
}

/// Handles a message of the status queue; `message_id` is the queue's own, which a message that comes again keeps.
///
/// # Errors
/// A failure of the database or the queues.
pub async fn track(ports: &TrackPorts<'_>, message: &StatusMessage, message_id: &str) -> Handled {
    let (store, sender) = (ports.store, ports.sender);
    match message {
        StatusMessage::DrivePipeline { pipeline } => {
            drive_pipeline(store, sender, pipeline).await?;
            Ok(Disposition::Done)
        }
        StatusMessage::ScheduleChanged { schedule } => {
            follow_schedule(store, ports.scheduler, schedule).await
        }
        StatusMessage::RunSchedule { schedule } => {
            let run_ports = RunPorts {
                store,
                sender,
                reminder_delay_seconds: ports.reminder_delay_seconds,
            };
            run_schedule(&run_ports, schedule, message_id).await
        }
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
