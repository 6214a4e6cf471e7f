//! Rows a second on the way from a file to cells, as ratios to `\copy` of the same file.
//!
//! Check and aggregation run as they do between two calls to S3, on one thread; staging and apply are the store's own
//! statements through the local Data API in process, as the application's role, on a migrated database that is empty
//! in each round. All sums are compared with the manifest: a figure of a wrong result is an error.
//!
//! The check is set beside `DuckDB`'s `read_csv` with its reject tables into an in-memory table, on one thread.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use millrace_aggregate::Partial;
use millrace_core::definition::{DatasetDefinition, EventDefinition};
use serde::Deserialize;

use crate::attendance::{BY_GRADE, BY_SCHOOL, aggregate, check_file, dataset, event};
use crate::cells::Cells;
use crate::equal_files::EqualFiles;
use crate::generator::{Manifest, Quality, generate};
use crate::goal::Goal;
use crate::options::Effort;
use crate::report::{Figure, Row};
use crate::screen;
use crate::yardstick::Copy;

/// Rows checked and written as a part, at least so many times those that `DuckDB` reads into a table.
const CHECK: Goal = Goal::AtLeast(1.5);
/// The time for a file with 1 % spoilt rows is at most 1.1 times that of a clean one.
const SPOILT: Goal = Goal::AtLeast(1.0 / 1.1);
/// Aggregation takes at most 0.45 of the time of `\copy`.
const AGGREGATE: Goal = Goal::AtLeast(1.0 / 0.45);
/// A tenth of the file more: reducing, staging and applying it takes at most 0.1 of the time of `\copy`.
const INCREMENT: Goal = Goal::AtMost(0.10);
/// Replacing one of a hundred equal files takes at most 3 % of the time that all of them took.
const REPLACE: Goal = Goal::AtMost(0.03);

/// A generated file, and what is in it.
pub struct Input {
    /// Where it lies.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// Seconds of each step of a round.
#[derive(Debug, Clone, Default)]
struct Round {
    copy: f64,
    check: f64,
    check_spoilt: f64,
    aggregate: f64,
    aggregate_by_grade: f64,
    stage: f64,
    apply: f64,
    increment_by_grade: f64,
    increment_by_school: f64,
    build: f64,
    replace: f64,
    duckdb: f64,
    duckdb_spoilt: f64,
}

/// The peer's Python and the tree.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Its Python.
    pub python: &'a Path,
    /// The tree.
    pub workspace: &'a Path,
}

/// What the peer read.
#[derive(Debug, Deserialize)]
struct PeerRead {
    version: String,
    seconds: f64,
    kept: u64,
}

impl Peer<'_> {
    fn read(&self, input: &Input) -> anyhow::Result<PeerRead> {
        let script = self.workspace.join("localstack/bench/peers/duckdb_read_csv.py");
        let output = Command::new(self.python)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .arg(script)
            .arg(&input.path)
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.python.display().to_string())?;
        ensure!(
            output.status.success(),
            "DuckDB failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("DuckDB's answer")
    }
}

/// What stays the same over the rounds.
struct Setting<'a> {
    peer: Peer<'a>,
    clean: Input,
    spoilt: Input,
    /// A tenth of the records more, which follow those of the clean file.
    increment: Input,
    files: EqualFiles,
    event: EventDefinition,
    by_grade: DatasetDefinition,
    by_school: DatasetDefinition,
    copy: Copy,
}

/// Measures the data stages; says which PostgreSQL and which peer it was.
///
/// # Errors
/// When something fails or a sum is wrong.
pub fn run(folder: &Path, peer: Peer<'_>, effort: &Effort) -> anyhow::Result<(Vec<Row>, String)> {
    let files = tempfile::tempdir_in(folder)?;
    let records = effort.records;
    let server = millrace_tests::postgres().context("no PostgreSQL is installed")?;
    let setting = Setting {
        peer,
        clean: make(files.path(), "clean.csv", Quality::Clean, 0..records)?,
        spoilt: make(files.path(), "spoilt.csv", Quality::OnePercentSpoilt, 0..records)?,
        increment: make(
            files.path(),
            "increment.csv",
            Quality::Clean,
            records..records + records / 10,
        )?,
        files: EqualFiles::make(records)?,
        event: event()?,
        by_grade: dataset(BY_GRADE)?,
        by_school: dataset(BY_SCHOOL)?,
        copy: Copy::prepare(server, "yardstick_data")?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut rounds = Vec::new();
    for number in 1..=effort.rounds {
        screen::line(&format!("  · data, round {number} of {}", effort.rounds));
        rounds.push(setting.round(&runtime)?);
    }
    let peer = peer.read(&setting.clean)?.version;
    let versions = format!("{}, DuckDB {peer}", setting.copy.version()?);
    Ok((setting.rows(&rounds), versions))
}

/// Makes a file.
///
/// # Errors
/// When it cannot be written.
pub fn make(folder: &Path, name: &str, quality: Quality, records: Range<u64>) -> anyhow::Result<Input> {
    let path = folder.join(name);
    let mut out = BufWriter::new(File::create(&path)?);
    let manifest = generate(records, quality, &mut out)?;
    out.flush()?;
    Ok(Input { path, manifest })
}

fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let begin = Instant::now();
    let done = work()?;
    Ok((done, begin.elapsed().as_secs_f64()))
}

impl Setting<'_> {
    fn round(&self, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Round> {
        let copy = self.copy.run(&self.clean.path, self.clean.manifest.records)?;
        let read = self.peer.read(&self.clean)?;
        ensure!(
            read.kept == self.clean.manifest.valid,
            "DuckDB kept {} rows",
            read.kept
        );
        // How many of the spoilt rows it finds is its own matter: it has no limits on lengths.
        let read_spoilt = self.peer.read(&self.spoilt)?;
        let (clean, check) = timed(|| check_file(&self.clean.path, &self.event))?;
        let (spoilt, check_spoilt) = timed(|| check_file(&self.spoilt.path, &self.event))?;
        for (checked, input) in [(&clean, &self.clean), (&spoilt, &self.spoilt)] {
            let (counts, manifest) = (checked.summary.counts, &input.manifest);
            ensure!(
                counts.kept == manifest.valid && counts.rejected == manifest.spoilt.len() as u64,
                "{}: {counts:?}",
                input.path.display()
            );
        }
        let (partial, aggregate) = timed(|| aggregate(&clean.part, &self.by_school))?;
        ensure!(
            partial.rows() == self.clean.manifest.valid,
            "{} rows in the partial",
            partial.rows()
        );
        let mut round = Round {
            copy: copy.as_secs_f64(),
            check,
            check_spoilt,
            aggregate,
            duckdb: read.seconds,
            duckdb_spoilt: read_spoilt.seconds,
            ..Round::default()
        };
        runtime.block_on(self.apply(&clean.part, &partial, &mut round))?;
        let (built, replaced) = runtime.block_on(self.files.replace_one())?;
        (round.build, round.replace) = (built.as_secs_f64(), replaced.as_secs_f64());
        Ok(round)
    }

    /// The file into cells by day and grade and by day and school; then a tenth of it more.
    async fn apply(&self, part: &[u8], by_school: &Partial, round: &mut Round) -> anyhow::Result<()> {
        let cells = Cells::new(&[BY_GRADE, BY_SCHOOL]).await?;
        let file = cells.ingest(&self.clean.path, "clean.csv").await?;
        let brought = cells.apply(file, BY_SCHOOL, by_school).await?;
        (round.stage, round.apply) = (brought.stage.as_secs_f64(), brought.apply.as_secs_f64());
        let (by_grade, seconds) = timed(|| aggregate(part, &self.by_grade))?;
        round.aggregate_by_grade = seconds;
        cells.apply(file, BY_GRADE, &by_grade).await?;

        let increment = cells.ingest(&self.increment.path, "increment.csv").await?;
        let checked = check_file(&self.increment.path, &self.event)?;
        for (grouping, dataset, time) in [
            (BY_GRADE, &self.by_grade, &mut round.increment_by_grade),
            (BY_SCHOOL, &self.by_school, &mut round.increment_by_school),
        ] {
            let (partial, seconds) = timed(|| aggregate(&checked.part, dataset))?;
            let brought = cells.apply(increment, grouping, &partial).await?;
            *time = seconds + (brought.stage + brought.apply).as_secs_f64();
            let files = [&self.clean.manifest, &self.increment.manifest];
            cells.check_sums(grouping, &files).await?;
        }
        Ok(())
    }

    fn rows(&self, rounds: &[Round]) -> Vec<Row> {
        #[expect(clippy::cast_precision_loss, reason = "at most some millions")]
        let records = self.clean.manifest.records as f64;
        let rates = |seconds: fn(&Round) -> f64| -> Vec<f64> {
            rounds.iter().map(|round| records / seconds(round)).collect()
        };
        let figures = [checks(rates), merges(rates), times(rounds)];
        figures.iter().flatten().filter_map(Figure::row).collect()
    }
}

/// A figure without a yardstick.
fn alone(subject: &str, values: &[f64]) -> Figure {
    Figure {
        subject: subject.to_owned(),
        name: "rows",
        unit: "/s",
        values: values.to_vec(),
        yardstick: None,
        goal: None,
    }
}

/// A figure beside a yardstick.
fn beside(
    subject: &str,
    values: &[f64],
    (yardstick, of): (&'static str, &[f64]),
    goal: Option<Goal>,
) -> Figure {
    Figure {
        yardstick: Some((yardstick, of.to_vec())),
        goal,
        ..alone(subject, values)
    }
}

const COPY: &str = "\\copy";

fn checks(rates: impl Fn(fn(&Round) -> f64) -> Vec<f64>) -> Vec<Figure> {
    let copy = rates(|round| round.copy);
    let (check, spoilt) = (rates(|round| round.check), rates(|round| round.check_spoilt));
    let (peer, peer_spoilt) = (rates(|round| round.duckdb), rates(|round| round.duckdb_spoilt));
    let (clean_name, spoilt_name) = ("check + part", "check + part, 1 % spoilt");
    vec![
        alone("\\copy, unlogged", &copy),
        alone("DuckDB read_csv", &peer),
        alone("DuckDB read_csv, 1 % spoilt", &peer_spoilt),
        beside(clean_name, &check, (COPY, &copy), None),
        beside(clean_name, &check, ("DuckDB", &peer), Some(CHECK)),
        beside(spoilt_name, &spoilt, (COPY, &copy), None),
        beside(spoilt_name, &spoilt, ("DuckDB", &peer_spoilt), None),
        beside(spoilt_name, &spoilt, ("clean", &check), Some(SPOILT)),
    ]
}

fn merges(rates: impl Fn(fn(&Round) -> f64) -> Vec<f64>) -> Vec<Figure> {
    let copy = rates(|round| round.copy);
    let to_copy = |subject: &str, seconds: fn(&Round) -> f64, goal| {
        beside(subject, &rates(seconds), (COPY, &copy), goal)
    };
    let whole = |round: &Round| round.check + round.aggregate + round.stage + round.apply;
    vec![
        to_copy(
            "aggregate by day and grade",
            |round| round.aggregate_by_grade,
            Some(AGGREGATE),
        ),
        to_copy("aggregate by day and school", |round| round.aggregate, None),
        to_copy(
            "stage + apply by day and school",
            |round| round.stage + round.apply,
            None,
        ),
        to_copy("apply alone by day and school", |round| round.apply, None),
        to_copy("file → cells, one after the other", whole, None),
    ]
}

fn times(rounds: &[Round]) -> Vec<Figure> {
    let ms = |seconds: fn(&Round) -> f64| -> Vec<f64> {
        rounds.iter().map(|round| seconds(round) * 1e3).collect()
    };
    let time = |subject: &str, seconds, yardstick, goal| Figure {
        name: "time",
        unit: "ms",
        ..beside(subject, &ms(seconds), yardstick, goal)
    };
    let (copy, built) = (ms(|round| round.copy), ms(|round| round.build));
    vec![
        time(
            "10 % more, by day and grade",
            |round: &Round| round.increment_by_grade,
            (COPY, &copy),
            Some(INCREMENT),
        ),
        time(
            "10 % more, by day and school",
            |round| round.increment_by_school,
            (COPY, &copy),
            None,
        ),
        time(
            "one of them replaced",
            |round| round.replace,
            ("100 files", &built),
            Some(REPLACE),
        ),
    ]
}
