//! Datasets whose rows come ready: kept exactly once, as a dimension's are, and served as they came.

mod others;

use millrace_app::drive::drive_file;
use millrace_app::reconcile::reconcile;
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_core::row_error::Rule;
use millrace_store::Store;
use millrace_store::datasets::{KpiQuery, ReadError};
use millrace_store::files::Handling;
use millrace_store::selection::{Grouping, SelectionError};
use millrace_tests::{Database, Order, Random, Road, specs};

const REVIEWS: (SpecKind, &str) = (SpecKind::Dataset, "reviews");
const FIELDS: [(&str, &str); 3] = [("day", "date"), ("cluster", "integer"), ("held", "string")];

struct Reviews {
    database: Database,
    road: Road,
    store: Store,
}

impl Reviews {
    async fn new(key: &[&str]) -> Option<Self> {
        let database = Database::new()?;
        specs::create(&database.owner_store(), &specs::rows("reviews", key, &FIELDS)).await;
        Some(Self {
            road: Road::new(database.app()),
            store: database.store(),
            database,
        })
    }

    async fn load(&self, file: &str, mode: Mode, rows: &str) -> String {
        let csv = format!("day,cluster,held\n{rows}");
        let record = self.road.load(REVIEWS, file, mode, &csv).await;
        record.stored_status
    }

    /// A page of the dataset's rows, as the routes read it; they are what its view shows.
    async fn page(&self, query: KpiQuery) -> Vec<String> {
        let (table, _) = self.store.dataset_table("reviews").await.unwrap().unwrap();
        let query = KpiQuery {
            grouping: Grouping::columns(&table.definition.group_by),
            ..query
        };
        let page = self.store.query_kpi(&table, None, &query).await.unwrap();
        let written = |cells: Vec<Option<String>>| -> String {
            let cells = cells
                .into_iter()
                .map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            cells.collect::<Vec<String>>().join(" ")
        };
        page.rows.into_iter().map(|(_, cells)| written(cells)).collect()
    }

    async fn rows(&self) -> Vec<String> {
        let mut all = self.page(all()).await;
        all.sort();
        let view = "select concat_ws(' ', coalesce(day::text, '-'), coalesce(cluster::text, '-'), coalesce(held, '-')) \
             from ingestion.reviews";
        let mut shown: Vec<String> = self
            .database
            .query(view)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        shown.sort();
        assert_eq!(all, shown);
        all
    }

    async fn findings(&self) -> Vec<(&'static str, Option<String>)> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = reconcile(&self.store, &self.road.collections, cursor.as_deref())
                .await
                .unwrap();
            found.extend(page.findings.into_iter().map(|one| (one.rule, one.dataset)));
            match page.next {
                None => return found,
                next => cursor = next,
            }
        }
    }
}

fn all() -> KpiQuery {
    KpiQuery {
        limit: 1_000,
        ..KpiQuery::default()
    }
}

#[tokio::test]
async fn rows_without_a_key_are_kept_as_often_as_they_come() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    let rows = "2023-01-08,1,yes\n2023-01-08,1,yes\n,,\n2023-01-09,x,no\n2023-01-09,2,no\n";
    assert_eq!(reviews.load("a.csv", Mode::New, rows).await, "Ready_to_archive");
    let of_first = ["- - -", "2023-01-08 1 yes", "2023-01-08 1 yes", "2023-01-09 2 no"];
    assert_eq!(reviews.rows().await, of_first);
    // The same bytes once more, under another name: no change.
    assert_eq!(reviews.load("b.csv", Mode::New, rows).await, "Ready_to_archive");
    let same = reviews
        .road
        .send(
            REVIEWS,
            "b.csv",
            Mode::Replace,
            format!("day,cluster,held\n{rows}"),
        )
        .await;
    reviews.road.settle().await;
    assert!(reviews.road.record(same).await.facts.unchanged);
    assert_eq!(reviews.rows().await, of_first);
    let counts = reviews.road.record(same).await.facts.counts;
    assert_eq!((counts.rows, counts.kept, counts.rejected), (5, 4, 1));
    // Others with a row that is there already: it comes again.
    let more = "2023-01-08,1,yes\n2023-01-10,3,no\n";
    reviews.load("c.csv", Mode::New, more).await;
    assert_eq!(reviews.rows().await.len(), 6);
    reviews.load("c.csv", Mode::Replace, "2023-01-10,3,yes\n").await;
    let replaced = reviews.rows().await;
    assert_eq!((replaced.len(), replaced[4].as_str()), (5, "2023-01-10 3 yes"));
    let file = reviews
        .road
        .send(
            REVIEWS,
            "a.csv",
            Mode::Replace,
            "day,cluster,held\n2023-02-01,,\n",
        )
        .await;
    reviews.road.settle().await;
    // The file that came with the same bytes holds them now.
    assert_eq!(reviews.rows().await.len(), 6);
    reviews.road.delete(file.file_id).await;
    reviews.road.delete(same.file_id).await;
    reviews.road.settle().await;
    assert_eq!(reviews.rows().await, ["2023-01-10 3 yes"]);
    assert_eq!(reviews.findings().await, []);
    let spoil = "delete from stored.dimension_1 where valid_to = 'infinity' returning 'x'";
    reviews.database.query(spoil).await;
    assert_eq!(
        reviews.findings().await,
        [("cells_differ", Some("reviews".to_owned()))]
    );
}

#[tokio::test]
async fn of_rows_with_one_key_the_file_that_came_last_has_the_word() {
    let Some(reviews) = Reviews::new(&["day", "cluster"]).await else {
        return;
    };
    reviews
        .load("a.csv", Mode::New, "2023-01-08,1,yes\n2023-01-08,2,yes\n")
        .await;
    reviews
        .load("b.csv", Mode::New, "2023-01-08,2,no\n2023-01-08,3,no\n")
        .await;
    let both = ["2023-01-08 1 yes", "2023-01-08 2 no", "2023-01-08 3 no"];
    assert_eq!(reviews.rows().await, both);
    let file = reviews
        .road
        .send(
            REVIEWS,
            "b.csv",
            Mode::Replace,
            "day,cluster,held\n2023-01-08,3,maybe\n",
        )
        .await;
    reviews.road.settle().await;
    let back = ["2023-01-08 1 yes", "2023-01-08 2 yes", "2023-01-08 3 maybe"];
    assert_eq!(reviews.rows().await, back);
    // A key twice in one file refuses it, and what was there stays.
    let csv = "day,cluster,held\n2023-01-08,3,x\n2023-01-08,3,y\n";
    let record = reviews.road.load(REVIEWS, "b.csv", Mode::Replace, csv).await;
    assert_eq!(record.facts.error.unwrap().rule, Rule::RepeatedKey);
    assert_eq!(reviews.rows().await, back);
    // A key has to be filled.
    let record = reviews
        .road
        .load(
            REVIEWS,
            "c.csv",
            Mode::New,
            "day,cluster,held\n,3,x\n2023-01-09,3,y\n",
        )
        .await;
    let counts = record.facts.counts;
    assert_eq!((counts.kept, counts.rejected), (1, 1));
    reviews.road.delete(file.file_id).await;
    reviews.road.settle().await;
    assert_eq!(
        reviews.rows().await,
        ["2023-01-08 1 yes", "2023-01-08 2 yes", "2023-01-09 3 y"]
    );
    assert_eq!(reviews.findings().await, []);
}

#[tokio::test]
async fn a_file_may_count_whole_or_not_at_all() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    let whole = Handling {
        on_error: Some(OnError::RejectAll),
        ..Handling::default()
    };
    let csv = "day,cluster,held\n2023-01-08,1,yes\n2023-13-08,1,yes\n";
    let file = reviews
        .road
        .send_as(REVIEWS, "a.csv", Mode::New, csv, whole)
        .await;
    reviews.road.settle().await;
    let error = reviews.road.record(file).await.facts.error.unwrap();
    assert_eq!((error.rule, error.rows), (Rule::RowsRejected, Some(1)));
    assert_eq!(reviews.rows().await, Vec::<String>::new());
    // As its spec says, where nobody asks.
    let mut strict = specs::rows("strict", &[], &FIELDS);
    strict["csv"] = serde_json::json!({"on_error": "reject_all"});
    specs::create(&reviews.database.owner_store(), &strict).await;
    let strict = (SpecKind::Dataset, "strict");
    let record = reviews.road.load(strict, "a.csv", Mode::New, csv).await;
    assert_eq!(record.facts.error.unwrap().rule, Rule::RowsRejected);
}

#[tokio::test]
async fn pages_filters_and_days_are_those_of_other_datasets() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    let rows: Vec<String> = (1..=28)
        .map(|day| format!("2023-01-{day:02},{},yes\n", day % 3))
        .collect();
    reviews.load("a.csv", Mode::New, &rows.concat()).await;
    let of_days = KpiQuery {
        from: Some("2023-01-10".to_owned()),
        to: Some("2023-01-16".to_owned()),
        filters: vec![(
            Name::parse("cluster").unwrap(),
            vec!["0".to_owned(), "1".to_owned()],
        )],
        ..all()
    };
    let expected = [
        "2023-01-10 1 yes",
        "2023-01-12 0 yes",
        "2023-01-13 1 yes",
        "2023-01-15 0 yes",
    ];
    assert_eq!(reviews.page(of_days).await, expected);
    let (table, _) = reviews.store.dataset_table("reviews").await.unwrap().unwrap();
    let (mut found, mut after) = (0, None);
    loop {
        let query = KpiQuery {
            grouping: Grouping::columns(&table.definition.group_by),
            limit: 10,
            after: after.clone(),
            ..KpiQuery::default()
        };
        let page = reviews.store.query_kpi(&table, None, &query).await.unwrap();
        found += page.rows.len();
        let Some((last, _)) = page.rows.last() else { break };
        after = Some(last.clone());
    }
    assert_eq!(found, 28);
    let grouped = KpiQuery {
        grouping: Grouping::columns(&[Name::parse("cluster").unwrap()]),
        ..all()
    };
    let refused = reviews.store.query_kpi(&table, None, &grouped).await;
    assert!(matches!(
        refused,
        Err(ReadError::Selection(SelectionError::ReadyRows))
    ));
}

/// Files in any order, repeated and driven on, end as a plain road does.
#[tokio::test]
async fn whatever_order_messages_come_in_the_rows_are_the_same() {
    for seed in 0..6 {
        let Some(reviews) = Reviews::new(&["cluster"]).await else {
            return;
        };
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 300,
            reminders_permille: 500,
        };
        let mut last = None;
        for (file, mode, rows) in [
            ("a.csv", Mode::New, "2023-01-01,1,a\n2023-01-01,2,a\n"),
            ("b.csv", Mode::New, "2023-01-02,2,b\n2023-01-02,3,b\n"),
            ("a.csv", Mode::Replace, "2023-01-03,1,c\n2023-01-03,4,c\n"),
            ("b.csv", Mode::Replace, "2023-01-04,4,d\n"),
        ] {
            let csv = format!("day,cluster,held\n{rows}");
            last = Some(reviews.road.send(REVIEWS, file, mode, csv).await);
            reviews.road.deliver_some(&mut order, 3).await;
        }
        reviews.road.drain(&mut order).await;
        let record = reviews.road.record(last.unwrap()).await;
        drive_file(&reviews.store, &*reviews.road.queues, &record)
            .await
            .unwrap();
        reviews.road.drain(&mut order).await;
        assert_eq!(
            reviews.rows().await,
            ["2023-01-03 1 c", "2023-01-04 4 d"],
            "seed {seed}"
        );
        assert_eq!(reviews.findings().await, []);
    }
}

#[tokio::test]
async fn a_lost_message_is_sent_again_by_whoever_drives_the_file_on() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    let file = reviews
        .road
        .send(
            REVIEWS,
            "a.csv",
            Mode::New,
            "day,cluster,held\n2023-01-08,1,yes\n",
        )
        .await;
    let ingest = reviews.road.queues.take(0).unwrap();
    reviews.road.deliver(&ingest).await;
    while reviews.road.queues.take(0).is_some() {}
    assert_eq!(reviews.rows().await, Vec::<String>::new());
    let record = reviews.road.record(file).await;
    drive_file(&reviews.store, &*reviews.road.queues, &record)
        .await
        .unwrap();
    reviews.road.settle().await;
    assert_eq!(reviews.rows().await, ["2023-01-08 1 yes"]);
    assert_eq!(reviews.road.record(file).await.stored_status, "Ready_to_archive");
}
