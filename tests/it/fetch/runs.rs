//! What a run does, and what it says.

use millrace_core::message::Queue;
use millrace_source::FetchRule;
use millrace_tests::{Page, specs};

use super::{Fetching, LIST, SOURCE, address, csv, name};

fn three() -> Vec<(&'static str, String)> {
    vec![
        ("s-2024-03-01.csv", csv("2024-03-01", 3)),
        ("s-2024-01-01.csv", csv("2024-01-01", 1)),
        ("s-2024-02-01.csv", csv("2024-02-01", 2)),
    ]
}

#[tokio::test]
async fn every_listed_file_comes_in_oldest_first() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&three());
    let (run, files) = fetching.run().await;
    assert_eq!(
        (run.state.as_str(), run.listed),
        ("completed", Some(3)),
        "{run:?}"
    );
    assert_eq!(run.files["fetched"], 3);
    let names: Vec<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
    assert_eq!(
        names,
        ["s-2024-01-01.csv", "s-2024-02-01.csv", "s-2024-03-01.csv"]
    );
    let asked: Vec<String> = fetching
        .road
        .sources
        .take_asked()
        .into_iter()
        .map(|(url, _)| url)
        .collect();
    assert_eq!(asked[1..], names.map_addresses());
    assert_eq!(
        fetching.files().await,
        [
            "sales_of_region/s-2024-01-01.csv 1 new Ready_to_archive",
            "sales_of_region/s-2024-02-01.csv 1 new Ready_to_archive",
            "sales_of_region/s-2024-03-01.csv 1 new Ready_to_archive",
            "6"
        ]
    );
    for entry in fetching.registry().await {
        assert_eq!(
            (entry.state.as_str(), entry.attempts, &entry.error),
            ("held", 1, &None)
        );
        assert!(entry.sha256.is_some() && entry.size_bytes.is_some() && entry.file_id.is_some());
    }
}

trait Addresses {
    fn map_addresses(&self) -> Vec<String>;
}

impl Addresses for Vec<&str> {
    fn map_addresses(&self) -> Vec<String> {
        self.iter().map(|file| address(file)).collect()
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_failing_file_stops_no_other_and_its_reason_stays_until_it_comes_in() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    fetching.list(&three());
    let failing = address("s-2024-01-01.csv");
    let good = Page {
        content: csv("2024-01-01", 1),
        content_type: Some("text/csv".to_owned()),
        ..Page::default()
    };
    for (rule, page) in [
        (
            "not_found",
            Page {
                problem: Some((FetchRule::NotFound, 99)),
                ..good.clone()
            },
        ),
        (
            "server_error",
            Page {
                problem: Some((FetchRule::ServerError, 99)),
                ..good.clone()
            },
        ),
        (
            "truncated",
            Page {
                length: Some(1_000),
                ..good.clone()
            },
        ),
        (
            "too_large",
            Page {
                length: Some(1 << 40),
                ..good.clone()
            },
        ),
        (
            "wrong_content",
            Page {
                content: "<!doctype html>".to_owned(),
                ..good.clone()
            },
        ),
        (
            "wrong_content",
            Page {
                content_type: Some("text/html".to_owned()),
                ..good.clone()
            },
        ),
        (
            "wrong_content",
            Page {
                content: String::new(),
                ..good.clone()
            },
        ),
    ] {
        fetching.road.sources.set(&failing, page);
        let (run, files) = fetching.run().await;
        assert_eq!(run.state, "completed");
        assert_eq!(files[0].error.as_ref().unwrap()["rule"], rule);
        assert!(files[1..].iter().all(|file| file.error.is_none()), "{files:?}");
        let entry = &fetching.registry().await[0];
        assert_eq!(entry.state, "failed");
        assert_eq!(entry.error.as_ref().unwrap()["rule"], rule);
    }
    assert_eq!(fetching.files().await.last().unwrap(), "5");
    // What went wrong for a moment was tried again at once.
    assert!(fetching.road.sources.paused_ms().len() >= 6);
    fetching.road.sources.set(
        &failing,
        Page {
            problem: Some((FetchRule::Unreachable, 2)),
            ..good
        },
    );
    assert_eq!(fetching.lines().await[0], "s-2024-01-01.csv fetched");
    let entry = &fetching.registry().await[0];
    assert_eq!((entry.state.as_str(), &entry.error), ("held", &None));
    assert_eq!(fetching.files().await.last().unwrap(), "6");
}

#[tokio::test]
async fn a_failing_source_says_why_and_stops_no_other() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let owner = fetching.database.owner_store();
    specs::create(
        &owner,
        &specs::source("a_bad_one", "https://bad.example.org/", "sales"),
    )
    .await;
    fetching.list(&three());
    fetching
        .road
        .queues
        .push(Queue::Fetch, r#"{"v":1,"kind":"fetch_all"}"#);
    fetching.road.settle().await;
    assert_eq!(fetching.files().await.last().unwrap(), "6");
    for (source, state) in [("a_bad_one", "failed"), (SOURCE, "completed")] {
        let runs = fetching.store.list_runs(&name(source), None, 10).await.unwrap();
        let states: Vec<&str> = runs.iter().map(|run| run.state.as_str()).collect();
        assert_eq!(states, [state], "{source}: {:?}", runs[0].error);
    }
    // The same trigger again begins no other runs.
    fetching
        .road
        .queues
        .push(Queue::Fetch, r#"{"v":1,"kind":"fetch_all"}"#);
    fetching.road.settle().await;
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
async fn a_list_that_cannot_be_used_is_a_failed_run() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    for (content, problem, rule) in [
        ("<html>maintenance</html>", None, "nothing_listed"),
        ("", Some((FetchRule::Refused, 99)), "refused"),
        ("", Some((FetchRule::TimedOut, 99)), "timed_out"),
    ] {
        let page = Page {
            content: content.to_owned(),
            problem,
            ..Page::default()
        };
        fetching.road.sources.set(LIST, page);
        let (run, files) = fetching.run().await;
        assert_eq!((run.state.as_str(), files.len()), ("failed", 0));
        assert_eq!(run.error.unwrap()["rule"], rule);
    }
    fetching.list(&[
        ("s-2024-01-01.csv", csv("2024-01-01", 1)),
        ("s-2024-02-31.csv", csv("2024-02-01", 1)),
    ]);
    let (run, files) = fetching.run().await;
    assert_eq!(run.state, "completed");
    let bad = files
        .iter()
        .find(|file| file.file_name == "s-2024-02-31.csv")
        .unwrap();
    assert_eq!(bad.state, "failed");
    assert_eq!(bad.error.as_ref().unwrap()["rule"], "bad_date");
}

#[tokio::test]
async fn a_foreign_host_in_a_list_is_not_called() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    let evil = "http://169.254.169.254/s-2024-01-01.csv";
    let links = format!("<a href=\"{evil}\">x</a><a href=\"https://evil.example/s-2024-01-02.csv\">x</a>");
    fetching.page(LIST, &links, "text/html");
    let (_, files) = fetching.run().await;
    let rules: Vec<&str> = files
        .iter()
        .map(|file| file.error.as_ref().unwrap()["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["forbidden_scheme", "forbidden_host"]);
    assert_eq!(fetching.road.sources.take_asked().len(), 1);
}

#[tokio::test]
async fn a_run_that_takes_longer_goes_on_by_another_message() {
    let Some(mut fetching) = Fetching::new().await else {
        return;
    };
    let files: Vec<(String, String)> = (1..=9)
        .map(|day| {
            (
                format!("s-2024-01-0{day}.csv"),
                csv(&format!("2024-01-0{day}"), 1),
            )
        })
        .collect();
    let files: Vec<(&str, String)> = files
        .iter()
        .map(|(file, content)| (file.as_str(), content.clone()))
        .collect();
    fetching.list(&files);
    // The clock moves by a millisecond a look, so a worker gets a few files done.
    fetching.road.fetch_ms = 40;
    let run_id = fetching.begin().await;
    let mut workers = 0;
    while let Some(message) = fetching.road.queues.take(0) {
        workers += usize::from(message.queue == Queue::Fetch && message.delay_seconds == 0);
        let delivered = fetching.road.deliver(&message).await;
        assert!(
            matches!(delivered, millrace_tests::Delivered::Done),
            "{delivered:?}"
        );
    }
    let (run, lines) = fetching.found(run_id).await;
    assert_eq!(run.state, "completed");
    assert!(workers > 2, "{workers} workers");
    assert!(
        lines
            .iter()
            .all(|line| line.state == "fetched" && line.attempts == 1),
        "{lines:?}"
    );
    assert_eq!(fetching.files().await.last().unwrap(), "9");
}
