//! `cargo local up`: from nothing to a stack that has shown a file becoming KPIs.

use std::process::{Child, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use crate::clock::{pause, wait_until};
use crate::deploy::{self, Pace};
use crate::environment::{Environment, Kind};
use crate::instance::Instance;
use crate::status::{ServeState, Serving, Status};
use crate::workspace::Workspace;
use crate::{demonstration, emulator, prerequisites, report, screen, serve};

const START_PATIENCE: Duration = Duration::from_secs(180);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// How to start.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpArguments {
    /// Return when everything runs; `down` stops it
    #[arg(long)]
    pub(crate) detach: bool,
    /// Start and deploy, but do not run the demonstration
    #[arg(long)]
    pub(crate) no_demo: bool,
    /// Enforce the functions' IAM policies, as AWS does
    #[arg(long)]
    pub(crate) enforce_iam: bool,
}

/// The process that serves, and how to end it.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    child: Arc<Mutex<Option<Child>>>,
    /// Whether it ends with this program.
    is_ours: bool,
}

impl Runner {
    /// A process that ends with this program.
    pub(crate) fn owned(child: Child) -> Self {
        Self {
            child: Arc::new(Mutex::new(Some(child))),
            is_ours: true,
        }
    }

    /// A process that goes on by itself; nothing when it was there before.
    fn lent(child: Option<Child>) -> Self {
        Self {
            child: Arc::new(Mutex::new(child)),
            is_ours: false,
        }
    }

    /// Cuts the lifeline and waits until everything has stopped.
    pub(crate) fn stop(&self) {
        let mut held = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = held.take().filter(|_| self.is_ours) {
            drop(child.stdin.take());
            let _ = wait_until(STOP_PATIENCE, || !matches!(child.try_wait(), Ok(None)));
        }
    }

    /// Whether it ended, as far as this program can tell.
    fn has_ended(&self) -> bool {
        let mut held = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_mut()
            .is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }
}

/// Runs the command.
///
/// # Errors
/// When this machine lacks something, a process does not start, the deploy fails or the demonstration does not end as
/// it must.
pub(crate) fn run(
    workspace: &Workspace,
    instance: &Instance,
    options: &UpArguments,
) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    screen::line(&format!("Millrace on this machine, instance {}", instance.name()));
    let found = prerequisites::check(instance.folder())?;
    let environment = Environment::settle(workspace, &found.python, Kind::Run)?;
    instance.create()?;
    let runs_already = Serving::read(instance).is_some_and(|serving| serving.goes_on());
    let runner = if runs_already {
        screen::step("already running: the processes are kept, what changed is deployed");
        Runner::lent(None)
    } else if options.detach {
        Runner::lent(Some(serve::spawn(
            workspace,
            instance,
            &environment,
            false,
            options.enforce_iam,
        )?))
    } else {
        Runner::owned(serve::spawn(
            workspace,
            instance,
            &environment,
            true,
            options.enforce_iam,
        )?)
    };
    stop_on_signal(runner.clone())?;
    let outcome = bring_up(workspace, instance, &environment, options, &runner, begin);
    if let Err(error) = outcome {
        runner.stop();
        return Err(error);
    }
    if options.detach || runs_already {
        if !runs_already {
            screen::line("It goes on in the background: `cargo local down` stops it.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    screen::line("Ctrl-C stops it.");
    watch(instance, &runner)
}

fn bring_up(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    options: &UpArguments,
    runner: &Runner,
    begin: Instant,
) -> anyhow::Result<()> {
    let serving = wait_ready(instance, runner)?;
    let status = bring_to_date(workspace, instance, environment, &serving, Pace::Work)?;
    screen::step(&format!("ready after {}", deploy::seconds(begin)));
    demonstration::drive_open_files(&status)?;
    if !options.no_demo {
        demonstration::run(&status)?;
    }
    report::print(&status);
    Ok(())
}

/// Deploys, saves, and says what came out.
///
/// # Errors
/// When the deploy fails.
pub(crate) fn bring_to_date(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    serving: &Serving,
    pace: Pace,
) -> anyhow::Result<Status> {
    let had_record = deploy::has_record(instance);
    let begin = Instant::now();
    let (outcome, status) = deploy::run(workspace, instance, environment, serving, pace)?;
    screen::step(&format!(
        "{} in {}",
        deploy::describe(&outcome),
        deploy::seconds(begin)
    ));
    if let Some(loss) = deploy::describe_loss(instance, &outcome, had_record) {
        screen::warn(&loss);
    }
    report::print_not_held(&outcome.settled);
    let emulator = serving
        .ministack
        .as_ref()
        .ok_or_else(|| anyhow!("MiniStack has no process"))?;
    if !emulator::save_state(instance, emulator) {
        screen::warn("the emulator's state could not be saved: a kill would lose the stack, not the data");
    }
    Ok(status)
}

/// Waits until the processes run; shows what there is to note.
///
/// # Errors
/// When they do not come up; the text says why.
pub(crate) fn wait_ready(instance: &Instance, runner: &Runner) -> anyhow::Result<Serving> {
    let mut last = None;
    wait_until(START_PATIENCE, || {
        // Asked in this order: one that ends after the answer has written why.
        let has_ended = runner.has_ended();
        last = Serving::read(instance);
        has_ended || last.as_ref().is_some_and(Serving::is_ready)
    });
    let serving = last.ok_or_else(|| anyhow!("nothing started: see {}", instance.log("runner").display()))?;
    for note in &serving.notes {
        screen::warn(note);
    }
    match (serving.state, &serving.error) {
        (ServeState::Ready, _) => {}
        (_, Some(error)) => bail!("{error}"),
        _ => bail!(
            "the processes did not come up: see {}",
            instance.log("runner").display()
        ),
    }
    if let Some(ports) = &serving.ports {
        screen::step(&format!(
            "PostgreSQL on 127.0.0.1:{}, Data API on :{}, MiniStack on :{}",
            ports.postgres, ports.data_api, ports.ministack
        ));
    }
    Ok(serving)
}

/// Stays until the end, and shows what happens to the processes.
fn watch(instance: &Instance, runner: &Runner) -> anyhow::Result<ExitCode> {
    let mut shown = Serving::read(instance).map_or(0, |serving| serving.notes.len());
    while !runner.has_ended() {
        pause(Duration::from_millis(200));
        let Some(serving) = Serving::read(instance) else {
            continue;
        };
        for note in serving.notes.iter().skip(shown) {
            screen::warn(note);
        }
        shown = shown.max(serving.notes.len());
    }
    let error = Serving::read(instance).and_then(|serving| serving.error);
    let why = error.unwrap_or_else(|| "the process that owns the stack was killed".to_owned());
    crate::leftovers::end(instance)?;
    bail!("{why}: everything was stopped, `cargo local up` brings it back with its data")
}

/// Ctrl-C, SIGTERM and a closed terminal stop what this program has started, and nothing else.
fn stop_on_signal(runner: Runner) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("making a runtime for signals")?;
    std::thread::spawn(move || {
        runtime.block_on(serve::any_signal());
        if runner.is_ours {
            screen::line("\nstopping …");
            runner.stop();
            screen::line("stopped; the data is kept");
        } else {
            screen::line("\ninterrupted; what runs goes on: cargo local down stops it");
        }
        std::process::exit(130);
    });
    Ok(())
}
