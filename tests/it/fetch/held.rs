//! Held files asked for on a condition, issued again, renamed, and listed twice with the same bytes.

use millrace_core::ids::FileId;
use millrace_store::sources::{Fetched, RunWork};
use millrace_tests::mutate_function;

use super::{Fetching, LIST, SOURCE, address, csv, name};
use crate::flow::SALES;

#[tokio::test]
async fn held_files_are_asked_for_on_a_condition_and_change_nothing() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    fetching.run().await;
    let before = fetching.files().await;
    fetching.road.sources.take_asked();
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv unchanged"]);
    let asked = fetching.road.sources.take_asked();
    assert_eq!(
        asked,
        [(LIST.to_owned(), false), (address("s-2024-01-01.csv"), true)]
    );
    // A source that gives its bytes no names sends them all; they are held, and nothing is stored.
    let objects = fetching.road.landing.keys();
    let page = millrace_tests::Page {
        content: csv("2024-01-01", 1),
        ..millrace_tests::Page::default()
    };
    fetching.road.sources.set(&address("s-2024-01-01.csv"), page);
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv unchanged"]);
    assert_eq!(fetching.files().await, before);
    assert_eq!(fetching.road.landing.keys(), objects);
}

#[tokio::test]
async fn a_file_that_is_issued_again_replaces_the_one_before() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    for (amount, state) in [(1, "fetched"), (5, "replaced"), (7, "replaced")] {
        fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", amount))]);
        assert_eq!(fetching.lines().await, [format!("s-2024-01-01.csv {state}")]);
        assert_eq!(fetching.files().await.last().unwrap(), &amount.to_string());
    }
    assert_eq!(fetching.files().await.len(), 4);
    assert_eq!(fetching.registry().await[0].version, Some(3));
}

#[tokio::test]
async fn a_renamed_file_is_not_loaded_twice() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("old-2024-01-01.csv", csv("2024-01-01", 1))]);
    fetching.run().await;
    let before = fetching.files().await;
    let objects = fetching.road.landing.keys();
    fetching.list(&[("new-2024-01-01.csv", csv("2024-01-01", 1))]);
    assert_eq!(fetching.lines().await, ["new-2024-01-01.csv same_bytes"]);
    assert_eq!(fetching.files().await, before);
    assert_eq!(fetching.road.landing.keys(), objects);
    let entry = &fetching.registry().await[1];
    assert_eq!(entry.same_as.as_deref(), Some("old-2024-01-01.csv"));
}

#[tokio::test]
async fn bytes_that_are_listed_twice_count_on_when_one_of_the_files_changes() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let two = |amount| {
        vec![
            ("a-2024-01-01.csv", csv("2024-01-01", amount)),
            ("b-2024-01-02.csv", csv("2024-01-01", 1)),
        ]
    };
    fetching.list(&two(1));
    assert_eq!(
        fetching.lines().await,
        ["a-2024-01-01.csv fetched", "b-2024-01-02.csv same_bytes"]
    );
    fetching.list(&two(5));
    assert_eq!(
        fetching.lines().await,
        ["a-2024-01-01.csv replaced", "b-2024-01-02.csv fetched"]
    );
    assert_eq!(fetching.files().await.last().unwrap(), "6");
    assert_eq!(
        fetching.lines().await,
        ["a-2024-01-01.csv unchanged", "b-2024-01-02.csv unchanged"]
    );
}

/// Without what makes a repeat harmless, the same bytes become a second version: the tests above would see it.
#[tokio::test]
async fn mutant_without_the_look_at_what_is_held_registers_twice() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let held = "v_entry.state = 'held' and v_entry.sha256 = p_sha256";
    mutate_function(&fetching.database, "operations.settle_fetch", held, "false").await;
    let (run_id, source) = (fetching.begin().await, name(SOURCE));
    let work = RunWork {
        run_id,
        source: &source,
        token: 1,
    };
    let store = &fetching.store;
    store.take_run(&work, 7_200).await.unwrap();
    store
        .note_listed(&work, &[("a.csv", "https://x/", None, None)])
        .await
        .unwrap();
    let fetched = Fetched {
        file_name: "a.csv",
        bytes: Some(("00", 1)),
        object_key: Some("sources/x"),
        ..Fetched::default()
    };
    for number in 1..=2 {
        let new_id = FileId::from_time_and_random(number, [1; 10]);
        store
            .settle_fetch(&work, &fetched, new_id, (SALES.0, &name(SALES.1)))
            .await
            .unwrap();
    }
    assert_eq!(
        fetching
            .texts("select count(*)::text from ingestion.file_tracker")
            .await,
        ["2"]
    );
}
