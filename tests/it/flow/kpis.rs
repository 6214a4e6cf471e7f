//! KPIs of every kind against a naive program: filters on rows and groups, distinct counts, datasets of datasets, and
//! percentages of a borrowed column.

pub(crate) mod bodies;
mod explained;
pub(crate) mod naive;

use std::collections::BTreeMap;

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileId;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::{Grain, Grouping};
use millrace_tests::{Database, Random, Road, specs};
use naive::{Meal, Model, Visit};

pub(crate) const VISITS: (SpecKind, &str) = (SpecKind::Event, "visits");
pub(crate) const MEALS: (SpecKind, &str) = (SpecKind::Event, "meals");
pub(crate) const SCHOOLS: (SpecKind, &str) = (SpecKind::Dimension, "schools");

/// A note that is a constant in a view, and would end a statement if it were anything else.
const NOTE: &str = "x'); drop table spec.spec; -- :after \\ é";

struct Kpis {
    database: Database,
    road: Road,
}

impl Kpis {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let owner = database.owner_store();
        for body in bodies::all() {
            specs::create(&owner, &body).await;
        }
        let road = Road::new(database.app());
        Some(Self { database, road })
    }

    async fn lines(&self, columns: &str, view: &str) -> Vec<String> {
        let query = format!("select concat_ws('|', {columns}) from ingestion.{view}");
        let rows = self.database.query(&query).await;
        let mut lines: Vec<String> = rows.into_iter().flatten().flatten().collect();
        lines.sort_unstable();
        lines
    }

    /// What readers see of every dataset.
    async fn figures(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut figures = BTreeMap::new();
        for (view, columns) in [
            (
                "by_school",
                "day, coalesce(school, '-'), coalesce(sum_marked::text, '-'), coalesce(sum_total::text, '-'), coalesce(percentage::text, '-')",
            ),
            (
                "good_schools",
                "day, coalesce(cluster, '-'), good, all_schools, coalesce(percentage::text, '-')",
            ),
            (
                "clusters_with_good_schools",
                "day, sum_good, min_good, max_good, avg_good, count_good",
            ),
            (
                "large_visits",
                "day, large, noted, coalesce(percentage::text, '-')",
            ),
            (
                "of_one_note",
                "coalesce(school, '-'), coalesce(sum_marked::text, '-'), distinct_count_grade",
            ),
            (
                "meals_a_pupil",
                "day, coalesce(cluster, '-'), coalesce(sum_served::text, '-'), coalesce(sum_total::text, '-'), coalesce(percentage::text, '-')",
            ),
        ] {
            figures.insert(view, self.lines(columns, view).await);
        }
        figures
    }
}

#[tokio::test]
async fn kpis_of_every_kind_are_those_of_a_naive_program_after_every_change() {
    let Some(kpis) = Kpis::new().await else { return };
    let seed = Random::seed(20_231);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut model = Model::default();
    let mut files: BTreeMap<usize, FileId> = BTreeMap::new();
    for round in 0..40 {
        let number = random.below(6);
        let name = format!("{number}.csv");
        let is_visits = number < 4;
        if files.contains_key(&number) && random.happens(250) {
            kpis.road.delete(files[&number]).await;
            files.remove(&number);
            model.forget(number);
        } else {
            let mode = if files.contains_key(&number) {
                Mode::Replace
            } else {
                Mode::New
            };
            let (spec, csv) = if is_visits {
                let visits: Vec<Visit> = (0..random.below(40)).map(|_| Visit::any(&mut random)).collect();
                let csv = Visit::csv(&visits);
                model.visits.insert(number, visits);
                (VISITS, csv)
            } else {
                let meals: Vec<Meal> = (0..random.below(20)).map(|_| Meal::any(&mut random)).collect();
                let csv = Meal::csv(&meals);
                model.meals.insert(number, meals);
                (MEALS, csv)
            };
            // Every file has a row, and no two have the same bytes.
            let csv = csv
                + &if is_visits {
                    model.mark_visit(number, round)
                } else {
                    model.mark_meal(number, round)
                };
            let file = kpis.road.send(spec, &name, mode, csv).await;
            files.insert(number, file.file_id);
        }
        if round % 7 == 3 {
            let (schools, csv) = naive::schools(&mut random);
            model.schools = schools;
            let mode = if round == 3 { Mode::New } else { Mode::Replace };
            kpis.road.send(SCHOOLS, "schools.csv", mode, csv).await;
        }
        kpis.road.settle().await;
        assert_eq!(kpis.figures().await, model.figures(), "round {round}");
    }
}

#[tokio::test]
async fn a_dataset_of_a_dataset_is_asked_by_any_level_and_tells_what_waits() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.road
        .load(
            VISITS,
            "a.csv",
            Mode::New,
            "day,school,grade,marked,total,note\n\
            2023-01-08,a,1,4,8,\n2023-01-08,b,1,1,8,\n2023-02-01,a,1,8,8,\n2023-02-01,c,1,8,8,\n",
        )
        .await;
    let store = kpis.database.store();
    let (table, version) = store.dataset_table("good_schools").await.unwrap().unwrap();
    assert_eq!(version, 1, "the version of what it is computed from");
    let name = |text: &str| millrace_core::Name::parse(text).unwrap();
    let rows = async |columns: &[&str], grain| {
        let dimension = store.dimension_table("schools").await.unwrap();
        let query = KpiQuery {
            grouping: Grouping {
                columns: columns.iter().map(|column| name(column)).collect(),
                grain,
            },
            limit: 10,
            ..KpiQuery::default()
        };
        let answer = store.query_kpi(&table, dimension.as_ref(), &query).await.unwrap();
        let line = |row: Vec<Option<String>>| {
            row.into_iter()
                .map(Option::unwrap_or_default)
                .collect::<Vec<_>>()
                .join("|")
        };
        answer
            .rows
            .into_iter()
            .map(|(_, row)| line(row))
            .collect::<Vec<_>>()
    };
    let dimension = store.dimension_table("schools").await.unwrap();
    let waiting = store.waiting(&table, dimension.as_ref()).await.unwrap();
    assert_eq!((waiting.keys, waiting.cells), (3, 4));
    kpis.road
        .load(SCHOOLS, "s.csv", Mode::New, "school,cluster\na,north\nb,north\n")
        .await;
    assert_eq!(
        rows(&["day", "cluster"], Some(Grain::Month)).await,
        ["2023-01|north|2|1|2|50", "2023-02|north|1|1|1|100"]
    );
    assert_eq!(rows(&["cluster"], None).await, ["north|3|2|3|66.666667"]);
    assert_eq!(rows(&["school"], None).await, ["a|2|2|2|100", "b|1|0|1|0"]);
    let waiting = store.waiting(&table, dimension.as_ref()).await.unwrap();
    assert_eq!(
        (waiting.keys, waiting.cells, waiting.examples),
        (1, 1, vec!["c".to_owned()])
    );
}
