//! What is computed from ready rows, and later versions of their specs.

use millrace_app::compile::{CompileError, compile_spec};
use millrace_app::figures::read_figures;
use millrace_app::life::Migration;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::documents::DocumentQuery;
use millrace_store::files::BeginVersion;
use millrace_store::specs::RetireSpec;
use millrace_tests::specs;
use serde_json::{Value, json};

use super::{FIELDS, REVIEWS, Reviews, all};

/// Nobody could hold their files: they are taken in when they come.
#[tokio::test]
async fn pipelines_refuse_what_has_ready_rows_alone() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    specs::create(&reviews.database.owner_store(), &meetings()).await;
    for runs in ["on_arrival", "on_request"] {
        for dataset in ["reviews", "meetings"] {
            let body = json!({"ingestion_type": "pipeline", "pipeline_name": "p", "pipeline_type": "ingest_to_db",
                "runs": runs, "pipeline": [{"dataset_name": dataset}]});
            let refused = compile_spec(&reviews.store, SpecKind::Pipeline, &body).await;
            let CompileError::Spec(errors) = refused.unwrap_err() else {
                panic!("{dataset} is refused for what it is");
            };
            let errors = errors.into_errors();
            let found: Vec<_> = errors
                .iter()
                .map(|error| (error.pointer.as_str(), error.code.as_str()))
                .collect();
            assert_eq!(
                found,
                [("/pipeline/0/dataset_name", "ready_rows")],
                "{dataset} {runs}"
            );
        }
    }
}

/// The number of meetings held by cluster, computed from the ready rows.
fn meetings() -> Value {
    let mut body = specs::dataset(&specs::Dataset {
        name: "meetings",
        group_by: &["cluster"],
        functions: &["count", "max"],
        columns: &["cluster"],
        ..specs::Dataset::default()
    });
    body.as_object_mut().unwrap().shift_remove("event_name");
    let columns = "/input/properties/dataset/properties/aggregate/properties/columns/items/properties";
    body.pointer_mut(columns).unwrap()["table"] = json!({"type": "string", "pattern": "ingestion.reviews"});
    body
}

#[tokio::test]
async fn datasets_are_computed_from_ready_rows_and_need_them() {
    let Some(reviews) = Reviews::new(&[]).await else {
        return;
    };
    let owner = reviews.database.owner_store();
    specs::create(&owner, &meetings()).await;
    reviews
        .load(
            "a.csv",
            Mode::New,
            "2023-01-08,1,yes\n2023-01-09,1,no\n2023-01-08,2,yes\n",
        )
        .await;
    let figures = "select concat_ws(' ', cluster, count_cluster) from ingestion.meetings order by cluster";
    let told: Vec<String> = reviews
        .database
        .query(figures)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(told, ["1 2", "2 1"]);
    let (_, version) = reviews.store.dataset_table("meetings").await.unwrap().unwrap();
    assert_eq!(version, 1, "the version of what it is computed from");
    let sources = reviews
        .store
        .dataset_sources(&Name::parse("meetings").unwrap())
        .await;
    let sources = sources.unwrap().unwrap();
    assert_eq!(
        (sources.versions[0].kind.as_str(), sources.versions[0].files),
        ("dataset", 1)
    );
    // Files are those of the ready rows alone.
    let begun = reviews
        .road
        .begin((SpecKind::Dataset, "meetings"), "a.csv", Mode::New)
        .await;
    assert_eq!(begun.unwrap(), BeginVersion::Computed);
    let begun = reviews
        .road
        .begin((SpecKind::Dataset, "nothing"), "a.csv", Mode::New)
        .await;
    assert_eq!(begun.unwrap(), BeginVersion::NoSpec);
    let retired = owner
        .retire_spec(SpecKind::Dataset, "reviews", "tests")
        .await
        .unwrap();
    assert!(matches!(retired, RetireSpec::Needed { dependants } if dependants[0].name == "meetings"));
    owner
        .retire_spec(SpecKind::Dataset, "meetings", "tests")
        .await
        .unwrap();
    let retired = owner
        .retire_spec(SpecKind::Dataset, "reviews", "tests")
        .await
        .unwrap();
    assert_eq!(retired, RetireSpec::Retired);
    let begun = reviews.road.begin(REVIEWS, "b.csv", Mode::New).await;
    assert_eq!(begun.unwrap(), BeginVersion::Retired);
}

#[tokio::test]
async fn a_later_version_adds_columns_behind_those_that_are_there() {
    let Some(reviews) = Reviews::new(&["cluster"]).await else {
        return;
    };
    let owner = reviews.database.owner_store();
    reviews.load("a.csv", Mode::New, "2023-01-08,1,yes\n").await;
    let wider = |key: &[&str]| {
        let fields = [("place", "string"), FIELDS[0], FIELDS[1], FIELDS[2]];
        specs::rows("reviews", key, &fields)
    };
    let refused = specs::migrate(&owner, 1, &wider(&["day"])).await.unwrap();
    assert!(matches!(refused, Migration::NotAdditive(_)), "{refused:?}");
    let made = specs::migrate(&owner, 1, &wider(&["cluster"])).await.unwrap();
    assert_eq!(made, Migration::Created(2));
    let csv = "place,day,cluster,held\nnorth,2023-01-09,2,no\n";
    reviews.road.load(REVIEWS, "b.csv", Mode::New, csv).await;
    let mut rows = reviews.page(all()).await;
    rows.sort();
    assert_eq!(rows, ["2023-01-08 1 yes -", "2023-01-09 2 no north"]);
}

#[tokio::test]
async fn a_document_shows_ready_rows_without_a_chart() {
    let Some(reviews) = Reviews::new(&["cluster"]).await else {
        return;
    };
    reviews
        .load("a.csv", Mode::New, "2023-01-08,1,yes\n2023-01-09,2,no\n")
        .await;
    let name = |text: &str| Name::parse(text).unwrap();
    let query = DocumentQuery {
        dataset: name("reviews"),
        group_by: FIELDS.iter().map(|(field, _)| name(field)).collect(),
        grain: None,
        filters: Vec::new(),
        from: Some("2023-01-09".to_owned()),
        to: None,
        measures: None,
    };
    let figures = read_figures(&reviews.store, &query).await.unwrap();
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(figures.rows, [[cell("2023-01-09"), cell("2"), cell("no")]]);
    assert_eq!(figures.chart, None);
    assert_eq!(figures.sources.versions[0].version, 1);
}
