//! A stack that lives as long as a test run.

use std::path::PathBuf;

use crate::deploy::Pace;
use crate::environment::Environment;
use crate::instance::Instance;
use crate::status::Serving;
use crate::testing::steps::Running;
use crate::up::{self, Runner};
use crate::workspace::Workspace;
use crate::{commands, leftovers, screen, serve};

/// A running stack of a test run.
#[derive(Debug)]
pub(super) struct TestStack {
    instance: Instance,
    runner: Runner,
}

impl TestStack {
    /// Starts and deploys.
    ///
    /// # Errors
    /// When a process does not start or the deploy fails.
    pub(super) fn start(
        workspace: &Workspace,
        environment: &Environment,
        name: &str,
        pace: Pace,
        is_enforcing: bool,
        running: &Running,
    ) -> anyhow::Result<Self> {
        let instance = Instance::new(workspace, name)?;
        instance.create()?;
        let runner = Runner::owned(serve::spawn(
            workspace,
            &instance,
            environment,
            true,
            is_enforcing,
        )?);
        running.holds(instance.clone(), runner.clone());
        let stack = Self { instance, runner };
        let outcome = stack.deploy(workspace, environment, pace);
        if let Err(error) = outcome {
            stack.runner.stop();
            return Err(error);
        }
        Ok(stack)
    }

    fn deploy(&self, workspace: &Workspace, environment: &Environment, pace: Pace) -> anyhow::Result<()> {
        let serving = up::wait_ready(&self.instance, &self.runner)?;
        up::bring_to_date(workspace, &self.instance, environment, &serving, pace).map(drop)
    }

    /// Where tests read addresses, token and names.
    pub(super) fn status_path(&self) -> PathBuf {
        self.instance.path("status.json")
    }

    /// Stops it; its folder goes too, unless a test failed and the logs may tell why.
    pub(super) fn end(self, keep_logs: bool) {
        self.runner.stop();
        if let Err(error) = leftovers::end(&self.instance) {
            screen::warn(&format!("{error:#}"));
        }
        if keep_logs {
            screen::warn(&format!(
                "the logs are kept until the next run: {}",
                self.instance.path("logs").display()
            ));
        } else {
            let _ = std::fs::remove_dir_all(self.instance.folder());
        }
    }
}

/// Stops and removes what earlier runs left that were killed or failed. Runs that still go on are left alone.
pub(super) fn clear_old_runs(workspace: &Workspace) {
    let entries = std::fs::read_dir(workspace.local_folder())
        .into_iter()
        .flatten()
        .flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(pid) = name
            .strip_prefix("test-")
            .and_then(|rest| rest.split('-').next()?.parse::<i32>().ok())
        else {
            continue;
        };
        let Ok(instance) = Instance::new(workspace, &name) else {
            continue;
        };
        let runs = Serving::read(&instance).is_some_and(|serving| serving.has_runner());
        let has_owner = crate::process::start_time(pid).is_some();
        if !(runs && has_owner) && commands::stop_all(&instance).is_ok() {
            let _ = std::fs::remove_dir_all(instance.folder());
        }
    }
}
