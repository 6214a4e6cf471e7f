//! One function process: started with an environment of its own, driven by a Runtime API, killed at the end.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::runtime_api::{Answer, RuntimeApi};

/// As much of a log as an error shows.
const SHOWN_BYTES: usize = 1_500;

/// A running function.
pub struct Function {
    api: RuntimeApi,
    child: Child,
    log: File,
    spawned: Instant,
}

impl Function {
    /// Starts a bootstrap with nothing but these variables and those that Lambda sets.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(program: &Path, variables: &[(String, String)]) -> anyhow::Result<Self> {
        let api = RuntimeApi::bind()?;
        let log = tempfile::tempfile()?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("AWS_LAMBDA_RUNTIME_API", api.address()?)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]bench")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("_HANDLER", "bootstrap")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        let spawned = Instant::now();
        let child = command.spawn().with_context(|| program.display().to_string())?;
        Ok(Self {
            api,
            child,
            log,
            spawned,
        })
    }

    /// Waits until the function asks for an event: the time since it was started.
    ///
    /// # Errors
    /// When it does not ask; with the end of its log.
    pub fn wait_next(&mut self) -> anyhow::Result<Duration> {
        let child = &mut self.child;
        let asked = self.api.wait_next(&mut || has_ended(child));
        let asked = asked.with_context(|| shown(&mut self.log))?;
        Ok(asked - self.spawned)
    }

    /// Hands out an event and waits for the answer.
    ///
    /// # Errors
    /// When none comes; with the end of its log.
    pub fn invoke(&mut self, event: &[u8]) -> anyhow::Result<Answer> {
        let child = &mut self.child;
        let answer = self.api.invoke(event, &mut || has_ended(child));
        answer.with_context(|| shown(&mut self.log))
    }

    /// When it was started.
    #[must_use]
    pub fn spawned(&self) -> Instant {
        self.spawned
    }

    /// The most memory that it has held so far (`VmHWM`, proc(5)), in MiB.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u32 = line
            .and_then(|text| text.trim().split(' ').next())
            .context("no VmHWM")?
            .parse()?;
        Ok(f64::from(kib) / 1024.0)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn has_ended(child: &mut Child) -> Option<String> {
    let status = child.try_wait().ok().flatten()?;
    Some(status.to_string())
}

/// The end of a function's log.
fn shown(log: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = log
        .seek(SeekFrom::Start(0))
        .and_then(|_| log.read_to_end(&mut bytes));
    let end = &bytes[bytes.len().saturating_sub(SHOWN_BYTES)..];
    format!("the function's log ends with:\n{}", String::from_utf8_lossy(end))
}
