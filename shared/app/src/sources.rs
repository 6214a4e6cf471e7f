//! Beginning runs of sources: one by hand, all by the schedule.
//!
//! A run's own message is its reminder: it goes out before the commit with a delay, and once more behind it. A message
//! whose run never committed, or is over, is done with a look; one of a run that is on its way is harmless, so whoever
//! drives runs on sends the messages of all that are open.

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

/// Begins a run that a caller asks for. After the commit a message that cannot be sent is no failure: the one that went
/// before comes a little later.
///
/// # Errors
/// [`Failure`] of the database, or of the queue before anything was registered.
pub async fn begin_run(
    ports: &RunPorts<'_>,
    surroundings: &dyn Surroundings,
    source: &Name,
    client_id: &str,
    idempotency: Option<(&str, &str)>,
) -> Result<BeginRun, Failure> {
    // Nothing is left behind by names that are none.
    if !ports.store.has_source(source).await? {
        return Ok(BeginRun::NoSource);
    }
    let run_id = RunId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes());
    let new = NewRun {
        run_id,
        source,
        is_scheduled: false,
        client_id,
        idempotency,
    };
    let begun = begin(ports, &new).await?;
    let _ = announce(ports, source, &begun).await;
    Ok(begun)
}

async fn begin(ports: &RunPorts<'_>, new: &NewRun<'_>) -> Result<BeginRun, Failure> {
    send_run(ports.sender, new.source, new.run_id, ports.reminder_delay_seconds).await?;
    ports.store.begin_run(new).await
}

/// Sends the message of a run that was begun.
async fn announce(ports: &RunPorts<'_>, source: &Name, begun: &BeginRun) -> Result<(), Failure> {
    match begun {
        BeginRun::Created { run_id } | BeginRun::Replayed { run_id } => {
            send_run(ports.sender, source, *run_id, 0).await
        }
        BeginRun::NoSource | BeginRun::Retired | BeginRun::KeyReused => Ok(()),
    }
}

/// Runs that are driven on at once, at most.
pub const DRIVE_PAGE: u32 = 100;

/// Sends the messages of some of the runs for which something is still to be done, the oldest first; `after` is where
/// the page before this one ended. How many there were, and where the next page starts if there is one.
///
/// # Errors
/// [`Failure`] of the database or the queue; what was sent until then was sent.
pub async fn drive_runs(ports: &RunPorts<'_>, after: Option<i64>) -> Result<(usize, Option<i64>), Failure> {
    let open = ports.store.list_open_runs(after.unwrap_or(0), DRIVE_PAGE).await?;
    for (_, source, run_id) in &open {
        send_run(ports.sender, source, *run_id, 0).await?;
    }
    let is_full = open.len() == DRIVE_PAGE as usize;
    let last = open.last().filter(|_| is_full);
    Ok((open.len(), last.map(|(sequence, ..)| *sequence)))
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
            run_id: run_of(trigger, source.as_str()),
            source: &source,
            is_scheduled: true,
            client_id: "schedule",
            idempotency: None,
        };
        let begun = match begin(ports, &new).await {
            Ok(begun) => announce(ports, &source, &begun).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = begun {
            first_failure.get_or_insert(failure);
        }
    }
    first_failure.map_or(Ok(Disposition::Done), Err)
}

/// The run that a trigger begins of something: the same again is the same run.
pub(crate) fn run_of(trigger: &str, name: &str) -> RunId {
    let hash = Sha256::new()
        .chain_update(trigger)
        .chain_update([0])
        .chain_update(name)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    RunId::from_bytes(bytes)
}
