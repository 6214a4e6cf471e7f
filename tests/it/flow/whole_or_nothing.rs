//! Files that count whole or not at all: decided once all chunks are in, by the file's own word or by its spec's.

use millrace_app::row_errors::{PageLimits, list_row_errors};
use millrace_app::upload::{UploadRequest, begin_version};
use millrace_core::csv::OnError;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::Rule;
use millrace_store::files::{BeginVersion, Handling};
use millrace_tests::{Order, Random, specs};
use serde_json::json;

use super::{SALES, Sales};

impl Sales {
    async fn send_asking(
        &self,
        spec: (SpecKind, &str),
        mode: Mode,
        csv: impl Into<Vec<u8>>,
        on_error: Option<OnError>,
    ) -> FileVersion {
        let request = UploadRequest {
            spec,
            file_name: "a.csv",
            mode,
            file_id: None,
            client_id: "tests",
            idempotency: None,
            handling: Handling {
                on_error,
                ..Handling::default()
            },
        };
        match begin_version(&self.store, &self.road.surroundings, &request)
            .await
            .unwrap()
        {
            BeginVersion::Created(version) => {
                self.road.arrive(version.file, csv);
                version.file
            }
            other => panic!("{other:?}"),
        }
    }

    /// The rule that refuses a version, and the rows that it names.
    async fn refusal(&self, file: FileVersion) -> Option<(Rule, Option<u64>)> {
        let error = self.road.record(file).await.facts.error;
        error.map(|error| (error.rule, error.rows))
    }
}

/// Good rows of one shop and, where asked for, a bad one among the last.
fn rows(shop: &str, count: usize, bad: Option<usize>) -> String {
    let row = |at: usize| match bad == Some(at) {
        true => format!("2023-01-08,{shop},many,1,2\n"),
        false => format!("2023-01-08,{shop},{at}.5,1,2\n"),
    };
    Sales::csv(&(0..count).map(row).collect::<String>())
}

const WHOLE: Option<OnError> = Some(OnError::RejectAll);

#[tokio::test]
async fn one_bad_row_among_many_chunks_refuses_the_file() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.road.chunk_bytes = 200;
    for seed in 0..5 {
        sales.begin_anew().await;
        sales.road.chunk_bytes = 200;
        let first = sales
            .send_asking(SALES, Mode::New, rows("a", 20, None), WHOLE)
            .await;
        sales.road.settle().await;
        let figures = sales.figures().await;
        let bad = usize::try_from(seed).unwrap() * 20;
        let second = sales
            .send_asking(SALES, Mode::Replace, rows("b", 100, Some(bad)), WHOLE)
            .await;
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 300,
            reminders_permille: 200,
        };
        sales.road.drain(&mut order).await;
        let record = sales.road.record(second).await;
        assert!(record.chunks_expected > Some(5), "{:?}", record.chunks_expected);
        assert_eq!(sales.refusal(second).await, Some((Rule::RowsRejected, Some(1))));
        assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (99, 1));
        assert_eq!((record.facts.datasets, record.validated_at), (vec![], None));
        assert_eq!(sales.status(second).await, "Error");
        // What was there before stays, and why the other was refused can be read.
        assert_eq!(
            (sales.figures().await, sales.status(first).await),
            (figures, "Ready_to_archive".to_owned())
        );
        let limits = PageLimits {
            items: 10,
            json_bytes: usize::MAX,
        };
        let page = list_row_errors(&sales.store, &sales.road.collections, second, None, limits).await;
        let found: Vec<u64> = page.unwrap().items.iter().map(|row| row.record).collect();
        assert_eq!(found, [bad as u64 + 1]);
        sales.assert_clean().await;
    }
}

#[tokio::test]
async fn the_spec_says_it_unless_the_file_does() {
    let Some(sales) = Sales::new().await else { return };
    let mut body = specs::event("strict", &[("day", "date!"), ("amount", "number")]);
    body["csv"] = json!({"on_error": "reject_all"});
    specs::create(&sales.database.owner_store(), &body).await;
    let strict = (SpecKind::Event, "strict");
    let csv = "day,amount\n2023-01-08,1\n2023-01-08,x\n";
    let refused = sales.send_asking(strict, Mode::New, csv, None).await;
    sales.road.settle().await;
    assert_eq!(sales.refusal(refused).await, Some((Rule::RowsRejected, Some(1))));
    let taken = sales
        .send_asking(strict, Mode::New, csv, Some(OnError::Partial))
        .await;
    sales.road.settle().await;
    assert_eq!(
        (sales.refusal(taken).await, sales.status(taken).await.as_str()),
        (None, "Ready_to_archive")
    );
    // Without a word of either, the kept rows count.
    let partial = sales
        .send_asking(SALES, Mode::New, rows("a", 5, Some(2)), None)
        .await;
    sales.road.settle().await;
    assert_eq!(sales.refusal(partial).await, None);
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_refuses_it_all_the_same() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        sales.road.chunk_bytes = 100;
        let file = sales
            .send_asking(SALES, Mode::New, rows("a", 8, Some(3)), WHOLE)
            .await;
        let is_through = sales.road.die_over_all(call).await;
        sales.road.drain(&mut Order::Last).await;
        assert_eq!(
            sales.refusal(file).await,
            Some((Rule::RowsRejected, Some(1))),
            "{call}"
        );
        assert_eq!(sales.figures().await, Vec::<String>::new(), "{call}");
        sales.assert_clean().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 20, "only {call} calls were stopped at");
}
