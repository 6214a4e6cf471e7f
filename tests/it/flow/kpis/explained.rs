//! Figures explained: the files' shares and their lines, added again, give the figure.

mod members;

use std::str::FromStr as _;

use millrace_app::explain::{Asked, ExplainError, FileShare, TracedLine, explain_files, explain_lines};
use millrace_core::Decimal;
use millrace_core::definition::{Formula, Term};
use millrace_core::facts::Mode;
use millrace_core::ids::FileId;
use millrace_store::Store;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;
use millrace_store::tables::{DatasetTable, DimensionTable};
use millrace_tests::{MemoryObjects, Random};

use super::naive::{self, Meal, Visit};
use super::{Kpis, MEALS, SCHOOLS, VISITS};

/// A dataset, and everything of it that is asked.
struct Explained {
    store: Store,
    objects: MemoryObjects,
    table: DatasetTable,
    dimension: Option<DimensionTable>,
}

impl Explained {
    async fn new(kpis: &Kpis, dataset: &str) -> Self {
        let store = kpis.database.store();
        let (table, _) = store.dataset_table(dataset).await.unwrap().unwrap();
        let dimension = match &table.definition.join {
            Some(join) => store.dimension_table(join.dimension.as_str()).await.unwrap(),
            None => None,
        };
        Self {
            objects: kpis.road.collections.clone(),
            store,
            table,
            dimension,
        }
    }

    fn grouping(&self) -> Grouping {
        Grouping::columns(&self.table.definition.group_by)
    }

    /// All groups: key and outputs.
    async fn groups(&self) -> Vec<(Vec<Option<String>>, Vec<Option<String>>)> {
        let query = KpiQuery {
            grouping: self.grouping(),
            limit: 1_000,
            ..KpiQuery::default()
        };
        let answer = self
            .store
            .query_kpi(&self.table, self.dimension.as_ref(), &query)
            .await
            .unwrap();
        let keys = self.table.definition.group_by.len();
        let split = |(_, row): (String, Vec<Option<String>>)| (row[..keys].to_vec(), row[keys..].to_vec());
        answer.rows.into_iter().map(split).collect()
    }

    fn query(&self, key: &[Option<String>]) -> KpiQuery {
        KpiQuery {
            grouping: self.grouping(),
            within: Some((self.grouping(), key.to_vec())),
            ..KpiQuery::default()
        }
    }

    async fn files(&self, query: &KpiQuery) -> Result<Vec<FileShare>, ExplainError> {
        let (mut files, mut after): (Vec<FileShare>, Option<FileId>) = (Vec::new(), None);
        loop {
            let asked = Asked {
                cells: &self.table,
                dimension: self.dimension.as_ref(),
                query,
            };
            let page = explain_files(&self.store, &self.objects, asked, after).await?;
            files.extend(page.files);
            match page.next {
                None => return Ok(files),
                next => after = next,
            }
        }
    }

    /// All lines of a file, three at a time.
    async fn lines(&self, query: &KpiQuery, file: FileId) -> Vec<TracedLine> {
        let (mut lines, mut cursor): (Vec<TracedLine>, Option<String>) = (Vec::new(), None);
        loop {
            let asked = Asked {
                cells: &self.table,
                dimension: self.dimension.as_ref(),
                query,
            };
            let page = explain_lines(&self.store, &self.objects, asked, file, cursor.as_deref(), 3)
                .await
                .unwrap();
            assert!(page.lines.len() <= 3);
            lines.extend(page.lines);
            match page.next {
                None => return lines,
                next => cursor = next,
            }
        }
    }

    /// Sum and count of a measure over lines.
    fn added(lines: &[TracedLine], measure: usize) -> (u64, Decimal) {
        let values = lines.iter().filter_map(|line| line.measures[measure].as_deref());
        values.fold((0, Decimal::ZERO), |(count, sum), value| {
            // What is only counted adds nothing.
            let value = Decimal::from_str(value).unwrap_or(Decimal::ZERO);
            (count + 1, sum.checked_add(value).unwrap())
        })
    }

    /// Explains a group and adds its lines again.
    async fn check(&self, key: &[Option<String>], outputs: &[Option<String>]) -> Vec<TracedLine> {
        let query = self.query(key);
        let files = self.files(&query).await.unwrap();
        let mut lines = Vec::new();
        for file in files {
            let own = self.lines(&query, file.share.file.file_id).await;
            assert_eq!(own.len() as u64, file.rows);
            assert!(
                own.is_sorted_by_key(|line| line.record),
                "in the order of the file"
            );
            for (at, share) in file.measures.iter().enumerate() {
                let is_number = self.table.definition.measures[at].field_type.is_numeric();
                let (count, sum) = Self::added(&own, at);
                let sum = if is_number { sum } else { Decimal::ZERO };
                assert_eq!((share.count, share.sum), (count, sum));
            }
            lines.extend(own);
        }
        for (output, shown) in self.table.definition.outputs.iter().zip(outputs) {
            if let Some(again) = self.again(&lines, &output.formula) {
                assert_eq!(&again, shown, "{} of {key:?}", output.name);
            }
        }
        lines
    }

    /// A formula over lines; none for those that need more than the lines.
    fn again(&self, lines: &[TracedLine], formula: &Formula) -> Option<Option<String>> {
        let sum = |measure: usize| {
            let (count, sum) = Self::added(lines, measure);
            (count > 0).then_some(sum)
        };
        let term = |term: Term| match term {
            Term::Sum(measure) => Some(sum(measure)),
            Term::Count(measure) => Some(Some(Decimal::from(
                i64::try_from(Self::added(lines, measure).0).unwrap(),
            ))),
            Term::Borrowed => None,
        };
        match formula {
            Formula::Sum { measure } => Some(sum(*measure).map(|sum| sum.to_string())),
            Formula::Count { measure } => Some(Some(Self::added(lines, *measure).0.to_string())),
            Formula::DistinctCount { key } => {
                let values: std::collections::BTreeSet<_> =
                    lines.iter().filter_map(|line| line.keys[*key].as_ref()).collect();
                Some(Some(values.len().to_string()))
            }
            Formula::Percentage {
                numerator,
                denominator,
            } => {
                let (above, below) = (term(*numerator)?, term(*denominator)?);
                Some(
                    above
                        .zip(below)
                        .and_then(|(above, below)| naive::percentage(above, below)),
                )
            }
            _ => None,
        }
    }
}

#[tokio::test]
async fn two_hundred_figures_are_added_again_from_their_lines() {
    let Some(kpis) = Kpis::new().await else { return };
    let seed = Random::seed(200);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for number in 0..9 {
        let visits: Vec<Visit> = (0..80).map(|_| Visit::any(&mut random)).collect();
        let meals: Vec<Meal> = (0..30).map(|_| Meal::any(&mut random)).collect();
        let name = format!("{number}.csv");
        kpis.road
            .send(VISITS, &name, Mode::New, Visit::csv(&visits))
            .await;
        kpis.road.send(MEALS, &name, Mode::New, Meal::csv(&meals)).await;
    }
    let schools = "school,cluster\na,north\nb,north\nc,south\n";
    kpis.road.send(SCHOOLS, "s.csv", Mode::New, schools).await;
    kpis.road.settle().await;
    let (mut figures, mut lines) = (0, 0);
    let datasets = ["by_school", "large_visits", "of_one_note", "meals_a_pupil"];
    let mut all = Vec::new();
    for dataset in datasets {
        let explained = Explained::new(&kpis, dataset).await;
        let groups = explained.groups().await;
        assert!(!groups.is_empty(), "{dataset}");
        all.push((explained, groups));
    }
    while figures < 200 {
        let (explained, groups) = random.one_of(&all);
        let (key, outputs) = random.one_of(groups);
        lines += explained.check(key, outputs).await.len();
        figures += 1;
    }
    assert!(lines > 2_000, "{lines} lines");
}

#[tokio::test]
async fn what_has_no_files_says_what_it_is_computed_from() {
    let Some(kpis) = Kpis::new().await else { return };
    let explained = Explained::new(&kpis, "good_schools").await;
    let error = explained.files(&KpiQuery::default()).await.unwrap_err();
    assert!(matches!(error, ExplainError::NoCells(of) if of == "by_school"));
    let explained = Explained::new(&kpis, "by_school").await;
    let files = explained.files(&KpiQuery::default()).await.unwrap();
    assert!(files.is_empty());
}
