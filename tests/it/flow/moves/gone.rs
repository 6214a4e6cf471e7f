//! Objects that are not where they came when they are to be moved, and those that cannot leave.

use millrace_app::drive::drive_file;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::object_key::upload;
use millrace_core::row_error::Rule;

use super::super::Sales;
use super::super::reconciled::findings;

impl Sales {
    /// The rule by which a version's object was not moved.
    async fn move_rule(&self, file: FileVersion) -> Option<Rule> {
        let error = self.road.record(file).await.facts.move_error;
        error.map(|error| error.rule)
    }

    async fn drive(&self, file: FileVersion) {
        let record = self.road.record(file).await;
        drive_file(&self.store, self.road.sender(), &record)
            .await
            .unwrap();
    }

    /// The rules and files of what does not add up.
    async fn gone(&self) -> Vec<(&'static str, Option<FileVersion>)> {
        let found = findings(self).await;
        found.into_iter().map(|one| (one.rule, one.file)).collect()
    }
}

#[tokio::test]
async fn an_object_that_is_gone_is_not_called_archived_and_says_so() {
    let Some(sales) = Sales::new().await else { return };
    let files = sales.send_many(25).await;
    let (gone, others) = files.split_last().unwrap();
    sales.road.landing.remove(&upload(*gone));
    let before = sales.figures().await;
    sales.move_all("Archive").await;
    for file in others {
        assert_eq!(sales.status(*file).await, "Archived");
    }
    assert_eq!(sales.status(*gone).await, "Ready_to_archive");
    let error = sales.road.record(*gone).await.facts.move_error.unwrap();
    assert_eq!(error.rule, Rule::ObjectGone);
    assert!(error.message.contains(&upload(*gone)), "{}", error.message);
    assert_eq!(sales.gone().await, [("object_gone", Some(*gone))]);
    // Nobody looks for it again by the clock.
    sales
        .road
        .landing
        .put(&upload(*gone), Sales::csv("2023-01-08,a,24,1,2\n"));
    sales.move_all("Archive").await;
    assert_eq!(sales.status(*gone).await, "Ready_to_archive");
    // Driven on, it is looked for once more.
    sales.drive(*gone).await;
    assert_eq!(sales.move_rule(*gone).await, None);
    sales.move_all("Archive").await;
    assert_eq!(sales.status(*gone).await, "Archived");
    assert_eq!((sales.gone().await, sales.figures().await), (vec![], before));
}

#[tokio::test]
async fn one_that_is_still_gone_when_it_is_driven_on_says_so_again() {
    let Some(sales) = Sales::new().await else { return };
    let gone = sales.send_many(1).await[0];
    sales.road.landing.remove(&upload(gone));
    for _ in 0..2 {
        sales.move_all("Archive").await;
        assert_eq!(sales.move_rule(gone).await, Some(Rule::ObjectGone));
        sales.drive(gone).await;
    }
    sales.move_all("Archive").await;
    // A version that takes its place makes nothing of it any more.
    assert_eq!(sales.gone().await, [("object_gone", Some(gone))]);
    let next = sales.send("0.csv", Mode::Replace, "2023-01-08,b,7,1,1\n").await;
    sales.road.settle().await;
    assert_eq!(sales.gone().await, []);
    sales.move_all("Archive").await;
    assert_eq!(sales.status(next).await, "Archived");
}

#[tokio::test]
async fn a_refused_file_whose_object_is_gone_keeps_its_own_reason() {
    let Some(sales) = Sales::new().await else { return };
    let refused = sales.send_refused("a.csv").await;
    sales.road.settle().await;
    let error = sales.road.record(refused).await.facts.error;
    sales.road.landing.remove(&upload(refused));
    sales.move_all("Error").await;
    let record = sales.road.record(refused).await;
    assert_eq!(
        (record.facts.error, record.stored_status.as_str()),
        (error, "Error")
    );
    assert_eq!(sales.move_rule(refused).await, Some(Rule::ObjectGone));
    assert_eq!(record.moved_key, None);
    sales.move_all("Error").await;
    assert_eq!(sales.road.record(refused).await.moved_key, None);
}

/// In a bucket that keeps no versions nobody can tell a dropped object from a later one of its key.
#[tokio::test]
async fn what_was_not_deleted_is_not_said_to_have_left() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.road.grace_seconds = 900;
    let key = "drops/event/sales/day.csv";
    sales.road.write(key, Sales::csv("2023-01-08,a,5,1,2\n"));
    sales.road.settle().await;
    let uploaded = sales.send_many(1).await[0];
    sales.move_all("Archive").await;
    sales
        .database
        .query("update ingestion.file_tracker set landing_version = null")
        .await;
    sales.let_an_hour_pass().await;
    for _ in 0..2 {
        sales.begin_leaving();
        sales.road.settle().await;
    }
    assert_eq!(sales.road.landing.keys(), [key]);
    let left =
        "select concat_ws(' ', file_name, left_at is not null) from ingestion.file_tracker order by sequence";
    assert_eq!(sales.lines(left).await, ["day.csv f", "0.csv t"]);
    assert_eq!(sales.status(uploaded).await, "Archived");
    assert_eq!(sales.store.list_to_leave(0, None, 10).await.unwrap(), []);
}
