//! Retired specs: what they refuse, what stays, and those who come at the same moment.

use millrace_app::compile::{CompileError, compile_spec};
use millrace_app::life::Migration;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::RunId;
use millrace_core::name::Name;
use millrace_store::files::BeginVersion;
use millrace_store::sources::{BeginRun, NewRun};
use millrace_store::specs::{CreateSpec, RestoreSpec, RetireSpec, SpecFilter, SpecNeed};
use millrace_store::{Rows, Statement, Value};
use millrace_tests::specs;
use serde_json::json;

use super::{Bench, DATASET, in_use, visits, visits_by_school};

const DATASET_SPEC: (SpecKind, &str) = (SpecKind::Dataset, DATASET);
const VISITS: (SpecKind, &str) = (SpecKind::Event, "visits");

async fn retire(bench: &Bench, (kind, name): (SpecKind, &str)) -> RetireSpec {
    bench.owner.retire_spec(kind, name, "tests").await.unwrap()
}

async fn restore(bench: &Bench, (kind, name): (SpecKind, &str)) -> RestoreSpec {
    bench.owner.restore_spec(kind, name).await.unwrap()
}

fn need((kind, name): (SpecKind, &str), is_retired: bool) -> SpecNeed {
    SpecNeed {
        kind,
        name: name.to_owned(),
        is_retired,
    }
}

#[tokio::test]
async fn a_spec_is_retired_after_those_that_need_it_and_comes_back_before_them() {
    let Some(bench) = Bench::new().await else { return };
    let source = specs::source("feed", "https://data.example/", "visits");
    specs::create(&bench.owner, &source).await;
    let feed = (SpecKind::Source, "feed");
    let dependants = vec![need(DATASET_SPEC, false), need(feed, false)];
    assert_eq!(
        retire(&bench, VISITS).await,
        RetireSpec::Needed {
            dependants: dependants.clone()
        }
    );
    let list = async |after, limit| {
        let found = bench
            .store
            .list_dependants(SpecKind::Event, "visits", after, limit)
            .await;
        found.unwrap()
    };
    assert_eq!(list(None, 10).await, dependants);
    assert_eq!(list(Some(("dataset", DATASET)), 1).await, [need(feed, false)]);
    assert_eq!(list(Some(("source", "feed")), 1).await, []);

    for spec in [DATASET_SPEC, feed, VISITS, VISITS] {
        assert_eq!(retire(&bench, spec).await, RetireSpec::Retired);
    }
    assert_eq!(list(None, 10).await, [need(DATASET_SPEC, true), need(feed, true)]);
    assert_eq!(
        retire(&bench, (SpecKind::Event, "nobody")).await,
        RetireSpec::NoSpec
    );
    for kind in [SpecKind::Event, SpecKind::Dataset, SpecKind::Source] {
        assert!(bench.store.list_specs(&in_use(kind)).await.unwrap().is_empty());
        let filter = SpecFilter {
            with_retired: true,
            ..in_use(kind)
        };
        let listed = bench.store.list_specs(&filter).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].retired_at.is_some());
    }
    let read = bench
        .store
        .load_spec(SpecKind::Event, "visits")
        .await
        .unwrap()
        .unwrap();
    assert!(read.retired_at.is_some());

    let needs = vec![need(VISITS, true)];
    assert_eq!(
        restore(&bench, DATASET_SPEC).await,
        RestoreSpec::NeedsRetired { needs }
    );
    for spec in [VISITS, DATASET_SPEC, DATASET_SPEC, feed] {
        assert_eq!(restore(&bench, spec).await, RestoreSpec::Restored);
    }
    assert_eq!(
        restore(&bench, (SpecKind::Event, "nobody")).await,
        RestoreSpec::NoSpec
    );
    assert_eq!(bench.count("spec.retired").await, "0");
    assert_eq!(list(None, 10).await, dependants);
}

#[tokio::test]
async fn a_retired_spec_takes_nothing_new_and_keeps_what_it_has() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let under_way = bench.created("b.csv", Mode::New).await;
    bench.apply(file, "[\"s\"]", 5).await;
    for spec in [DATASET_SPEC, VISITS] {
        assert_eq!(retire(&bench, spec).await, RetireSpec::Retired);
    }
    for mode in [Mode::New, Mode::Replace] {
        assert_eq!(bench.begin("a.csv", mode).await, BeginVersion::Retired);
        assert_eq!(bench.begin("c.csv", mode).await, BeginVersion::Retired);
    }
    let mut by_id = super::version("a.csv", Mode::Replace);
    by_id.file_id = Some(file.file_id);
    assert_eq!(
        bench.store.begin_version(&by_id).await.unwrap(),
        BeginVersion::Retired
    );
    // What was registered before goes on, readers read, and a file can be taken back.
    bench.finish(under_way, "2").await;
    assert_eq!(bench.cells().await.len(), 1);
    let view = "select sum_amount from ingestion.visits_by_school";
    assert_eq!(bench.database.value(view).await.as_deref(), Some("5"));
    assert!(matches!(
        bench.begin("a.csv", Mode::Delete).await,
        BeginVersion::Created(_)
    ));
    restore(&bench, VISITS).await;
    assert!(matches!(
        bench.begin("c.csv", Mode::New).await,
        BeginVersion::Created(_)
    ));
}

#[tokio::test]
async fn nothing_is_made_of_a_retired_spec_and_its_name_stays() {
    let Some(bench) = Bench::new().await else { return };
    for spec in [DATASET_SPEC, VISITS] {
        assert_eq!(retire(&bench, spec).await, RetireSpec::Retired);
    }
    assert_eq!(specs::create(&bench.owner, &visits()).await, CreateSpec::Retired);
    let other = specs::event("Visits", &[("day", "date!")]);
    assert_eq!(specs::create(&bench.owner, &other).await, CreateSpec::Taken);
    let mut more = visits();
    more["csv"] = json!({"delimiter": ";"});
    let migrated = specs::migrate(&bench.owner, 1, &more).await.unwrap();
    assert_eq!(migrated, Migration::Retired);
    let mut sibling = visits_by_school();
    sibling["dataset_name"] = json!("sibling");
    let aggregate = "/input/properties/dataset/properties/aggregate/properties/target_table/pattern";
    *sibling.pointer_mut(aggregate).unwrap() = json!("ingestion.sibling");
    let source = specs::source("feed", "https://data.example/", "visits");
    for (kind, body, pointer) in [
        (SpecKind::Dataset, sibling.clone(), "/event_name"),
        (SpecKind::Source, source, "/target/ingestion_name"),
    ] {
        match compile_spec(&bench.owner, kind, &body).await {
            Err(CompileError::Spec(errors)) => {
                let error = &errors.errors()[0];
                assert_eq!(
                    (error.pointer.as_str(), error.code.as_str()),
                    (pointer, "retired_spec")
                );
            }
            other => panic!("{other:?}"),
        }
    }
    // An event that the body does not name is not looked for among the retired ones.
    sibling.as_object_mut().unwrap().remove("event_name");
    match compile_spec(&bench.owner, SpecKind::Dataset, &sibling).await {
        Err(CompileError::Spec(errors)) => assert_ne!(errors.errors()[0].code, "retired_spec"),
        other => panic!("{other:?}"),
    }
    restore(&bench, VISITS).await;
    assert!(matches!(
        bench.begin("c.csv", Mode::New).await,
        BeginVersion::Created(_)
    ));
}

/// A replay answers what was done, whatever has become of the spec.
#[tokio::test]
async fn an_idempotency_key_outlives_the_spec() {
    let Some(bench) = Bench::new().await else { return };
    let mut keyed = super::version("a.csv", Mode::New);
    keyed.idempotency = Some(("key", "request"));
    let first = bench.store.begin_version(&keyed).await.unwrap();
    for spec in [DATASET_SPEC, VISITS] {
        retire(&bench, spec).await;
    }
    let again = bench.store.begin_version(&keyed).await.unwrap();
    match (first, again) {
        (BeginVersion::Created(first), BeginVersion::Replayed(again)) => assert_eq!(first.file, again.file),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_source_is_retired_once_its_runs_are_over_and_begins_none_after() {
    let Some(bench) = Bench::new().await else { return };
    let source = specs::source("feed", "https://data.example/", "visits");
    specs::create(&bench.owner, &source).await;
    let (feed, name) = ((SpecKind::Source, "feed"), Name::parse("feed").unwrap());
    let begin = async |number: u8| {
        let new = NewRun {
            run_id: RunId::from_time_and_random(1_700_000_000_000, [number; 10]),
            source: &name,
            is_scheduled: false,
            client_id: "tests",
            idempotency: None,
        };
        bench.store.begin_run(&new).await.unwrap()
    };
    assert!(matches!(begin(1).await, BeginRun::Created { .. }));
    assert_eq!(retire(&bench, feed).await, RetireSpec::AtWork);
    bench
        .database
        .script("update operations.run set state = 'completed', finished_at = now()")
        .await;
    assert_eq!(
        bench.store.list_source_names().await.unwrap(),
        [Name::parse("feed").unwrap()]
    );
    assert_eq!(retire(&bench, feed).await, RetireSpec::Retired);
    assert_eq!(begin(2).await, BeginRun::Retired);
    assert_eq!(bench.store.list_source_names().await.unwrap(), []);
    assert_eq!(bench.count("operations.run").await, "1");
}

#[tokio::test]
async fn retiring_waits_for_whoever_begins_to_need_the_spec() {
    let Some(bench) = Bench::new().await else { return };
    let sql = bench.database.owner();
    let transaction = sql.begin().await.unwrap();
    let create = "select spec.create_spec('source', 'feed', '{}', '{}', 'tests', null, '[]', \
         '[[\"event\", \"visits\"]]')::text";
    sql.execute(&Statement::new(create).within(&transaction))
        .await
        .unwrap();
    retire(&bench, DATASET_SPEC).await;
    let finish = async {
        bench.until_somebody_waits().await;
        sql.commit(&transaction).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(retire(&bench, VISITS), finish);
    let dependants = vec![need((SpecKind::Source, "feed"), false)];
    assert_eq!(outcome, RetireSpec::Needed { dependants });
    assert_eq!(bench.count("spec.retired").await, "1");
}

#[tokio::test]
async fn whoever_begins_to_need_a_spec_waits_for_its_retirement_and_is_refused() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    let definition = specs::compile(&bench.owner, &visits_by_school()).await;
    let before = bench.count("pg_class").await;
    let sql = bench.database.owner();
    let retire = "select spec.retire_spec('event', 'visits', 'tests')::text";
    for is_kept in [false, true] {
        let transaction = sql.begin().await.unwrap();
        let retired = sql
            .execute(&Statement::new(retire).within(&transaction))
            .await
            .unwrap();
        let expected = Rows {
            rows: vec![vec![Value::from(r#"{"outcome": "retired"}"#)]],
        };
        assert_eq!(retired, expected);
        let finish = async {
            bench.until_somebody_waits().await;
            match is_kept {
                true => sql.commit(&transaction).await.unwrap(),
                false => sql.rollback(&transaction).await.unwrap(),
            }
        };
        let body = visits_by_school();
        let (created, ()) = tokio::join!(bench.owner.create_spec(&definition, &body, "tests"), finish);
        let expected = match is_kept {
            true => CreateSpec::NeedsRetired,
            false => CreateSpec::Created(1),
        };
        assert_eq!(created.unwrap(), expected);
        if !is_kept {
            // Away with it, for the other round.
            bench
                .database
                .script(
                    "drop view ingestion.visits_by_school; drop table stored.cells_1; delete from spec.dependency; \
                     delete from spec.spec where kind = 'dataset'; delete from ingestion.dataset",
                )
                .await;
        }
    }
    assert_eq!(bench.count("pg_class").await, before);
    assert_eq!(bench.count("spec.spec").await, "1");
    assert_eq!(bench.count("spec.dependency").await, "0");
}

/// A spec that comes back and one that it needs that goes.
#[tokio::test]
async fn coming_back_waits_for_a_retirement_below() {
    let Some(bench) = Bench::new().await else { return };
    retire(&bench, DATASET_SPEC).await;
    let sql = bench.database.owner();
    let transaction = sql.begin().await.unwrap();
    let retire = "select spec.retire_spec('event', 'visits', 'tests')::text";
    sql.execute(&Statement::new(retire).within(&transaction))
        .await
        .unwrap();
    let finish = async {
        bench.until_somebody_waits().await;
        sql.commit(&transaction).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(restore(&bench, DATASET_SPEC), finish);
    let needs = vec![need(VISITS, true)];
    assert_eq!(outcome, RestoreSpec::NeedsRetired { needs });
    assert_eq!(bench.count("spec.retired").await, "2");
}
