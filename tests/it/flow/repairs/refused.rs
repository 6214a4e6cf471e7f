//! What cannot be repaired, and repairs that are refused.

use millrace_core::csv::OnError;
use millrace_core::facts::Mode;
use millrace_core::row_error::Rule;
use millrace_store::files::Handling;
use millrace_store::repairs::BeginRepair;
use millrace_tests::{ZipMember, zip};

use super::super::{SALES, SHOPS, Sales};
use super::{MENDED, ROWS, counts, mended};

/// Forgets the reminders of versions that were not begun: nobody knows those.
fn forget_reminders(sales: &Sales) {
    let queues = &sales.road.queues;
    let sent: Vec<_> = std::iter::from_fn(|| queues.take(0)).collect();
    for message in sent.into_iter().filter(|message| !message.is_reminder()) {
        queues.put_back(message);
    }
}

#[tokio::test]
async fn a_repair_begins_only_where_there_is_something_to_repair() {
    let Some(sales) = Sales::new().await else { return };
    let road = &sales.road;
    let good = sales.send("good.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    let bad = sales.send("bad.csv", Mode::New, ROWS).await;
    let begun = road.begin_repair(bad.file_id, Mode::Repair).await;
    assert_eq!(begun, BeginRepair::UnderWay(bad));
    road.settle().await;
    let begun = road.begin_repair(good.file_id, Mode::Replay).await;
    assert_eq!(begun, BeginRepair::NothingRejected(good));
    forget_reminders(&sales);
    let copy = sales.send("copy.csv", Mode::New, ROWS).await;
    road.settle().await;
    let begun = road.begin_repair(copy.file_id, Mode::Repair).await;
    assert_eq!(begun, BeginRepair::HeldElsewhere { file_id: bad.file_id });
    // One repair at a time: two of them would take the same rows over.
    let BeginRepair::Created(first) = road.begin_repair(bad.file_id, Mode::Repair).await else {
        panic!("the repair was not begun");
    };
    for mode in [Mode::Repair, Mode::Replay] {
        let begun = road.begin_repair(bad.file_id, mode).await;
        assert_eq!(begun, BeginRepair::UnderWay(first.file));
    }
    // One that never comes is in nobody's way for long.
    sales
        .database
        .query("update ingestion.file_tracker set created_at = now() - interval '31 minutes'")
        .await;
    assert!(matches!(
        road.begin_repair(bad.file_id, Mode::Repair).await,
        BeginRepair::Created(_)
    ));
    forget_reminders(&sales);
    road.settle().await;
    assert_eq!(sales.status(first.file).await, "Error");
    road.delete(good.file_id).await;
    road.settle().await;
    let begun = road.begin_repair(good.file_id, Mode::Repair).await;
    assert_eq!(begun, BeginRepair::NoFile);
}

#[tokio::test]
async fn a_file_that_is_no_repair_file_is_refused_and_another_may_follow() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    for (bytes, rule) in [
        (Sales::csv(ROWS).into_bytes(), Rule::MissingHeader),
        (b"PK\x03\x04".to_vec(), Rule::NotCsv),
        (Vec::new(), Rule::EmptyFile),
        (vec![b' '; 32 * 1024 * 1024 + 1], Rule::FileTooLarge),
    ] {
        let refused = sales.road.repair(first.file_id, bytes).await;
        sales.road.settle().await;
        let record = sales.road.record(refused).await;
        assert_eq!(record.facts.error.map(|error| error.rule), Some(rule));
    }
    assert_eq!(sales.figures().await, figures);
    let sent = mended(&sales.road, first, &MENDED).await;
    let repaired = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    let record = sales.road.record(repaired).await;
    assert_eq!((record.base_version, counts(&record)), (Some(1), (4, 4, 0)));
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_file_that_counts_whole_or_not_at_all_is_mended_into_counting() {
    let Some(sales) = Sales::new().await else { return };
    let handling = Handling {
        on_error: Some(OnError::RejectAll),
        ..Handling::default()
    };
    let csv = Sales::csv(ROWS);
    let first = sales.road.send_as(SALES, "a.csv", Mode::New, csv, handling).await;
    sales.road.settle().await;
    assert_eq!(sales.status(first).await, "Error");
    let sent = mended(&sales.road, first, &MENDED[..1]).await;
    let second = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    let error = sales.road.record(second).await.facts.error.unwrap();
    assert_eq!((error.rule, error.rows), (Rule::RowsRejected, Some(1)));
    assert_eq!(sales.figures().await, Vec::<String>::new());
    let sent = mended(&sales.road, second, &MENDED[1..]).await;
    let third = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(sales.status(third).await, "Ready_to_archive");
    assert_eq!(counts(&sales.road.record(third).await), (4, 4, 0));
    assert_eq!(sales.figures().await.len(), 8);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_mended_row_that_repeats_a_key_leaves_the_dimension_as_it_is() {
    let Some(sales) = Sales::new().await else { return };
    let csv = "shop,region\na,north\n,south\n";
    let first = sales.road.send(SHOPS, "shops.csv", Mode::New, csv).await;
    sales.road.settle().await;
    let shops = "select concat_ws(' ', shop, region) from ingestion.shops order by 1";
    let sent = mended(&sales.road, first, &[(",south", "a,south")]).await;
    let second = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    let error = sales.road.record(second).await.facts.error;
    assert_eq!(error.map(|error| error.rule), Some(Rule::RepeatedKey));
    assert_eq!(sales.lines(shops).await, ["a north"]);
    // The file still holds its bytes.
    let copy = sales.road.send(SHOPS, "copy.csv", Mode::New, csv).await;
    sales.road.settle().await;
    assert_eq!(sales.road.record(copy).await.unchanged_of, Some(first.file_id));
    let sent = mended(&sales.road, first, &[(",south", "b,south")]).await;
    sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(sales.lines(shops).await, ["a north", "b south"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_file_and_an_archive_whose_headers_are_gone_have_no_repair_file() {
    let Some(sales) = Sales::new().await else { return };
    let zip = zip(&[ZipMember::deflated("a.csv", Sales::csv(ROWS).as_bytes())]);
    let archive = sales.road.send(SALES, "a.zip", Mode::New, zip).await;
    let file = sales.send("b.csv", Mode::New, &ROWS.replace("1.5", "3")).await;
    sales.road.settle().await;
    for file in [archive, file] {
        sales
            .road
            .landing
            .remove(&millrace_core::object_key::upload(file));
        let error = sales.road.repair_file(file).await.unwrap_err();
        assert!(
            error.to_string().starts_with("there is no repair file: the "),
            "{error}"
        );
        let replayed = sales.road.replay(file.file_id).await;
        sales.road.settle().await;
        let error = sales.road.record(replayed).await.facts.error;
        assert_eq!(error.map(|error| error.rule), Some(Rule::ObjectGone));
        assert_eq!(sales.status(file).await, "Ready_to_archive");
    }
    sales.assert_clean().await;
}
