//! Least and greatest days and instants: whatever files come, are replaced and taken back, they are those of the rows
//! that count.

use std::collections::BTreeMap;

use millrace_app::explain::{Asked, explain_files};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::field::FieldType;
use millrace_core::name::Name;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;
use millrace_tests::{Database, Random, Road, specs};
use serde_json::{Value, json};

const VISITS: (SpecKind, &str) = (SpecKind::Event, "visits");
const HEADER: &str = "shop,day,seen,amount\n";

/// A visit: shop, day, microseconds since 1970.
type Visit = (char, Option<String>, Option<String>);

fn spans() -> Value {
    let mut body = specs::dataset(&specs::Dataset {
        name: "spans",
        event: "visits",
        group_by: &["shop"],
        functions: &["min", "max", "sum"],
        columns: &["day", "seen", "amount"],
        ..specs::Dataset::default()
    });
    let dataset = &mut body["input"]["properties"]["dataset"]["properties"];
    for gone in ["sum_day", "sum_seen"] {
        let served = dataset["items"]["items"]["properties"].as_object_mut();
        served.unwrap().shift_remove(gone);
    }
    for function in ["min", "max"] {
        let served = &mut dataset["items"]["items"]["properties"];
        served[format!("{function}_day")] = json!({"type": "string", "format": "date"});
        served[format!("{function}_seen")] = json!({"type": "string", "format": "date-time"});
    }
    let served: Vec<String> = [
        "min_day",
        "max_day",
        "min_seen",
        "max_seen",
        "min_amount",
        "max_amount",
        "sum_amount",
    ]
    .map(str::to_owned)
    .into();
    let mut required = vec!["shop".to_owned()];
    required.extend(served.clone());
    dataset["items"]["items"]["required"] = json!(required);
    dataset["aggregate"]["properties"]["update_cols"] = json!(served);
    body
}

struct Spans {
    database: Database,
    road: Road,
}

impl Spans {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let fields = [
            ("shop", "string!"),
            ("day", "date"),
            ("seen", "timestamp"),
            ("amount", "number"),
        ];
        let owner = database.owner_store();
        specs::create(&owner, &specs::event("visits", &fields)).await;
        specs::create(&owner, &spans()).await;
        Some(Self {
            road: Road::new(database.app()),
            database,
        })
    }

    async fn lines(&self, sql: &str) -> Vec<String> {
        let rows = self.database.query(sql).await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// The view's rows, instants in UTC.
    async fn shown(&self) -> Vec<String> {
        self.lines(
            "select concat_ws(' ', shop, coalesce(min_day::text, '-'), coalesce(max_day::text, '-'), \
             coalesce(to_char(min_seen at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '-'), \
             coalesce(to_char(max_seen at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '-')) \
             from ingestion.spans order by shop",
        )
        .await
    }
}

fn csv(visits: &[Visit]) -> String {
    let lines = visits.iter().map(|(shop, day, seen)| {
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_default();
        format!("{shop},{},{},1\n", cell(day), cell(seen))
    });
    HEADER.to_owned() + &lines.collect::<String>()
}

/// What a naive program shows of all rows that count.
fn expected<'a>(visits: impl Iterator<Item = &'a Visit>) -> Vec<String> {
    let mut shops: BTreeMap<char, (Vec<&String>, Vec<&String>)> = BTreeMap::new();
    for (shop, day, seen) in visits {
        let (days, instants) = shops.entry(*shop).or_default();
        days.extend(day);
        instants.extend(seen);
    }
    let text = |value: Option<&&String>| value.map_or_else(|| "-".to_owned(), |text| (*text).clone());
    let line = |(shop, (days, instants)): (char, (Vec<&String>, Vec<&String>))| {
        let (first, last) = (text(days.iter().min()), text(days.iter().max()));
        let (from, to) = (text(instants.iter().min()), text(instants.iter().max()));
        format!("{shop} {first} {last} {from} {to}")
    };
    shops.into_iter().map(line).collect()
}

fn any_visits(random: &mut Random) -> Vec<Visit> {
    let years = ["0001", "0999", "1969", "1970", "2023", "2024", "9999"];
    let moment = |random: &mut Random| {
        let day = format!(
            "{}-{:02}-{:02}",
            random.one_of(&years),
            random.below(12) + 1,
            random.below(28) + 1
        );
        let time = format!(
            "{day}T{:02}:{:02}:{:02}.{:06}",
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1_000_000)
        );
        (day, time)
    };
    let count = random.below(5) + 1;
    let visit = |random: &mut Random| {
        let (day, time) = moment(random);
        let shop = *random.one_of(&['a', 'b']);
        (
            shop,
            Some(day).filter(|_| random.happens(800)),
            Some(time).filter(|_| random.happens(800)),
        )
    };
    (0..count).map(|_| visit(random)).collect()
}

#[tokio::test]
async fn extremes_are_those_of_the_rows_that_count() {
    let Some(spans) = Spans::new().await else { return };
    let mut random = Random::new(Random::seed(7));
    let mut files: BTreeMap<usize, Vec<Visit>> = BTreeMap::new();
    for step in 0..60 {
        let file = random.below(5);
        let name = format!("{file}.csv");
        if files.contains_key(&file) && random.happens(250) {
            let statement = format!("select file_id::text from ingestion.file where file_name = '{name}'");
            let id = spans.database.value(&statement).await.unwrap();
            spans.road.delete(id.parse().unwrap()).await;
            files.remove(&file);
        } else {
            let visits = any_visits(&mut random);
            let mode = if files.contains_key(&file) {
                Mode::Replace
            } else {
                Mode::New
            };
            spans.road.send(VISITS, &name, mode, csv(&visits)).await;
            files.insert(file, visits);
        }
        if random.happens(600) {
            spans.road.settle().await;
            assert_eq!(
                spans.shown().await,
                expected(files.values().flatten()),
                "step {step}"
            );
        }
    }
    spans.road.settle().await;
    assert_eq!(spans.shown().await, expected(files.values().flatten()));
}

#[tokio::test]
async fn the_next_day_comes_back_when_the_file_with_the_last_one_goes() {
    let Some(spans) = Spans::new().await else { return };
    let load = |name: &'static str, mode, rows: &str| {
        let csv = format!("{HEADER}{rows}");
        let road = &spans.road;
        async move { road.load(VISITS, name, mode, &csv).await }
    };
    load("a.csv", Mode::New, "a,2023-01-08,2023-01-08T12:00:00+05:30,1\n").await;
    let last = load(
        "b.csv",
        Mode::New,
        "a,2023-02-01,9999-12-31T23:59:59.999999Z,2\na,2022-12-31,,3\n",
    )
    .await;
    let both = "a 2022-12-31 2023-02-01 2023-01-08T06:30:00.000000 9999-12-31T23:59:59.999999";
    assert_eq!(spans.shown().await, [both]);
    // As the routes answer it, and as it is explained.
    let store = spans.database.store();
    let (table, _) = store.dataset_table("spans").await.unwrap().unwrap();
    let query = KpiQuery {
        grouping: Grouping::columns(&[Name::parse("shop").unwrap()]),
        limit: 10,
        ..KpiQuery::default()
    };
    let answer = store.query_kpi(&table, None, &query).await.unwrap();
    let types: Vec<FieldType> = answer.columns.iter().map(|column| column.field_type).collect();
    assert_eq!(types[1..3], [FieldType::Date, FieldType::Date]);
    let row: Vec<&str> = answer.rows[0].1.iter().flatten().map(String::as_str).collect();
    assert_eq!(row[..3], ["a", "2022-12-31", "2023-02-01"]);
    let asked = Asked {
        cells: &table,
        dimension: None,
        query: &query,
    };
    let shares = explain_files(&store, &spans.road.collections, asked, None)
        .await
        .unwrap();
    let bounds: Vec<Vec<Option<(String, String)>>> = shares
        .files
        .iter()
        .map(|file| {
            let measures = file.measures.iter().zip(&table.definition.measures);
            measures
                .map(|(share, measure)| share.bounds_as(measure.field_type))
                .collect()
        })
        .collect();
    let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
    let end = "9999-12-31T23:59:59.999999Z";
    assert_eq!(
        bounds[1],
        [pair("2022-12-31", "2023-02-01"), pair(end, end), pair("2", "3")]
    );
    spans.road.delete(last.file.file_id).await;
    spans.road.settle().await;
    let one = "a 2023-01-08 2023-01-08 2023-01-08T06:30:00.000000 2023-01-08T06:30:00.000000";
    assert_eq!(spans.shown().await, [one]);
    load("a.csv", Mode::Replace, "a,,,1\n").await;
    assert_eq!(spans.shown().await, ["a - - - -"]);
}
