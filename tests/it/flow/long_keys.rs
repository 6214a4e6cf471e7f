//! Keys and rows that could not be indexed or read back: refused with place and rule, before they are written.

use millrace_core::facts::Mode;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::FileRecord;

use super::{SALES, SHOPS, Sales};

impl Sales {
    async fn load_shops(&self, mode: Mode, rows: &str) -> FileRecord {
        let csv = format!("shop,region\n{rows}");
        self.road.load(SHOPS, "shops.csv", mode, &csv).await
    }
}

fn refusal(record: &FileRecord) -> &FileError {
    assert_eq!(record.stored_status, "Error");
    record.facts.error.as_ref().unwrap()
}

#[tokio::test]
async fn a_dimensions_key_is_at_most_two_kilobytes() {
    let Some(sales) = Sales::new().await else { return };
    // The key's text is `["…"]`: 2,044 bytes and four around them.
    let fitting = "k".repeat(2_044);
    let record = sales.load_shops(Mode::New, &format!("{fitting},north\n")).await;
    assert_eq!(
        (record.facts.error.as_ref(), record.stored_status.as_str()),
        (None, "Ready_to_archive")
    );
    for too_long in ["k".repeat(2_045), "é".repeat(1_023), "\u{1}".repeat(341)] {
        let rows = format!("a,north\nb,south\n{too_long},north\n");
        let record = sales.load_shops(Mode::Replace, &rows).await;
        let error = refusal(&record);
        let place = (error.rule, error.line, error.column.as_deref());
        assert_eq!(place, (Rule::TooLong, Some(4), Some("shop")));
        assert!(
            error
                .message
                .contains("a key has at most 2048 bytes, this one has 20"),
            "{}",
            error.message
        );
        assert!(error.message.chars().count() < 300, "{}", error.message);
    }
    // What was there still is.
    let shown = sales.lines("select shop from ingestion.shops").await;
    assert_eq!(shown, [fitting]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_dimensions_row_is_read_back_or_refused() {
    let Some(sales) = Sales::new().await else { return };
    let region = "r".repeat(60 * 1024 - 40);
    let record = sales.load_shops(Mode::New, &format!("a,{region}\n")).await;
    assert_eq!(record.facts.error, None);
    let table = sales.store.dimension_table("shops").await.unwrap().unwrap();
    let page = sales.store.list_dimension_rows(&table, None, 10).await.unwrap();
    assert_eq!(page.rows[0].1, [Some("a".to_owned()), Some(region)]);
    let too_long = format!("b,south\na,{}\n", "r".repeat(63 * 1024));
    let record = sales.load_shops(Mode::Replace, &too_long).await;
    let error = refusal(&record);
    assert_eq!(
        (error.rule, error.line, error.column.as_deref()),
        (Rule::TooLong, Some(3), None)
    );
    assert!(
        error.message.contains(r#"at most 61440 bytes, this one has 645"#),
        "{}",
        error.message
    );
    assert!(
        error.message.ends_with(r#"its key is ["a"]"#),
        "{}",
        error.message
    );
    assert_eq!(sales.lines("select shop from ingestion.shops").await, ["a"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_repeated_key_is_cut_where_it_is_told() {
    let Some(sales) = Sales::new().await else { return };
    let shop = "k".repeat(2_000);
    let record = sales
        .load_shops(Mode::New, &format!("{shop},north\n{shop},south\n"))
        .await;
    let error = refusal(&record);
    assert_eq!((error.rule, error.rows), (Rule::RepeatedKey, Some(2)));
    assert!(error.message.chars().count() < 300, "{}", error.message);
}

#[tokio::test]
async fn a_group_key_of_five_kilobytes_refuses_the_file() {
    let Some(sales) = Sales::new().await else { return };
    let fitting = "s".repeat(2_000);
    let good = sales
        .send("good.csv", Mode::New, &format!("2023-01-08,{fitting},1,1,1\n"))
        .await;
    let rows = format!("2023-01-08,a,1,1,1\n2023-01-08,{},1,1,1\n", "s".repeat(5 * 1024));
    let bad = sales
        .road
        .load(SALES, "bad.csv", Mode::New, &Sales::csv(&rows))
        .await;
    let error = refusal(&bad);
    let place = (error.rule, error.line, error.column.as_deref());
    assert_eq!(place, (Rule::TooLong, Some(3), Some("shop")));
    assert!(
        error.message.contains("at most 2048 bytes, this one has 5120"),
        "{}",
        error.message
    );
    assert_eq!(sales.status(good).await, "Ready_to_archive");
    assert_eq!(sales.lines("select k2 from stored.cells_1").await, [fitting]);
    sales.assert_clean().await;
}
