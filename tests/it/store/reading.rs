//! Reading datasets: groups, grains, filters, pages, what waits for a dimension.

use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::datasets::{KpiQuery, ReadError, Waiting};
use millrace_store::selection::{Grain, Grouping, SelectionError};
use millrace_store::tables::{DatasetTable, DimensionTable};
use millrace_tests::{Road, specs};

use super::Bench;

struct Kpis {
    bench: Bench,
    road: Road,
    cells: DatasetTable,
    dimension: DimensionTable,
}

const ROWS: &str = "day,school,marked,total\n\
    2022-12-31,s1,8,10\n2023-01-01,s1,9,10\n2023-01-02,s1,,10\n2023-01-08,s2,1,3\n2023-02-01,s3,5,5\n2023-02-02,,1,1\n";

fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| Name::parse(text).unwrap()).collect()
}

fn query(columns: &[&str], grain: Option<Grain>) -> KpiQuery {
    KpiQuery {
        grouping: Grouping {
            columns: names(columns),
            grain,
        },
        limit: 100,
        ..KpiQuery::default()
    }
}

impl Kpis {
    async fn new() -> Option<Self> {
        let bench = Bench::bare()?;
        let event = specs::event(
            "marks",
            &[
                ("day", "date!"),
                ("school", "string"),
                ("marked", "integer"),
                ("total", "integer"),
            ],
        );
        let dimension = specs::dimension(
            "schools",
            &["school"],
            &[("school", "string!"), ("district", "string")],
        );
        let dataset = specs::dataset(&specs::Dataset {
            name: "marks_by_school",
            event: "marks",
            group_by: &["day", "school"],
            functions: &["sum"],
            columns: &["marked", "total"],
            percentage: Some(("sum_marked", "sum_total")),
            dimension: Some(("schools", "school")),
        });
        for body in [event, dimension, dataset] {
            specs::create(&bench.owner, &body).await;
        }
        let road = Road::new(bench.database.app());
        let event = (millrace_core::definition::SpecKind::Event, "marks");
        road.load(event, "a.csv", Mode::New, ROWS).await;
        let (cells, _) = bench
            .store
            .dataset_table("marks_by_school")
            .await
            .unwrap()
            .unwrap();
        let dimension = bench.store.dimension_table("schools").await.unwrap().unwrap();
        Some(Self {
            bench,
            road,
            cells,
            dimension,
        })
    }

    async fn schools(&self, mode: Mode, csv: &str) {
        let spec = (millrace_core::definition::SpecKind::Dimension, "schools");
        self.road.load(spec, "schools.csv", mode, csv).await;
    }

    async fn rows(&self, query: &KpiQuery) -> Vec<String> {
        let answer = self
            .bench
            .store
            .query_kpi(&self.cells, Some(&self.dimension), query)
            .await
            .unwrap();
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let line = |row: Vec<Option<String>>| row.into_iter().map(text).collect::<Vec<_>>().join(" ");
        answer.rows.into_iter().map(|(_, row)| line(row)).collect()
    }

    async fn refusal(&self, query: &KpiQuery) -> SelectionError {
        match self
            .bench
            .store
            .query_kpi(&self.cells, Some(&self.dimension), query)
            .await
        {
            Err(ReadError::Selection(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    async fn waiting(&self) -> Waiting {
        self.bench
            .store
            .waiting(&self.cells, Some(&self.dimension))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn cells_wait_for_their_dimension_and_count_once_it_is_there() {
    let Some(kpis) = Kpis::new().await else { return };
    assert!(kpis.rows(&query(&["school"], None)).await.is_empty());
    let waiting = kpis.waiting().await;
    assert_eq!((waiting.keys, waiting.cells, waiting.rows), (3, 6, 6));
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,north\ns9,south\n")
        .await;
    assert_eq!(
        kpis.rows(&query(&["school"], None)).await,
        ["s1 17 30 56.666667", "s2 1 3 33.333333"]
    );
    let waiting = kpis.waiting().await;
    assert_eq!((waiting.keys, waiting.cells, waiting.rows), (1, 2, 2));
    // A missing value waits too; it has no key to name.
    assert!(
        waiting.examples.contains(&"s3".to_owned()),
        "{:?}",
        waiting.examples
    );
    // A changed dimension needs no run.
    kpis.schools(Mode::Replace, "school,district\ns1,west\ns3,west\n")
        .await;
    assert_eq!(
        kpis.rows(&query(&["district"], None)).await,
        ["west 22 35 62.857143"]
    );
    assert_eq!(
        kpis.waiting().await.examples.first().map(String::as_str),
        Some("s2")
    );
}

#[tokio::test]
async fn figures_are_grouped_by_attribute_grain_and_nothing() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,north\ns3,south\n")
        .await;
    for (columns, grain, expected) in [
        (
            &["district"][..],
            None,
            &["north 18 33 54.545455", "south 5 5 100"][..],
        ),
        (
            &["day"],
            Some(Grain::Year),
            &["2022 8 10 80", "2023 15 28 53.571429"],
        ),
        (
            &["day"],
            Some(Grain::Month),
            &["2022-12 8 10 80", "2023-01 10 23 43.478261", "2023-02 5 5 100"],
        ),
        (
            &["day"],
            Some(Grain::Week),
            &["2022-W52 17 20 85", "2023-W01 1 13 7.692308", "2023-W05 5 5 100"],
        ),
        (
            &["day", "district"],
            Some(Grain::Year),
            &[
                "2022 north 8 10 80",
                "2023 north 10 23 43.478261",
                "2023 south 5 5 100",
            ],
        ),
        (&[], None, &["23 38 60.526316"]),
    ] {
        assert_eq!(
            kpis.rows(&query(columns, grain)).await,
            expected,
            "{columns:?} {grain:?}"
        );
    }
    // A sum of nothing filled is null, and so is a percentage of it.
    let mut one = query(&["school"], None);
    (one.from, one.to) = (Some("2023-01-02".to_owned()), Some("2023-01-03".to_owned()));
    assert_eq!(kpis.rows(&one).await, ["s1 - 10 -"]);
}

#[tokio::test]
async fn filters_take_values_of_keys_and_attributes() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,north\ns3,south\n")
        .await;
    let mut filtered = query(&["school"], None);
    filtered.filters = vec![(
        Name::parse("district").unwrap(),
        vec!["north".to_owned(), "x' or true".to_owned()],
    )];
    assert_eq!(
        kpis.rows(&filtered).await,
        ["s1 17 30 56.666667", "s2 1 3 33.333333"]
    );
    filtered
        .filters
        .push((Name::parse("day").unwrap(), vec!["2023-01-08".to_owned()]));
    assert_eq!(kpis.rows(&filtered).await, ["s2 1 3 33.333333"]);
    filtered.filters[0].1.clear();
    assert_eq!(kpis.rows(&filtered).await, Vec::<String>::new());
    let mut period = query(&["school"], None);
    period.from = Some("2023-01-01".to_owned());
    period.to = Some("2023-01-08".to_owned());
    assert_eq!(kpis.rows(&period).await, ["s1 9 20 45"]);
}

#[tokio::test]
async fn an_empty_filter_takes_what_has_no_value() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,\ns3,south\n")
        .await;
    let mut filtered = query(&["school"], None);
    let district = Name::parse("district").unwrap();
    filtered.filters = vec![(district.clone(), vec![String::new()])];
    assert_eq!(kpis.rows(&filtered).await, ["s2 1 3 33.333333"]);
    filtered.filters = vec![(district, vec!["south".to_owned(), String::new()])];
    assert_eq!(kpis.rows(&filtered).await, ["s2 1 3 33.333333", "s3 5 5 100"]);
    filtered.filters = vec![(Name::parse("day").unwrap(), vec![String::new()])];
    assert_eq!(
        kpis.rows(&filtered).await,
        Vec::<String>::new(),
        "a day is no text"
    );
}

#[tokio::test]
async fn pages_follow_the_row_keys() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,north\ns3,south\n")
        .await;
    let mut page = query(&["school", "day"], None);
    page.limit = 2;
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let answer = kpis
            .bench
            .store
            .query_kpi(&kpis.cells, Some(&kpis.dimension), &page)
            .await
            .unwrap();
        let Some((last, _)) = answer.rows.last() else {
            break;
        };
        page.after = Some(last.clone());
        seen.extend(answer.rows.iter().map(|(key, _)| key.clone()));
        pages += 1;
    }
    assert_eq!(pages, 3);
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (5, &sorted));
}

#[tokio::test]
async fn questions_that_do_not_fit_are_told() {
    let Some(kpis) = Kpis::new().await else { return };
    let unknown = kpis.refusal(&query(&["nothing"], None)).await;
    assert_eq!(unknown, SelectionError::UnknownColumn("nothing".to_owned()));
    let no_date = kpis.refusal(&query(&["school"], Some(Grain::Month))).await;
    assert_eq!(no_date, SelectionError::NoDate);
    let mut filter = query(&["school"], None);
    filter.filters = vec![(Name::parse("sum_marked").unwrap(), vec!["1".to_owned()])];
    assert_eq!(
        kpis.refusal(&filter).await,
        SelectionError::UnknownColumn("sum_marked".to_owned())
    );
    let alone = kpis
        .bench
        .store
        .query_kpi(&kpis.cells, None, &query(&["school"], None))
        .await;
    assert!(
        matches!(alone, Err(ReadError::Selection(SelectionError::NoDimension(_)))),
        "{alone:?}"
    );
}

#[tokio::test]
async fn the_view_shows_what_the_query_answers() {
    let Some(kpis) = Kpis::new().await else { return };
    kpis.schools(Mode::New, "school,district\ns1,north\ns2,north\ns3,south\n")
        .await;
    let view = kpis
        .bench
        .database
        .query("select concat_ws(' ', day, school, coalesce(sum_marked::text, '-'), sum_total, coalesce(percentage::text, '-')) from ingestion.marks_by_school order by day, school")
        .await;
    let view: Vec<String> = view.into_iter().flatten().flatten().collect();
    assert_eq!(view, kpis.rows(&query(&["day", "school"], None)).await);
}
