//! The process that owns an instance's processes: starts them, keeps them, stops them.
//!
//! It ends on SIGINT, SIGTERM and SIGHUP, and, where it was given a lifeline, when its standard input ends: so nothing
//! is left running when the program that started it is killed.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use millrace_postgres::Server;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::pause;
use crate::environment::Environment;
use crate::instance::Instance;
use crate::leftovers::{self, EMULATOR_PATIENCE};
use crate::ports::Ports;
use crate::process::{self, Record};
use crate::status::{ServeState, Serving, Status, process_numbers};
use crate::watch::Restarts;
use crate::workspace::Workspace;
use crate::{database, demonstration, deploy, emulator, endpoint, source};

const LOCK_PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

/// How to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArguments {
    /// The virtual environment to run from
    #[arg(long)]
    pub(crate) environment: PathBuf,
    /// End when standard input ends
    #[arg(long)]
    pub(crate) lifeline: bool,
    /// Enforce IAM policies
    #[arg(long)]
    pub(crate) enforce: bool,
}

/// The processes, and what they were started with.
struct Stack<'a> {
    workspace: &'a Workspace,
    instance: &'a Instance,
    environment: Environment,
    ports: Ports,
    serving: Serving,
    postgres: Option<Server>,
    data_api: Child,
    ministack: Child,
}

/// Serves until told to stop.
///
/// # Errors
/// When a process does not start; it is also written to `serve.json`.
pub(crate) fn run(
    workspace: &Workspace,
    instance: &Instance,
    options: &ServeArguments,
) -> anyhow::Result<ExitCode> {
    instance.create()?;
    let stop = stop_flag(options.lifeline)?;
    let _lock = instance.lock("serve.lock", LOCK_PATIENCE)?;
    let mut serving = Serving::starting();
    serving.is_enforcing = options.enforce;
    let found = leftovers::end(instance)?;
    if !found.is_empty() {
        serving
            .notes
            .push(format!("left over from before and ended: {}", found.join(", ")));
    }
    serving.write(instance)?;
    let outcome = Stack::start(workspace, instance, options, serving.clone()).and_then(|mut stack| {
        let outcome = stack.keep(&stop);
        stack.stop()?;
        outcome
    });
    // What was started before a failure is found by the records.
    leftovers::end(instance)?;
    let mut last = Serving::read(instance).unwrap_or(serving);
    last.state = if outcome.is_ok() {
        ServeState::Stopped
    } else {
        ServeState::Failed
    };
    last.error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    last.write(instance)?;
    outcome.map(|()| ExitCode::SUCCESS)
}

impl<'a> Stack<'a> {
    fn start(
        workspace: &'a Workspace,
        instance: &'a Instance,
        options: &ServeArguments,
        mut serving: Serving,
    ) -> anyhow::Result<Self> {
        let environment = Environment::at(&options.environment);
        let (ports, moved) = Ports::settle(instance)?;
        serving.notes.extend(moved);
        serving.ports = Some(ports.clone());
        source::serve(&ports)?;
        let postgres = start_postgres(workspace, instance, &environment, &ports)?;
        serving.postgres = Record::of(postgres.pid());
        serving.write(instance)?;
        let data_api = endpoint::start(workspace, instance, &ports)?;
        serving.data_api = Record::of(data_api.id());
        serving.write(instance)?;
        let mut ministack = emulator::start(workspace, instance, &environment, &ports, options.enforce)?;
        serving.ministack = Record::of(ministack.id());
        serving.write(instance)?;
        emulator::wait_ready(instance, &ports, &mut ministack)?;
        serving.state = ServeState::Ready;
        serving.write(instance)?;
        Ok(Self {
            workspace,
            instance,
            environment,
            ports,
            serving,
            postgres: Some(postgres),
            data_api,
            ministack,
        })
    }

    /// Starts again what ends, until told to stop.
    fn keep(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut restarts = Restarts::default();
        while !stop.load(Ordering::Relaxed) {
            pause(TICK);
            if !self.serving.is_ready() {
                self.say(ServeState::Starting)?;
            }
            if !self.serving.postgres.as_ref().is_some_and(Record::is_alive) {
                restarts.note("PostgreSQL")?;
                self.restart_postgres()?;
            }
            if !matches!(self.data_api.try_wait(), Ok(None)) {
                restarts.note("the Data API endpoint")?;
                self.data_api = endpoint::start(self.workspace, self.instance, &self.ports)?;
                self.serving.data_api = Record::of(self.data_api.id());
                self.tell("the Data API endpoint had ended and was started again")?;
            }
            if !matches!(self.ministack.try_wait(), Ok(None)) {
                restarts.note("MiniStack")?;
                self.restart_ministack()?;
            }
            if self.serving.state == ServeState::Starting {
                self.say(ServeState::Ready)?;
            }
        }
        Ok(())
    }

    fn say(&mut self, state: ServeState) -> anyhow::Result<()> {
        self.serving.state = state;
        self.serving.write(self.instance)
    }

    fn restart_postgres(&mut self) -> anyhow::Result<()> {
        drop(self.postgres.take());
        let server = start_postgres(self.workspace, self.instance, &self.environment, &self.ports)?;
        self.serving.postgres = Record::of(server.pid());
        self.postgres = Some(server);
        self.tell("PostgreSQL had ended and was started again: what was committed is there")
    }

    fn restart_ministack(&mut self) -> anyhow::Result<()> {
        if let Some(record) = &self.serving.ministack {
            leftovers::end_emulator(self.instance, record);
        }
        let is_enforcing = self.serving.is_enforcing;
        self.ministack = emulator::start(
            self.workspace,
            self.instance,
            &self.environment,
            &self.ports,
            is_enforcing,
        )?;
        self.serving.ministack = Record::of(self.ministack.id());
        self.serving.write(self.instance)?;
        emulator::wait_ready(self.instance, &self.ports, &mut self.ministack)?;
        self.tell("MiniStack had ended and was started again: its state is that of the last save")?;
        let text = match deploy::repeat(self.workspace, self.instance, &self.environment) {
            Ok(text) => text,
            Err(error) => format!("the deploy that followed failed, `cargo local up` tries again: {error:#}"),
        };
        self.tell(&text)?;
        // Beside the watch: it waits for the API.
        if let Some(status) = Status::read(self.instance) {
            std::thread::spawn(move || demonstration::drive_open_files(&status));
        }
        Ok(())
    }

    fn tell(&mut self, text: &str) -> anyhow::Result<()> {
        self.serving.notes.push(text.to_owned());
        self.serving.write(self.instance)?;
        match Status::read(self.instance) {
            Some(mut status) => {
                status.processes = process_numbers(&self.serving);
                status.write(self.instance)
            }
            None => Ok(()),
        }
    }

    /// The emulator first, so that it saves its state while the others still answer.
    fn stop(mut self) -> anyhow::Result<()> {
        self.say(ServeState::Stopped)?;
        if let Some(record) = self.serving.ministack.take() {
            record.signal(rustix::process::Signal::TERM);
            crate::clock::wait_until(EMULATOR_PATIENCE, || {
                !matches!(self.ministack.try_wait(), Ok(None))
            });
            leftovers::end_emulator(self.instance, &record);
            let _ = self.ministack.wait();
        }
        if let Some(record) = self.serving.data_api.take() {
            record.stop(Duration::from_secs(5));
            let _ = self.data_api.wait();
        }
        if let Some(server) = self.postgres.take() {
            server.stop().context("stopping PostgreSQL")?;
        }
        self.serving.postgres = None;
        self.serving.write(self.instance)
    }
}

fn start_postgres(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    ports: &Ports,
) -> anyhow::Result<Server> {
    let functions = endpoint::s3_functions(workspace, ports)?;
    database::start(
        instance,
        database::binaries(environment)?,
        ports.postgres,
        &functions,
    )
}

/// A flag that is raised when this process is to stop.
fn stop_flag(lifeline: bool) -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(any_signal());
        raised.store(true, Ordering::Relaxed);
    });
    if lifeline {
        let raised = Arc::clone(&flag);
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 64];
            while matches!(std::io::stdin().read(&mut buffer), Ok(count) if count > 0) {}
            raised.store(true, Ordering::Relaxed);
        });
    }
    Ok(flag)
}

/// Returns at the first signal that asks to stop.
pub(crate) async fn any_signal() {
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Starts a process that serves the instance. With a lifeline its end follows from the end of the returned child's
/// standard input; without one it goes on by itself.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn spawn(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    has_lifeline: bool,
    is_enforcing: bool,
) -> anyhow::Result<Child> {
    let mut command = std::process::Command::new(workspace.stack_program()?);
    command
        .args(["--instance", instance.name(), "serve", "--environment"])
        .arg(environment.folder());
    command.stdin(std::process::Stdio::null());
    if has_lifeline {
        command.arg("--lifeline").stdin(std::process::Stdio::piped());
    }
    if is_enforcing {
        command.arg("--enforce");
    }
    process::start(command, &instance.log("runner"))
}
