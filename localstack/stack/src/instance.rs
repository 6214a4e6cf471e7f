//! One instance of the stack: its folder and what lies where in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

use crate::clock::wait_until;
use crate::workspace::Workspace;

const NAME_BYTES_MAX: usize = 24;

/// An instance, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    name: String,
    folder: PathBuf,
}

impl Instance {
    /// The instance called `name`; nothing is made yet.
    ///
    /// # Errors
    /// When the name cannot be part of resource names and of a path.
    pub(crate) fn new(workspace: &Workspace, name: &str) -> anyhow::Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let reserved = ["bench", "bin", "venv"].contains(&name);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) || reserved {
            bail!(
                "an instance has a name of 1 to {NAME_BYTES_MAX} lowercase letters, digits and hyphens, not {name:?}"
            );
        }
        Ok(Self {
            name: name.to_owned(),
            folder: workspace.local_folder().join(name),
        })
    }

    /// Makes the folders.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        for part in [
            "logs",
            "ministack/state",
            "ministack/s3",
            "ministack/tmp",
            "ministack/home",
        ] {
            let path = self.folder.join(part);
            std::fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        }
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the CloudFormation stack, also the beginning of the code bucket's name.
    pub(crate) fn stack_name(&self) -> String {
        format!("millrace-{}", self.name)
    }

    /// The API's id, the same after every deploy.
    pub(crate) fn api_id(&self) -> String {
        format!("millrace{}", self.name.replace('-', ""))
    }

    pub(crate) fn path(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    /// Holds `name` for this process alone until the returned file is dropped; waits for who has it.
    ///
    /// # Errors
    /// When it is still held after `patience`.
    pub(crate) fn lock(&self, name: &str, patience: Duration) -> anyhow::Result<File> {
        let path = self.folder.join(name);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        if wait_until(patience, || {
            flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        }) {
            return Ok(file);
        }
        bail!(
            "another program holds {} for more than {} s",
            path.display(),
            patience.as_secs()
        )
    }
}
