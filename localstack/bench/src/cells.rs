//! From a partial to cells, by the store's own statements through the local Data API in process, as the application's
//! role, on a migrated database of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use millrace_aggregate::{Partial, difference, stage_chunks};
use millrace_app::ingest::ingest_file;
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::object_key;
use millrace_store::STAGE_CHUNK_BYTES;
use millrace_store::contributions::{Application, ApplyOutcome};
use millrace_store::files::BeginVersion;
use millrace_tests::{Database, Road, specs};

use crate::attendance::{Grouping, dataset_body, event_body};
use crate::generator::Manifest;

/// The id of the one attempt that stages.
const STAGE: &str = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b";

/// The event that all files are of.
pub const EVENT: (SpecKind, &str) = (SpecKind::Event, "attendance");

/// A database with the event and some datasets, and the road to it.
pub struct Cells {
    database: Database,
    /// The road to it, with objects and queues in memory.
    pub road: Road,
}

/// How long a partial took.
#[derive(Debug, Clone, Copy)]
pub struct Brought {
    /// The difference, and its chunks staged.
    pub stage: Duration,
    /// The one call that applies them.
    pub apply: Duration,
}

impl Cells {
    /// A migrated database with the specs.
    ///
    /// # Errors
    /// When there is no PostgreSQL.
    pub async fn new(groupings: &[Grouping]) -> anyhow::Result<Self> {
        let database = Database::new().context("no PostgreSQL is installed")?;
        let owner = database.owner_store();
        specs::create(&owner, &event_body()).await;
        for grouping in groupings {
            specs::create(&owner, &dataset_body(*grouping)).await;
        }
        let mut road = Road::new(database.app());
        road.chunk_bytes = u64::MAX;
        Ok(Self { database, road })
    }

    /// Brings a file to where its contributions are due, by the product's own ways.
    ///
    /// # Errors
    /// When it cannot be read or registered.
    pub async fn ingest(&self, path: &Path, file_name: &str) -> anyhow::Result<FileVersion> {
        let file = match self.road.begin(EVENT, file_name, Mode::New).await? {
            BeginVersion::Created(version) => version.file,
            other => bail!("the file cannot be registered: {other:?}"),
        };
        self.road
            .landing
            .put(&object_key::upload(file), std::fs::read(path)?);
        ingest_file(&self.road.ingest_ports(), file)
            .await
            .map_err(|failure| anyhow!(failure))?;
        Ok(file)
    }

    /// Brings a new file's partial to the cells.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn apply(
        &self,
        file: FileVersion,
        grouping: Grouping,
        partial: &Partial,
    ) -> anyhow::Result<Brought> {
        let store = self.database.store();
        let name = Name::parse(grouping.dataset)?;
        let pending = store.load_contribution(file, &name).await?;
        let pending = pending.context("the file contributes nothing")?;
        let begin = Instant::now();
        let differences = difference(None, partial)?;
        for chunk in stage_chunks(&differences, STAGE_CHUNK_BYTES)? {
            store
                .stage_differences(pending.contribution_id, STAGE, chunk.json)
                .await?;
        }
        let stage = begin.elapsed();
        let key = object_key::partial(&name, file);
        let bounds = partial.first_key().zip(partial.last_key());
        let application = Application {
            contribution_id: pending.contribution_id,
            stage_id: STAGE,
            cells_staged: differences.len() as u64,
            base: None,
            dataset_version: None,
            partial: bounds.map(|(first, last)| (key.as_str(), first.as_str(), last.as_str())),
            cells: partial.entries().len() as u64,
            rows: partial.rows(),
        };
        let begin = Instant::now();
        let outcome = store.apply_contribution(&application).await?;
        let apply = begin.elapsed();
        ensure!(outcome == ApplyOutcome::Applied, "{outcome:?}");
        Ok(Brought { stage, apply })
    }

    /// That a dataset's sums are those of some files.
    ///
    /// # Errors
    /// When they are not.
    pub async fn check_sums(&self, grouping: Grouping, files: &[&Manifest]) -> anyhow::Result<()> {
        let sums = sums_of(grouping.dataset);
        let found = self.database.value(&sums).await;
        let expected = expected_sums(files);
        ensure!(
            found.as_deref() == Some(&*expected),
            "{found:?} in the cells of {} instead of {expected}",
            grouping.dataset
        );
        Ok(())
    }
}

/// The query for a dataset's sums, as one text.
#[must_use]
pub fn sums_of(dataset: &str) -> String {
    format!(
        "select sum(sum_students_total)::text || ' ' || sum(sum_students_present)::text from ingestion.{dataset}"
    )
}

/// What it finds once some files are in.
#[must_use]
pub fn expected_sums(files: &[&Manifest]) -> String {
    let total: u64 = files.iter().map(|manifest| manifest.total).sum();
    let present: u64 = files.iter().map(|manifest| manifest.present).sum();
    format!("{total} {present}")
}
