//! A dataset that comes after its files: filled unseen, and there all at once.

use millrace_app::figures::{FiguresError, read_figures};
use millrace_app::outbox::send_outbox;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_store::documents::DocumentQuery;
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_tests::{Order, Random, specs};

use super::Sales;

const LATER: &str = "sales_by_day";
/// Half of what a decimal may have: two of them in one group do not fit.
const HUGE: &str = "99999999999999999999";

async fn create(sales: &Sales, name: &str, columns: &[&str]) {
    let body = specs::dataset(&specs::Dataset {
        name,
        event: "sales",
        group_by: &["day"],
        functions: &["sum"],
        columns,
        ..specs::Dataset::default()
    });
    specs::create(&sales.database.owner_store(), &body).await;
}

async fn shown(sales: &Sales) -> Vec<String> {
    sales
        .lines("select concat_ws(' ', day, sum_sold) from ingestion.sales_by_day order by day")
        .await
}

async fn is_building(sales: &Sales) -> bool {
    sales
        .store
        .dataset_table(LATER)
        .await
        .unwrap()
        .unwrap()
        .0
        .is_building
}

async fn files(sales: &Sales, count: usize) -> Vec<FileVersion> {
    let mut files = Vec::new();
    for number in 0..count {
        let rows = format!("2023-01-08,a,{number},1,2\n2023-01-09,b,{number},10,2\n");
        files.push(sales.send(&format!("{number}.csv"), Mode::New, &rows).await);
    }
    sales.road.settle().await;
    files
}

#[tokio::test]
async fn nobody_sees_it_before_all_files_count() {
    let Some(sales) = Sales::new().await else { return };
    let files = files(&sales, 5).await;
    create(&sales, LATER, &["sold"]).await;
    assert!(is_building(&sales).await);
    let query = DocumentQuery {
        dataset: millrace_core::Name::parse(LATER).unwrap(),
        group_by: Vec::new(),
        grain: None,
        measures: None,
        filters: Vec::new(),
        from: None,
        to: None,
    };
    let refused = read_figures(&sales.store, &query).await.unwrap_err();
    assert!(matches!(refused, FiguresError::Refused(error) if error.code == "dataset_building"));
    for file in &files {
        send_outbox(&sales.store, sales.road.sender(), *file)
            .await
            .unwrap();
    }
    // Another file comes meanwhile: it is not waited for, and counts when it is there.
    let late = sales.send("late.csv", Mode::New, "2023-01-10,a,1,100,2\n").await;
    let mut seen = Vec::new();
    while let Some(message) = sales.road.queues.take(0) {
        sales.road.deliver(&message).await;
        let now = shown(&sales).await;
        assert_eq!(now.is_empty(), is_building(&sales).await);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    let all: Vec<String> = ["2023-01-08 5", "2023-01-09 50"].map(str::to_owned).into();
    let with_late: Vec<String> = all.iter().cloned().chain(["2023-01-10 100".to_owned()]).collect();
    assert!(seen.first().is_some_and(Vec::is_empty));
    assert_eq!(seen.last(), Some(&with_late));
    assert!(
        seen.len() <= 3,
        "empty, all that were there, and the late one: {seen:?}"
    );
    assert_eq!(sales.status(late).await, "Ready_to_archive");
    sales.assert_clean().await;
}

#[tokio::test]
async fn any_order_and_repeats_publish_it() {
    let Some(sales) = Sales::new().await else { return };
    let files = files(&sales, 8).await;
    create(&sales, LATER, &["sold"]).await;
    for file in &files {
        send_outbox(&sales.store, sales.road.sender(), *file)
            .await
            .unwrap();
    }
    sales.road.delete(files[0].file_id).await;
    sales.send("1.csv", Mode::Replace, "2023-01-08,a,7,7,7\n").await;
    let mut order = Order::Random {
        random: Random::new(4),
        twice_permille: 400,
        reminders_permille: 500,
    };
    sales.road.drain(&mut order).await;
    super::drive_all(&sales.store, sales.road.sender()).await;
    sales.road.settle().await;
    assert!(!is_building(&sales).await);
    assert_eq!(shown(&sales).await, ["2023-01-08 13", "2023-01-09 60"]);
}

#[tokio::test]
async fn a_file_that_it_cannot_take_does_not_hold_it_back() {
    let Some(sales) = Sales::new().await else { return };
    let files = files(&sales, 2).await;
    let rows = format!("2023-01-08,a,{HUGE},1,2\n").repeat(2);
    let huge = sales.send("huge.csv", Mode::New, &rows).await;
    sales.road.settle().await;
    let status = sales.status(huge).await;
    create(&sales, LATER, &["sold"]).await;
    for file in files.iter().chain([&huge]) {
        send_outbox(&sales.store, sales.road.sender(), *file)
            .await
            .unwrap();
    }
    sales.road.settle().await;
    assert!(!is_building(&sales).await, "{status}");
    assert!(!shown(&sales).await.is_empty());
}

/// What it waited for before it was retired it waits for still: no half of it is shown.
#[tokio::test]
async fn retired_and_restored_meanwhile_it_is_unseen_until_all_count() {
    let Some(sales) = Sales::new().await else { return };
    let files = files(&sales, 2).await;
    create(&sales, LATER, &["sold"]).await;
    let owner = sales.database.owner_store();
    let retired = owner.retire_spec(SpecKind::Dataset, LATER, "tests").await;
    assert_eq!(retired.unwrap(), RetireSpec::Retired);
    let restored = owner.restore_spec(SpecKind::Dataset, LATER).await;
    assert_eq!(restored.unwrap(), RestoreSpec::Restored);
    assert!(is_building(&sales).await);
    for file in &files {
        send_outbox(&sales.store, sales.road.sender(), *file)
            .await
            .unwrap();
    }
    sales.road.settle().await;
    assert!(!is_building(&sales).await);
    assert_eq!(shown(&sales).await.len(), 2);
}
