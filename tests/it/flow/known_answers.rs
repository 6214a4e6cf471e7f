//! Known answers on generated data.

use millrace_core::facts::{FileStatus, Mode, status};
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::{Grain, Grouping};
use millrace_tests::{Database, Order, Random, Road, specs};

use super::{BY_REGION, SALES, SHOPS, Sales};

const ROWS: &str = "2023-01-08,a,1.50,1,2\n2023-01-08,a,2.25,1,1\n2023-01-08,b,,,3\n2023-01-09,a,-0.75,0,4\n";
const SHOP_ROWS: &str = "shop,region\na,north\nb,south\n";

#[tokio::test]
async fn a_file_becomes_figures() {
    let Some(sales) = Sales::new().await else { return };
    let shops = sales.road.load(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
    assert_eq!(shops.stored_status, "Ready_to_archive");
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    assert_eq!(sales.status(file).await, "Upload_in_progress");
    sales.road.settle().await;
    let record = sales.road.record(file).await;
    assert_eq!(status(&record.facts), FileStatus::ReadyToArchive);
    assert_eq!(record.stored_status, "Ready_to_archive");
    assert_eq!((record.facts.counts.rows, record.facts.counts.kept), (4, 4));
    let view = "select concat_ws(' ', day, shop, sum_amount, count_amount, min_amount, max_amount, avg_amount) \
                from ingestion.sales_by_shop order by day, shop";
    assert_eq!(
        sales.lines(view).await,
        [
            "2023-01-08 a 3.75 2 1.5 2.25 1.875",
            "2023-01-08 b 0",
            "2023-01-09 a -0.75 1 -0.75 -0.75 -0.75"
        ]
    );
    let regions = "select concat_ws(' ', region, sum_sold, sum_offered, percentage) \
                   from ingestion.share_by_region order by region";
    assert_eq!(sales.lines(regions).await, ["north 2 7 28.571429", "south 3"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn the_status_walks_its_road() {
    let Some(sales) = Sales::new().await else { return };
    let file = sales.send("a.csv", Mode::New, ROWS).await;
    let mut seen = vec![status(&sales.road.record(file).await.facts)];
    while !sales.road.queues.is_empty() {
        let message = sales.road.queues.take(0).unwrap();
        sales.road.deliver(&message).await;
        let now = status(&sales.road.record(file).await.facts);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    use FileStatus::{Completed, Processing, ReadyToArchive, UploadInProgress};
    assert_eq!(seen, [UploadInProgress, Processing, Completed, ReadyToArchive]);
}

#[tokio::test]
async fn every_order_of_messages_and_specs_gives_the_same_figures() {
    let Some(sales) = Sales::new().await else { return };
    sales.road.load(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
    sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let expected = sales.figures().await;
    let seed = Random::seed(3);
    println!("seed {seed}");
    for round in 0..6 {
        let Some(other) = Sales::new().await else { return };
        other.send("a.csv", Mode::New, ROWS).await;
        other.road.send(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
        let mut order = match round {
            0 => Order::Last,
            _ => Order::Random {
                random: Random::new(seed + round),
                twice_permille: 400,
                reminders_permille: 500,
            },
        };
        let drained = other.road.drain(&mut order).await;
        assert_eq!((drained.failed, drained.rejected.len()), (0, 0));
        assert_eq!(other.figures().await, expected, "round {round}");
        other.assert_clean().await;
    }
}

#[tokio::test]
async fn a_dataset_that_is_declared_later_has_the_same_figures() {
    let Some(database) = Database::new() else { return };
    let owner = database.owner_store();
    let event = specs::event("sales", &[("day", "date!"), ("amount", "number")]);
    specs::create(&owner, &event).await;
    let dataset = |name: &'static str| {
        specs::dataset(&specs::Dataset {
            name,
            event: "sales",
            group_by: &["day"],
            functions: &["sum"],
            columns: &["amount"],
            ..specs::Dataset::default()
        })
    };
    specs::create(&owner, &dataset("before")).await;
    let road = Road::new(database.app());
    for (name, mode, rows) in [
        ("a.csv", Mode::New, "2023-01-08,1\n"),
        ("b.csv", Mode::New, "2023-01-08,2\n"),
        ("a.csv", Mode::Replace, "2023-01-09,4\n"),
    ] {
        road.load(SALES, name, mode, &format!("day,amount\n{rows}")).await;
    }
    specs::create(&owner, &dataset("after")).await;
    // Whoever drives files on sends what the new dataset needs, where its own messages were lost.
    super::drive_all(&road.store, road.sender()).await;
    road.settle().await;
    let figures = async |table: &str| {
        database
            .query(&format!(
                "select day::text, sum_amount::text from ingestion.{table} order by day"
            ))
            .await
    };
    assert_eq!(figures("after").await, figures("before").await);
    assert_eq!(figures("after").await.len(), 2);
}

#[tokio::test]
async fn a_dimension_that_comes_later_needs_no_run() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let (cells, version) = sales.store.dataset_table(BY_REGION).await.unwrap().unwrap();
    let dimension = sales.store.dimension_table("shops").await.unwrap();
    let waiting = sales.store.waiting(&cells, dimension.as_ref()).await.unwrap();
    assert_eq!((waiting.keys, waiting.cells, waiting.rows), (2, 2, 4));
    assert_eq!(waiting.examples, ["a", "b"]);
    sales.road.load(SHOPS, "shops.csv", Mode::New, SHOP_ROWS).await;
    let waiting = sales.store.waiting(&cells, dimension.as_ref()).await.unwrap();
    assert_eq!((waiting.keys, waiting.cells), (0, 0));
    assert_eq!(
        sales.store.dataset_table(BY_REGION).await.unwrap().unwrap().1,
        version
    );
    let query = KpiQuery {
        grouping: Grouping {
            columns: Vec::new(),
            grain: None,
        },
        limit: 10,
        ..KpiQuery::default()
    };
    let answer = sales
        .store
        .query_kpi(&cells, dimension.as_ref(), &query)
        .await
        .unwrap();
    assert_eq!(
        answer.rows[0].1,
        [Some("2".to_owned()), Some("10".to_owned()), Some("20".to_owned())]
    );
    assert!(Grain::parse("week").is_some());
}

/// The demonstration's specs, with figures counted beside them.
#[tokio::test]
async fn generated_attendance_is_what_was_generated() {
    let Some(database) = Database::new() else { return };
    specs::create_attendance(&database.owner_store()).await;
    let mut road = Road::new(database.app());
    road.chunk_bytes = 4_000;
    let seed = Random::seed(5);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut csv, mut marked, mut total) = (String::new(), 0, 0);
    csv.push_str("date,grade,school_id,school_category,gender,students_attendance_marked,total_students\n");
    for _ in 0..1_000 {
        let (row_total, school, day) = (random.below(50), random.below(20), random.below(28) + 1);
        let row_marked = random.below(row_total + 1);
        (marked, total) = (marked + row_marked, total + row_total);
        let grade = random.below(12) + 1;
        let line = format!(
            "2023-02-{day:02},{grade},10000000{school:02},\"primary, \"\"upper\"\"\",female,{row_marked},{row_total}\r\n"
        );
        csv.push_str(&line);
    }
    let record = road.load(specs::ATTENDANCE, "a.csv", Mode::New, &csv).await;
    assert_eq!(
        (record.facts.counts.kept, record.facts.counts.rejected),
        (1_000, 0)
    );
    assert!(record.chunks_expected > Some(10), "{:?}", record.chunks_expected);
    let sums = database
        .query("select sum(m1_sum)::text, sum(m2_sum)::text, sum(row_count)::text from stored.cells_1")
        .await;
    let expected = [marked, total, 1_000].map(|number| Some(number.to_string()));
    assert_eq!(sums, [expected]);
}
