//! Further versions of specs: what they add, what is refused, and one for however many callers.

use millrace_app::life::{Migration, compare_versions};
use millrace_core::definition::{DatasetDefinition, SpecKind};
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_tests::{Road, specs};
use serde_json::{Value, json};

use super::{Bench, DATASET, visits, visits_by_school};

fn more_visits() -> Value {
    let mut body = visits();
    body["input"]["properties"]["event"]["items"]["properties"]["channel"] = json!({"type": "string"});
    body
}

async fn migrated(bench: &Bench, replaces: u32, body: &Value) -> Migration {
    specs::migrate(&bench.owner, replaces, body).await.unwrap()
}

fn codes(migration: Migration) -> Vec<&'static str> {
    match migration {
        Migration::NotAdditive(differences) => {
            let codes = differences.iter().map(|difference| difference.meaning.code());
            codes.collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_version_follows_the_one_that_is_named_and_a_repeat_makes_none() {
    let Some(bench) = Bench::new().await else { return };
    assert_eq!(migrated(&bench, 1, &visits()).await, Migration::Identical(1));
    assert_eq!(migrated(&bench, 1, &more_visits()).await, Migration::Created(2));
    // Whoever lost the answer asks again with the version that he knew.
    assert_eq!(migrated(&bench, 1, &more_visits()).await, Migration::Identical(2));
    assert_eq!(migrated(&bench, 2, &more_visits()).await, Migration::Identical(2));
    let mut third = more_visits();
    third["csv"] = json!({"delimiter": ";"});
    assert_eq!(migrated(&bench, 1, &third).await, Migration::Stale(2));
    assert_eq!(codes(migrated(&bench, 2, &visits()).await), ["field_removed"]);
    assert_eq!(migrated(&bench, 2, &third).await, Migration::Created(3));
    let unknown = specs::event("nobody", &[("day", "date!")]);
    assert_eq!(migrated(&bench, 1, &unknown).await, Migration::NoSpec);
}

#[tokio::test]
async fn every_version_stays_readable_and_files_follow_the_newest() {
    let Some(bench) = Bench::new().await else { return };
    let mut third = more_visits();
    third["csv"] = json!({"delimiter": ";"});
    migrated(&bench, 1, &more_visits()).await;
    migrated(&bench, 2, &third).await;
    let store = &bench.store;
    for (version, body) in [(Some(1), visits()), (Some(2), more_visits()), (None, third)] {
        let read = store
            .load_spec_version(SpecKind::Event, "visits", version)
            .await
            .unwrap();
        let read = read.unwrap();
        assert_eq!((read.version, &read.body), (version.unwrap_or(3), &body));
    }
    let none = store
        .load_spec_version(SpecKind::Event, "visits", Some(4))
        .await
        .unwrap();
    assert_eq!(none, None);
    let versions = async |after, limit| {
        let versions = store
            .list_spec_versions(SpecKind::Event, "visits", after, limit)
            .await;
        let versions = versions.unwrap().into_iter().map(|one| one.version);
        versions.collect::<Vec<_>>()
    };
    assert_eq!(versions(0, 2).await, [1, 2]);
    assert_eq!(versions(2, 2).await, [3]);
    let name = Name::parse("visits").unwrap();
    let compared = compare_versions(store, SpecKind::Event, &name, (1, 3))
        .await
        .unwrap()
        .unwrap();
    let found: Vec<&str> = compared
        .differences
        .iter()
        .map(|one| one.meaning.code())
        .collect();
    assert_eq!(
        (found, compared.is_additive()),
        (vec!["field_added", "format_changed"], true)
    );
    let back = compare_versions(store, SpecKind::Event, &name, (3, 1))
        .await
        .unwrap()
        .unwrap();
    assert!(!back.is_additive());
    let none = compare_versions(store, SpecKind::Event, &name, (1, 4))
        .await
        .unwrap();
    assert_eq!(none, None);
    // The list shows one spec, and files that come are checked against its newest version.
    let listed = store.list_specs(&super::in_use(SpecKind::Event)).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.version).collect::<Vec<_>>(), [3]);
    let file = bench.created("new.csv", Mode::New).await;
    assert_eq!(store.load_file(file).await.unwrap().unwrap().spec_version, 3);
}

#[tokio::test]
async fn callers_at_once_make_one_version() {
    let Some(bench) = Bench::new().await else { return };
    let (one, mut other) = (more_visits(), more_visits());
    let (first, second) = tokio::join!(migrated(&bench, 1, &one), migrated(&bench, 1, &one));
    let mut outcomes = [first, second];
    outcomes.sort_by_key(|outcome| matches!(outcome, Migration::Identical(_)));
    assert_eq!(outcomes, [Migration::Created(2), Migration::Identical(2)]);
    let mut another = other.clone();
    other["csv"] = json!({"delimiter": ";"});
    another["csv"] = json!({"delimiter": "|"});
    let (first, second) = tokio::join!(migrated(&bench, 2, &other), migrated(&bench, 2, &another));
    let mut outcomes = [first, second];
    outcomes.sort_by_key(|outcome| matches!(outcome, Migration::Stale(_)));
    assert_eq!(outcomes, [Migration::Created(3), Migration::Stale(3)]);
    assert_eq!(bench.count("spec.spec where kind = 'event'").await, "3");
}

/// The dataset with these functions of the amount.
fn of(functions: &[&str]) -> Value {
    let mut body = specs::dataset(&specs::Dataset {
        name: DATASET,
        event: "visits",
        group_by: &["school"],
        functions,
        columns: &["amount"],
        ..specs::Dataset::default()
    });
    body["catalogue"] = json!({"indicator": "visits"});
    body
}

/// A dataset that counts the groups of that one.
fn upper() -> Value {
    let mut upper = specs::dataset(&specs::Dataset {
        name: "upper",
        group_by: &["school"],
        functions: &["count"],
        columns: &["sum_amount"],
        ..specs::Dataset::default()
    });
    upper.as_object_mut().unwrap().remove("event_name");
    let columns = "/input/properties/dataset/properties/aggregate/properties/columns/items/properties";
    upper.pointer_mut(columns).unwrap()["table"] =
        json!({"type": "string", "pattern": format!("ingestion.{DATASET}")});
    upper
}

#[tokio::test]
async fn a_dataset_serves_more_of_its_cells_and_those_that_read_it_go_on() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    specs::create(&bench.owner, &of(&["sum"])).await;
    specs::create(&bench.owner, &upper()).await;
    let road = Road::new(bench.database.app());
    let csv = "day,school,amount,seats\n2023-01-08,a,1.5,1\n2023-01-09,a,2,1\n";
    road.load((SpecKind::Event, "visits"), "v.csv", Mode::New, csv)
        .await;

    assert_eq!(
        migrated(&bench, 1, &of(&["avg", "count", "sum"])).await,
        Migration::Created(2)
    );
    let view = "select concat_ws(' ', sum_amount, avg_amount, count_amount) from ingestion.visits_by_school";
    assert_eq!(bench.database.value(view).await.as_deref(), Some("3.5 1.75 2"));
    let upper = "select count_sum_amount from ingestion.upper";
    assert_eq!(bench.database.value(upper).await.as_deref(), Some("1"));
    let stored: Option<DatasetDefinition> = bench
        .store
        .load_definition(SpecKind::Dataset, DATASET, None)
        .await
        .unwrap();
    assert_eq!(stored.unwrap().outputs[0].name.as_str(), "sum_amount");
    // The cells are the same ones, so the file need not be read again, and another one adds to them.
    assert_eq!(bench.count("ingestion.contribution").await, "1");
    let more = "day,school,amount,seats\n2023-01-10,a,2.5,1\n";
    road.load((SpecKind::Event, "visits"), "w.csv", Mode::New, more)
        .await;
    assert_eq!(bench.database.value(view).await.as_deref(), Some("6 2 3"));

    let with_least = of(&["avg", "count", "sum", "min"]);
    assert_eq!(codes(migrated(&bench, 2, &with_least).await)[0], "cells_changed");
    assert_eq!(
        codes(migrated(&bench, 2, &of(&["sum"])).await),
        ["output_removed", "output_removed"]
    );
    let mut named = of(&["avg", "count", "sum"]);
    named["catalogue"] = json!({"indicator": "visits of schools", "levels": ["school"]});
    assert_eq!(migrated(&bench, 2, &named).await, Migration::Created(3));
    assert_eq!(
        codes(migrated(&bench, 3, &visits_by_school()).await)[0],
        "cells_changed"
    );
}

/// A name of another spec in a body does not move a version there.
#[tokio::test]
async fn a_body_of_another_name_is_refused() {
    let Some(bench) = Bench::new().await else { return };
    let mut other = visits();
    other["event_name"] = json!("trips");
    specs::create(&bench.owner, &other).await;
    let queues = millrace_tests::MemoryQueues::default();
    let ports = millrace_app::create::SpecPorts {
        store: &bench.store,
        owner_store: &bench.owner,
        sender: &queues,
        reminder_delay_seconds: 60,
    };
    let name = Name::parse("visits").unwrap();
    let target = (SpecKind::Event, &name);
    let refused = millrace_app::life::migrate_spec(ports, target, 1, &other, "tests").await;
    let errors = match refused {
        Err(millrace_app::compile::CompileError::Spec(errors)) => errors.into_errors(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (errors[0].pointer.as_str(), errors[0].code.as_str()),
        ("/event_name", "wrong_name")
    );
}
