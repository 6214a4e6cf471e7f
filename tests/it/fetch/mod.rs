//! Sources: from a list to files on their road, with everything but the database in memory; and the client that calls
//! them, against a real server.
#![cfg(test)]

mod busy;
mod client;
mod driving;
mod held;
mod killed;
mod names;
mod ready_rows;
mod repeats;
mod runs;

use std::sync::Arc;

use millrace_app::sources::begin_run;
use millrace_core::ids::RunId;
use millrace_core::name::Name;
use millrace_store::Store;
use millrace_store::sources::{BeginRun, RegistryEntry, RunFile, RunRecord};
use millrace_tests::{Database, Page, Road, specs};

use crate::flow;

const SOURCE: &str = "sales_of_region";
const LIST: &str = "https://data.example.org/sales/";

/// A road with the specs of the sales and a source of them.
struct Fetching {
    database: Database,
    road: Road,
    store: Store,
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn address(file: &str) -> String {
    format!("{LIST}{file}")
}

/// A file of sales with one row.
fn csv(day: &str, amount: u32) -> String {
    format!("day,shop,amount,sold,offered\n{day},a,{amount},1,2\n")
}

impl Fetching {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let owner = database.owner_store();
        flow::create_specs(&owner).await;
        specs::create(&owner, &specs::source(SOURCE, LIST, "sales")).await;
        Some(Self {
            road: Road::new(database.app()),
            store: database.store(),
            database,
        })
    }

    /// The same without the Data API in between, for tests of hundreds of runs.
    async fn direct() -> Option<Self> {
        let mut fetching = Self::new().await?;
        fetching.begin_anew().await;
        Some(fetching)
    }

    /// A new road, and neither files nor runs.
    async fn begin_anew(&mut self) {
        self.database.forget_files().await;
        self.road = Road::new(Arc::new(self.database.direct().await));
    }

    /// What one query answers.
    async fn text(&self, query: &str) -> String {
        self.texts(query).await.join(",")
    }

    /// Lists files, and has each answer its content under a name of its own.
    fn list(&self, files: &[(&str, String)]) {
        let links: Vec<String> = files
            .iter()
            .map(|(file, _)| format!("<a href=\"{file}\">{file}</a>"))
            .collect();
        self.page(LIST, &links.concat(), "text/html");
        for (file, content) in files {
            self.page(&address(file), content, "text/csv");
        }
    }

    fn page(&self, url: &str, content: &str, content_type: &str) {
        let is_list = url == LIST;
        let page = Page {
            content: content.to_owned(),
            content_type: Some(content_type.to_owned()),
            etag: (!is_list).then(|| {
                format!(
                    "\"{}\"",
                    content.len() * 31 + content.bytes().map(usize::from).sum::<usize>()
                )
            }),
            ..Page::default()
        };
        self.road.sources.set(url, page);
    }

    async fn begin(&self) -> RunId {
        let ports = self.road.run_ports();
        match begin_run(&ports, &self.road.surroundings, &name(SOURCE), "tests", None).await {
            Ok(BeginRun::Created { run_id }) => run_id,
            other => panic!("{other:?}"),
        }
    }

    /// A run to its end, and everything that it causes.
    async fn run(&self) -> (RunRecord, Vec<RunFile>) {
        let run_id = self.begin().await;
        self.road.settle().await;
        self.found(run_id).await
    }

    async fn found(&self, run_id: RunId) -> (RunRecord, Vec<RunFile>) {
        let run = self.store.load_run(&name(SOURCE), run_id).await.unwrap().unwrap();
        (run, self.store.list_run_files(run_id, None, 1_000).await.unwrap())
    }

    async fn registry(&self) -> Vec<RegistryEntry> {
        self.store
            .list_registry(&name(SOURCE), None, 1_000)
            .await
            .unwrap()
    }

    /// `name state` of every line, oldest first.
    async fn lines(&self) -> Vec<String> {
        let (run, files) = self.run().await;
        assert_eq!(run.state, "completed", "{run:?}");
        files
            .iter()
            .map(|file| format!("{} {}", file.file_name, file.state))
            .collect()
    }

    async fn texts(&self, query: &str) -> Vec<String> {
        let rows = self.database.query(query).await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// `name version status amount` of every file version, and the sum that readers see.
    async fn files(&self) -> Vec<String> {
        let versions = "select concat_ws(' ', file_name, version, mode, file_status) from ingestion.file_tracker \
                        order by file_name, version";
        let mut found = self.texts(versions).await;
        found.extend(self.texts("select sum(m1_sum)::text from stored.cells_1").await);
        found
    }
}
