//! From clean parts to cells: partial, difference, apply.

use std::io::Cursor;

use millrace_aggregate::{
    AggregationPlan, CellDifference, Layout, Partial, PartialBuilder, PartialError, PartialReader,
    Settlement, decode, difference, encode, overlaps, stage_chunks,
};
use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::FileVersion;
use millrace_core::name::Name;
use millrace_core::object_key;
use millrace_core::row_error::FileError;
use millrace_store::Store;
use millrace_store::contributions::{Application, ApplyOutcome, ContributionState, PendingContribution};
use millrace_table::PartReader;

use crate::outbox::{send_outbox, send_reminder};
use crate::ports::{MessageSender, ObjectStore, Surroundings, read_all, write_all};
use crate::{Disposition, Handled};

/// How often differences are made anew when others were faster, before the message is tried again later.
const MAX_ATTEMPTS: u32 = 8;

/// What contributing needs.
pub struct PerfPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where parts and partials lie.
    pub collections: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// Clock and chance.
    pub surroundings: &'a dyn Surroundings,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

impl PerfPorts<'_> {
    /// An id for one attempt's stage.
    pub(crate) fn stage_id(&self) -> String {
        let (now_ms, random) = (self.surroundings.now_ms(), self.surroundings.random_bytes());
        millrace_core::ids::LoadId::from_time_and_random(now_ms, random).to_string()
    }
}

/// Why a contribution was not made.
enum ContributeError {
    /// The file cannot be brought into this dataset.
    Refused(FileError),
    /// Something could not be done.
    Failed(Failure),
}

impl From<Failure> for ContributeError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A partial and where it lies.
struct MadePartial {
    partial: Partial,
    key: Option<String>,
}

/// Brings a file version's contribution into a dataset, exactly once.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn contribute(ports: &PerfPorts<'_>, file: FileVersion, dataset: &Name) -> Handled {
    let definition: Option<DatasetDefinition> = ports
        .store
        .load_definition(SpecKind::Dataset, dataset.as_str(), None)
        .await?;
    let Some(definition) = definition else {
        return Ok(Disposition::Reject(format!("there is no dataset {dataset}")));
    };
    let mut made = None;
    for _ in 0..MAX_ATTEMPTS {
        let Some(pending) = ports.store.load_contribution(file, dataset).await? else {
            return Ok(Disposition::Reject(format!(
                "{file} does not contribute to {dataset}"
            )));
        };
        if pending.state != ContributionState::Pending {
            send_outbox(ports.store, ports.sender, file).await?;
            return Ok(Disposition::Done);
        }
        match attempt(ports, file, &definition, &pending, &mut made).await {
            Ok(ApplyOutcome::Applied | ApplyOutcome::AlreadySettled | ApplyOutcome::Superseded) => {
                send_outbox(ports.store, ports.sender, file).await?;
                return Ok(Disposition::Done);
            }
            Ok(ApplyOutcome::StaleBase | ApplyOutcome::StaleDataset | ApplyOutcome::IncompleteStage) => {}
            Err(ContributeError::Refused(error)) => {
                ports
                    .store
                    .refuse_contribution(pending.contribution_id, &error)
                    .await?;
                send_outbox(ports.store, ports.sender, file).await?;
                return Ok(Disposition::Done);
            }
            Err(ContributeError::Failed(failure)) => return Err(failure),
        }
    }
    let why = format!("{dataset} kept moving while {file} was to be applied");
    Err(Failure::explained(FailureKind::Transient, "contribute", why))
}

/// One attempt: stage the differences to what counts now, and apply them.
async fn attempt(
    ports: &PerfPorts<'_>,
    file: FileVersion,
    definition: &DatasetDefinition,
    pending: &PendingContribution,
    made: &mut Option<MadePartial>,
) -> Result<ApplyOutcome, ContributeError> {
    let newer_counts = pending
        .current
        .as_ref()
        .is_some_and(|current| current.version > file.version);
    let stage_id = ports.stage_id();
    let mut application = Application {
        contribution_id: pending.contribution_id,
        stage_id: &stage_id,
        cells_staged: 0,
        base: pending.current.as_ref().map(|current| current.contribution_id),
        dataset_version: None,
        partial: None,
        cells: 0,
        rows: 0,
    };
    if newer_counts {
        return Ok(ports.store.apply_contribution(&application).await?);
    }
    if made.is_none() {
        *made = Some(make_partial(ports, file, definition, pending.is_delete).await?);
    }
    let Some(MadePartial { partial, key }) = made.as_ref() else {
        return Err(Failure::invalid("contribute", "no partial was made").into());
    };
    let old = match pending
        .current
        .as_ref()
        .and_then(|current| current.partial_key.as_deref())
    {
        Some(old_key) => Some(load_partial(ports.collections, old_key).await?),
        None => None,
    };
    let mut differences = difference(old.as_ref(), partial).map_err(|error| match error.file_error() {
        Some(refused) => ContributeError::Refused(refused),
        None => defect(error).into(),
    })?;
    application.dataset_version = settle(ports, file, &definition.name, partial, &mut differences).await?;
    application.cells_staged = stage(ports, pending, &stage_id, &differences).await?;
    application.cells = partial.entries().len() as u64;
    application.rows = partial.rows();
    application.partial = match (key, partial.first_key(), partial.last_key()) {
        (Some(key), Some(first), Some(last)) => Some((key, first.as_str(), last.as_str())),
        _ => None,
    };
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    let outcome = ports.store.apply_contribution(&application).await?;
    if outcome != ApplyOutcome::Applied {
        ports.store.drop_stage(pending.contribution_id, &stage_id).await?;
    }
    Ok(outcome)
}

/// Reduces the file version's parts; writes the partial where later versions will look for it.
async fn make_partial(
    ports: &PerfPorts<'_>,
    file: FileVersion,
    definition: &DatasetDefinition,
    is_delete: bool,
) -> Result<MadePartial, ContributeError> {
    let parts = if is_delete {
        Vec::new()
    } else {
        ports.store.list_parts(file).await?
    };
    let mut builder: Option<PartialBuilder> = None;
    for key in parts {
        let bytes = read_all(ports.collections, &key).await?;
        let reader = PartReader::new(Cursor::new(bytes)).map_err(defect)?;
        let plan = AggregationPlan::new(definition, reader.schema()).map_err(defect)?;
        let mut reader = reader.with_columns(&plan.columns());
        let builder = builder.get_or_insert_with(|| PartialBuilder::new(plan));
        while let Some(block) = reader.next_block().map_err(defect)? {
            builder.add_block(&block).map_err(refused)?;
        }
    }
    let partial = match builder {
        Some(builder) => builder.finish().map_err(refused)?,
        None => Partial::empty(Layout::of(definition)),
    };
    if partial.entries().is_empty() {
        return Ok(MadePartial { partial, key: None });
    }
    let key = object_key::partial(&definition.name, file);
    write_all(ports.collections, &key, encode(&partial).map_err(defect)?).await?;
    Ok(MadePartial {
        partial,
        key: Some(key),
    })
}

async fn load_partial(collections: &dyn ObjectStore, key: &str) -> Result<Partial, Failure> {
    decode(&read_all(collections, key).await?).map_err(defect)
}

/// Looks up the extremes that the difference takes back, in the other files' partials; the dataset version that they
/// were read at, if any had to be.
async fn settle(
    ports: &PerfPorts<'_>,
    file: FileVersion,
    dataset: &Name,
    partial: &Partial,
    differences: &mut [CellDifference],
) -> Result<Option<i64>, Failure> {
    let mut settlement = Settlement::begin(differences, partial);
    let (Some(first), Some(last)) = (settlement.keys().first(), settlement.keys().last()) else {
        return Ok(None);
    };
    let others = ports
        .store
        .list_other_partials(file, dataset, first.as_str(), last.as_str())
        .await?;
    for other in &others.partials {
        if overlaps(
            other.first_key.as_bytes(),
            other.last_key.as_bytes(),
            settlement.keys(),
        ) {
            let bytes = read_all(ports.collections, &other.partial_key).await?;
            let reader = PartialReader::new(Cursor::new(bytes)).map_err(defect)?;
            settlement.add_reader(reader).map_err(defect)?;
        }
    }
    settlement.finish(differences);
    Ok(Some(others.dataset_version))
}

async fn stage(
    ports: &PerfPorts<'_>,
    pending: &PendingContribution,
    stage_id: &str,
    differences: &[CellDifference],
) -> Result<u64, Failure> {
    for chunk in stage_chunks(differences).map_err(defect)? {
        ports
            .store
            .stage_differences(pending.contribution_id, stage_id, chunk.json)
            .await?;
    }
    Ok(differences.len() as u64)
}

fn refused(error: PartialError) -> ContributeError {
    match error {
        PartialError::File(error) => ContributeError::Refused(error),
        other @ PartialError::BlockMismatch(_) => defect(other).into(),
    }
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("contribute", error.to_string())
}
