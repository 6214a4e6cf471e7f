//! Contributions: staged differences are inert, applied exactly once, and never against what is not there any more.

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::name::Name;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::contributions::{Application, ApplyOutcome, ContributionState, OtherPartial};

use super::{Bench, DATASET, application, stage_id};

const KEY: &str = r#"["s"]"#;
const STAGE: &str = "00000000-0000-4000-8000-0000000000aa";
const OTHER_STAGE: &str = "00000000-0000-4000-8000-0000000000bb";

fn cell(amount: &str) -> String {
    format!(r#"[[{KEY:?},1,[1],["{amount}"],["{amount}"],["{amount}"],[false]]]"#)
}

#[tokio::test]
async fn a_contribution_is_applied_once() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let pending = bench.pending(file).await;
    assert_eq!(pending.state, ContributionState::Pending);
    assert_eq!(
        (pending.is_delete, &pending.current, pending.dataset_version),
        (false, &None, 0)
    );
    bench.store.complete_outbox(&[1, 2]).await.unwrap();
    let cells = cell("12.50");
    for _ in 0..2 {
        bench
            .store
            .stage_differences(pending.contribution_id, STAGE, cells.clone())
            .await
            .unwrap();
    }
    assert!(bench.cells().await.is_empty(), "a stage is inert");
    let application = application(&pending, STAGE, 1, Some(("key", KEY, KEY)));
    assert_eq!(
        bench.store.apply_contribution(&application).await.unwrap(),
        ApplyOutcome::Applied
    );
    for _ in 0..2 {
        let again = bench.store.apply_contribution(&application).await.unwrap();
        assert_eq!(again, ApplyOutcome::AlreadySettled);
    }
    // Whoever staged anew meanwhile comes too late as well.
    bench
        .store
        .stage_differences(pending.contribution_id, OTHER_STAGE, cells)
        .await
        .unwrap();
    let late = Application {
        stage_id: OTHER_STAGE,
        ..application
    };
    assert_eq!(
        bench.store.apply_contribution(&late).await.unwrap(),
        ApplyOutcome::AlreadySettled
    );
    assert_eq!(bench.cells().await, [r#"["s"] 1 1 12.50 12.50 12.50"#]);
    let after = bench.pending(file).await;
    assert_eq!(
        (after.state, after.dataset_version),
        (ContributionState::Applied, 1)
    );
    let current = after.current.unwrap();
    assert_eq!(
        (current.version, current.partial_key.as_deref()),
        (1, Some("key"))
    );
    // One message: that the facts changed.
    assert_eq!(bench.store.list_outbox(file).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_workers_at_once_apply_it_once() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let pending = bench.pending(file).await;
    for stage in [STAGE, OTHER_STAGE] {
        bench
            .store
            .stage_differences(pending.contribution_id, stage, cell("5"))
            .await
            .unwrap();
    }
    let (one, other) = (
        application(&pending, STAGE, 1, None),
        application(&pending, OTHER_STAGE, 1, None),
    );
    let (one, other) = tokio::join!(
        bench.store.apply_contribution(&one),
        bench.store.apply_contribution(&other)
    );
    let mut outcomes = [one.unwrap(), other.unwrap()];
    outcomes.sort_by_key(|outcome| *outcome != ApplyOutcome::Applied);
    assert_eq!(outcomes, [ApplyOutcome::Applied, ApplyOutcome::AlreadySettled]);
    assert_eq!(bench.cells().await, [r#"["s"] 1 1 5 5 5"#]);
    assert_eq!(bench.count("ingestion.contribution_stage").await, "0");
}

#[tokio::test]
async fn an_older_version_never_wins() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "1").await;
    let second = bench.validated("a.csv", Mode::Replace, "2").await;
    assert_eq!(bench.apply(second, KEY, 7).await, ApplyOutcome::Applied);
    assert_eq!(bench.apply(first, KEY, 5).await, ApplyOutcome::Superseded);
    assert_eq!(bench.apply(first, KEY, 5).await, ApplyOutcome::AlreadySettled);
    assert_eq!(bench.pending(first).await.state, ContributionState::Superseded);
    assert_eq!(bench.cells().await, [r#"["s"] 1 1 7 7 7"#]);
}

#[tokio::test]
async fn differences_to_what_does_not_count_any_more_are_refused() {
    let Some(bench) = Bench::new().await else { return };
    let first = bench.validated("a.csv", Mode::New, "1").await;
    let second = bench.validated("a.csv", Mode::Replace, "2").await;
    let third = bench.validated("a.csv", Mode::Replace, "3").await;
    bench.apply(first, KEY, 5).await;
    let stale = bench.pending(third).await;
    bench.apply(second, KEY, 7).await;
    bench
        .store
        .stage_differences(stale.contribution_id, STAGE, cell("1"))
        .await
        .unwrap();
    let attempt = application(&stale, STAGE, 1, None);
    assert_eq!(
        bench.store.apply_contribution(&attempt).await.unwrap(),
        ApplyOutcome::StaleBase
    );
    bench
        .store
        .drop_stage(stale.contribution_id, STAGE)
        .await
        .unwrap();
    bench
        .store
        .drop_stage(stale.contribution_id, STAGE)
        .await
        .unwrap();
    assert_eq!(bench.count("ingestion.contribution_stage").await, "0");
    assert_eq!(bench.pending(third).await.state, ContributionState::Pending);
    assert_eq!(bench.apply(third, KEY, 1).await, ApplyOutcome::Applied);
}

#[tokio::test]
async fn extremes_that_were_looked_up_in_another_version_are_refused() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let other = bench.validated("b.csv", Mode::New, "2").await;
    let pending = bench.pending(file).await;
    bench.apply(other, KEY, 3).await;
    bench
        .store
        .stage_differences(pending.contribution_id, STAGE, cell("5"))
        .await
        .unwrap();
    let mut attempt = application(&pending, STAGE, 1, None);
    attempt.dataset_version = Some(pending.dataset_version);
    assert_eq!(
        bench.store.apply_contribution(&attempt).await.unwrap(),
        ApplyOutcome::StaleDataset
    );
    attempt.dataset_version = Some(1);
    assert_eq!(
        bench.store.apply_contribution(&attempt).await.unwrap(),
        ApplyOutcome::Applied
    );
    assert_eq!(bench.cells().await, [r#"["s"] 2 2 8 3 5"#]);
}

#[tokio::test]
async fn an_incomplete_stage_is_refused() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let pending = bench.pending(file).await;
    bench
        .store
        .stage_differences(pending.contribution_id, OTHER_STAGE, cell("5"))
        .await
        .unwrap();
    let attempt = application(&pending, STAGE, 1, None);
    assert_eq!(
        bench.store.apply_contribution(&attempt).await.unwrap(),
        ApplyOutcome::IncompleteStage
    );
    assert!(bench.cells().await.is_empty());
}

#[tokio::test]
async fn exact_extremes_replace_and_others_combine() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    bench.apply(file, KEY, 5).await;
    for (version, cells, expected) in [
        (
            2,
            r#"[["[\"s\"]",1,[1],["10"],[null],["15"],[false]]]"#,
            r#"["s"] 2 2 15 5 15"#,
        ),
        (
            3,
            r#"[["[\"s\"]",0,[0],["0"],["-2.5"],["3"],[true]]]"#,
            r#"["s"] 2 2 15 -2.5 3"#,
        ),
        (
            4,
            r#"[["[\"s\"]",0,[-2],["-15"],[null],[null],[true]]]"#,
            r#"["s"] 2 0 0"#,
        ),
        (5, r#"[["[\"s\"]",-2,[0],["0"],[null],[null],[false]]]"#, ""),
    ] {
        let file = bench
            .validated("a.csv", Mode::Replace, &version.to_string())
            .await;
        let (pending, stage) = (bench.pending(file).await, stage_id(file));
        bench
            .store
            .stage_differences(pending.contribution_id, &stage, cells.to_owned())
            .await
            .unwrap();
        let attempt = application(&pending, &stage, 1, None);
        assert_eq!(
            bench.store.apply_contribution(&attempt).await.unwrap(),
            ApplyOutcome::Applied
        );
        assert_eq!(bench.cells().await.join(""), expected, "version {version}");
    }
}

#[tokio::test]
async fn sums_and_extremes_are_exact_whatever_their_size() {
    let Some(bench) = Bench::new().await else { return };
    let one = bench.validated("a.csv", Mode::New, "1").await;
    let pending = bench.pending(one).await;
    let big = "99999999999999999999999999999999999999";
    bench
        .store
        .stage_differences(pending.contribution_id, STAGE, cell(big))
        .await
        .unwrap();
    bench
        .store
        .apply_contribution(&application(&pending, STAGE, 1, None))
        .await
        .unwrap();
    let two = bench.validated("b.csv", Mode::New, "2").await;
    let pending = bench.pending(two).await;
    let small = "0.000000000000000001";
    bench
        .store
        .stage_differences(pending.contribution_id, STAGE, cell(small))
        .await
        .unwrap();
    bench
        .store
        .apply_contribution(&application(&pending, STAGE, 1, None))
        .await
        .unwrap();
    assert_eq!(
        bench.cells().await,
        [format!(r#"["s"] 2 2 {big}.000000000000000001 {small} {big}"#)]
    );
}

#[tokio::test]
async fn a_refused_contribution_refuses_its_file_once() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.validated("a.csv", Mode::New, "1").await;
    let pending = bench.pending(file).await;
    bench
        .store
        .stage_differences(pending.contribution_id, STAGE, cell("5"))
        .await
        .unwrap();
    for message in ["first", "second"] {
        let error = FileError::of_file(Rule::SumOverflow, message);
        bench
            .store
            .refuse_contribution(pending.contribution_id, &error)
            .await
            .unwrap();
    }
    let record = bench.store.load_file(file).await.unwrap().unwrap();
    assert_eq!(record.facts.error.unwrap().message, "first");
    assert_eq!(bench.pending(file).await.state, ContributionState::Refused);
    assert_eq!(bench.count("ingestion.contribution_stage").await, "0");
    let attempt = application(&pending, STAGE, 0, None);
    assert_eq!(
        bench.store.apply_contribution(&attempt).await.unwrap(),
        ApplyOutcome::AlreadySettled
    );
    assert_eq!(
        bench.count("ingestion.content_claim").await,
        "0",
        "its bytes are free again"
    );
}

#[tokio::test]
async fn the_other_files_partials_that_overlap_are_listed() {
    let Some(bench) = Bench::new().await else { return };
    let dataset = Name::parse(DATASET).unwrap();
    for (name, key) in [
        ("a.csv", r#"["a"]"#),
        ("b.csv", r#"["m"]"#),
        ("c.csv", r#"["z"]"#),
    ] {
        let file = bench.validated(name, Mode::New, name).await;
        bench.apply(file, key, 1).await;
    }
    let file = bench.validated("d.csv", Mode::New, "d").await;
    let list = async |file: FileVersion, first: &str, last: &str| {
        let others = bench
            .store
            .list_other_partials(file, &dataset, first, last)
            .await
            .unwrap();
        assert_eq!(others.dataset_version, 3);
        let keys = others
            .partials
            .into_iter()
            .map(|OtherPartial { first_key, .. }| first_key);
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        keys
    };
    assert_eq!(list(file, r#"["b"]"#, r#"["n"]"#).await, [r#"["m"]"#]);
    assert_eq!(list(file, r#"["a"]"#, r#"["m"]"#).await, [r#"["a"]"#, r#"["m"]"#]);
    assert_eq!(list(file, r#"["0"]"#, r#"["1"]"#).await, Vec::<String>::new());
    // A file is not among its own others, nor is what was taken back.
    let again = bench.validated("b.csv", Mode::Replace, "b2").await;
    assert_eq!(
        list(again, r#"["a"]"#, r#"["z"]"#).await,
        [r#"["a"]"#, r#"["z"]"#]
    );
}

#[tokio::test]
async fn what_contributes_to_nothing_is_nowhere() {
    let Some(bench) = Bench::new().await else { return };
    let file = bench.created("a.csv", Mode::New).await;
    let dataset = Name::parse(DATASET).unwrap();
    assert_eq!(bench.store.load_contribution(file, &dataset).await.unwrap(), None);
    let unknown = Name::parse("unknown").unwrap();
    assert_eq!(bench.store.load_contribution(file, &unknown).await.unwrap(), None);
}
