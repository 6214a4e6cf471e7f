//! Held files, re-issued ones, renamed ones; runs at once; messages that come again, late, or are poison.

use millrace_app::fetch::fetch_source;
use millrace_app::ports::{LockStore as _, Surroundings as _};
use millrace_app::sources::begin_run;
use millrace_core::ids::FileId;
use millrace_core::message::Queue;
use millrace_store::sources::{BeginRun, Fetched, RunWork, SettledFetch, TakenRun};
use millrace_tests::{Delivered, Order, mutate_function};

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
    // Under the new name it may change: then it is a file of its own.
    fetching.list(&[("new-2024-01-01.csv", csv("2024-01-01", 5))]);
    assert_eq!(fetching.lines().await, ["new-2024-01-01.csv fetched"]);
    assert_eq!(fetching.files().await.last().unwrap(), "6");
}

#[tokio::test]
async fn of_two_runs_at_once_one_works_and_the_other_says_so() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    let road = &fetching.road;
    let (first, second) = (fetching.begin().await, fetching.begin().await);
    let source = name(SOURCE);
    // Another worker holds the source.
    let now_ms = road.surroundings.now_ms();
    let lock = road
        .locks
        .acquire(&format!("source/{SOURCE}"), "other", now_ms, 1_000)
        .await;
    let lock = lock.unwrap().unwrap();
    let ports = road.fetch_ports();
    fetch_source(&ports, &source, second, now_ms + 10_000)
        .await
        .unwrap();
    let (run, lines) = fetching.found(second).await;
    assert_eq!((run.state.as_str(), lines.len()), ("skipped", 0));
    assert_eq!(run.error.unwrap()["rule"], "source_busy");
    assert!(road.sources.take_asked().is_empty());
    road.locks.release(&lock).await.unwrap();
    fetch_source(&ports, &source, first, now_ms + 100_000)
        .await
        .unwrap();
    assert_eq!(fetching.found(first).await.0.state, "completed");
    // A run that is on its way between two of its workers is not overtaken either.
    let third = fetching.begin().await;
    let fourth = fetching.begin().await;
    let work = |run_id, token| RunWork {
        run_id,
        source: &source,
        token,
    };
    let taken = fetching.store.take_run(&work(third, 50), 7_200).await.unwrap();
    assert!(matches!(taken, TakenRun::Working { .. }), "{taken:?}");
    let taken = fetching.store.take_run(&work(fourth, 51), 7_200).await.unwrap();
    assert_eq!(taken, TakenRun::Skipped);
    // One that was silent for long is.
    let fifth = fetching.begin().await;
    fetching
        .database
        .script("update operations.run set seen_at = now() - interval '3 hours'")
        .await;
    let taken = fetching.store.take_run(&work(fifth, 52), 7_200).await.unwrap();
    assert!(matches!(taken, TakenRun::Working { .. }), "{taken:?}");
    assert_eq!(fetching.found(third).await.0.error.unwrap()["rule"], "gave_up");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_worker_that_was_replaced_writes_nothing() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let (run_id, source) = (fetching.begin().await, name(SOURCE));
    let work = |token| RunWork {
        run_id,
        source: &source,
        token,
    };
    let store = &fetching.store;
    store.take_run(&work(3), 7_200).await.unwrap();
    store
        .note_listed(&work(3), &[("a.csv", "https://x/", None, None)])
        .await
        .unwrap();
    store.take_run(&work(4), 7_200).await.unwrap();
    assert_eq!(
        store.take_run(&work(3), 7_200).await.unwrap(),
        TakenRun::Overtaken { token: 4 }
    );
    assert!(
        !store
            .note_listed(&work(3), &[("b.csv", "https://x/", None, None)])
            .await
            .unwrap()
    );
    assert!(
        !store
            .fail_fetch(&work(3), "a.csv", &serde_json::json!({}))
            .await
            .unwrap()
    );
    assert!(!store.finish_run(&work(3), None::<&String>).await.unwrap());
    let fetched = Fetched {
        file_name: "a.csv",
        bytes: Some(("00", 1)),
        object_key: Some("sources/x"),
        ..Fetched::default()
    };
    let new_id = FileId::from_time_and_random(1, [1; 10]);
    let target = (SALES.0, &name(SALES.1));
    assert_eq!(
        store
            .settle_fetch(&work(3), &fetched, new_id, target)
            .await
            .unwrap(),
        SettledFetch::Stale
    );
    let settled = store
        .settle_fetch(&work(4), &fetched, new_id, target)
        .await
        .unwrap();
    assert!(matches!(settled, SettledFetch::Fetched(_)), "{settled:?}");
    // Registered once, however often it is said.
    assert_eq!(
        store
            .settle_fetch(&work(4), &fetched, new_id, target)
            .await
            .unwrap(),
        SettledFetch::Unchanged
    );
    assert_eq!(
        fetching
            .texts("select count(*)::text from ingestion.file_tracker")
            .await,
        ["1"]
    );
}

#[tokio::test]
async fn locks_that_were_lost_go_on_from_the_databases_token() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    fetching
        .database
        .script(&format!(
            "insert into operations.source_fence values ('{SOURCE}', 500)"
        ))
        .await;
    assert_eq!(fetching.lines().await, ["s-2024-01-01.csv fetched"]);
    // One token more for every delivery that took the lock.
    assert_eq!(
        fetching
            .texts("select (token > 500)::text from operations.source_fence")
            .await,
        ["true"]
    );
}

#[tokio::test]
async fn an_idempotency_key_begins_one_run() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let road = &fetching.road;
    let begin = async |key: &str, request: &str, source: &str| {
        let ports = road.run_ports();
        begin_run(
            &ports,
            &road.surroundings,
            &name(source),
            "tests",
            Some((key, request)),
        )
        .await
        .unwrap()
    };
    let BeginRun::Created { run_id } = begin("k", "r", SOURCE).await else {
        panic!()
    };
    assert_eq!(begin("k", "r", SOURCE).await, BeginRun::Replayed { run_id });
    assert_eq!(begin("k", "other", SOURCE).await, BeginRun::KeyReused);
    assert_eq!(begin("l", "r", "nobody").await, BeginRun::NoSource);
    fetching.list(&[("s-2024-01-01.csv", csv("2024-01-01", 1))]);
    road.settle().await;
    assert_eq!(
        fetching
            .store
            .list_runs(&name(SOURCE), None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn messages_that_are_poison_late_or_come_in_any_order_harm_nothing() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&[
        ("s-2024-01-01.csv", csv("2024-01-01", 1)),
        ("s-2024-02-01.csv", csv("2024-02-01", 2)),
    ]);
    let road = &fetching.road;
    for body in [
        "",
        "{}",
        r#"{"v":9,"kind":"fetch_all"}"#,
        r#"{"v":1,"kind":"fetch_source","source":"a b"}"#,
    ] {
        road.queues.push(Queue::Fetch, body);
        let message = road.queues.take(0).unwrap();
        assert!(
            matches!(road.deliver(&message).await, Delivered::Undecodable),
            "{body}"
        );
    }
    // A run that never committed, and a source that is none.
    let stray =
        r#"{"v":1,"kind":"fetch_source","source":"nobody","run_id":"01859000-0000-7000-8000-000000000000"}"#;
    road.queues.push(Queue::Fetch, stray);
    for seed in 0..6 {
        for _ in 0..3 {
            fetching.begin().await;
        }
        let mut order = match seed {
            0 => Order::Last,
            _ => Order::Random {
                random: millrace_tests::Random::new(seed),
                twice_permille: 400,
                reminders_permille: 500,
            },
        };
        road.drain(&mut order).await;
    }
    assert_eq!(fetching.files().await.last().unwrap(), "3");
    assert_eq!(fetching.files().await.len(), 3);
    assert_eq!(fetching.registry().await.len(), 2);
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
