//! A source that fails in every way, is run twice at once, and whose worker is killed between download and registration:
//! every listed file comes in once, and the registry has the reason of every failure.

use std::time::{Duration, Instant};

use millrace_tests::Random;
use millrace_tests::stack::{Stack, random_rows, wait_until};
use serde_json::{Value, json};

use super::{SETTLED_WITHIN, dead_letters, seed};
use crate::stack::site::Site;

/// A site without faults from tests before.
async fn new_site<'a>(stack: &'a Stack, stem: &str) -> Site<'a> {
    stack.controls().clear_faults().await;
    stack.controls().release_all().await;
    Site::new(stack, stem).await
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn faults_a_source_fails_in_every_way_and_the_registry_says_how() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let mut random = seed(71);
    let mut site = new_site(&stack, "failing").await;
    let metadata = "http://169.254.169.254/latest/meta-data/";
    let faults = [
        (json!({"kind": "status", "status": 500}), "server_error"),
        (json!({"kind": "status", "status": 404}), "not_found"),
        (json!({"kind": "truncated", "after": 100}), "truncated"),
        (json!({"kind": "redirect", "to": metadata}), "forbidden_host"),
        (
            json!({"kind": "redirect", "to": "http://127.0.0.1:9001/"}),
            "forbidden_host",
        ),
        (json!({"kind": "page"}), "wrong_content"),
        (json!({"kind": "page_as_csv"}), "wrong_content"),
        (json!({"kind": "endless"}), "too_large"),
        (json!({"kind": "cut"}), "unreachable"),
        (json!({"kind": "silent"}), "timed_out"),
        (json!({"kind": "trickle", "ms": 100}), "timed_out"),
    ];
    for (at, (fault, _)) in faults.iter().enumerate() {
        site.add(at, &random_rows(&mut random, 40), fault);
    }
    // Between them, files that come: at once, late, after two errors, and without anything that names their bytes.
    for (at, fault) in [
        Value::Null,
        json!({"kind": "slow", "ms": 200}),
        json!({"kind": "status", "status": 503, "times": 2}),
        json!({"kind": "no_validators"}),
    ]
    .into_iter()
    .enumerate()
    {
        site.add(faults.len() + at, &random_rows(&mut random, 40), &fault);
    }
    site.publish().await;
    let run = site.over(&site.begin().await).await;
    assert_eq!(run["state"], "completed", "{run}");
    assert_eq!(
        run["counts"],
        json!({"failed": faults.len(), "fetched": 4}),
        "{run}"
    );
    for entry in site.registry().await {
        let number = entry["file_name"].as_str().unwrap()[1..]
            .split('-')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap();
        match faults.get(number) {
            Some((fault, rule)) => assert_eq!(&entry["error"]["rule"], rule, "{fault}: {entry}"),
            None => assert_eq!(entry["state"], "held", "{entry}"),
        }
    }
    // The source recovers: what was missing comes in, nothing twice, and the reasons are gone.
    for file in &mut site.files {
        file["fault"] = Value::Null;
    }
    site.publish().await;
    let run = site.over(&site.begin().await).await;
    assert_eq!(
        run["counts"],
        json!({"fetched": faults.len(), "unchanged": 4}),
        "{run}"
    );
    site.assert_exact().await;
}

#[tokio::test]
async fn faults_two_runs_at_once_fetch_every_file_once() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let mut random = seed(72);
    let mut site = new_site(&stack, "twice").await;
    for number in 0..8 {
        site.add(
            number,
            &random_rows(&mut random, 40),
            &json!({"kind": "slow", "ms": 250}),
        );
    }
    site.publish().await;
    let runs = futures_util::future::join_all((0..4).map(|_| site.begin())).await;
    let mut states = Vec::new();
    for run_id in &runs {
        states.push(site.over(run_id).await);
    }
    let count = |state: &str| states.iter().filter(|run| run["state"] == state).count();
    println!("{} completed, {} skipped", count("completed"), count("skipped"));
    assert_eq!(count("completed") + count("skipped"), runs.len(), "{states:?}");
    assert!(count("skipped") >= 1, "{states:?}");
    for run in states.iter().filter(|run| run["state"] == "skipped") {
        assert_eq!(run["error"]["rule"], "source_busy", "{run}");
    }
    // In full once: whoever came second had the bytes' names already.
    let asked = format!("{}/_control/sites/{}", stack.source_url, site.source);
    let text = site.http.get(asked).send().await.unwrap().text().await.unwrap();
    let asked: Vec<Value> = serde_json::from_str(&text).unwrap();
    let in_full = asked
        .iter()
        .filter(|one| one["path"].as_str().unwrap().starts_with("files/") && one["status"] == 200);
    assert_eq!(in_full.count(), 8, "files were downloaded twice");
    site.assert_exact().await;
}

/// How many sources are worked on, and killed, at once.
const KILLED_AT_ONCE: usize = 4;
/// Kills between download and registration. Those behind the registration, before the worker knows of it, come on top.
const KILLS: u64 = 30;
/// Of a hundred holds, those that are behind the registration.
const BEHIND_PERCENT: usize = 20;
const KILLS_WITHIN: Duration = Duration::from_secs(120);

/// Holds the registration of a file of each source, kills whoever waits for it, and lets the calls go on or cuts them;
/// says how many were killed there.
async fn kill_at(sites: &[Site<'_>], at: &str, random: &mut Random) -> u64 {
    let stack = sites[0].stack;
    let all = sites.len() as u64;
    let hold = stack.controls().hold("operations.settle_fetch", at, all).await;
    // A run that begins while another one is on its way is skipped, and has that driven on.
    for _ in 0..4 {
        for site in sites {
            site.begin().await;
        }
        if hold.reached(all, Duration::from_secs(2)).await {
            break;
        }
    }
    let waiting = hold.waiting().await;
    let killed = stack.function("nightly-fetcher").kill();
    if random.happens(500) {
        hold.release().await;
    } else {
        hold.discard().await;
    }
    waiting.min(killed as u64)
}

#[tokio::test]
async fn faults_kills_between_download_and_registration_register_every_file_once() {
    let Some(stack) = Stack::find_for_faults() else {
        return;
    };
    let (mut random, emulator) = (seed(73), stack.emulator());
    dead_letters(&stack, &emulator);
    let mut sites = Vec::new();
    for number in 0..KILLED_AT_ONCE {
        let mut site = new_site(&stack, &format!("killed{number}")).await;
        for file in 0..12 {
            site.add(file, &random_rows(&mut random, 30), &Value::Null);
        }
        site.publish().await;
        sites.push(site);
    }
    let begin = Instant::now();
    let (mut between, mut behind) = (0, 0);
    // Every run goes on where the one before died: held files are asked for on a condition and settled too.
    while between < KILLS && begin.elapsed() < KILLS_WITHIN {
        if random.happens(BEHIND_PERCENT * 10) {
            behind += kill_at(&sites, "after_commit", &mut random).await;
        } else {
            between += kill_at(&sites, "before", &mut random).await;
        }
    }
    println!(
        "{between} kills between download and registration, {behind} behind it, in {:.0?}",
        begin.elapsed()
    );
    stack.controls().release_all().await;
    for site in &sites {
        // What a killed worker leaves is gone on with by its message; one more run asks for what was given up.
        let is_over = || async {
            let runs = site.api.get(&site.path("runs?limit=1000")).await;
            let items = runs.body["items"].as_array().cloned().unwrap_or_default();
            !items
                .iter()
                .any(|run| ["queued", "running"].contains(&run["state"].as_str().unwrap_or_default()))
        };
        assert!(wait_until(SETTLED_WITHIN, is_over).await, "runs are not over");
        let run = site.over(&site.begin().await).await;
        assert_eq!(run["state"], "completed", "{run}");
        site.assert_exact().await;
    }
    println!("exact after {:.0?}", begin.elapsed());
    assert!(
        between >= KILLS,
        "only {between} kills: the point is not reached any more"
    );
    let given_up = dead_letters(&stack, &emulator);
    assert_eq!(given_up, Vec::<String>::new());
}
