//! A dataset that is declared after its files.

use millrace_core::facts::Mode;
use millrace_core::row_error::{FileError, Rule};
use millrace_tests::specs;

use super::{Bench, visits, visits_by_school};

#[tokio::test]
async fn live_files_contribute_and_nothing_else_does() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    let live = bench.validated("live.csv", Mode::New, "1").await;
    bench.validated("replaced.csv", Mode::New, "2").await;
    let replacement = bench.validated("replaced.csv", Mode::Replace, "3").await;
    bench.validated("deleted.csv", Mode::New, "4").await;
    bench.created("deleted.csv", Mode::Delete).await;
    bench.validated("same.csv", Mode::New, "1").await;
    let refused = bench.created("refused.csv", Mode::New).await;
    let error = FileError::of_file(Rule::NotCsv, "no");
    bench.store.fail_file(refused, &error).await.unwrap();
    let on_its_way = bench.created("on-its-way.csv", Mode::New).await;
    bench.database.script("delete from operations.outbox").await;

    specs::create(&bench.owner, &visits_by_school()).await;
    let rows = bench
        .database
        .query("select file_id::text, version::text from ingestion.contribution order by file_id")
        .await;
    let mut expected = vec![live, replacement];
    expected.sort();
    let expected: Vec<Vec<Option<String>>> = expected
        .into_iter()
        .map(|file| vec![Some(file.file_id.to_string()), Some(file.version.to_string())])
        .collect();
    assert_eq!(rows, expected);
    assert_eq!(bench.count("operations.outbox where queue = 'perf'").await, "2");
    // Creating it again changes nothing, and the file on its way contributes when it is validated.
    specs::create(&bench.owner, &visits_by_school()).await;
    assert_eq!(bench.count("operations.outbox").await, "2");
    bench.finish(on_its_way, "5").await;
    bench.pending(on_its_way).await;
}

#[tokio::test]
async fn a_file_that_is_validated_meanwhile_is_not_missed() {
    let Some(bench) = Bench::bare() else { return };
    specs::create(&bench.owner, &visits()).await;
    let mut files = Vec::new();
    for number in 0..6 {
        files.push(bench.created(&format!("{number}.csv"), Mode::New).await);
    }
    let finish = async {
        for file in &files {
            bench.finish(*file, &file.file_id.to_string()).await;
        }
    };
    let dataset = visits_by_school();
    tokio::join!(finish, specs::create(&bench.owner, &dataset));
    assert_eq!(bench.count("ingestion.contribution").await, "6");
}
