//! The same bytes again: no change, and said so; free again once nobody holds them.

use millrace_core::facts::Mode;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::{BeginVersion, NewVersion};

use super::{Bench, new_id, version};

async fn unchanged_of(bench: &Bench, file: FileVersion) -> Option<FileId> {
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert!(record.facts.validated);
    assert_eq!(record.facts.unchanged, record.unchanged_of.is_some());
    assert_eq!(record.facts.datasets.is_empty(), record.facts.unchanged);
    record.unchanged_of
}

async fn copies(bench: &Bench, file: FileVersion) -> Vec<FileId> {
    bench.store.load_file(file).await.unwrap().unwrap().copies
}

async fn delete(bench: &Bench, file_name: &str) -> FileVersion {
    bench.created(file_name, Mode::Delete).await
}

#[tokio::test]
async fn the_same_bytes_under_another_name_change_nothing() {
    let Some(bench) = Bench::new().await else { return };
    let a = bench.validated("a.csv", Mode::New, "x").await;
    let b = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, a).await, None);
    assert_eq!(unchanged_of(&bench, b).await, Some(a.file_id));
    // One message: that the facts changed; nothing is aggregated.
    assert_eq!(bench.store.list_outbox(b).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_bytes_as_the_version_before_change_nothing() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "x").await;
    let second = bench.validated("a.csv", Mode::Replace, "x").await;
    let third = bench.validated("a.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, first).await, None);
    assert_eq!(unchanged_of(&bench, second).await, Some(first.file_id));
    assert_eq!(unchanged_of(&bench, third).await, Some(first.file_id));
    let fourth = bench.validated("a.csv", Mode::Replace, "y").await;
    let fifth = bench.validated("a.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, fourth).await, None);
    assert_eq!(unchanged_of(&bench, fifth).await, None);
}

#[tokio::test]
async fn replaced_and_deleted_bytes_are_free_again() {
    let Some(bench) = Bench::new().await else { return };
    bench.validated("a.csv", Mode::New, "x").await;
    bench.validated("a.csv", Mode::Replace, "y").await;
    let b = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, b).await, None);
    delete(&bench, "b.csv").await;
    let c = bench.validated("c.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, c).await, None);
    let again = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, again).await, Some(c.file_id));
}

#[tokio::test]
async fn an_explicit_replacement_counts_whoever_holds_its_bytes() {
    let Some(bench) = Bench::new().await else { return };
    bench.validated("a.csv", Mode::New, "x").await;
    bench.validated("b.csv", Mode::New, "y").await;
    let b = bench.validated("b.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, b).await, None);
}

#[tokio::test]
async fn bytes_that_were_another_files_can_be_brought_in_once_they_are_free() {
    let Some(bench) = Bench::new().await else { return };
    let a = bench.validated("a.csv", Mode::New, "x").await;
    let b = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, b).await, Some(a.file_id));
    let still = bench.validated("b.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, still).await, Some(a.file_id));
    // Let go, they are b's: its newest version counts, and says so when they come once more.
    bench.validated("a.csv", Mode::Replace, "y").await;
    assert_eq!(unchanged_of(&bench, still).await, None);
    let again = bench.validated("b.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, again).await, Some(b.file_id));
}

#[tokio::test]
async fn a_refused_version_in_between_does_not_hide_what_a_dataset_took() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "x").await;
    bench.apply(first, r#"["s"]"#, 1).await;
    let second = bench.validated("a.csv", Mode::Replace, "y").await;
    let pending = bench.pending(second).await;
    let error = FileError::of_file(Rule::SumOverflow, "no");
    bench
        .store
        .refuse_contribution(pending.contribution_id, &error)
        .await
        .unwrap();
    let refused = bench.store.load_file(second).await.unwrap().unwrap().facts;
    assert!(
        refused
            .datasets
            .iter()
            .all(|dataset| dataset.applied && dataset.refused)
    );
    let taken = bench.store.load_file(first).await.unwrap().unwrap().facts;
    assert!(
        taken
            .datasets
            .iter()
            .all(|dataset| dataset.applied && !dataset.refused)
    );
    // Nothing of the refused version counts anywhere: the same bytes as before are no change.
    let third = bench.validated("a.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, third).await, Some(first.file_id));
    // But where another dataset took it, the old bytes have to go in again.
    let fourth = bench.validated("a.csv", Mode::Replace, "z").await;
    bench.apply(fourth, r#"["s"]"#, 2).await;
    let refuse = format!(
        "update ingestion.file_tracker set error = '{{\"rule\": \"sum_overflow\", \"message\": \"no\"}}' \
         where file_id = '{}' and version = {}",
        fourth.file_id, fourth.version
    );
    bench.database.script(&refuse).await;
    let fifth = bench.validated("a.csv", Mode::Replace, "x").await;
    assert_eq!(
        unchanged_of(&bench, fifth).await,
        None,
        "a dataset holds the refused version"
    );
}

#[tokio::test]
async fn an_older_version_that_comes_late_touches_no_claim() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.created("a.csv", Mode::New).await;
    let second = bench.validated("a.csv", Mode::Replace, "y").await;
    bench.finish(first, "x").await;
    assert_eq!(unchanged_of(&bench, first).await, None);
    let claims = bench
        .database
        .query("select sha256, file_id::text from ingestion.content_claim order by sha256")
        .await;
    assert_eq!(claims, [[Some("y".to_owned()), Some(second.file_id.to_string())]]);
    let other = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, other).await, None);
}

#[tokio::test]
async fn of_two_names_at_once_one_holds_the_bytes() {
    let Some(bench) = Bench::new().await else { return };
    let mut files = Vec::new();
    for number in 0..8 {
        let name = format!("{number}.csv");
        let request = NewVersion {
            new_file_id: new_id(number),
            ..version(&name, Mode::New)
        };
        let BeginVersion::Created(begun) = bench.store.begin_version(&request).await.unwrap() else {
            panic!("not created")
        };
        files.push(begun.file);
    }
    futures_util::future::join_all(files.iter().map(|file| bench.finish(*file, "x"))).await;
    let mut holders = Vec::new();
    for file in files {
        if unchanged_of(&bench, file).await.is_none() {
            holders.push(file);
        }
    }
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert_eq!(bench.count("ingestion.contribution").await, "1");
}

#[tokio::test]
async fn an_heir_takes_the_place_of_the_file_that_let_its_bytes_go() {
    let Some(bench) = Bench::new().await else { return };
    let a = bench.validated("a.csv", Mode::New, "x").await;
    let b = bench.validated("b.csv", Mode::New, "x").await;
    let c = bench.validated("c.csv", Mode::New, "x").await;
    assert_eq!(copies(&bench, a).await, [b.file_id, c.file_id]);
    assert_eq!(copies(&bench, b).await, []);
    bench.database.script("delete from operations.outbox").await;
    let replacement = bench.validated("a.csv", Mode::Replace, "y").await;
    assert_eq!(copies(&bench, a).await, []);
    assert_eq!(copies(&bench, replacement).await, []);
    assert_eq!(copies(&bench, b).await, [c.file_id]);
    assert_eq!(unchanged_of(&bench, b).await, None);
    assert_eq!(unchanged_of(&bench, c).await, Some(b.file_id));
    // The messages of the heir wait in the outbox of the version that was at work.
    let waiting = bench.store.list_outbox(replacement).await.unwrap();
    let about_b = waiting
        .iter()
        .filter(|message| message.body.to_string().contains(&b.file_id.to_string()));
    assert_eq!((waiting.len(), about_b.count()), (4, 2));
    assert!(bench.store.list_outbox(b).await.unwrap().is_empty());
    // The next heir.
    delete(&bench, "b.csv").await;
    assert_eq!(unchanged_of(&bench, c).await, None);
    let claims = bench
        .database
        .query("select file_id::text from ingestion.content_claim where sha256 = 'x'")
        .await;
    assert_eq!(claims, [[Some(c.file_id.to_string())]]);
    assert_eq!(unchanged_of(&bench, a).await, None);
}

#[tokio::test]
async fn a_file_that_moved_on_inherits_nothing() {
    let Some(bench) = Bench::new().await else { return };
    bench.validated("a.csv", Mode::New, "x").await;
    let b = bench.validated("b.csv", Mode::New, "x").await;
    bench.validated("b.csv", Mode::Replace, "z").await;
    let c = bench.validated("c.csv", Mode::New, "x").await;
    delete(&bench, "c.csv").await;
    bench.validated("a.csv", Mode::Replace, "y").await;
    for file in [b, c] {
        assert!(unchanged_of(&bench, file).await.is_some());
    }
    assert_eq!(
        bench.count("ingestion.content_claim where sha256 = 'x'").await,
        "0"
    );
}

#[tokio::test]
async fn a_refused_replacement_leaves_the_bytes_before_it_held() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "x").await;
    bench.apply(first, r#"["s"]"#, 1).await;
    let second = bench.validated("a.csv", Mode::Replace, "y").await;
    let error = FileError::of_file(Rule::SumOverflow, "no");
    let pending = bench.pending(second).await;
    bench
        .store
        .refuse_contribution(pending.contribution_id, &error)
        .await
        .unwrap();
    let b = bench.validated("b.csv", Mode::New, "x").await;
    assert_eq!(unchanged_of(&bench, b).await, Some(first.file_id));
    let c = bench.validated("c.csv", Mode::New, "y").await;
    assert_eq!(unchanged_of(&bench, c).await, None);
}

#[tokio::test]
async fn what_changed_nothing_of_a_refused_version_is_refused_with_it() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "x").await;
    let second = bench.validated("a.csv", Mode::Replace, "x").await;
    assert_eq!(unchanged_of(&bench, second).await, Some(first.file_id));
    let pending = bench.pending(first).await;
    let error = FileError::of_file(Rule::SumOverflow, "no");
    bench
        .store
        .refuse_contribution(pending.contribution_id, &error)
        .await
        .unwrap();
    let record = bench.store.load_file(second).await.unwrap().unwrap();
    assert_eq!(record.facts.error, Some(error));
}
