//! From clean parts to cells: partial, difference, apply.

use std::io::Cursor;

use millrace_aggregate::{
    CellDifference, Layout, Partial, PartialBuilder, PartialError, PartialReader, Settlement, decode,
    difference, encode, overlaps, stage_chunks,
};
use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::FileVersion;
use millrace_core::name::Name;
use millrace_core::object_key;
use millrace_core::row_error::FileError;
use millrace_store::contributions::{
    Application, ApplyOutcome, ContributionState, OtherPartial, PendingContribution,
};
use millrace_store::{STAGE_CHUNK_BYTES, Store};

use crate::outbox::{send_outbox, send_reminder};
use crate::partials::Partials;
use crate::parts::Parts;
use crate::ports::{MessageSender, ObjectStore, Surroundings, write_all};
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
pub(crate) enum ContributeError {
    /// The file cannot be brought into this dataset or dimension.
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

/// What one attempt after the other has at hand.
struct Work<'a> {
    ports: &'a PerfPorts<'a>,
    file: FileVersion,
    definition: &'a DatasetDefinition,
    /// The file version's own partial, once made.
    made: Option<MadePartial>,
    /// The others'.
    partials: Partials<'a>,
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
    let mut work = Work {
        ports,
        file,
        definition: &definition,
        made: None,
        partials: Partials::new(ports.collections),
    };
    for _ in 0..MAX_ATTEMPTS {
        let Some(pending) = ports.store.load_contribution(file, dataset).await? else {
            return Ok(Disposition::Reject(format!(
                "{file} does not contribute to {dataset}"
            )));
        };
        if pending.state != ContributionState::Pending || pending.is_held {
            send_outbox(ports.store, ports.sender, file).await?;
            return Ok(Disposition::Done);
        }
        match work.attempt(&pending).await {
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

impl Work<'_> {
    /// One attempt: stage the differences to what counts now, and apply them.
    async fn attempt(&mut self, pending: &PendingContribution) -> Result<ApplyOutcome, ContributeError> {
        let (ports, current) = (self.ports, pending.current.as_ref());
        let stage_id = ports.stage_id();
        let mut application = Application {
            contribution_id: pending.contribution_id,
            stage_id: &stage_id,
            cells_staged: 0,
            base: current.map(|current| current.contribution_id),
            dataset_version: None,
            partial: None,
            cells: 0,
            rows: 0,
        };
        if current.is_some_and(|current| current.version > self.file.version) {
            return Ok(ports.store.apply_contribution(&application).await?);
        }
        let made = match self.made.take() {
            Some(made) => made,
            None => make_partial(ports, self.file, self.definition, pending.is_delete).await?,
        };
        let MadePartial { partial, key } = self.made.insert(made);
        let old = match current.and_then(|current| current.partial_key.as_deref()) {
            Some(old_key) => Some(decode(&self.partials.read(old_key).await?).map_err(defect)?),
            None => None,
        };
        let mut differences =
            difference(old.as_ref(), partial).map_err(|error| match error.file_error() {
                Some(refused) => ContributeError::Refused(refused),
                None => defect(error).into(),
            })?;
        let others = Others {
            store: ports.store,
            file: self.file,
            dataset: &self.definition.name,
        };
        application.dataset_version = others
            .settle(&mut self.partials, partial, &mut differences)
            .await?;
        application.cells_staged = stage(ports, pending, &stage_id, &differences).await?;
        application.cells = partial.entries().len() as u64;
        application.rows = partial.rows();
        application.partial = match (key, partial.first_key(), partial.last_key()) {
            (Some(key), Some(first), Some(last)) => Some((key, first.as_str(), last.as_str())),
            _ => None,
        };
        send_reminder(ports.sender, self.file, ports.reminder_delay_seconds).await?;
        let outcome = ports.store.apply_contribution(&application).await?;
        if outcome != ApplyOutcome::Applied {
            ports.store.drop_stage(pending.contribution_id, &stage_id).await?;
        }
        Ok(outcome)
    }
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
    let mut opened = Parts::new(ports.store, definition);
    let mut builder: Option<PartialBuilder> = None;
    for key in parts {
        let (mut part, plan) = opened.open(ports.collections, &key).await?;
        let builder = match &mut builder {
            // Parts of a repaired file may be of several versions of the spec.
            Some(builder) => {
                builder.follow(plan);
                builder
            }
            None => builder.insert(PartialBuilder::new(plan)),
        };
        while let Some(block) = part.next_block().await? {
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

/// The other files of a dataset.
struct Others<'a> {
    store: &'a Store,
    file: FileVersion,
    dataset: &'a Name,
}

impl Others<'_> {
    /// Looks up the extremes that the difference takes back, in the other files' partials; the dataset version that
    /// they were read at, if any had to be.
    async fn settle(
        &self,
        partials: &mut Partials<'_>,
        partial: &Partial,
        differences: &mut [CellDifference],
    ) -> Result<Option<i64>, Failure> {
        let mut settlement = Settlement::begin(differences, partial);
        let (Some(first), Some(last)) = (settlement.keys().first(), settlement.keys().last()) else {
            return Ok(None);
        };
        let (first, last) = (first.as_str(), last.as_str());
        let others = self
            .store
            .list_other_partials(self.file, self.dataset, first, last)
            .await?;
        let overlapping = others.partials.iter().filter(|other| {
            let (first, last) = (other.first_key.as_bytes(), other.last_key.as_bytes());
            overlaps(first, last, settlement.keys())
        });
        let overlapping: Vec<&OtherPartial> = overlapping.collect();
        let mut rest = overlapping.as_slice();
        while !rest.is_empty() {
            for bytes in partials.read_some(&mut rest).await? {
                let reader = PartialReader::new(Cursor::new(bytes.as_slice())).map_err(defect)?;
                settlement.add_reader(reader).map_err(defect)?;
            }
        }
        settlement.finish(differences);
        Ok(Some(others.dataset_version))
    }
}

async fn stage(
    ports: &PerfPorts<'_>,
    pending: &PendingContribution,
    stage_id: &str,
    differences: &[CellDifference],
) -> Result<u64, Failure> {
    for chunk in stage_chunks(differences, STAGE_CHUNK_BYTES).map_err(defect)? {
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
