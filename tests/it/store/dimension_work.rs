//! How much work publishing is: that of its rows, whatever the planner believes of them.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_store::files::{BeginVersion, NewVersion};
use millrace_tests::specs;

use super::{Bench, version, whole};

const ROWS: u64 = 3_000;

/// A version with rows in its stage, all of one district; answers its contribution.
async fn staged(bench: &Bench, file_name: &str, mode: Mode, district: &str) -> String {
    let request = NewVersion {
        spec: (SpecKind::Dimension, "schools"),
        ..version(file_name, mode)
    };
    let BeginVersion::Created(begun) = bench.store.begin_version(&request).await.unwrap() else {
        panic!("not created")
    };
    let file: FileVersion = begun.file;
    bench
        .store
        .finish_chunk(&whole(file, &format!("{file}")))
        .await
        .unwrap();
    let load = bench.store.load_pending_load(file).await.unwrap().unwrap();
    let contribution = load.contribution_id.to_string();
    let stage = format!(
        "insert into ingestion.dimension_stage select '{contribution}', '{contribution}', n, '[\"{file_name} ' || n || '\"]', \
         jsonb_build_array('{file_name} ' || n, '{district}') from generate_series(1, {ROWS}) n"
    );
    bench.database.script(&stage).await;
    contribution
}

/// Publishes a stage; answers how many rows of the stage and of the table were looked at for that.
async fn work(bench: &Bench, contribution: &str) -> u64 {
    let answers = bench
        .database
        .query(&format!(
            "begin; select ingestion.publish_dimension('{contribution}', '{contribution}', {ROWS}) ->> 'outcome'; \
             select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) from pg_stat_xact_user_tables \
             where relname in ('dimension_stage', 'dimension_1'); commit"
        ))
        .await;
    let texts: Vec<String> = answers.into_iter().flatten().flatten().collect();
    assert_eq!(texts[0], "applied");
    texts[1].parse().unwrap()
}

#[tokio::test]
async fn publishing_costs_what_its_rows_do_whatever_the_statistics_say() {
    let Some(bench) = Bench::bare() else { return };
    let fields = [("school", "string!"), ("district", "string")];
    let body = specs::dimension("schools", &["school"], &fields);
    specs::create(&bench.owner, &body).await;
    // The stage was full of others' rows when somebody counted.
    staged(&bench, "other.csv", Mode::New, "north").await;
    bench.database.script("analyze ingestion.dimension_stage").await;
    let first = staged(&bench, "a.csv", Mode::New, "north").await;
    let loaded = work(&bench, &first).await;
    bench.database.script("analyze ingestion.dimension_stage").await;
    let second = staged(&bench, "a.csv", Mode::Replace, "south").await;
    let replaced = work(&bench, &second).await;
    assert!(
        loaded < 20 * ROWS && replaced < 20 * ROWS,
        "{loaded} and {replaced} for {ROWS} rows"
    );
    assert_eq!(
        bench.count("ingestion.schools where district = 'south'").await,
        ROWS.to_string()
    );
}
