//! Every SQL use case of `millrace-store` on a real PostgreSQL, behind the Data API: what it does, that a repeat
//! changes nothing, and what it refuses.
#![cfg(test)]

mod catalogue;
mod chunks;
mod content;
mod contributions;
mod datasets_later;
mod dimension_work;
mod dimensions;
mod documents;
mod kpi_list;
mod life;
mod limits;
mod many_files;
mod outbox;
mod pages;
mod pipelines;
mod ratio;
mod reading;
mod retired;
mod versions;
mod wider_dimensions;

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::name::Name;
use millrace_core::row_error::RowCounts;
use millrace_store::Store;
use millrace_store::contributions::{Application, ApplyOutcome, PendingContribution};
use millrace_store::files::{BeginVersion, FinishedChunk, Handling, NewVersion, WholeFile};
use millrace_store::specs::SpecFilter;
use millrace_tests::{Database, specs};

/// An event and the demonstration's names for it.
const EVENT: (SpecKind, &str) = (SpecKind::Event, "visits");
const DATASET: &str = "visits_by_school";

/// A database with the event `visits` and a dataset over it that keeps sums and extremes of `amount`.
struct Bench {
    database: Database,
    store: Store,
    owner: Store,
}

impl Bench {
    async fn new() -> Option<Self> {
        let bench = Self::bare()?;
        specs::create(&bench.owner, &visits()).await;
        specs::create(&bench.owner, &visits_by_school()).await;
        Some(bench)
    }

    /// Without any spec.
    fn bare() -> Option<Self> {
        let database = Database::new()?;
        Some(Self {
            store: database.store(),
            owner: database.owner_store(),
            database,
        })
    }

    async fn begin(&self, file_name: &str, mode: Mode) -> BeginVersion {
        self.store.begin_version(&version(file_name, mode)).await.unwrap()
    }

    async fn created(&self, file_name: &str, mode: Mode) -> FileVersion {
        match self.begin(file_name, mode).await {
            BeginVersion::Created(version) => version.file,
            other => panic!("{other:?}"),
        }
    }

    /// Registers a version and its only chunk, with bytes of some hash and so many rows.
    async fn validated(&self, file_name: &str, mode: Mode, sha256: &str) -> FileVersion {
        let file = self.created(file_name, mode).await;
        self.finish(file, sha256).await;
        file
    }

    /// Registers the only chunk of a version.
    async fn finish(&self, file: FileVersion, sha256: &str) {
        assert!(self.store.finish_chunk(&whole(file, sha256)).await.unwrap());
    }

    async fn pending(&self, file: FileVersion) -> PendingContribution {
        let dataset = Name::parse(DATASET).unwrap();
        self.store
            .load_contribution(file, &dataset)
            .await
            .unwrap()
            .unwrap()
    }

    /// Applies one cell with a row, a sum and extremes, against what counts now.
    async fn apply(&self, file: FileVersion, key: &str, amount: i64) -> ApplyOutcome {
        let pending = self.pending(file).await;
        let stage_id = stage_id(file);
        let cells = format!(r#"[[{key:?},1,[1],["{amount}"],["{amount}"],["{amount}"],[false]]]"#);
        self.store
            .stage_differences(pending.contribution_id, &stage_id, cells)
            .await
            .unwrap();
        let application = application(&pending, &stage_id, 1, Some(("partial", key, key)));
        self.store.apply_contribution(&application).await.unwrap()
    }

    /// The cells, as `key rows count sum min max`.
    async fn cells(&self) -> Vec<String> {
        let rows = self
            .database
            .query(
                "select concat_ws(' ', cell_key, row_count, m1_count, m1_sum, m1_min, m1_max) \
                 from stored.cells_1 order by cell_key",
            )
            .await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// Waits until somebody waits for another one's lock.
    async fn until_somebody_waits(&self) {
        let waiting = "select count(*) from pg_stat_activity \
             where datname = current_database() and wait_event_type = 'Lock'";
        while self.database.value(waiting).await.as_deref() == Some("0") {
            tokio::task::yield_now().await;
        }
    }

    async fn count(&self, what: &str) -> String {
        self.database
            .value(&format!("select count(*) from {what}"))
            .await
            .unwrap()
    }
}

fn visits() -> serde_json::Value {
    specs::event(
        "visits",
        &[
            ("day", "date!"),
            ("school", "string"),
            ("amount", "number"),
            ("seats", "integer"),
        ],
    )
}

fn visits_by_school() -> serde_json::Value {
    specs::dataset(&specs::Dataset {
        name: DATASET,
        event: "visits",
        group_by: &["school"],
        functions: &["sum", "count", "min", "max", "avg"],
        columns: &["amount"],
        ..specs::Dataset::default()
    })
}

/// The first ten specs of a kind that are in use.
fn in_use(kind: SpecKind) -> SpecFilter<'static> {
    SpecFilter {
        kind,
        with_retired: false,
        after: None,
        limit: 10,
    }
}

fn new_id(number: u64) -> FileId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    FileId::from_time_and_random(1_700_000_000_000, random)
}

/// A request for a version of a file of [`EVENT`]; the file's id follows from its name.
fn version(file_name: &str, mode: Mode) -> NewVersion<'_> {
    let number = file_name
        .bytes()
        .fold(7, |hash: u64, byte| hash.wrapping_mul(31) + u64::from(byte));
    NewVersion {
        spec: EVENT,
        file_name,
        mode,
        file_id: None,
        new_file_id: new_id(number),
        client_id: "tests",
        idempotency: None,
        handling: Handling::default(),
    }
}

fn counts(kept: u64, rejected: u64) -> RowCounts {
    RowCounts {
        rows: kept + rejected,
        kept,
        rejected,
    }
}

/// The only chunk of a file, with one row kept.
fn whole(file: FileVersion, sha256: &str) -> FinishedChunk<'_> {
    FinishedChunk {
        file,
        chunk: 0,
        part_key: Some("part"),
        row_errors: None,
        counts: counts(1, 0),
        whole: Some(WholeFile {
            chunks: 1,
            sha256,
            size_bytes: 10,
        }),
    }
}

/// An attempt's id that follows from the version.
fn stage_id(file: FileVersion) -> String {
    format!("00000000-0000-4000-8000-{:012}", file.version)
}

fn application<'a>(
    pending: &PendingContribution,
    stage_id: &'a str,
    cells_staged: u64,
    partial: Option<(&'a str, &'a str, &'a str)>,
) -> Application<'a> {
    Application {
        contribution_id: pending.contribution_id,
        stage_id,
        cells_staged,
        base: pending.current.as_ref().map(|current| current.contribution_id),
        dataset_version: None,
        partial,
        cells: cells_staged,
        rows: 1,
    }
}
