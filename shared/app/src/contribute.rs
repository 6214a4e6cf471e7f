//! From a file version's partial to cells: difference, apply.

use std::io::Cursor;

use millrace_aggregate::{
    CellDifference, Partial, PartialReader, Settlement, decode, difference, overlaps, stage_chunks,
};
use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::FileVersion;
use millrace_core::message::{Envelope, PerfMessage, Queue};
use millrace_core::name::Name;
use millrace_core::row_error::FileError;
use millrace_store::contributions::{
    Application, ApplyOutcome, ContributionState, OtherPartial, PendingContribution,
};
use millrace_store::{STAGE_CHUNK_BYTES, Store};

use crate::outbox::{send_outbox, send_reminder, to_body};
use crate::partials::Partials;
use crate::ports::{MessageSender, ObjectStore, Surroundings};
use crate::reduce::{MadePartial, Reduced, Reduction};
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
    /// When the function is ended, in milliseconds since 1970.
    pub deadline_ms: u64,
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

/// What one attempt after the other has at hand.
struct Work<'a> {
    ports: &'a PerfPorts<'a>,
    file: FileVersion,
    definition: &'a DatasetDefinition,
    /// How many of the file version's parts another message has reduced.
    parts_done: u32,
    /// When no other part is begun, in milliseconds since 1970.
    until_ms: u64,
    /// The file version's own partial, once made.
    made: Option<MadePartial>,
    /// The others'.
    partials: Partials<'a>,
}

/// What came of an attempt.
enum Attempt {
    /// The database was asked.
    Made(ApplyOutcome),
    /// Time is up; so many parts are reduced.
    Partly(u32),
}

/// Brings a file version's contribution into a dataset, exactly once. So many of its parts were reduced before; what there is
/// no time for is left to another message.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn contribute(
    ports: &PerfPorts<'_>,
    file: FileVersion,
    dataset: &Name,
    parts_done: u32,
) -> Handled {
    let definition: Option<DatasetDefinition> = ports
        .store
        .load_definition(SpecKind::Dataset, dataset.as_str(), None)
        .await?;
    let Some(definition) = definition else {
        return Ok(Disposition::Reject(format!("there is no dataset {dataset}")));
    };
    let now_ms = ports.surroundings.now_ms();
    let mut work = Work {
        ports,
        file,
        definition: &definition,
        parts_done,
        until_ms: now_ms + ports.deadline_ms.saturating_sub(now_ms) / 2,
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
            Ok(Attempt::Made(
                ApplyOutcome::Applied | ApplyOutcome::AlreadySettled | ApplyOutcome::Superseded,
            )) => {
                send_outbox(ports.store, ports.sender, file).await?;
                return Ok(Disposition::Done);
            }
            Ok(Attempt::Made(
                ApplyOutcome::StaleBase | ApplyOutcome::StaleDataset | ApplyOutcome::IncompleteStage,
            )) => {}
            Ok(Attempt::Partly(parts_done)) => return go_on(ports, file, dataset, parts_done).await,
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

/// Leaves the rest of the parts to another message.
async fn go_on(ports: &PerfPorts<'_>, file: FileVersion, dataset: &Name, parts_done: u32) -> Handled {
    let dataset = dataset.clone();
    let body = to_body(&Envelope::new(PerfMessage::Aggregate {
        file,
        dataset,
        parts_done,
    }))?;
    ports.sender.send(Queue::Perf, body, 0).await?;
    Ok(Disposition::Done)
}

impl Work<'_> {
    /// One attempt: stage the differences to what counts now, and apply them.
    async fn attempt(&mut self, pending: &PendingContribution) -> Result<Attempt, ContributeError> {
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
            let outcome = ports.store.apply_contribution(&application).await?;
            return Ok(Attempt::Made(outcome));
        }
        let made = match self.made.take() {
            Some(made) => made,
            None => match self
                .reduction()
                .reduce(pending.is_delete, self.parts_done)
                .await?
            {
                Reduced::Whole(made) => made,
                Reduced::Partly(parts_done) => return Ok(Attempt::Partly(parts_done)),
            },
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
        Ok(Attempt::Made(outcome))
    }

    fn reduction(&self) -> Reduction<'_> {
        Reduction {
            ports: self.ports,
            file: self.file,
            definition: self.definition,
            until_ms: self.until_ms,
        }
    }
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

pub(crate) fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("contribute", error.to_string())
}
