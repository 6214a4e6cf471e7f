//! Runs cases on one database and compares.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use millrace_app::outbox::send_outbox;
use millrace_app::upload::{UploadRequest, begin_version, delete_file};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_store::files::{BeginVersion, FileFilter, Handling};
use millrace_store::tables::{DatasetTable, DimensionTable};
use millrace_store::{Sql, Store};
use millrace_tests::{Database, Order, Random, Road};

use super::case::{Case, Step};
use super::model::{Registered, Tracked, Tracker, figures};
use crate::flow::{BY_REGION, create_specs};

/// What should not be there any more once everything is at rest.
pub(super) const LEFTOVERS: &str = "select 'left in the outbox: ' || body::text from operations.outbox; \
     select 'left on a stage: ' || cell_key from ingestion.contribution_stage; \
     select 'left on a stage: ' || row_key from ingestion.dimension_stage; \
     select 'pending: ' || target || ' ' || file_id || ' ' || version from ingestion.contribution \
        where state = 'pending'; \
     select 'status ' || file_status || ' of ' || file_id || ' ' || version from ingestion.file_tracker \
        where file_status <> case when error is null then 'Ready_to_archive' else 'Error' end";

/// A database with the specs, for one case after the other.
pub(super) struct Runner {
    pub(super) database: Database,
    sql: Arc<dyn Sql>,
    cells: DatasetTable,
    dimension: DimensionTable,
    versions: Cell<u64>,
    failures: Cell<u64>,
    most: Cell<usize>,
}

impl Runner {
    pub(super) async fn new() -> Option<Self> {
        let database = Database::new()?;
        create_specs(&database.owner_store()).await;
        let store = database.store();
        let (cells, _) = store.dataset_table(BY_REGION).await.unwrap().unwrap();
        Some(Self {
            sql: Arc::new(database.direct().await),
            cells,
            dimension: store.dimension_table("shops").await.unwrap().unwrap(),
            database,
            versions: Cell::new(0),
            failures: Cell::new(0),
            most: Cell::new(0),
        })
    }

    pub(super) fn account(&self) -> String {
        let (versions, failures, most) = (self.versions.get(), self.failures.get(), self.most.get());
        format!("{versions} versions, {failures} injected failures, at most {most} lines of figures")
    }

    /// Runs the case of a seed; an error says what differs.
    pub(super) async fn run(&self, seed: u64) -> Result<(), String> {
        let mut random = Random::new(seed);
        let case = Case::draw(&mut random);
        let outcome = AssertUnwindSafe(self.run_case(&case, random))
            .catch_unwind()
            .await;
        let difference = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(difference)) => difference,
            Err(panic) => panic
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| "something panicked".to_owned()),
        };
        Err(format!("{difference}\n{case:#?}"))
    }

    async fn run_case(&self, case: &Case, mut random: Random) -> Result<(), String> {
        self.database.forget_files().await;
        let mut road = Road::new(Arc::clone(&self.sql));
        road.chunk_bytes = case.chunk_bytes;
        road.most_deliveries = 3_000;
        road.faults.fail_randomly(random.number(), case.fault_permille);
        let mut order = Order::Random {
            random,
            twice_permille: case.twice_permille,
            reminders_permille: 150,
        };
        let mut versions = Vec::new();
        for (number, step) in case.steps.iter().enumerate() {
            versions.extend(begin(&road, step, number).await);
            road.deliver_some(&mut order, step.deliveries).await;
        }
        let drained = match case.workers {
            1 => road.drain(&mut order).await,
            workers => road.drain_with_workers(&mut order, workers).await,
        };
        if !drained.rejected.is_empty() || !drained.undecodable.is_empty() {
            return Err(format!("{drained:?}"));
        }
        self.failures.set(self.failures.get() + road.faults.hits());
        self.versions.set(self.versions.get() + versions.len() as u64);
        self.compare(&versions).await
    }

    async fn compare(&self, versions: &[Registered]) -> Result<(), String> {
        let expected = figures(versions, &self.tracker().await)?;
        let found = self.figures().await;
        self.most.set(self.most.get().max(found.len()));
        if expected == found {
            return Ok(());
        }
        let missing: Vec<&String> = expected.difference(&found).collect();
        let surplus: Vec<&String> = found.difference(&expected).collect();
        Err(format!("missing: {missing:#?}\nnot expected: {surplus:#?}"))
    }

    async fn tracker(&self) -> Tracker {
        let rows = self
            .database
            .query(
                "select file_id::text, version::text, sequence::text, unchanged_of::text, \
                 case when error is not null then 'error' end from ingestion.file_tracker",
            )
            .await;
        let read = |row: Vec<Option<String>>| {
            let number = |at: usize| {
                row[at]
                    .as_deref()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or_default()
            };
            let file = FileVersion {
                file_id: row[0].as_deref().unwrap().parse().unwrap(),
                version: u32::try_from(number(1)).unwrap(),
            };
            let tracked = Tracked {
                sequence: number(2),
                unchanged_of: row[3].as_deref().map(|id| id.parse().unwrap()),
                is_error: row[4].is_some(),
            };
            (file, tracked)
        };
        rows.into_iter().map(read).collect()
    }

    /// What readers see, the cells beneath, and what should not be there any more.
    async fn figures(&self) -> BTreeSet<String> {
        let rows = self
            .database
            .query(
                "select 'by_shop ' || concat_ws('|', c.cell_key, c.row_count, c.m1_count, trim_scale(c.m1_sum), \
                    coalesce(trim_scale(c.m1_min)::text, '-'), coalesce(trim_scale(c.m1_max)::text, '-'), \
                    coalesce(v.avg_amount::text, '-')) \
                 from stored.cells_1 c left join ingestion.sales_by_shop v on v.day = c.k1 \
                    and v.shop is not distinct from c.k2 and v.count_amount = c.m1_count \
                    and v.sum_amount is not distinct from case when c.m1_count > 0 then c.m1_sum end; \
                 select 'by_region ' || concat_ws('|', coalesce(region, '-'), coalesce(sum_sold::text, '-'), \
                    coalesce(sum_offered::text, '-'), coalesce(percentage::text, '-')) from ingestion.share_by_region; \
                 select 'shop ' || concat_ws('|', shop, coalesce(region, '-')) from ingestion.shops;",
            )
            .await;
        let left = self.database.query(LEFTOVERS).await;
        let mut lines: BTreeSet<String> = rows.into_iter().chain(left).flatten().flatten().collect();
        let store = Store::new(Arc::clone(&self.sql));
        let waiting = store.waiting(&self.cells, Some(&self.dimension)).await.unwrap();
        lines.insert(format!(
            "waiting {}|{}|{}",
            waiting.keys, waiting.cells, waiting.rows
        ));
        lines
    }
}

/// Takes a step as a caller would: with an idempotency key, again until an answer comes.
async fn begin(road: &Road, step: &Step, number: usize) -> Option<Registered> {
    let key = format!("step {number}");
    let begun = loop {
        match attempt(road, step, &key).await {
            Ok(begun) => break begun,
            Err(failure) => assert!(failure.is_transient(), "{failure:?}"),
        }
    };
    let (BeginVersion::Created(version) | BeginVersion::Replayed(version)) = begun? else {
        return None;
    };
    if step.mode != Mode::Delete {
        road.arrive(version.file, step.content.csv.clone());
    }
    Some(Registered {
        kind: step.kind,
        file: version.file,
        mode: step.mode,
        content: step.content.clone(),
    })
}

async fn attempt(road: &Road, step: &Step, key: &str) -> Result<Option<BeginVersion>, Failure> {
    let idempotency = Some((key, "hash"));
    if step.mode == Mode::Delete {
        let Some(file_id) = find(road, step).await? else {
            return Ok(None);
        };
        let (sender, surroundings) = (road.sender(), &road.surroundings);
        return delete_file(&road.store, sender, surroundings, file_id, "oracle", idempotency)
            .await
            .map(Some);
    }
    let spec = match step.kind {
        SpecKind::Dimension => "shops",
        _ => "sales",
    };
    let request = UploadRequest {
        spec: (step.kind, spec),
        file_name: step.file_name,
        mode: step.mode,
        file_id: None,
        client_id: "oracle",
        idempotency,
        handling: Handling::default(),
    };
    let begun = begin_version(&road.store, &road.surroundings, &request).await?;
    if let BeginVersion::Created(version) | BeginVersion::Replayed(version) = &begun
        && version.has_open_predecessors
    {
        // As the API does: those before it are looked for.
        send_outbox(&road.store, road.sender(), version.file).await?;
    }
    Ok(Some(begun))
}

async fn find(road: &Road, step: &Step) -> Result<Option<FileId>, Failure> {
    let filter = FileFilter {
        ingestion_type: Some(step.kind),
        file_name: Some(step.file_name.to_owned()),
        limit: 1,
        ..FileFilter::default()
    };
    let records = road.store.list_files(&filter).await?;
    Ok(records.first().map(|record| record.file.file_id))
}
