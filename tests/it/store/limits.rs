//! What the Data API's limits mean for the store: nothing that grows with files or fields may hit them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_core::definition::{DatasetDefinition, EventDefinition, SpecKind};
use millrace_core::facts::{FileStatus, Mode, status};
use millrace_core::failure::Failure;
use millrace_core::name::Name;
use millrace_spec::MAX_DIMENSION_FIELDS;
use millrace_store::files::FileFilter;
use millrace_store::{Rows, Sql, Statement, Store, TransactionId, Value};
use millrace_tests::{Random, Road, specs};

use super::{Bench, DATASET};

#[tokio::test]
async fn extremes_are_looked_up_among_thousands_of_files() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    bench
        .database
        .script(
            "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name) \
             select gen_random_uuid(), 'event', 'visits', n::text from generate_series(1, 6000) as n; \
             insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
                file_name, mode, created_by) \
             select file_id, 1, 'event', 'visits', 1, file_name, 'new', 'x' from ingestion.file \
                where file_name ~ '^[0-9]+$'; \
             insert into ingestion.contribution (target_kind, target, file_id, version, state, is_current, \
                partial_key, first_key, last_key) \
             select 'dataset', 'visits_by_school', file_id, 1, 'applied', true, \
                'partials/visits_by_school/' || file_id || '/1.mrd', '[\"a\"]', '[\"' || repeat('z', 100) || '\"]' \
                from ingestion.file where file_name ~ '^[0-9]+$'",
        )
        .await;
    let dataset = Name::parse(DATASET).unwrap();
    let others = bench
        .store
        .list_other_partials(file, &dataset, r#"["b"]"#, r#"["c"]"#)
        .await
        .unwrap();
    let mut keys: Vec<String> = others
        .partials
        .into_iter()
        .map(|other| other.partial_key)
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), others.dataset_version), (6000, 0));
}

#[tokio::test]
async fn many_messages_that_wait_for_a_dataset_are_listed() {
    let Some(bench) = Bench::new().await else { return };
    bench
        .database
        .script(
            "insert into operations.outbox (file_id, version, queue, body) \
             select gen_random_uuid(), 1, 'perf', jsonb_build_object('v', 1, 'kind', 'aggregate', 'file_id', \
                gen_random_uuid(), 'version', n, 'dataset', repeat('d', 63)) from generate_series(1, 3000) as n",
        )
        .await;
    let dataset = Name::parse(&"d".repeat(63)).unwrap();
    let found = bench.store.list_outbox_of_dataset(&dataset, 2_000).await.unwrap();
    assert_eq!(found.len(), 2_000);
}

#[tokio::test]
async fn a_page_of_files_fits_an_answer() {
    let Some(bench) = Bench::new().await else { return };
    bench
        .database
        .script(
            "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name) \
             select gen_random_uuid(), 'event', 'visits', repeat('n', 190) || n from generate_series(1, 300) as n; \
             insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
                file_name, mode, created_by) \
             select file_id, 1, 'event', 'visits', 1, file_name, 'new', 'x' from ingestion.file",
        )
        .await;
    let filter = FileFilter {
        limit: 200,
        open_only: true,
        ..FileFilter::default()
    };
    assert_eq!(bench.store.list_files(&filter).await.unwrap().len(), 200);
}

/// The widest dimension, each cell as large as what stays inside of a row, and of bytes that do not compress.
#[tokio::test]
async fn the_widest_dimension_holds_a_row_of_anything() {
    let Some(bench) = Bench::bare() else { return };
    let names: Vec<String> = (0..MAX_DIMENSION_FIELDS)
        .map(|number| format!("f{number}"))
        .collect();
    let mut random = Random::new(7);
    let road = Road::new(bench.database.app());
    for (kind, length) in [("string", 22), ("string", 150), ("number", 28), ("integer", 18)] {
        let spec = format!("wide_{kind}_{length}");
        let mut fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), kind)).collect();
        fields[0].1 = "string!";
        specs::create(&bench.owner, &specs::dimension(&spec, &["f0"], &fields)).await;
        let mut cell = || -> String {
            let letters = match kind {
                "string" => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                _ => "123456789",
            };
            let letters: Vec<char> = letters.chars().collect();
            let mut text: String = (0..length).map(|_| *random.one_of(&letters)).collect();
            if kind == "number" {
                text.insert(11, '.');
            }
            text
        };
        let row: Vec<String> = (0..MAX_DIMENSION_FIELDS).map(|_| cell()).collect();
        let csv = format!("{}\n{}\n", names.join(","), row.join(","));
        let file = road
            .load((SpecKind::Dimension, &spec), "a.csv", Mode::New, &csv)
            .await;
        assert_eq!(
            status(&file.facts),
            FileStatus::ReadyToArchive,
            "{spec}: {:?}",
            file.facts
        );
        let table = bench.store.dimension_table(&spec).await.unwrap().unwrap();
        let rows = bench
            .store
            .list_dimension_rows(&table, None, 2)
            .await
            .unwrap()
            .rows;
        let shown: Vec<String> = rows[0]
            .1
            .iter()
            .map(|cell| cell.clone().unwrap_or_default())
            .collect();
        assert_eq!(shown, row, "{spec}");
    }
}

/// The widest cells: as many keys and figures as a dataset may have, each as large as it can be.
#[tokio::test]
async fn the_widest_dataset_holds_figures_of_any_size() {
    let Some(bench) = Bench::bare() else { return };
    let keys: Vec<String> = (0..16).map(|number| format!("k{number}")).collect();
    let numbers: Vec<String> = (0..90).map(|number| format!("n{number}")).collect();
    let mut fields: Vec<(&str, &str)> = keys.iter().map(|name| (name.as_str(), "string")).collect();
    fields.extend(numbers.iter().map(|name| (name.as_str(), "number")));
    specs::create(&bench.owner, &specs::event("wide", &fields)).await;
    let dataset = specs::dataset(&specs::Dataset {
        name: "of_wide",
        event: "wide",
        group_by: &keys.iter().map(String::as_str).collect::<Vec<_>>(),
        functions: &["sum", "min", "max"],
        columns: &numbers.iter().map(String::as_str).collect::<Vec<_>>(),
        ..specs::Dataset::default()
    });
    specs::create(&bench.owner, &dataset).await;
    let key: Vec<String> = (0..16)
        .map(|number| format!("{number:02}{}", "abcdefghijklmnopqrst"))
        .collect();
    let row = |digit: &str| {
        let figures = vec![format!("{}.{}", digit.repeat(10), digit.repeat(18)); 90];
        format!("{},{}\n", key.join(","), figures.join(","))
    };
    let csv = format!(
        "{},{}\n{}{}",
        keys.join(","),
        numbers.join(","),
        row("9"),
        row("8")
    );
    let road = Road::new(bench.database.app());
    let file = road
        .load((SpecKind::Event, "wide"), "a.csv", Mode::New, &csv)
        .await;
    assert_eq!(
        status(&file.facts),
        FileStatus::ReadyToArchive,
        "{:?}",
        file.facts
    );
    let sums = bench
        .database
        .value("select m90_sum::text from stored.cells_1")
        .await;
    assert_eq!(sums.as_deref(), Some("18888888888.888888888888888887"));
}

#[tokio::test]
async fn a_spec_with_the_most_fields_is_read_back() {
    let Some(bench) = Bench::bare() else { return };
    let names: Vec<String> = (0..2_000)
        .map(|number| format!("a_field_with_a_rather_long_name_{number}"))
        .collect();
    let mut fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "string")).collect();
    fields[0].1 = "date!";
    fields[1].1 = "number";
    let body = specs::event("wide", &fields);
    specs::create(&bench.owner, &body).await;
    let event: EventDefinition = bench
        .store
        .load_definition(SpecKind::Event, "wide", None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(event.fields.len(), 2_000);
    let spec = bench
        .store
        .load_spec(SpecKind::Event, "wide")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(spec.body, body);
    assert_eq!(
        bench
            .store
            .list_definitions::<EventDefinition>(SpecKind::Event, &["wide"])
            .await
            .unwrap(),
        [event]
    );
    assert_eq!(
        bench
            .store
            .list_specs(&super::in_use(SpecKind::Event))
            .await
            .unwrap()
            .len(),
        1
    );
    let dataset = specs::dataset(&specs::Dataset {
        name: "of_wide",
        event: "wide",
        group_by: &[&names[0]],
        functions: &["sum"],
        columns: &[&names[1]],
        ..specs::Dataset::default()
    });
    specs::create(&bench.owner, &dataset).await;
    let datasets: Vec<DatasetDefinition> = bench
        .store
        .list_definitions(SpecKind::Dataset, &["of_wide"])
        .await
        .unwrap();
    assert_eq!(datasets.len(), 1);
}

/// Hands statements on, and keeps the last one.
struct Listening {
    inner: Arc<dyn Sql>,
    last: Mutex<Option<Statement>>,
}

#[async_trait]
impl Sql for Listening {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        *self.last.lock().unwrap() = Some(statement.clone());
        self.inner.execute(statement).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        self.inner.begin().await
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.commit(transaction).await
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.rollback(transaction).await
    }
}

/// Among many files that are done, the few that are open are found by the indexes of what is open.
#[tokio::test]
async fn open_files_are_found_without_looking_at_the_others() {
    const FILES: u32 = 30_000;
    let Some(bench) = Bench::new().await else { return };
    let script = format!(
        "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name) \
         select gen_random_uuid(), 'event', 'visits', n::text from generate_series(1, {FILES}) as n; \
         insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
            file_name, mode, created_by, received_at, validated_at, error, file_status) \
         select file_id, 1, 'event', 'visits', 1, file_name, 'new', 'x', now(), \
            case when file_name::integer % 5000 > 0 then now() end, \
            case when file_name::integer % 7 = 0 then '{{}}'::jsonb end, 'Ready_to_archive' from ingestion.file; \
         insert into ingestion.contribution (target_kind, target, file_id, version, state) \
         select 'dataset', 'visits_by_school', file_id, 1, \
            case when file_name::integer % 6000 = 1 then 'pending' else 'applied' end from ingestion.file \
            where file_name::integer % 5000 > 0; \
         analyze ingestion.file_tracker; analyze ingestion.contribution"
    );
    bench.database.script(&script).await;
    let listening = Arc::new(Listening {
        inner: bench.database.app(),
        last: Mutex::new(None),
    });
    let store = Store::new(Arc::clone(&listening) as Arc<dyn Sql>);
    let filter = FileFilter {
        limit: 200,
        open_only: true,
        ..FileFilter::default()
    };
    let open = store.list_files(&filter).await.unwrap();
    assert_eq!(open.len(), 6 + 5, "not validated, or with something pending");
    let mut explain = listening.last.lock().unwrap().take().unwrap();
    explain.text = format!("explain (analyze, timing off) {}", explain.text).into();
    let plan = bench.database.app().execute(&explain).await.unwrap();
    let lines = plan.rows.into_iter().flatten().filter_map(|value| match value {
        Value::Text(line) => Some(line),
        _ => None,
    });
    let plan = lines.collect::<Vec<String>>().join("\n");
    println!("{plan}");
    for index in ["file_tracker open", "contribution pending"] {
        assert!(plan.contains(index), "{index}");
    }
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
