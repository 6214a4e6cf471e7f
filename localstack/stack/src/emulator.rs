//! MiniStack: started with the launcher in `localstack/python`, asked for its health, told to save its state.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::clock::wait_until;
use crate::environment::Environment;
use crate::http::Http;
use crate::instance::Instance;
use crate::ports::Ports;
use crate::process::{self, Record};
use crate::workspace::Workspace;

const READY_PATIENCE: Duration = Duration::from_secs(60);
const SAVE_PATIENCE: Duration = Duration::from_secs(30);

/// The emulator's own administrator. Functions have credentials of their role; these are not anybody's.
pub(crate) const ACCESS_KEY: &str = "test";
pub(crate) const REGION: &str = "us-east-1";

/// Starts the emulator; it does not answer yet.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn start(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    ports: &Ports,
    is_enforcing: bool,
) -> anyhow::Result<Child> {
    let mut command = process::bare_command(&environment.python());
    command.arg(workspace.python_folder().join("ministack_run.py"));
    set_variables(&mut command, instance, ports, is_enforcing)?;
    process::start(command, &instance.log("ministack")).context("starting MiniStack")
}

/// Waits until the emulator answers.
///
/// # Errors
/// When it ends or does not answer in time; the text names its log.
pub(crate) fn wait_ready(instance: &Instance, ports: &Ports, child: &mut Child) -> anyhow::Result<()> {
    let http = Http::new()?;
    let address = format!("{}/_ministack/health", ports.endpoint());
    let mut has_ended = false;
    let is_ready = wait_until(READY_PATIENCE, || {
        has_ended = !matches!(child.try_wait(), Ok(None));
        has_ended || http.answers(&address)
    });
    if !is_ready || has_ended {
        bail!(
            "MiniStack did not start: see {}",
            instance.log("ministack").display()
        );
    }
    Ok(())
}

/// Functions inherit all of this, so it holds nothing of the developer's: no keys, no profile, no home.
fn set_variables(
    command: &mut Command,
    instance: &Instance,
    ports: &Ports,
    is_enforcing: bool,
) -> anyhow::Result<()> {
    let folder = std::fs::canonicalize(instance.path("ministack"))?;
    command
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("tmp"))
        .env("STATE_DIR", folder.join("state"))
        .env("S3_DATA_DIR", folder.join("s3"))
        .env("PERSIST_STATE", "1")
        .env("S3_PERSIST", "1")
        .env("GATEWAY_PORT", ports.ministack.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("AWS_ENDPOINT_URL", ports.endpoint())
        .env("AWS_ENDPOINT_URL_RDS_DATA", ports.data_api_url())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // No Docker even where there is one: functions run as processes, everywhere alike.
        .env("DOCKER_HOST", "unix:///nonexistent")
        .env("AUTH", if is_enforcing { "true" } else { "false" })
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1")
        .current_dir(folder.join("home"));
    Ok(())
}

/// Has the emulator save its state now, so that a kill does not lose what was deployed. Says whether it did.
pub(crate) fn save_state(instance: &Instance, record: &Record) -> bool {
    let counter = instance.path("ministack/state/saved");
    let before = read(&counter);
    record.signal(Signal::USR1);
    wait_until(SAVE_PATIENCE, || read(&counter) != before || !record.is_alive()) && record.is_alive()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
