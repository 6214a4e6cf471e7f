//! The steps of a test run: what ran, how it ended, how long it took.

use std::os::unix::process::CommandExt as _;
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::files::write_json;
use crate::instance::Instance;
use crate::leftovers::STEP_FILE;
use crate::process::{self, Record};
use crate::screen;
use crate::testing::stack::TestStack;
use crate::up::Runner;
use crate::workspace::Workspace;

/// What must not outlive this program: the step that runs and the stacks.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    step: Arc<Mutex<Option<Record>>>,
    stacks: Arc<Mutex<Vec<(Instance, Runner)>>>,
}

impl Running {
    pub(super) fn holds(&self, instance: Instance, runner: Runner) {
        self.stacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((instance, runner));
    }

    /// Remembers the step, also in the folders of the stacks: should this program be killed, they end it with
    /// themselves.
    fn begin(&self, record: Option<Record>) {
        for (instance, _) in self.stacks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A stack that has ended has no folder, and nothing to end.
            let _ = write_json(&instance.path(STEP_FILE), &record);
        }
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }

    /// Ends everything.
    pub(super) fn stop(&self) {
        if let Some(record) = self.step.lock().unwrap_or_else(PoisonError::into_inner).take() {
            process::end_group(&record);
        }
        for (_, runner) in self
            .stacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            runner.stop();
        }
    }
}

struct Step {
    name: String,
    seconds: f64,
    failure: Option<String>,
}

/// All steps so far.
pub(super) struct Report {
    begin: Instant,
    running: Running,
    steps: Vec<Step>,
}

impl Report {
    pub(super) fn new(running: Running) -> Self {
        Self {
            begin: Instant::now(),
            running,
            steps: Vec::new(),
        }
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    fn has_failed(&self) -> bool {
        self.steps.iter().any(|step| step.failure.is_some())
    }

    /// Notes a step that was carried out elsewhere.
    pub(super) fn note(&mut self, name: &str, begin: Instant, failure: Option<&anyhow::Error>) {
        let failure = failure.map(|error| format!("{error:#}"));
        if let Some(text) = &failure {
            screen::error(text);
        }
        self.steps.push(Step {
            name: name.to_owned(),
            seconds: begin.elapsed().as_secs_f64(),
            failure,
        });
    }

    /// Runs cargo as a step. Whether it fails is noted; the next step runs all the same.
    pub(super) fn cargo(
        &mut self,
        workspace: &Workspace,
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
    ) {
        screen::line(&format!("\n=== {name}: cargo {}", arguments.join(" ")));
        let begin = Instant::now();
        let mut command = workspace.cargo();
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let outcome = command.spawn().and_then(|mut child| {
            let record = Record::of(child.id());
            self.running.begin(record);
            let status = child.wait();
            self.running.begin(None);
            status
        });
        let failure = match outcome {
            Ok(status) if status.success() => None,
            Ok(status) => Some(status.to_string()),
            Err(error) => Some(format!("cargo cannot be started: {error}")),
        };
        self.steps.push(Step {
            name: name.to_owned(),
            seconds: begin.elapsed().as_secs_f64(),
            failure,
        });
    }

    /// Ends a stack; its logs are kept when something has failed.
    pub(super) fn end_stack(&mut self, stack: TestStack) {
        stack.end(self.has_failed());
    }

    /// Prints the summary and says how it all ended.
    pub(super) fn finish(self) -> ExitCode {
        self.running.stop();
        screen::line("\n=== summary");
        for step in &self.steps {
            let outcome = step
                .failure
                .as_ref()
                .map_or("ok".to_owned(), |failure| format!("FAILED ({failure})"));
            screen::line(&format!("{:>8.1} s  {:<32} {outcome}", step.seconds, step.name));
        }
        screen::line(&format!("{:>8.1} s  in all", self.begin.elapsed().as_secs_f64()));
        let failed = self.steps.iter().filter(|step| step.failure.is_some()).count();
        screen::line(&format!(
            "steps: {} passed, {failed} failed",
            self.steps.len() - failed
        ));
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
