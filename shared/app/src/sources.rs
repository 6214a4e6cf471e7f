//! Beginning runs of sources: one by hand, all by the schedule.
//!
//! A run's own message is its reminder: it goes out before the commit with a delay, and once more behind it. A message
//! whose run never committed, or is over, is done with a look.

use millrace_core::failure::Failure;
use millrace_core::ids::RunId;
use millrace_core::message::{Envelope, FetchMessage, Queue};
use millrace_core::name::Name;
use millrace_store::Store;
use millrace_store::sources::{BeginRun, NewRun};
use sha2::{Digest as _, Sha256};

use crate::outbox::to_body;
use crate::ports::{MessageSender, Surroundings};
use crate::{Disposition, Handled};

/// What beginning a run needs.
pub struct RunPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// When a run's message comes again.
    pub reminder_delay_seconds: u16,
}

/// Begins a run that a caller asks for.
///
/// # Errors
/// [`Failure`] of the queue or the database.
pub async fn begin_run(
    ports: &RunPorts<'_>,
    surroundings: &dyn Surroundings,
    source: &Name,
    client_id: &str,
    idempotency: Option<(&str, &str)>,
) -> Result<BeginRun, Failure> {
    let run_id = RunId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes());
    let new = NewRun {
        run_id,
        source,
        is_scheduled: false,
        client_id,
        idempotency,
    };
    begin(ports, &new).await
}

async fn begin(ports: &RunPorts<'_>, new: &NewRun<'_>) -> Result<BeginRun, Failure> {
    send_run(ports.sender, new.source, new.run_id, ports.reminder_delay_seconds).await?;
    let begun = ports.store.begin_run(new).await?;
    if let BeginRun::Created { run_id } | BeginRun::Replayed { run_id } = &begun {
        send_run(ports.sender, new.source, *run_id, 0).await?;
    }
    Ok(begun)
}

/// Sends a run's message.
///
/// # Errors
/// [`Failure`] of the queue.
pub async fn send_run(
    sender: &dyn MessageSender,
    source: &Name,
    run_id: RunId,
    delay_seconds: u16,
) -> Result<(), Failure> {
    let message = FetchMessage::FetchSource {
        source: source.clone(),
        run_id,
    };
    sender
        .send(Queue::Fetch, to_body(&Envelope::new(message))?, delay_seconds)
        .await
}

/// Begins a run of every source. `trigger` names what asked for it: the same trigger again begins the same runs. A
/// source whose run cannot be begun keeps none of the others from theirs.
///
/// # Errors
/// The first [`Failure`], once all others are begun.
pub async fn begin_all(ports: &RunPorts<'_>, trigger: &str) -> Handled {
    let mut first_failure = None;
    for source in ports.store.list_source_names().await? {
        let new = NewRun {
            run_id: run_of(trigger, &source),
            source: &source,
            is_scheduled: true,
            client_id: "schedule",
            idempotency: None,
        };
        if let Err(failure) = begin(ports, &new).await {
            first_failure.get_or_insert(failure);
        }
    }
    first_failure.map_or(Ok(Disposition::Done), Err)
}

fn run_of(trigger: &str, source: &Name) -> RunId {
    let hash = Sha256::new()
        .chain_update(trigger)
        .chain_update([0])
        .chain_update(source.as_str())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    RunId::from_bytes(bytes)
}
