//! Specs: created once, compared, listed, served by views under their own names.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::name::Name;
use millrace_store::specs::{CreateSpec, SpecFilter, is_name_conflict};
use millrace_store::{Rows, Sql, Statement, Store, TransactionId, Value};
use millrace_tests::specs;

use super::{Bench, DATASET, in_use, visits, visits_by_school};

fn schools(name: &str) -> serde_json::Value {
    specs::dimension(
        name,
        &["school"],
        &[("school", "string!"), ("district", "string")],
    )
}

#[tokio::test]
async fn a_spec_is_created_once_and_compared_afterwards() {
    let Some(bench) = Bench::bare() else { return };
    for body in [schools("schools"), visits(), visits_by_school()] {
        assert_eq!(specs::create(&bench.owner, &body).await, CreateSpec::Created(1));
        assert_eq!(specs::create(&bench.owner, &body).await, CreateSpec::Identical(1));
    }
    let other = specs::event("visits", &[("day", "date!")]);
    assert_eq!(specs::create(&bench.owner, &other).await, CreateSpec::Taken);
    let other_case = specs::event("Visits", &[("day", "date!"), ("amount", "number")]);
    assert_eq!(specs::create(&bench.owner, &other_case).await, CreateSpec::Taken);
    assert_eq!(bench.count("spec.spec").await, "3");
    assert_eq!(bench.count("ingestion.dataset").await, "1");
    assert_eq!(bench.count("ingestion.dimension").await, "1");
}

#[tokio::test]
async fn two_creators_at_once_make_one_spec() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    let body = visits_by_school();
    let (one, other) = tokio::join!(
        specs::create(&bench.owner, &body),
        specs::create(&bench.owner, &body)
    );
    let mut outcomes = [one, other];
    outcomes.sort_by_key(|outcome| matches!(outcome, CreateSpec::Identical(_)));
    assert_eq!(outcomes, [CreateSpec::Created(1), CreateSpec::Identical(1)]);
    assert_eq!(bench.count("ingestion.dataset").await, "1");
}

#[tokio::test]
async fn a_taken_relation_name_is_a_conflict_and_leaves_nothing() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    specs::create(&bench.owner, &schools("one_name")).await;
    let before = bench.count("pg_class").await;
    // Every table, view, index and sequence of our own where readers' views live, under names that a spec may have, and a
    // view of another spec.
    let relations = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'ingestion' and c.relname !~ ' ' order by 1";
    let relations: Vec<String> = bench
        .database
        .query(relations)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    for expected in [
        "one_name",
        "file",
        "file_tracker",
        "chunk",
        "dataset_by_event",
        "file_pipeline_tracker",
    ] {
        assert!(relations.iter().any(|name| name == expected), "{expected}");
    }
    for name in &relations {
        let mut body = visits_by_school();
        body["dataset_name"] = name.as_str().into();
        body["input"]["properties"]["dataset"]["properties"]["aggregate"]["properties"]["target_table"]["pattern"] =
            format!("ingestion.{name}").into();
        let definition = specs::compile(&bench.owner, &body).await;
        let failure = bench
            .owner
            .create_spec(&definition, &body, "tests")
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{name}: {failure:?}");
        assert!(is_name_conflict(&failure), "{name}");
        assert_eq!(failure.detail.as_deref(), Some("42P07"), "{name}");
    }
    let dimension = schools("chunk");
    let definition = specs::compile(&bench.owner, &dimension).await;
    let failure = bench
        .owner
        .create_spec(&definition, &dimension, "tests")
        .await
        .unwrap_err();
    assert!(is_name_conflict(&failure), "{failure:?}");
    assert_eq!(bench.count("pg_class").await, before);
    assert_eq!(bench.count("spec.spec").await, "2");
}

/// A database in which nobody opens a transaction.
struct WithoutTransactions(Arc<dyn Sql>);

#[async_trait]
impl Sql for WithoutTransactions {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        assert_eq!(statement.transaction, None);
        self.0.execute(statement).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        panic!("a caller who is cut off would leave this transaction open, and its locks held");
    }

    async fn commit(&self, _: &TransactionId) -> Result<(), Failure> {
        panic!("nothing was begun");
    }

    async fn rollback(&self, _: &TransactionId) -> Result<(), Failure> {
        panic!("nothing was begun");
    }
}

#[tokio::test]
async fn whoever_is_cut_off_while_creating_leaves_no_lock_and_nothing_half_done() {
    let Some(bench) = Bench::bare() else { return };
    let owner = Store::new(Arc::new(WithoutTransactions(bench.database.owner())));
    for body in [schools("schools"), visits(), visits_by_school()] {
        assert_eq!(specs::create(&owner, &body).await, CreateSpec::Created(1));
    }
    let locks = "select count(*)::text from pg_locks where locktype = 'advisory' \
         and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(bench.database.value(locks).await.as_deref(), Some("0"));
    // A statement that fails at its very end takes all of it back.
    let before = bench.count("pg_class").await;
    let mut body = visits_by_school();
    body["dataset_name"] = "never".into();
    body["input"]["properties"]["dataset"]["properties"]["aggregate"]["properties"]["target_table"]["pattern"] =
        "ingestion.never".into();
    bench
        .database
        .script("alter table ingestion.dataset add constraint never check (name <> 'never')")
        .await;
    let definition = specs::compile(&owner, &body).await;
    let failure = owner.create_spec(&definition, &body, "tests").await.unwrap_err();
    assert_eq!(failure.detail.as_deref(), Some("23514"));
    assert_eq!(bench.count("pg_class").await, before);
    assert_eq!(bench.count("spec.spec").await, "3");
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let Some(bench) = Bench::new().await else { return };
    for hostile in [
        "visits'; drop table spec.spec; --",
        "x\" or true --",
        "$1",
        ":name",
        "a\\",
        "ü",
    ] {
        assert!(Name::parse(hostile).is_err(), "{hostile}");
        assert_eq!(
            bench.store.load_spec(SpecKind::Event, hostile).await.unwrap(),
            None
        );
        assert!(bench.store.dataset_table(hostile).await.unwrap().is_none());
        assert!(bench.store.dimension_table(hostile).await.unwrap().is_none());
        let insert = Statement::new(
            "insert into spec.spec (kind, name, version, body, definition, created_by) \
             values ('event', cast(:name as text), 1, '{}', '{}', 'x')",
        );
        let refused = bench
            .database
            .owner()
            .execute(&insert.bind("name", hostile))
            .await;
        assert_eq!(refused.unwrap_err().detail.as_deref(), Some("23514"), "{hostile}");
    }
    // Words of SQL are fine names, and quoted they are: as columns, as views, in their own case.
    let select = specs::event(
        "select",
        &[("order", "date!"), ("Group", "string"), ("where", "integer")],
    );
    specs::create(&bench.owner, &select).await;
    let body = specs::dataset(&specs::Dataset {
        name: "Table",
        event: "select",
        group_by: &["Group", "order"],
        functions: &["sum"],
        columns: &["where"],
        ..specs::Dataset::default()
    });
    assert_eq!(specs::create(&bench.owner, &body).await, CreateSpec::Created(1));
    let read = Statement::new(r#"select "Group", "order", sum_where from ingestion."Table""#);
    assert_eq!(
        bench.database.app().execute(&read).await.unwrap().rows,
        Vec::<Vec<Value>>::new()
    );
}

#[tokio::test]
async fn the_app_role_reads_views_and_changes_no_spec() {
    let Some(bench) = Bench::new().await else { return };
    specs::create(&bench.owner, &schools("schools")).await;
    let app = bench.database.app();
    for readable in [
        "select school, district from ingestion.schools",
        "select school, sum_amount, count_amount, min_amount, max_amount, avg_amount from ingestion.visits_by_school",
        "select event_name from spec.event",
        "select dataset_name from spec.dataset",
        "select dimension_name from spec.dimension",
        "select dataset_name, status from ingestion.file_pipeline_tracker",
    ] {
        app.execute(&Statement::new(readable)).await.unwrap();
    }
    for forbidden in [
        "insert into spec.spec select kind, name, 2, body, definition, 'x' from spec.spec",
        "update spec.spec set body = '{}'",
        "delete from spec.spec",
        "create table ingestion.mine (x int)",
        "drop view ingestion.schools",
        "select operations.set_app_password('x')::text",
        "select spec.next_table_no('dataset')",
        "select spec.migrate_spec('event', 'visits', 1, '{}', '{}', 'x', null, '[]')::text",
        "select spec.retire_spec('event', 'visits', 'x')::text",
        "select spec.restore_spec('event', 'visits')::text",
        "insert into spec.retired values ('event', 'visits', 'x')",
        "select spec.create_spec('event', 'x', '{}', '{}', 'x', null, '[]')::text",
        "update operations.migration set checksum = ''",
        "update operations.fence set token = 0",
    ] {
        let failure = app.execute(&Statement::new(forbidden)).await.unwrap_err();
        assert_eq!(
            failure.detail.as_deref(),
            Some("42501"),
            "{forbidden}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn specs_are_listed_by_name_and_page() {
    let Some(bench) = Bench::bare() else { return };
    for name in ["b", "a", "C", "d"] {
        specs::create(&bench.owner, &specs::event(name, &[("day", "date!")])).await;
    }
    let names = async |after: Option<&str>, limit| {
        let filter = SpecFilter {
            after,
            limit,
            ..in_use(SpecKind::Event)
        };
        let specs = bench.store.list_specs(&filter).await.unwrap();
        specs.into_iter().map(|spec| spec.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 2).await, ["C", "a"]);
    assert_eq!(names(Some("a"), 2).await, ["b", "d"]);
    assert_eq!(names(Some("d"), 2).await, Vec::<String>::new());
    assert!(
        bench
            .store
            .list_specs(&in_use(SpecKind::Dataset))
            .await
            .unwrap()
            .is_empty()
    );
    let spec = bench
        .store
        .load_spec(SpecKind::Event, "a")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((spec.version, spec.created_by.as_str()), (1, "tests"));
    assert_eq!(spec.body, specs::event("a", &[("day", "date!")]));
}

#[tokio::test]
async fn definitions_come_back_as_they_were_compiled() {
    let Some(bench) = Bench::bare() else { return };
    let dimension = specs::create(&bench.owner, &schools("schools")).await;
    assert_eq!(dimension, CreateSpec::Created(1));
    specs::create(&bench.owner, &visits()).await;
    specs::create(&bench.owner, &visits_by_school()).await;
    let event: EventDefinition = bench
        .store
        .load_definition(SpecKind::Event, "visits", Some(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(event.fields.len(), 4);
    let none: Option<EventDefinition> = bench
        .store
        .load_definition(SpecKind::Event, "visits", Some(2))
        .await
        .unwrap();
    assert_eq!(none, None);
    let dimensions: Vec<DimensionDefinition> = bench
        .store
        .list_definitions(SpecKind::Dimension, &["schools", "nothing"])
        .await
        .unwrap();
    assert_eq!(dimensions[0].key, [Name::parse("school").unwrap()]);
    let datasets: Vec<DatasetDefinition> = bench
        .store
        .list_definitions(SpecKind::Dataset, &[DATASET])
        .await
        .unwrap();
    let (cells, version) = bench.store.dataset_table(DATASET).await.unwrap().unwrap();
    assert_eq!((&cells.definition, version), (&datasets[0], 0));
    let table = bench.store.dimension_table("schools").await.unwrap().unwrap();
    assert_eq!(table.definition, dimensions[0]);
}
