//! From an object in S3 to a KPI that can be read, on a local stack of the release build, to `\copy` of the same file.
//!
//! The stack is started for this and removed after it. A round's clock begins when the storage has answered the PUT of
//! the file, and ends when the API has said that the file is through and has answered with figures of its dataset. All
//! sums are compared with the manifest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millrace_tests::stack::{Api, Stack, unique};
use serde_json::{Value, json};

use crate::attendance::{BY_GRADE, BY_SCHOOL, Grouping, dataset_body, event_body};
use crate::cells::{expected_sums, sums_of};
use crate::data::{Input, make};
use crate::generator::Quality;
use crate::goal::Goal;
use crate::options::Effort;
use crate::report::{Figure, Row};
use crate::screen;
use crate::yardstick::Copy;

const INSTANCE: &str = "bench-stack";
/// A file that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(600);

/// The great file: at most twice the time of `\copy`.
const GREAT: Goal = Goal::AtMost(2.0);
/// A million rows, by school and day: at most 15 s.
const MILLION: Goal = Goal::AtMost(15.0);
/// Peak memory of a function, in MiB.
const MEMORY: Goal = Goal::AtMost(64.0);

/// The programs and the tree.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The built programs.
    pub binaries: &'a Path,
    /// The tree.
    pub workspace: &'a Path,
    /// Where files are made.
    pub folder: &'a Path,
}

/// A stack that is removed at the end.
struct Running<'a> {
    setting: Setting<'a>,
}

impl<'a> Running<'a> {
    fn start(setting: Setting<'a>) -> anyhow::Result<Self> {
        let running = Self { setting };
        running.command(&["reset"])?;
        running.command(&["up", "--detach", "--no-demo"])?;
        Ok(running)
    }

    fn command(&self, words: &[&str]) -> anyhow::Result<()> {
        let program = self.setting.binaries.join("millrace-stack");
        let output = Command::new(&program)
            .args(["--instance", INSTANCE])
            .args(words)
            .current_dir(self.setting.workspace)
            .stdin(Stdio::null())
            .output()
            .with_context(|| program.display().to_string())?;
        ensure!(
            output.status.success(),
            "cargo local {}: {}{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn stack(&self) -> anyhow::Result<Stack> {
        let status: PathBuf = [".local", INSTANCE, "status.json"].iter().collect();
        let text = std::fs::read(self.setting.workspace.join(status))?;
        serde_json::from_slice(&text).context("status.json")
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.command(&["reset"]) {
            screen::line(&format!("{error:#}"));
        }
    }
}

/// What one file took.
#[derive(Debug, Clone, Copy)]
struct Taken {
    seconds: f64,
    ingest_mib: f64,
    perf_mib: f64,
}

/// Measures a stack's way from an object to its KPI.
///
/// # Errors
/// When something fails or a sum is wrong.
pub fn run(setting: Setting<'_>, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let files = tempfile::tempdir_in(setting.folder)?;
    let input = |name: &str, records| make(files.path(), name, Quality::Clean, 0..records);
    let tenth = input("small.csv", effort.records / 10)?;
    let million = input("million.csv", effort.records * 2)?;
    let great = input("great.csv", effort.records * 10)?;
    let server = millrace_tests::postgres().context("no PostgreSQL is installed")?;
    let copy = Copy::prepare(server, "yardstick_stack")?;
    let running = Running::start(setting)?;
    let stack = running.stack()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut rounds = Vec::new();
    for number in 1..=effort.rounds {
        screen::line(&format!("  · stack, round {number} of {}", effort.rounds));
        let take = |input, grouping| runtime.block_on(take(&stack, input, grouping));
        rounds.push(Round {
            copy: copy.run(&great.path, great.manifest.records)?.as_secs_f64(),
            small: take(&tenth, BY_GRADE)?,
            great: take(&great, BY_GRADE)?,
            great_by_school: take(&great, BY_SCHOOL)?,
            million: take(&million, BY_SCHOOL)?,
        });
    }
    Ok(rows(&rounds))
}

/// The figures of a round.
#[derive(Debug, Clone, Copy)]
struct Round {
    copy: f64,
    small: Taken,
    great: Taken,
    great_by_school: Taken,
    million: Taken,
}

/// Sends a file to specs of its own, with processes that did nothing before.
async fn take(stack: &Stack, input: &Input, grouping: Grouping) -> anyhow::Result<Taken> {
    let api = stack.api();
    let (event, dataset) = (unique("attendance"), unique(grouping.dataset));
    create(&api, &event_body(), ("attendance", &event)).await?;
    let body = renamed(&dataset_body(grouping), ("attendance", &event))?;
    create(&api, &body, (grouping.dataset, &dataset)).await?;
    let (ingest, perf) = (stack.function("csv-ingest"), stack.function("perf-worker"));
    let _ = (ingest.kill(), perf.kill());

    let order = json!({"ingestion_type": "event", "ingestion_name": event, "file_name": "attendance.csv", "mode": "new"});
    let opened = api.open(&order).await;
    let status = api.put(&opened, std::fs::read(&input.path)?).await;
    ensure!(status == 200, "PUT of the file: {status}");
    let begin = Instant::now();
    let file = api.settled(&opened.file_id, PATIENCE).await;
    let page = api.get(&format!("/kpis/{dataset}?limit=1")).await;
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(file["status"] == "Ready_to_archive", "{file}");
    ensure!(page.status == 200, "{}", page.text);
    let found = stack.sql().await.value(&sums_of(&dataset)).await;
    let expected = expected_sums(&[&input.manifest]);
    ensure!(
        found.as_deref() == Some(&*expected),
        "{found:?} instead of {expected}"
    );
    Ok(Taken {
        seconds,
        ingest_mib: peak_mib(&ingest.processes())?,
        perf_mib: peak_mib(&perf.processes())?,
    })
}

async fn create(api: &Api, body: &Value, name: (&str, &str)) -> anyhow::Result<()> {
    api.create_spec(&renamed(body, name)?).await;
    Ok(())
}

/// A body in which a name stands for another one, wherever it is a whole name.
fn renamed(body: &Value, (from, to): (&str, &str)) -> anyhow::Result<Value> {
    let text = body.to_string();
    let text = text.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    let text = text.replace(&format!("\"ingestion.{from}\""), &format!("\"ingestion.{to}\""));
    Ok(serde_json::from_str(&text)?)
}

/// The greatest peak of some processes, in MiB.
fn peak_mib(pids: &[u32]) -> anyhow::Result<f64> {
    let peak = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
    };
    let peak = pids.iter().filter_map(peak).fold(0.0, f64::max);
    ensure!(
        peak > 0.0,
        "no process of the function says how much memory it took"
    );
    Ok(peak / 1024.0)
}

fn each(rounds: &[Round], value: fn(&Round) -> f64) -> Vec<f64> {
    rounds.iter().map(value).collect()
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    let figures = times(rounds).into_iter().chain(peaks(rounds));
    figures.filter_map(|figure| figure.row()).collect()
}

fn times(rounds: &[Round]) -> [Figure; 4] {
    let each = |value| each(rounds, value);
    let copy = each(|round| round.copy);
    let to_copy = Some(("\\copy", copy.clone()));
    let time = |subject: &str, values, yardstick, goal| Figure {
        subject: subject.to_owned(),
        name: "object → KPI",
        unit: "s",
        values,
        yardstick,
        goal,
    };
    [
        time("\\copy, ten times the rows", copy, None, None),
        time(
            "ten times the rows, by day and grade",
            each(|round| round.great.seconds),
            to_copy.clone(),
            Some(GREAT),
        ),
        time(
            "ten times the rows, by day and school",
            each(|round| round.great_by_school.seconds),
            to_copy,
            None,
        ),
        time(
            "twice the rows, by day and school",
            each(|round| round.million.seconds),
            Some(("1 s", vec![1.0; rounds.len()])),
            Some(MILLION),
        ),
    ]
}

fn peaks(rounds: &[Round]) -> [Figure; 5] {
    let peak = |subject: &str, value| Figure {
        subject: subject.to_owned(),
        name: "peak memory",
        unit: "MiB",
        values: each(rounds, value),
        yardstick: None,
        goal: None,
    };
    let bounded = |subject: &str, value| Figure {
        yardstick: Some(("1 MiB", vec![1.0; rounds.len()])),
        goal: Some(MEMORY),
        ..peak(subject, value)
    };
    [
        bounded("csv-ingest, a tenth of the rows", |round| round.small.ingest_mib),
        bounded("csv-ingest, ten times the rows", |round| round.great.ingest_mib),
        bounded("perf-worker, a tenth of the rows", |round| round.small.perf_mib),
        bounded("perf-worker, ten times the rows", |round| round.great.perf_mib),
        // It grows with the groups, of which there are 417,000.
        peak("perf-worker, ten times the rows by day and school", |round| {
            round.great_by_school.perf_mib
        }),
    ]
}
