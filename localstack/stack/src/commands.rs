//! The small commands: they act on an instance that `up` has started.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::clock::wait_until;
use crate::environment::{Environment, Kind};
use crate::files::read_json;
use crate::instance::Instance;
use crate::process::{self, Record};
use crate::status::{ServeState, Serving, Status, process_numbers};
use crate::workspace::{self, Workspace};
use crate::{deploy, leftovers, prerequisites, screen};

const STOP_PATIENCE: Duration = Duration::from_secs(60);
const RESTART_PATIENCE: Duration = Duration::from_secs(60);
/// Where the emulator keeps the logs when it is stopped.
const KEPT_LOGS: &str = "ministack/state/current/cloudwatch_logs.json";

/// Stops the instance.
///
/// # Errors
/// When something does not stop.
pub(crate) fn down(instance: &Instance) -> anyhow::Result<ExitCode> {
    let stopped = stop_all(instance)?;
    let text = if stopped.is_empty() {
        "nothing was running".to_owned()
    } else {
        format!("stopped: {}", stopped.join(", "))
    };
    screen::line(&text);
    Ok(ExitCode::SUCCESS)
}

/// Stops everything of the instance; says what there was.
///
/// # Errors
/// When something does not stop.
pub(crate) fn stop_all(instance: &Instance) -> anyhow::Result<Vec<String>> {
    let mut stopped = Vec::new();
    if let Some(serving) = Serving::read(instance)
        && let Some(runner) = serving.runner.as_ref().filter(|record| record.is_alive())
    {
        stopped.extend(process_numbers(&serving).into_keys());
        runner.signal(Signal::TERM);
        if !wait_until(STOP_PATIENCE, || !runner.is_alive()) {
            runner.stop(Duration::ZERO);
        }
    }
    stopped.extend(leftovers::end(instance)?);
    Ok(stopped)
}

/// Prints what runs.
///
/// # Errors
/// When the answer cannot be made.
pub(crate) fn status(instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let serving = Serving::read(instance);
    let runs = serving.as_ref().is_some_and(Serving::is_ready);
    if as_json {
        let mut value = serde_json::to_value(Status::read(instance))?;
        if let Some(serving) = serving.filter(|_| value.is_object()) {
            value["state"] = serde_json::json!(if runs {
                ServeState::Ready
            } else {
                ServeState::Stopped
            });
            value["processes"] = serde_json::to_value(process_numbers(&serving))?;
            value["notes"] = serde_json::to_value(&serving.notes)?;
        }
        screen::line(&serde_json::to_string_pretty(&value)?);
        return Ok(if runs {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let Some(serving) = serving else {
        screen::line(&format!(
            "instance {} was never started: cargo local up",
            instance.name()
        ));
        return Ok(ExitCode::FAILURE);
    };
    screen::line(&format!(
        "instance {}: {}",
        instance.name(),
        if runs { "running" } else { "not running" }
    ));
    for (name, pid) in process_numbers(&serving) {
        screen::line(&format!("  {name:<10} process {pid}"));
    }
    if let Some(status) = Status::read(instance).filter(|_| runs) {
        crate::report::print(&status);
    }
    Ok(if runs {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn running(instance: &Instance) -> anyhow::Result<Serving> {
    Serving::read(instance)
        .filter(Serving::is_ready)
        .ok_or_else(|| anyhow!("instance {} does not run: cargo local up", instance.name()))
}

/// Prints a function's log: of the instance that runs, or what it kept when it was stopped.
///
/// # Errors
/// When there is nothing to follow, or the emulator refuses.
pub(crate) fn logs(
    workspace: &Workspace,
    instance: &Instance,
    name: &str,
    follow: bool,
) -> anyhow::Result<ExitCode> {
    let function = workspace::function(name)?;
    // Not from status.json, which a deploy writes at its end: the log that tells why one fails is wanted before that.
    let serving = Serving::read(instance).filter(Serving::is_ready);
    let endpoint = serving
        .and_then(|serving| serving.ports)
        .map(|ports| ports.endpoint());
    if follow && endpoint.is_none() {
        bail!("instance {} does not run: cargo local up", instance.name());
    }
    let found = prerequisites::check(instance.folder())?;
    let environment = Environment::settle(workspace, &found.python, Kind::Run)?;
    let mut command = process::bare_command(&environment.python());
    command.arg(workspace.python_folder().join("logs.py"));
    match endpoint {
        Some(endpoint) => command.arg(endpoint),
        None => command.arg("--kept").arg(instance.path(KEPT_LOGS)),
    };
    command
        .arg(deploy::log_group(function))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    if follow {
        command.arg("--follow");
    }
    let ended = command.status().context("reading the log")?;
    Ok(if ended.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Debug, Deserialize)]
struct DeployRecord {
    functions: BTreeMap<String, DeployedFunction>,
}

#[derive(Debug, Deserialize)]
struct DeployedFunction {
    /// SHA-256 of the package: the emulator unpacks it into a folder of this name.
    code: String,
}

/// Kills the processes of a function.
///
/// # Errors
/// When the instance does not run.
pub(crate) fn kill(instance: &Instance, name: &str) -> anyhow::Result<ExitCode> {
    let function = workspace::function(name)?;
    let serving = running(instance)?;
    let record: DeployRecord =
        read_json(&instance.path("deploy.json")).ok_or_else(|| anyhow!("nothing is deployed yet"))?;
    let deployed = record.functions.get(function.logical_id);
    let code = deployed
        .map(|deployed| deployed.code.clone())
        .ok_or_else(|| anyhow!("{name} is not deployed"))?;
    let Some(emulator) = &serving.ministack else {
        bail!("MiniStack does not run")
    };
    let folder = std::fs::canonicalize(instance.path("ministack"))?;
    let members = process::members(emulator.pid, &folder);
    let hit: Vec<_> = members
        .iter()
        .filter(|member| member.place.to_string_lossy().contains(&code))
        .collect();
    for member in &hit {
        if let Some(pid) = Pid::from_raw(member.pid) {
            kill_process(pid, Signal::KILL)?;
        }
    }
    screen::line(&format!("killed {} processes of {name}", hit.len()));
    Ok(ExitCode::SUCCESS)
}

/// Stops the database server as a crash would and waits until it is back.
///
/// # Errors
/// When the instance does not run or the server does not come back.
pub(crate) fn restart_database(instance: &Instance) -> anyhow::Result<ExitCode> {
    let serving = running(instance)?;
    let Some(before) = &serving.postgres else {
        bail!("PostgreSQL does not run")
    };
    before.signal(Signal::QUIT);
    let is_new = |record: &Record| record != before && record.is_alive();
    let came_back = wait_until(RESTART_PATIENCE, || {
        Serving::read(instance)
            .and_then(|serving| serving.postgres)
            .is_some_and(|record| is_new(&record))
    });
    if !came_back {
        bail!(
            "PostgreSQL did not come back: see {}",
            instance.log("postgres").display()
        );
    }
    screen::line("PostgreSQL was stopped at once and is back; sessions and open transactions are gone");
    Ok(ExitCode::SUCCESS)
}

/// Stops the instance and deletes what it holds; the virtual environments stay.
///
/// # Errors
/// When something does not stop or cannot be deleted.
pub(crate) fn reset(instance: &Instance) -> anyhow::Result<ExitCode> {
    stop_all(instance)?;
    if instance.folder().exists() {
        std::fs::remove_dir_all(instance.folder())
            .with_context(|| format!("deleting {}", instance.folder().display()))?;
    }
    screen::line(&format!(
        "instance {} is empty; the virtual environments are kept",
        instance.name()
    ));
    Ok(ExitCode::SUCCESS)
}
