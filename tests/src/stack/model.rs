//! What the figures have to be: every row of every file that counts, added up naively.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Api, Row};

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figure {
    /// Rows.
    pub count: i64,
    /// Sum of present.
    pub present: i64,
    /// Sum of total.
    pub total: i64,
    /// Least and greatest of present.
    pub extremes: Option<(i64, i64)>,
    /// Present of total in percent, rounded half away from zero to six places, as text.
    pub percentage: Option<String>,
}

/// Cells by their key.
pub type Figures = BTreeMap<Vec<String>, Figure>;

/// The files that count, each with its rows.
#[derive(Debug, Clone, Default)]
pub struct Model {
    files: BTreeMap<String, Vec<Row>>,
}

impl Model {
    /// Sets what a file holds now.
    pub fn set(&mut self, file: &str, rows: &[Row]) {
        self.files.insert(file.to_owned(), rows.to_vec());
    }

    /// Takes a file away.
    pub fn remove(&mut self, file: &str) {
        self.files.remove(file);
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.files.values().flatten()
    }

    /// The figures by day and school.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures_by(|row| vec![row.date.to_owned(), row.school_id()])
    }

    /// The figures by any key.
    #[must_use]
    pub fn figures_by(&self, key: impl Fn(&Row) -> Vec<String>) -> Figures {
        let mut figures = Figures::new();
        for row in self.rows() {
            let figure = figures.entry(key(row)).or_default();
            figure.count += 1;
            figure.present += row.present;
            figure.total += row.total;
            let (least, greatest) = figure.extremes.unwrap_or((row.present, row.present));
            figure.extremes = Some((least.min(row.present), greatest.max(row.present)));
        }
        for figure in figures.values_mut() {
            figure.percentage = percentage(figure.present, figure.total);
        }
        figures
    }

    /// Sum of present over all rows.
    #[must_use]
    pub fn present(&self) -> i64 {
        self.rows().map(|row| row.present).sum()
    }

    /// Fails the test unless the API serves these figures, and no others.
    pub async fn assert_served(&self, api: &Api, dataset: &str) {
        let served = served(api, dataset).await;
        let differences = differences(&self.figures(), &served);
        assert!(
            differences.is_empty(),
            "{} cells differ: {:#?}",
            differences.len(),
            differences.iter().take(5)
        );
    }

    /// How many cells the API serves otherwise than they have to be.
    pub async fn differences(&self, api: &Api, dataset: &str) -> usize {
        differences(&self.figures(), &served(api, dataset).await).len()
    }
}

/// The figures that a dataset grouped by day and school serves.
async fn served(api: &Api, dataset: &str) -> Figures {
    let rows = api.rows(&format!("/datasets/{dataset}/rows"), 1_000).await;
    rows.iter()
        .map(|row| (vec![text(&row["date"]), text(&row["school_id"])], figure(row)))
        .collect()
}

/// A row of an answer as a cell.
#[must_use]
pub fn figure(row: &BTreeMap<String, Value>) -> Figure {
    let number = |name: &str| row.get(name).and_then(whole);
    Figure {
        count: number("count_present").unwrap_or_default(),
        present: number("sum_present").unwrap_or_default(),
        total: number("sum_total").unwrap_or_default(),
        extremes: number("min_present").zip(number("max_present")),
        percentage: row.get("percentage").and_then(Value::as_str).map(str::to_owned),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A whole number, however it travels.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn differences(expected: &Figures, served: &Figures) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = expected.keys().chain(served.keys()).collect();
    let differing = keys
        .into_iter()
        .filter(|key| expected.get(*key) != served.get(*key));
    differing
        .map(|key| {
            format!(
                "{key:?}: expected {:?}, served {:?}",
                expected.get(key),
                served.get(key)
            )
        })
        .collect()
}

fn percentage(numerator: i64, denominator: i64) -> Option<String> {
    if denominator == 0 {
        return None;
    }
    let (numerator, denominator) = (i128::from(numerator) * 100, i128::from(denominator));
    let millionths = (numerator * 2_000_000 + denominator) / (2 * denominator);
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}
