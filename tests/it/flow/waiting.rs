//! Keys that a dimension lacks: counted, listed by page, and traced to the lines that name them.

use millrace_app::explain::{Asked, list_key_lines};
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::datasets::{KpiQuery, WaitingKey};
use millrace_store::selection::Grouping;

use super::{BY_REGION, SHOPS, Sales};

const ROWS: &str =
    "2023-01-08,a,1,1,2\n2023-01-08,b,1,1,2\n2023-01-09,a,1,1,2\n2023-01-09,,1,1,2\n2023-01-09,é,1,1,2\n";

impl Sales {
    async fn waiting_keys(&self, after: Option<&str>, limit: u32) -> Vec<(Option<String>, u64, u64)> {
        let (cells, _) = self.store.dataset_table(BY_REGION).await.unwrap().unwrap();
        let dimension = self.store.dimension_table("shops").await.unwrap();
        let keys = self
            .store
            .list_waiting_keys(&cells, dimension.as_ref(), after, limit)
            .await;
        let told = |WaitingKey { key, cells, rows }| (key, cells, rows);
        keys.unwrap().into_iter().map(told).collect()
    }

    /// File name, version and line of all lines behind a key, as many a page.
    async fn lines_of(&self, key: Option<&str>, limit: u32) -> Vec<(String, u32, u64)> {
        let (mut cells, _) = self.store.dataset_table(BY_REGION).await.unwrap().unwrap();
        cells.definition.join = None;
        let grouping = Grouping::columns(&[Name::parse("shop").unwrap()]);
        let query = KpiQuery {
            grouping: grouping.clone(),
            within: Some((grouping, vec![key.map(str::to_owned)])),
            ..KpiQuery::default()
        };
        let asked = Asked {
            cells: &cells,
            dimension: None,
            query: &query,
        };
        let (mut lines, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = list_key_lines(
                &self.store,
                &self.road.collections,
                asked,
                cursor.as_deref(),
                limit,
            )
            .await
            .unwrap();
            if let Some((name, traced)) = page.file {
                assert!(traced.lines.len() <= limit as usize);
                let version = traced.file.version;
                lines.extend(traced.lines.iter().map(|line| (name.clone(), version, line.line)));
            }
            match page.next {
                None => return lines,
                next => cursor = next,
            }
        }
    }
}

fn key(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn missing_keys_are_listed_and_traced_to_their_lines() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("one.csv", Mode::New, ROWS).await;
    sales
        .send("two.csv", Mode::New, "2023-01-08,c,1,1,2\n2023-01-10,a,1,1,2\n")
        .await;
    sales.road.settle().await;
    let all = [
        (None, 1, 1),
        (key("a"), 1, 3),
        (key("b"), 1, 1),
        (key("c"), 1, 1),
        (key("é"), 1, 1),
    ];
    assert_eq!(sales.waiting_keys(None, 100).await, all);
    // By page: behind the cells without a key lie all keys.
    assert_eq!(sales.waiting_keys(None, 1).await, all[..1]);
    assert_eq!(sales.waiting_keys(Some(""), 2).await, all[1..3]);
    assert_eq!(sales.waiting_keys(Some("b"), 100).await, all[3..]);
    for limit in [1, 2, 100] {
        let mut lines = sales.lines_of(Some("a"), limit).await;
        lines.sort();
        let expected = [("one.csv", 2), ("one.csv", 4), ("two.csv", 3)];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, line)| ((*name).to_owned(), 1, *line))
            .collect();
        assert_eq!(lines, expected, "{limit}");
    }
    assert_eq!(sales.lines_of(None, 10).await, [("one.csv".to_owned(), 1, 5)]);
    assert_eq!(sales.lines_of(Some("nobody"), 10).await, []);
    // Those that arrive are not missing any more, and no line is lost.
    sales
        .road
        .load(SHOPS, "shops.csv", Mode::New, "shop,region\na,north\n")
        .await;
    assert_eq!(
        sales.waiting_keys(None, 100).await,
        [&all[..1], &all[2..]].concat()
    );
    assert_eq!(sales.lines_of(Some("a"), 10).await.len(), 3);
}

#[tokio::test]
async fn a_mended_row_is_traced_to_the_line_it_has_always_had() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales
        .send("one.csv", Mode::New, "2023-01-08,b,1,1,2\n,a,1,1,2\n")
        .await;
    sales.road.settle().await;
    assert_eq!(sales.lines_of(Some("a"), 10).await, []);
    let (bytes, _) = sales.road.repair_file(first).await.unwrap();
    let text = String::from_utf8(bytes)
        .unwrap()
        .replace("\n,a,", "\n2023-01-09,a,");
    sales.road.repair(first.file_id, text).await;
    sales.road.settle().await;
    assert_eq!(
        sales.lines_of(Some("a"), 10).await,
        [("one.csv".to_owned(), 2, 3)]
    );
    assert_eq!(
        sales.lines_of(Some("b"), 10).await,
        [("one.csv".to_owned(), 2, 2)]
    );
}
