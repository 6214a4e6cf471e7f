//! Cold starts and warm answers of the functions, as ratios to a hello-world function of the same build.
//!
//! A round has a share of the cold runs and one warm run for every event of every function, the yardstick first. Of a
//! warm run the first twentieth is left out. The harness, its stand-in for AWS and the function share one core: whether a
//! wake-up crosses cores is chance otherwise, and makes two and a half of one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::functions::{Case, Subject, environment, hello, product};
use crate::options::Effort;
use crate::process::Function;
use crate::report::{Figure, Row};
use crate::screen;
use crate::statistics::{median, percentile};
use crate::stub::Stub;

/// What one round found of one event.
#[derive(Debug, Clone, Default)]
struct Round {
    next_ms: Vec<f64>,
    first_ms: Vec<f64>,
    warm_us: Vec<f64>,
    peak_mib: f64,
}

/// An event of a function that is built.
struct Measured {
    program: PathBuf,
    subject: &'static str,
    case: Case,
    rounds: Vec<Round>,
}

/// Measures all functions that are built.
///
/// # Errors
/// When a function fails or answers otherwise than its event expects.
pub fn run(binaries: &Path, template: &str, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let _core = OneCore::pin().context("keeping to one core")?;
    let stub = Stub::start().context("starting the stand-in for AWS")?;
    let variables = environment(template, &stub.url)?;
    let mut all = measured(hello(), binaries);
    ensure!(
        !all.is_empty(),
        "the yardstick bench-hello is not in {}",
        binaries.display()
    );
    for subject in product() {
        let name = subject.name;
        let found = measured(subject, binaries);
        if found.is_empty() {
            screen::line(&format!("  ! {name} is not built: left out"));
        }
        all.extend(found);
    }
    for round in 1..=effort.rounds {
        screen::line(&format!("  · functions, round {round} of {}", effort.rounds));
        for one in &mut all {
            one.rounds.push(Round::default());
        }
        for _ in 0..effort.cold_runs.div_ceil(effort.rounds) {
            for one in &mut all {
                one.start(&variables, &stub, 0)?;
            }
        }
        for one in &mut all {
            one.start(&variables, &stub, effort.warm_calls)?;
        }
    }
    Ok(rows(&all))
}

/// This thread, and the threads and processes that it starts, keep to one core while this is held.
struct OneCore(CpuSet);

impl OneCore {
    fn pin() -> rustix::io::Result<Self> {
        let before = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|core| before.is_set(*core));
        let mut one = CpuSet::new();
        one.set(first.unwrap_or(0));
        sched_setaffinity(None, &one)?;
        Ok(Self(before))
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // Whoever cannot go back to all cores measures the rest on one, for both sides of every ratio.
        let _ = sched_setaffinity(None, &self.0);
    }
}

fn measured(subject: Subject, binaries: &Path) -> Vec<Measured> {
    let program = binaries.join(subject.name);
    if !program.is_file() {
        return Vec::new();
    }
    let cases = subject.cases.into_iter().map(|case| Measured {
        program: program.clone(),
        subject: subject.name,
        case,
        rounds: Vec::new(),
    });
    cases.collect()
}

impl Measured {
    /// One process: its start and first answer (of a cold run), or so many warm answers.
    fn start(
        &mut self,
        variables: &[(String, String)],
        stub: &Stub,
        warm_calls: usize,
    ) -> anyhow::Result<()> {
        let outcome = self.attempt(variables, stub, warm_calls);
        outcome.with_context(|| format!("{}, {}", self.subject, self.case.name))
    }

    fn attempt(
        &mut self,
        variables: &[(String, String)],
        stub: &Stub,
        warm_calls: usize,
    ) -> anyhow::Result<()> {
        let calls_before = stub.calls();
        let event = serde_json::to_vec(&self.case.event)?;
        let mut function = Function::spawn(&self.program, variables)?;
        let next = function.wait_next()?;
        let first = function.invoke(&event)?;
        let first_ms = (first.at - function.spawned()).as_secs_f64() * 1e3;
        let text = String::from_utf8_lossy(&first.body);
        ensure!(
            text.contains(self.case.answer),
            "an unexpected answer: {text:.400}"
        );
        let mut warm_us = Vec::with_capacity(warm_calls);
        for _ in 0..warm_calls {
            function.wait_next()?;
            let answer = function.invoke(&event)?;
            if answer.is_response != first.is_response {
                bail!(
                    "a later answer differs: {}",
                    String::from_utf8_lossy(&answer.body)
                );
            }
            warm_us.push(answer.elapsed.as_secs_f64() * 1e6);
        }
        let calls = stub.calls() - calls_before;
        let expected = self.case.calls * (1 + warm_calls as u64);
        ensure!(calls == expected, "{calls} calls to AWS instead of {expected}");
        let Some(round) = self.rounds.last_mut() else {
            return Ok(());
        };
        if warm_calls == 0 {
            round.next_ms.push(next.as_secs_f64() * 1e3);
            round.first_ms.push(first_ms);
        } else {
            round.warm_us = warm_us.split_off(warm_calls / 20);
            round.peak_mib = function.peak_mib()?;
        }
        Ok(())
    }

    fn figure(&self, name: &'static str, unit: &'static str, value: impl Fn(&Round) -> f64) -> Figure {
        Figure {
            subject: format!("{}, {}", self.subject, self.case.name),
            name,
            unit,
            values: self.rounds.iter().map(value).collect(),
            yardstick: None,
            goal: None,
        }
    }

    fn figures(&self) -> [Figure; 5] {
        [
            self.figure("spawn → /next", "ms", |round| median(&round.next_ms)),
            Figure {
                goal: self.case.cold_goal,
                ..self.figure("spawn → first answer", "ms", |round| median(&round.first_ms))
            },
            Figure {
                goal: self.case.warm_goal,
                ..self.figure("warm p50", "µs", |round| percentile(&round.warm_us, 50))
            },
            self.figure("warm p99", "µs", |round| percentile(&round.warm_us, 99)),
            self.figure("peak memory", "MiB", |round| round.peak_mib),
        ]
    }
}

/// Everything but the yardstick itself as ratios to it.
fn rows(all: &[Measured]) -> Vec<Row> {
    let yardsticks = all
        .first()
        .map(|hello| hello.figures().map(|figure| figure.values));
    let mut rows = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let figures = one
            .figures()
            .into_iter()
            .zip(yardsticks.clone().into_iter().flatten());
        let compared = figures.map(|(figure, yardstick)| Figure {
            yardstick: (at > 0).then_some(("hello", yardstick)),
            ..figure
        });
        rows.extend(compared.filter_map(|figure| figure.row()));
    }
    rows
}
