//! Dimensions that get fields: columns, the view, rows that are there, and what reads them.

use millrace_app::compile::CompileError;
use millrace_app::life::Migration;
use millrace_core::definition::{DimensionDefinition, SpecKind};
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::Statement;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;
use millrace_tests::{Database, Road, specs};
use serde_json::Value;

use super::visits;

const SCHOOLS: (SpecKind, &str) = (SpecKind::Dimension, "schools");
const NARROW: [(&str, &str); 2] = [("school", "string!"), ("district", "string")];
/// The new ones first, and the others the other way round.
const WIDE: [(&str, &str); 4] = [
    ("opened_on", "date"),
    ("pupils", "integer"),
    ("district", "string"),
    ("school", "string!"),
];

/// Schools, visits, and a dataset of the visits by district.
struct Schools {
    database: Database,
    road: Road,
}

impl Schools {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let owner = database.owner_store();
        let by_district = specs::dataset(&specs::Dataset {
            name: "by_district",
            event: "visits",
            group_by: &["district"],
            functions: &["sum"],
            columns: &["seats"],
            dimension: Some(("schools", "school")),
            ..specs::Dataset::default()
        });
        for body in [schools(&NARROW), visits(), by_district] {
            specs::create(&owner, &body).await;
        }
        let road = Road::new(database.app());
        let csv = "school,district\na,north\nb,south\n";
        road.load(SCHOOLS, "a.csv", Mode::New, csv).await;
        Some(Self { database, road })
    }

    async fn migrate(&self, replaces: u32, fields: &[(&str, &str)]) -> Migration {
        let owner = self.database.owner_store();
        specs::migrate(&owner, replaces, &schools(fields)).await.unwrap()
    }

    /// What is refused.
    async fn refused(&self, fields: &[(&str, &str)]) -> Vec<&'static str> {
        match self.migrate(2, fields).await {
            Migration::NotAdditive(differences) => {
                let codes = differences.iter().map(|difference| difference.meaning.code());
                codes.collect()
            }
            other => panic!("{other:?}"),
        }
    }

    async fn rows(&self) -> Vec<String> {
        let view = "select concat_ws(' ', school, district, coalesce(opened_on::text, '-'), coalesce(pupils::text, '-')) \
             from ingestion.schools order by school";
        let rows = self.database.query(view).await;
        rows.into_iter().flatten().flatten().collect()
    }
}

fn schools(fields: &[(&str, &str)]) -> Value {
    specs::dimension("schools", &["school"], fields)
}

/// A file that was checked against the first version is published after the second was made.
#[tokio::test]
async fn a_dimension_gets_columns_and_rows_before_them_are_empty_there() {
    let Some(schools) = Schools::new().await else {
        return;
    };
    let road = &schools.road;
    let on_its_way = road
        .send(SCHOOLS, "b.csv", Mode::New, "school,district\nc,east\n")
        .await;
    let ingest = road.queues.take(0).unwrap();
    road.deliver(&ingest).await;
    assert_eq!(schools.migrate(1, &WIDE).await, Migration::Created(2));
    road.settle().await;
    assert_eq!(road.record(on_its_way).await.spec_version, 1);
    let csv = "pupils,opened_on,school,district\n7,2001-02-03,d,west\n,,e,west\n";
    let new = road.load(SCHOOLS, "c.csv", Mode::New, csv).await;
    assert_eq!(new.spec_version, 2);
    let expected = [
        "a north - -",
        "b south - -",
        "c east - -",
        "d west 2001-02-03 7",
        "e west - -",
    ];
    assert_eq!(schools.rows().await, expected);
    // Replacing an old file by the wider form fills in what it lacked.
    let wide = "school,district,pupils,opened_on\na,north,5,\nb,south,6,\n";
    road.load(SCHOOLS, "a.csv", Mode::Replace, wide).await;
    assert_eq!(schools.rows().await[..2], ["a north - 5", "b south - 6"]);

    let columns = "select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns \
         where table_schema = 'ingestion' and table_name = 'schools'";
    let columns = schools.database.value(columns).await;
    assert_eq!(columns.as_deref(), Some("school district opened_on pupils"));
    let app = schools.database.app();
    let read = Statement::new("select pupils from ingestion.schools");
    assert_eq!(app.execute(&read).await.unwrap().rows.len(), 5);
    let store = schools.database.store();
    let stored = store.load_definition(SpecKind::Dimension, "schools", None).await;
    let stored: DimensionDefinition = stored.unwrap().unwrap();
    let names: Vec<&str> = stored.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["school", "district", "opened_on", "pupils"]);
}

/// The view of the dataset reads the table beneath, and figures can be grouped by what is new.
#[tokio::test]
async fn datasets_of_a_dimension_outlive_its_new_fields_and_use_them() {
    let Some(schools) = Schools::new().await else {
        return;
    };
    let csv = "day,school,amount,seats\n2023-01-08,a,1,10\n2023-01-08,b,1,30\n2023-01-08,d,1,5\n";
    schools
        .road
        .load((SpecKind::Event, "visits"), "v.csv", Mode::New, csv)
        .await;
    schools.migrate(1, &WIDE).await;
    let csv = "school,district,pupils\nd,west,7\n";
    schools.road.load(SCHOOLS, "d.csv", Mode::New, csv).await;
    let view = "select string_agg(concat_ws(' ', district, sum_seats), ', ' order by district) from ingestion.by_district";
    let figures = schools.database.value(view).await;
    assert_eq!(figures.as_deref(), Some("north 10, south 30, west 5"));
    let store = schools.database.store();
    let (table, _) = store.dataset_table("by_district").await.unwrap().unwrap();
    let dimension = store.dimension_table("schools").await.unwrap().unwrap();
    let query = KpiQuery {
        grouping: Grouping::columns(&[Name::parse("pupils").unwrap()]),
        limit: 10,
        ..KpiQuery::default()
    };
    let answer = store.query_kpi(&table, Some(&dimension), &query).await.unwrap();
    let rows: Vec<_> = answer.rows.into_iter().map(|(_, row)| row).collect();
    let row = |pupils: Option<&str>, seats: &str| vec![pupils.map(str::to_owned), Some(seats.to_owned())];
    assert_eq!(rows, [row(Some("7"), "5"), row(None, "40")]);
}

/// A reader who does not let go of the table: nothing is half done, and once he is gone it is.
#[tokio::test]
async fn a_table_that_is_read_for_long_is_told_to_be_in_use() {
    let Some(schools) = Schools::new().await else {
        return;
    };
    let reader = schools.database.app();
    let transaction = reader.begin().await.unwrap();
    let read = Statement::new("select count(*)::text from ingestion.schools").within(&transaction);
    reader.execute(&read).await.unwrap();
    assert_eq!(schools.migrate(1, &WIDE).await, Migration::InUse);
    let newest = schools
        .database
        .store()
        .load_spec(SpecKind::Dimension, "schools")
        .await;
    assert_eq!(newest.unwrap().unwrap().version, 1);
    reader.commit(&transaction).await.unwrap();
    assert_eq!(schools.migrate(1, &WIDE).await, Migration::Created(2));
    assert_eq!(schools.rows().await, ["a north - -", "b south - -"]);
}

/// A dataset that takes a column from its dimension goes on to mean that: its event is given no field of the name.
#[tokio::test]
async fn an_event_gets_no_field_that_a_dataset_takes_from_its_dimension() {
    let Some(schools) = Schools::new().await else {
        return;
    };
    let owner = schools.database.owner_store();
    let mut event = visits();
    let fields = "/input/properties/event/items/properties";
    event.pointer_mut(fields).unwrap()["district"] = serde_json::json!({"type": "string"});
    match specs::migrate(&owner, 1, &event).await {
        Err(CompileError::Spec(errors)) => {
            let error = &errors.errors()[0];
            let pointer = format!("{fields}/district");
            assert_eq!(
                (error.pointer.as_str(), error.code.as_str()),
                (pointer.as_str(), "taken_by_dimension")
            );
            let message = "the dataset by_district groups by the field district of the dimension schools";
            assert!(error.message.starts_with(message), "{}", error.message);
        }
        other => panic!("{other:?}"),
    }
    // What nobody takes from the dimension may be called as there.
    schools.migrate(1, &WIDE).await;
    let mut event = visits();
    event.pointer_mut(fields).unwrap()["pupils"] = serde_json::json!({"type": "integer"});
    let migrated = specs::migrate(&owner, 1, &event).await.unwrap();
    assert_eq!(migrated, Migration::Created(2));
}

#[tokio::test]
async fn fields_never_go_and_never_become_harder() {
    let Some(schools) = Schools::new().await else {
        return;
    };
    assert_eq!(schools.migrate(1, &WIDE).await, Migration::Created(2));
    assert_eq!(schools.refused(&NARROW).await, ["field_removed", "field_removed"]);
    let mut must = WIDE;
    must[0] = ("opened_on", "date!");
    assert_eq!(schools.refused(&must).await, ["rule_tightened"]);
    must[0] = ("opened_on", "timestamp");
    assert_eq!(schools.refused(&must).await, ["type_changed"]);
    let columns = "select count(*) from information_schema.columns where table_schema = 'ingestion' \
         and table_name = 'schools'";
    assert_eq!(schools.database.value(columns).await.as_deref(), Some("4"));
}
