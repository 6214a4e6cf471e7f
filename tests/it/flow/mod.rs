//! Whole roads: triggers and messages in, rows, outbox and statuses out; in order, out of order, twice, with every
//! call failing once.
#![cfg(test)]

mod archives;
mod back_filled;
mod bad_rows;
mod batches;
mod chunked;
mod chunked_archives;
mod declared;
mod document_instants;
mod documents;
mod documents_not_made;
mod driving;
mod drops;
mod events;
mod failures;
mod faults;
mod first_and_last;
mod formats;
mod hops;
mod known_answers;
pub(crate) mod kpis;
mod long_keys;
mod lookups;
mod moves;
mod multipart;
mod pipeline_runs;
mod pipelines;
mod poison;
mod ready_rows;
mod reconciled;
mod reconciled_daily;
mod reductions;
pub(crate) mod repairs;
mod repeats;
mod retired_datasets;
mod samples;
mod schedules;
mod senders;
mod spec_versions;
pub(crate) mod transformed;
mod uploads;
mod waiting;
mod whole_or_nothing;
mod workers;

use millrace_app::drive::drive_open;
use millrace_app::ports::MessageSender;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::{MESSAGE_VERSION, Queue};
use millrace_store::Store;
use millrace_tests::{Database, Road, specs};
use serde_json::Value;

/// An event of these tests.
pub(crate) const SALES: (SpecKind, &str) = (SpecKind::Event, "sales");
/// Its datasets: one with every function, one with a percentage over a dimension.
const BY_SHOP: &str = "sales_by_shop";
pub(crate) const BY_REGION: &str = "share_by_region";
const SHOPS: (SpecKind, &str) = (SpecKind::Dimension, "shops");

/// A road with the specs of the sales.
struct Sales {
    database: Database,
    road: Road,
    store: Store,
}

pub(crate) async fn create_specs(owner: &Store) {
    let event = specs::event(
        "sales",
        &[
            ("day", "date!"),
            ("shop", "string"),
            ("amount", "number"),
            ("sold", "integer"),
            ("offered", "integer"),
        ],
    );
    let dimension = specs::dimension("shops", &["shop"], &[("shop", "string!"), ("region", "string")]);
    let by_shop = specs::dataset(&specs::Dataset {
        name: BY_SHOP,
        event: "sales",
        group_by: &["day", "shop"],
        functions: &["sum", "count", "min", "max", "avg"],
        columns: &["amount"],
        ..specs::Dataset::default()
    });
    let by_region = specs::dataset(&specs::Dataset {
        name: BY_REGION,
        event: "sales",
        group_by: &["region"],
        functions: &["sum"],
        columns: &["sold", "offered"],
        percentage: Some(("sum_sold", "sum_offered")),
        dimension: Some(("shops", "shop")),
    });
    for body in [event, dimension, by_shop, by_region] {
        specs::create(owner, &body).await;
    }
}

/// Drives everything on that is open, page by page; the file versions in the order in which they were driven.
pub(crate) async fn drive_all(store: &Store, sender: &dyn MessageSender) -> Vec<FileVersion> {
    let (mut driven, mut before) = (Vec::new(), None);
    loop {
        let page = drive_open(store, sender, before).await.unwrap();
        driven.extend(page.driven);
        match page.next {
            None => return driven,
            next => before = next,
        }
    }
}

impl Sales {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        create_specs(&database.owner_store()).await;
        Some(Self {
            road: Road::new(database.app()),
            store: database.store(),
            database,
        })
    }

    /// The same without the Data API in between, for tests of hundreds of walks.
    async fn direct() -> Option<Self> {
        let mut sales = Self::new().await?;
        sales.begin_anew().await;
        Some(sales)
    }

    /// A new road, and no files.
    async fn begin_anew(&mut self) {
        self.database.forget_files().await;
        self.road = Road::new(std::sync::Arc::new(self.database.direct().await));
    }

    /// Rows behind the event's header.
    fn csv(rows: &str) -> String {
        format!("day,shop,amount,sold,offered\n{rows}")
    }

    async fn send(&self, file_name: &str, mode: Mode, rows: &str) -> FileVersion {
        self.road.send(SALES, file_name, mode, Self::csv(rows)).await
    }

    /// A file without any row that can be kept.
    const REFUSED: &str = "wrong,header\n1,2\n";

    /// Sends a file that is refused.
    async fn send_refused(&self, file_name: &str) -> FileVersion {
        self.road.send(SALES, file_name, Mode::New, Self::REFUSED).await
    }

    /// The row of one of many files.
    fn row(number: usize) -> String {
        format!("2023-01-08,a,{number},1,2\n")
    }

    /// Sends so many files of a row each, and has them taken in.
    async fn send_many(&self, count: usize) -> Vec<FileVersion> {
        let mut files = Vec::new();
        for number in 0..count {
            let name = format!("{number}.csv");
            files.push(self.send(&name, Mode::New, &Self::row(number)).await);
        }
        self.road.settle().await;
        files
    }

    /// Puts a message into a queue.
    fn ask(&self, queue: Queue, mut message: Value) {
        message["v"] = MESSAGE_VERSION.into();
        self.road.queues.push(queue, message.to_string());
    }

    async fn lines(&self, query: &str) -> Vec<String> {
        let rows = self.database.query(query).await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// What readers see of both datasets, and the cells beneath.
    async fn figures(&self) -> Vec<String> {
        let mut lines = self
            .lines(
                "select concat_ws(' ', cell_key, row_count, m1_count, m1_sum, m1_min, m1_max) \
                 from stored.cells_1 order by cell_key",
            )
            .await;
        let cells = "select concat_ws(' ', cell_key, row_count, m1_count, m1_sum, m2_count, m2_sum) \
                     from stored.cells_2 order by cell_key";
        lines.extend(self.lines(cells).await);
        let regions = "select concat_ws(' ', region, sum_sold, sum_offered, percentage) \
                       from ingestion.share_by_region order by region";
        lines.extend(self.lines(regions).await);
        lines
    }

    async fn status(&self, file: FileVersion) -> String {
        self.road.record(file).await.stored_status
    }

    /// Nothing is left in the outbox and in the stages.
    async fn assert_clean(&self) {
        let leftovers = "select concat((select count(*) from operations.outbox), \
             (select count(*) from ingestion.contribution_stage), (select count(*) from ingestion.dimension_stage), \
             (select count(*) from ingestion.contribution where state = 'pending'))";
        assert_eq!(
            self.lines(leftovers).await,
            ["0000"],
            "outbox, stages, pending contributions"
        );
    }
}
