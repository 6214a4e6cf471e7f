//! Creating a spec that has been compiled, and having existing files contribute to a new dataset.

use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_store::Store;
use millrace_store::specs::{CreateSpec, Definition, is_name_conflict};
use serde_json::Value;

use crate::outbox::{send_dataset, send_pipeline, send_schedule};
use crate::ports::MessageSender;

/// What creating specs needs.
#[derive(Clone, Copy)]
pub struct SpecPorts<'a> {
    /// The database as the application's role.
    pub store: &'a Store,
    /// The database as the owner, who alone creates the tables and views of specs.
    pub owner_store: &'a Store,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// How late a reminder looks at an outbox that a crash may have left full.
    pub reminder_delay_seconds: u16,
}

/// What became of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// Created now, as this version.
    Created(u32),
    /// The very same spec is there.
    Identical(u32),
    /// The name stands for another spec of the kind, perhaps in other case.
    SpecExists,
    /// The name stands for a view of another kind, or for a table of the service's own.
    NameTaken,
    /// The very same spec is there, and retired.
    Retired,
    /// A spec that it needs was retired meanwhile.
    NeedsRetired,
}

/// Creates a spec, once, whatever its body is repeated.
///
/// A dataset takes in the files that its event has already: their messages are written with the spec, and the status queue sends
/// them, however many they are. Before the commit that goes out late, as the reminder that covers a crash. A schedule is
/// handed to EventBridge in the same way.
///
/// # Errors
/// [`Failure`] of the database or of the queue.
pub async fn create_spec(
    ports: SpecPorts<'_>,
    definition: &Definition,
    body: &Value,
    client_id: &str,
) -> Result<Creation, Failure> {
    let (kind, name) = (definition.kind(), definition.name());
    announce_change(ports, kind, name, ports.reminder_delay_seconds).await?;
    let created = ports.owner_store.create_spec(definition, body, client_id).await;
    let creation = match created {
        Ok(CreateSpec::Created(version)) => Creation::Created(version),
        Ok(CreateSpec::Identical(version)) => Creation::Identical(version),
        Ok(CreateSpec::Taken) => return Ok(Creation::SpecExists),
        Ok(CreateSpec::Retired) => return Ok(Creation::Retired),
        Ok(CreateSpec::NeedsRetired) => return Ok(Creation::NeedsRetired),
        Err(failure) if is_name_conflict(&failure) => return Ok(Creation::NameTaken),
        Err(failure) => return Err(failure),
    };
    announce_change(ports, kind, name, 0).await?;
    Ok(creation)
}

/// Has what follows from a change in the life of a spec be done: late before its commit, and without delay after it. A
/// dataset has its files' messages sent, a pipeline those of what it lets go, and EventBridge is told of a schedule.
///
/// # Errors
/// [`Failure`] of the queue.
pub(crate) async fn announce_change(
    ports: SpecPorts<'_>,
    kind: SpecKind,
    name: &Name,
    delay_seconds: u16,
) -> Result<(), Failure> {
    match kind {
        SpecKind::Dataset => send_dataset(ports.sender, name, delay_seconds).await,
        SpecKind::Pipeline => send_pipeline(ports.sender, name, delay_seconds).await,
        SpecKind::Schedule => send_schedule(ports.sender, name, delay_seconds).await,
        SpecKind::Dimension | SpecKind::Event | SpecKind::Source | SpecKind::Transformer => Ok(()),
    }
}
