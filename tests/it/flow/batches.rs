//! Batches of JSON rows: the same road, rules and figures as files of the same rows.

use millrace_app::batch::check_batch;
use millrace_app::format::load_format;
use millrace_app::row_errors::{PageLimits, list_row_errors};
use millrace_app::upload::{UploadRequest, begin_version};
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::ids::FileVersion;
use millrace_core::row_error::{RowCounts, Rule};
use millrace_store::files::{BeginVersion, Handling};
use millrace_tests::{Order, Random};

use super::{SALES, SHOPS, Sales};

const ROWS: [&str; 5] = [
    r#"{"day":"2023-01-08","shop":"a","amount":0.1,"sold":1,"offered":2}"#,
    r#"{"day":"2023-01-08","shop":"a","amount":0.2,"sold":1,"offered":2}"#,
    r#"{"day":"2023-01-08","shop":"a","amount":"x"}"#,
    r#"{"shop":"a","amount":[1]}"#,
    r#"{"day":"2023-01-09","shop":"b","amount":12345678901234567890.123,"sold":null}"#,
];
/// The same rows as a file.
const CSV: &str = "2023-01-08,a,0.1,1,2\n2023-01-08,a,0.2,1,2\n2023-01-08,a,x,,\n,a,[1],,\n\
     2023-01-09,b,12345678901234567890.123,,\n";

impl Sales {
    /// Registers a batch and puts its object, as the API does.
    async fn send_batch(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
        rows: &[&str],
    ) -> FileVersion {
        self.send_batch_as(spec, file_name, mode, rows, None).await
    }

    async fn send_batch_as(
        &self,
        spec: (SpecKind, &str),
        file_name: &str,
        mode: Mode,
        rows: &[&str],
        on_error: Option<OnError>,
    ) -> FileVersion {
        let format = load_format(&self.store, spec.0, spec.1, None)
            .await
            .unwrap()
            .unwrap();
        let checked = check_batch(rows.iter().copied(), format.as_file_format(), 20).unwrap();
        let request = UploadRequest {
            spec,
            file_name,
            mode,
            file_id: None,
            client_id: "tests",
            idempotency: None,
            handling: Handling {
                content_format: ContentFormat::JsonRows,
                on_error,
                ..Handling::default()
            },
        };
        match begin_version(&self.store, &self.road.surroundings, &request)
            .await
            .unwrap()
        {
            BeginVersion::Created(version) => {
                self.road.arrive(version.file, checked.object);
                version.file
            }
            other => panic!("{other:?}"),
        }
    }

    async fn counts(&self, file: FileVersion) -> RowCounts {
        self.road.record(file).await.facts.counts
    }
}

#[tokio::test]
async fn a_batch_makes_the_figures_that_a_file_of_its_rows_makes() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let file = sales.send("a.csv", Mode::New, CSV).await;
    sales.road.settle().await;
    let (counts, figures) = (sales.counts(file).await, sales.figures().await);
    assert_eq!((counts.kept, counts.rejected), (3, 2));
    sales.begin_anew().await;
    let batch = sales.send_batch(SALES, "a.json", Mode::New, &ROWS).await;
    sales.road.settle().await;
    assert_eq!(
        (sales.counts(batch).await, sales.figures().await),
        (counts, figures)
    );
    assert_eq!(sales.status(batch).await, "Ready_to_archive");
    let tracked = "select concat_ws(' ', uploaded_file_name, ingestion_type, ingestion_name, file_status, \
         total_data_count, processed_data_count, error_data_count, filesize > 0, created_at <= now()) \
         from operations.file_tracker";
    assert_eq!(
        sales.lines(tracked).await,
        ["a.json event sales Ready_to_archive 5 3 2 t t"]
    );
    let limits = PageLimits {
        items: 10,
        json_bytes: usize::MAX,
    };
    let page = list_row_errors(&sales.store, &sales.road.collections, batch, None, limits).await;
    let rows = page.unwrap().items;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.record, row.raw.as_slice(), row.errors[0].rule))
        .collect();
    assert_eq!(
        told,
        [
            (3, ROWS[2].as_bytes(), Rule::WrongType),
            (4, ROWS[3].as_bytes(), Rule::WrongType)
        ]
    );
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_batch_is_replaced_and_taken_back_like_a_file() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send_batch(SALES, "a.json", Mode::New, &ROWS).await;
    sales.road.settle().await;
    let before = sales.figures().await;
    // The same rows under another name count once.
    let again = sales.send_batch(SALES, "b.json", Mode::New, &ROWS).await;
    sales.road.settle().await;
    assert_eq!(sales.road.record(again).await.unchanged_of, Some(first.file_id));
    assert_eq!(sales.figures().await, before);
    sales.send_batch(SALES, "a.json", Mode::Replace, &ROWS[..1]).await;
    sales.road.delete(again.file_id).await;
    sales.road.settle().await;
    let sums =
        "select concat_ws(' ', k2, trim_scale(m1_sum)) from stored.cells_1 where row_count > 0 order by k2";
    assert_eq!(sales.lines(sums).await, ["a 0.1"]);
    // A batch may replace a file, and a file a batch.
    sales.send("a.json", Mode::Replace, "2023-01-08,a,7,1,2\n").await;
    sales.road.settle().await;
    assert_eq!(sales.lines(sums).await, ["a 7"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_dimensions_batch_is_looked_up_like_its_files() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, "2023-01-08,a,1,3,4\n").await;
    let rows = [r#"{"shop":"a","region":"north"}"#, r#"{"region":"lost"}"#];
    let shops = sales.send_batch(SHOPS, "shops.json", Mode::New, &rows).await;
    sales.road.settle().await;
    assert_eq!(sales.counts(shops).await.rejected, 1);
    let regions = "select concat_ws(' ', region, sum_sold) from ingestion.share_by_region";
    assert_eq!(sales.lines(regions).await, ["north 3"]);
}

#[tokio::test]
async fn a_batch_bears_repeats_disorder_and_a_death_at_every_call() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let batch = sales.send_batch(SALES, "a.json", Mode::New, &ROWS).await;
    sales.road.settle().await;
    let (counts, figures) = (sales.counts(batch).await, sales.figures().await);
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        let batch = sales.send_batch(SALES, "a.json", Mode::New, &ROWS).await;
        let is_through = sales.road.die_over_first(call).await;
        let mut order = Order::Random {
            random: Random::new(call),
            twice_permille: 300,
            reminders_permille: 1_000,
        };
        sales.road.drain(&mut order).await;
        assert_eq!(
            (sales.counts(batch).await, sales.figures().await),
            (counts, figures.clone()),
            "{call}"
        );
        sales.assert_clean().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 10, "only {call} calls were stopped at");
}

#[tokio::test]
async fn one_rejected_row_refuses_a_batch_that_asks_for_it() {
    let Some(sales) = Sales::new().await else { return };
    let whole = Some(OnError::RejectAll);
    let refused = sales
        .send_batch_as(SALES, "a.json", Mode::New, &ROWS, whole)
        .await;
    sales.road.settle().await;
    let record = sales.road.record(refused).await;
    let error = record.facts.error.unwrap();
    assert_eq!((error.rule, error.rows), (Rule::RowsRejected, Some(2)));
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (3, 2));
    assert_eq!(sales.figures().await, Vec::<String>::new());
    let good = [ROWS[0], ROWS[1]];
    let taken = sales
        .send_batch_as(SALES, "a.json", Mode::New, &good, whole)
        .await;
    sales.road.settle().await;
    assert_eq!(
        (taken.file_id, sales.status(taken).await.as_str()),
        (refused.file_id, "Ready_to_archive")
    );
}

/// An object that is no batch, under a row that says it is one.
#[tokio::test]
async fn what_is_no_batch_ends_with_a_row_error_a_line() {
    let Some(sales) = Sales::new().await else { return };
    let poison = sales.send_batch(SALES, "a.json", Mode::New, &ROWS).await;
    sales.road.queues.take(0).unwrap();
    sales.road.arrive(poison, b"day,shop\n\xFF\xFE\n\n{\n".to_vec());
    sales.road.settle().await;
    let counts = sales.counts(poison).await;
    assert_eq!((counts.rows, counts.kept), (4, 0));
    let empty = sales.send_batch(SALES, "b.json", Mode::New, &[]).await;
    sales.road.settle().await;
    assert_eq!(
        sales.road.record(empty).await.facts.error.map(|error| error.rule),
        Some(Rule::EmptyFile)
    );
}
