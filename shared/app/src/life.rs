//! Further versions of a spec: compared with what is there, and made where they add to it.

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::pipeline::ScheduleDefinition;
use millrace_spec::compare::{
    Difference, compare_bodies, compare_datasets, compare_dimensions, compare_events, compare_pipelines,
    compare_schedules, compare_sources, compare_transformers, is_additive, stored_dataset, stored_dimension,
};
use millrace_spec::{taken_by_dimension, wrong_name};
use millrace_store::Store;
use millrace_store::specs::{
    CreateSpec, Definition, MigrateSpec, RestoreSpec, RetireSpec, SpecRecord, SpecVersion,
};
use serde_json::Value;

use crate::compile::{CompileError, compile_spec};
use crate::create::{Creation, SpecPorts, announce_change, create_spec};

/// What differs between two versions of a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The earlier version.
    pub from: u32,
    /// The later one; none where it is a body that was posted.
    pub to: Option<u32>,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether the later one may become the earlier one's next version.
    #[must_use]
    pub fn is_additive(&self) -> bool {
        is_additive(&self.differences)
    }
}

/// What became of a request to make a further version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migration {
    /// Made now, with this number.
    Created(u32),
    /// The newest version, of this number, is the very same.
    Identical(u32),
    /// The version that was to be followed is not the newest, which is this one.
    Stale(u32),
    /// It would change what is there.
    NotAdditive(Vec<Difference>),
    /// The spec is retired.
    Retired,
    /// Readers hold its table for long; to be tried again.
    InUse,
    /// A spec that it needs was retired meanwhile.
    NeedsRetired,
    /// There is no such spec.
    NoSpec,
}

/// What differs between two stored versions; none where one of them is not there.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn compare_versions(
    store: &Store,
    kind: SpecKind,
    name: &Name,
    (from, to): (u32, u32),
) -> Result<Option<Comparison>, Failure> {
    let earlier = load(store, kind, name, Some(from)).await?;
    let later = load(store, kind, name, Some(to)).await?;
    let (Some(earlier), Some(later)) = (earlier, later) else {
        return Ok(None);
    };
    let differences = compare(&earlier, &later.definition, &later.record.body)?;
    Ok(Some(Comparison {
        from,
        to: Some(to),
        differences,
    }))
}

/// What differs between the newest version of a spec and a body; none where no spec of the body's name is there.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn compare_with_body(
    store: &Store,
    kind: SpecKind,
    body: &Value,
) -> Result<(Definition, Option<Comparison>), CompileError> {
    let definition = compile_spec(store, kind, body).await?;
    let Some(newest) = load(store, kind, definition.name(), None).await? else {
        return Ok((definition, None));
    };
    let differences = compare(&newest, &definition, body)?;
    let comparison = Comparison {
        from: newest.record.version,
        to: None,
        differences,
    };
    Ok((definition, Some(comparison)))
}

/// Makes a body the version after `replaces` of a spec, where it adds to what is there. The same body again answers the
/// version that it became, as long as that is the newest.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn migrate_spec(
    ports: SpecPorts<'_>,
    (kind, name): (SpecKind, &Name),
    replaces: u32,
    body: &Value,
    client_id: &str,
) -> Result<Migration, CompileError> {
    let Some(newest) = load(ports.store, kind, name, None).await? else {
        return Ok(Migration::NoSpec);
    };
    if newest.record.retired_at.is_some() {
        return Ok(Migration::Retired);
    }
    let definition = compile_spec(ports.store, kind, body).await?;
    if definition.name() != name {
        return Err(wrong_name(kind, name.as_str()).into());
    }
    // The database says what is the very same: a number may be written in several ways.
    if let Some(CreateSpec::Identical(version)) = ports.store.compare_spec(&definition, body).await? {
        return Ok(Migration::Identical(version));
    }
    if newest.record.version != replaces {
        return Ok(Migration::Stale(newest.record.version));
    }
    let differences = compare(&newest, &definition, body)?;
    if !is_additive(&differences) {
        return Ok(Migration::NotAdditive(differences));
    }
    refuse_shadowing(ports.store, &newest.definition, &definition).await?;
    let definition = &stored(&newest.definition, definition);
    let to = SpecVersion { body, definition };
    announce_change(ports, kind, name, ports.reminder_delay_seconds).await?;
    let made = ports
        .owner_store
        .migrate_spec(replaces, &newest.definition, to, client_id)
        .await?;
    if let MigrateSpec::Created { .. } = made {
        announce_change(ports, kind, name, 0).await?;
    }
    Ok(match made {
        MigrateSpec::Created { version } => Migration::Created(version),
        MigrateSpec::Identical { version } => Migration::Identical(version),
        MigrateSpec::Stale { version } => Migration::Stale(version),
        MigrateSpec::Retired => Migration::Retired,
        MigrateSpec::InUse => Migration::InUse,
        MigrateSpec::NeedsRetired => Migration::NeedsRetired,
        MigrateSpec::NoSpec => Migration::NoSpec,
    })
}

/// What became of a schedule that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutSchedule {
    /// Made now, or a new version of it, with this number.
    Made(ScheduleDefinition, u32),
    /// The newest version, of this number, is the very same.
    Identical(ScheduleDefinition, u32),
    /// The schedule is retired.
    Retired,
    /// Its pipeline was retired meanwhile.
    NeedsRetired,
    /// The name stands for another schedule, or others set it all the time.
    Taken,
}

/// How often a schedule is set anew that others set at the same time.
const MAX_ROUNDS: u32 = 4;

/// Makes a schedule, or its next version where there is one.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn put_schedule(
    ports: SpecPorts<'_>,
    body: &Value,
    client_id: &str,
) -> Result<PutSchedule, CompileError> {
    let definition = compile_spec(ports.store, SpecKind::Schedule, body).await?;
    let Definition::Schedule(schedule) = &definition else {
        return Err(invalid(&"a schedule is compiled to something else").into());
    };
    for _ in 0..MAX_ROUNDS {
        let newest = ports
            .store
            .load_spec(SpecKind::Schedule, schedule.name.as_str())
            .await?;
        let Some(newest) = newest else {
            match create_spec(ports, &definition, body, client_id).await? {
                Creation::Created(version) => return Ok(PutSchedule::Made(schedule.clone(), version)),
                Creation::Identical(version) => return Ok(PutSchedule::Identical(schedule.clone(), version)),
                Creation::SpecExists => continue,
                Creation::NameTaken => return Ok(PutSchedule::Taken),
                Creation::Retired => return Ok(PutSchedule::Retired),
                Creation::NeedsRetired => return Ok(PutSchedule::NeedsRetired),
            }
        };
        let spec = (SpecKind::Schedule, &schedule.name);
        match migrate_spec(ports, spec, newest.version, body, client_id).await? {
            Migration::Created(version) => return Ok(PutSchedule::Made(schedule.clone(), version)),
            Migration::Identical(version) => return Ok(PutSchedule::Identical(schedule.clone(), version)),
            Migration::Stale(_) | Migration::NoSpec => {}
            Migration::InUse | Migration::NotAdditive(_) => return Ok(PutSchedule::Taken),
            Migration::Retired => return Ok(PutSchedule::Retired),
            Migration::NeedsRetired => return Ok(PutSchedule::NeedsRetired),
        }
    }
    Ok(PutSchedule::Taken)
}

/// Retires a spec that nothing needs; what a pipeline holds is let go, and EventBridge told to forget a schedule.
///
/// # Errors
/// [`Failure`] of the database or the queue.
pub async fn retire_spec(
    ports: SpecPorts<'_>,
    (kind, name): (SpecKind, &Name),
    client_id: &str,
) -> Result<RetireSpec, Failure> {
    if !is_there(ports.store, kind, name).await? {
        return Ok(RetireSpec::NoSpec);
    }
    announce_change(ports, kind, name, ports.reminder_delay_seconds).await?;
    let retired = ports
        .owner_store
        .retire_spec(kind, name.as_str(), client_id)
        .await?;
    if retired == RetireSpec::Retired {
        announce_change(ports, kind, name, 0).await?;
    }
    Ok(retired)
}

/// Brings a retired spec back. A dataset takes in what came while it was retired as a new one does: its messages are
/// written with the change, and the status queue sends them; before the commit that goes out late, as the reminder that
/// covers a crash.
///
/// # Errors
/// [`Failure`] of the database or the queue.
pub async fn restore_spec(
    ports: SpecPorts<'_>,
    (kind, name): (SpecKind, &Name),
) -> Result<RestoreSpec, Failure> {
    if !is_there(ports.store, kind, name).await? {
        return Ok(RestoreSpec::NoSpec);
    }
    announce_change(ports, kind, name, ports.reminder_delay_seconds).await?;
    let restored = ports.owner_store.restore_spec(kind, name.as_str()).await?;
    if restored == RestoreSpec::Restored {
        announce_change(ports, kind, name, 0).await?;
    }
    Ok(restored)
}

/// Whether there is such a spec; of names that are none nobody is reminded.
async fn is_there(store: &Store, kind: SpecKind, name: &Name) -> Result<bool, Failure> {
    Ok(store.load_spec(kind, name.as_str()).await?.is_some())
}

/// New columns of a feed must not be called what its datasets take from their dimensions: their next versions would mean
/// others by these names.
async fn refuse_shadowing(store: &Store, from: &Definition, to: &Definition) -> Result<(), CompileError> {
    let (had, has) = (columns(from), columns(to));
    let new: Vec<&Name> = has.into_iter().filter(|name| !had.contains(name)).collect();
    let mut after: Option<(String, String)> = None;
    while !new.is_empty() {
        let at = after.as_ref().map(|(kind, name)| (kind.as_str(), name.as_str()));
        let needs = store
            .list_dependants(to.kind(), to.name().as_str(), at, DEPENDANTS_PAGE)
            .await?;
        let datasets: Vec<&str> = needs
            .iter()
            .filter(|need| need.kind == SpecKind::Dataset)
            .map(|need| need.name.as_str())
            .collect();
        let datasets: Vec<DatasetDefinition> = store.list_definitions(SpecKind::Dataset, &datasets).await?;
        for dataset in datasets.iter().filter(|dataset| is_fed_by(dataset, to)) {
            let Some(join) = &dataset.join else { continue };
            let is_key = |name: &Name| dataset.keys.iter().any(|key| &key.field == name);
            let mut grouped = dataset.group_by.iter().filter(|name| !is_key(name));
            if let Some(name) = grouped.find(|name| new.contains(name)) {
                let (dataset, dimension) = (dataset.name.as_str(), join.dimension.as_str());
                return Err(taken_by_dimension(to.kind(), name.as_str(), dataset, dimension).into());
            }
        }
        let is_last = needs.len() < DEPENDANTS_PAGE as usize;
        after = needs
            .into_iter()
            .next_back()
            .map(|last| (last.kind.as_str().to_owned(), last.name));
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Dependants that are looked at at once.
const DEPENDANTS_PAGE: u32 = 100;

/// The names that a dataset can group by, of what feeds datasets.
fn columns(definition: &Definition) -> Vec<&Name> {
    match definition {
        Definition::Event(event) => event.fields.iter().map(|field| &field.name).collect(),
        Definition::Transformer(transformer) => transformer.columns.iter().map(|(name, _)| name).collect(),
        Definition::Dimension(_)
        | Definition::Dataset(_)
        | Definition::Source(_)
        | Definition::Pipeline(_)
        | Definition::Schedule(_) => Vec::new(),
    }
}

/// Whether a dataset's columns are those of an event or a transformer.
fn is_fed_by(dataset: &DatasetDefinition, feed: &Definition) -> bool {
    match feed {
        Definition::Event(event) => dataset.transformer.is_none() && dataset.event() == Some(&event.name),
        Definition::Transformer(transformer) => dataset.transformer.as_ref() == Some(&transformer.name),
        Definition::Dimension(_)
        | Definition::Dataset(_)
        | Definition::Source(_)
        | Definition::Pipeline(_)
        | Definition::Schedule(_) => false,
    }
}

/// A stored version, with what it was compiled to.
struct Stored {
    record: SpecRecord,
    definition: Definition,
}

async fn load(
    store: &Store,
    kind: SpecKind,
    name: &Name,
    version: Option<u32>,
) -> Result<Option<Stored>, Failure> {
    let Some(record) = store.load_spec_version(kind, name.as_str(), version).await? else {
        return Ok(None);
    };
    // Versions never change, so the two are of one.
    let definition = store
        .load_definition(kind, name.as_str(), Some(record.version))
        .await?;
    Ok(definition.map(|definition| Stored { record, definition }))
}

fn compare(from: &Stored, to: &Definition, body: &Value) -> Result<Vec<Difference>, Failure> {
    let mut differences = match (&from.definition, to) {
        (Definition::Dimension(from), Definition::Dimension(to)) => compare_dimensions(from, to),
        (Definition::Event(from), Definition::Event(to)) => compare_events(from, to),
        (Definition::Dataset(from), Definition::Dataset(to)) => compare_datasets(from, to),
        (Definition::Source(from), Definition::Source(to)) => compare_sources(from, to),
        (Definition::Transformer(from), Definition::Transformer(to)) => compare_transformers(from, to),
        (Definition::Pipeline(from), Definition::Pipeline(to)) => compare_pipelines(from, to),
        (Definition::Schedule(from), Definition::Schedule(to)) => compare_schedules(from, to),
        _ => return Err(invalid(&"specs of two kinds are compared")),
    };
    compare_bodies(&from.record.body, body, &mut differences);
    Ok(differences)
}

/// What is there keeps its place.
fn stored(from: &Definition, to: Definition) -> Definition {
    match (from, to) {
        (Definition::Dimension(from), Definition::Dimension(to)) => {
            Definition::Dimension(stored_dimension(from, to))
        }
        (Definition::Dataset(from), Definition::Dataset(to)) => {
            Definition::Dataset(Box::new(stored_dataset(from, *to)))
        }
        (_, to) => to,
    }
}

fn invalid(why: &dyn std::fmt::Display) -> Failure {
    Failure::invalid("app.compare_specs", why.to_string())
}
