//! Rows a second on the way from a file to cells, as ratios to `\copy` of the same file.
//!
//! Check and aggregation run as they do between two calls to S3, on one thread; staging and apply are the store's own
//! statements through the local Data API in process, as the application's role, on a migrated database that is empty
//! in each round. All sums are compared with the manifest: a figure of a wrong result is an error.
//!
//! The check is set beside `DuckDB`'s `read_csv` with its reject tables into an in-memory table, on one thread.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use millrace_aggregate::{Partial, difference, stage_chunks};
use millrace_app::ingest::ingest_file;
use millrace_core::definition::{DatasetDefinition, EventDefinition, SpecKind};
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::object_key;
use millrace_store::STAGE_CHUNK_BYTES;
use millrace_store::contributions::{Application, ApplyOutcome};
use millrace_store::files::BeginVersion;
use millrace_tests::{Database, Road, specs};

use serde::Deserialize;

use crate::attendance::{aggregate, check_file, dataset, dataset_body, event, event_body};
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

/// The id of the one attempt that stages.
const STAGE: &str = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b";

struct Input {
    path: PathBuf,
    manifest: Manifest,
}

/// Seconds of each step of a round.
#[derive(Debug, Clone, Default)]
struct Round {
    copy: f64,
    check: f64,
    check_spoilt: f64,
    aggregate: f64,
    stage: f64,
    apply: f64,
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
    event: EventDefinition,
    dataset: DatasetDefinition,
    copy: Copy,
}

/// Measures the data stages; says which PostgreSQL and which peer it was.
///
/// # Errors
/// When something fails or a sum is wrong.
pub fn run(folder: &Path, peer: Peer<'_>, effort: &Effort) -> anyhow::Result<(Vec<Row>, String)> {
    let files = tempfile::tempdir_in(folder)?;
    let server = millrace_tests::postgres().context("no PostgreSQL is installed")?;
    let setting = Setting {
        peer,
        clean: make(files.path(), "clean.csv", Quality::Clean, effort.records)?,
        spoilt: make(
            files.path(),
            "spoilt.csv",
            Quality::OnePercentSpoilt,
            effort.records,
        )?,
        event: event()?,
        dataset: dataset()?,
        copy: Copy::prepare(server)?,
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

fn make(folder: &Path, name: &str, quality: Quality, records: u64) -> anyhow::Result<Input> {
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
        let (partial, aggregate) = timed(|| aggregate(&clean.part, &self.dataset))?;
        ensure!(
            partial.rows() == self.clean.manifest.valid,
            "{} rows in the partial",
            partial.rows()
        );
        let (stage, apply) = runtime.block_on(self.apply(&partial))?;
        Ok(Round {
            copy: copy.as_secs_f64(),
            check,
            check_spoilt,
            aggregate,
            stage: stage.as_secs_f64(),
            apply: apply.as_secs_f64(),
            duckdb: read.seconds,
            duckdb_spoilt: read_spoilt.seconds,
        })
    }

    /// Brings the file to where its contribution is due, by the product's own ways; then stages and applies it.
    async fn apply(&self, partial: &Partial) -> anyhow::Result<(Duration, Duration)> {
        let database = Database::new().context("no PostgreSQL is installed")?;
        let owner = database.owner_store();
        for body in [event_body(), dataset_body()] {
            specs::create(&owner, &body).await;
        }
        let file = self.ingest(&database).await?;
        let store = database.store();
        let pending = store.load_contribution(file, &self.dataset.name).await?;
        let pending = pending.context("the file contributes nothing")?;
        let differences = difference(None, partial)?;
        let begin = Instant::now();
        for chunk in stage_chunks(&differences, STAGE_CHUNK_BYTES)? {
            store
                .stage_differences(pending.contribution_id, STAGE, chunk.json)
                .await?;
        }
        let staged = begin.elapsed();
        let key = object_key::partial(&self.dataset.name, file);
        let bounds = partial.first_key().zip(partial.last_key());
        let application = Application {
            contribution_id: pending.contribution_id,
            stage_id: STAGE,
            cells_staged: differences.len() as u64,
            base: None,
            dataset_version: None,
            partial: bounds.map(|(first, last)| (key.as_str(), first.as_str(), last.as_str())),
            cells: partial.entries().len() as u64,
            rows: partial.rows(),
        };
        let begin = Instant::now();
        let outcome = store.apply_contribution(&application).await?;
        let applied = begin.elapsed();
        ensure!(outcome == ApplyOutcome::Applied, "{outcome:?}");
        self.check_sums(&database).await?;
        Ok((staged, applied))
    }

    async fn ingest(&self, database: &Database) -> anyhow::Result<FileVersion> {
        let mut road = Road::new(database.app());
        road.chunk_bytes = u64::MAX;
        let spec = (SpecKind::Event, self.event.name.as_str());
        let file = match road.begin(spec, "attendance.csv", Mode::New).await? {
            BeginVersion::Created(version) => version.file,
            other => bail!("the file cannot be registered: {other:?}"),
        };
        road.landing
            .put(&object_key::upload(file), std::fs::read(&self.clean.path)?);
        ingest_file(&road.ingest_ports(), file)
            .await
            .map_err(|failure| anyhow!(failure))?;
        Ok(file)
    }

    async fn check_sums(&self, database: &Database) -> anyhow::Result<()> {
        let sums = "select sum(sum_students_total)::text || ' ' || sum(sum_students_present)::text \
             from ingestion.attendance_by_school";
        let manifest = &self.clean.manifest;
        let expected = format!("{} {}", manifest.total, manifest.present);
        let found = database.value(sums).await;
        ensure!(
            found.as_deref() == Some(&*expected),
            "{found:?} in the cells instead of {expected}"
        );
        Ok(())
    }

    fn rows(&self, rounds: &[Round]) -> Vec<Row> {
        #[expect(clippy::cast_precision_loss, reason = "at most some millions")]
        let records = self.clean.manifest.records as f64;
        let rates = |seconds: fn(&Round) -> f64| -> Vec<f64> {
            rounds.iter().map(|round| records / seconds(round)).collect()
        };
        let copy = rates(|round| round.copy);
        let figure = |subject: &str, values: Vec<f64>| Figure {
            subject: subject.to_owned(),
            name: "rows",
            unit: "/s",
            values,
            yardstick: Some(("\\copy", copy.clone())),
            goal: None,
        };
        let whole = rates(|round| round.check + round.aggregate + round.stage + round.apply);
        let (check, spoilt) = (rates(|round| round.check), rates(|round| round.check_spoilt));
        let (peer, peer_spoilt) = (rates(|round| round.duckdb), rates(|round| round.duckdb_spoilt));
        let beside = |subject: &str, values: &[f64], yardstick, goal| Figure {
            yardstick: Some(yardstick),
            goal,
            ..figure(subject, values.to_vec())
        };
        let alone = |subject: &str, values: &[f64]| Figure {
            yardstick: None,
            ..figure(subject, values.to_vec())
        };
        let figures = [
            alone("\\copy, unlogged", &copy),
            alone("DuckDB read_csv", &peer),
            alone("DuckDB read_csv, 1 % spoilt", &peer_spoilt),
            figure("check + part", check.clone()),
            beside("check + part", &check, ("DuckDB", peer.clone()), Some(CHECK)),
            figure("check + part, 1 % spoilt", spoilt.clone()),
            beside("check + part, 1 % spoilt", &spoilt, ("DuckDB", peer_spoilt), None),
            beside(
                "check + part, 1 % spoilt",
                &spoilt,
                ("clean", check),
                Some(SPOILT),
            ),
            Figure {
                goal: Some(AGGREGATE),
                ..figure("aggregate", rates(|round| round.aggregate))
            },
            figure("stage + apply", rates(|round| round.stage + round.apply)),
            figure("apply alone", rates(|round| round.apply)),
            figure("file → cells, one after the other", whole),
        ];
        figures.iter().filter_map(Figure::row).collect()
    }
}
