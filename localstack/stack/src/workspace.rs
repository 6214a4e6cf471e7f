//! Where things are: the tree, what was built from it, what is kept for all instances.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

/// A function: its name for people, its logical id in `template.yaml`. The binary has the name for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) logical_id: &'static str,
}

/// All functions of the template.
pub(crate) const FUNCTIONS: [Function; 7] = [
    Function {
        name: "api",
        logical_id: "ApiFunction",
    },
    Function {
        name: "csv-ingest",
        logical_id: "CsvIngestFunction",
    },
    Function {
        name: "perf-worker",
        logical_id: "PerfWorkerFunction",
    },
    Function {
        name: "pdf-generator",
        logical_id: "PdfGeneratorFunction",
    },
    Function {
        name: "status-updater",
        logical_id: "StatusUpdaterFunction",
    },
    Function {
        name: "nightly-fetcher",
        logical_id: "NightlyFetcherFunction",
    },
    Function {
        name: "migrate",
        logical_id: "MigrateFunction",
    },
];

/// The function called `name`.
///
/// # Errors
/// When there is none; the text lists those there are.
pub(crate) fn function(name: &str) -> anyhow::Result<Function> {
    FUNCTIONS
        .into_iter()
        .find(|function| function.name == name)
        .ok_or_else(|| {
            let names = FUNCTIONS.map(|function| function.name).join(", ");
            anyhow!("there is no function {name}: say one of {names}")
        })
}

/// The tree that this program was built from.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    binaries: PathBuf,
}

impl Workspace {
    /// As the launcher says, or by looking upwards from the working folder.
    ///
    /// # Errors
    /// When there is no `template.yaml` in it or above it.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let start = match std::env::var_os("MILLRACE_WORKSPACE") {
            Some(path) => PathBuf::from(path),
            None => std::env::current_dir().context("reading the working folder")?,
        };
        let root = start
            .ancestors()
            .find(|folder| folder.join("template.yaml").is_file())
            .ok_or_else(|| anyhow!("no template.yaml in {} or above it", start.display()))?
            .to_owned();
        let binaries =
            std::env::var_os("MILLRACE_BINARIES").map_or_else(|| root.join("target/local"), PathBuf::from);
        Ok(Self { root, binaries })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The local stack's Python programs.
    pub(crate) fn python_folder(&self) -> PathBuf {
        self.root.join("localstack/python")
    }

    /// What all instances share, and their folders.
    pub(crate) fn local_folder(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// This program, where a later build does not replace it while it runs.
    ///
    /// # Errors
    /// When the system does not say which file is running.
    pub(crate) fn stack_program(&self) -> anyhow::Result<PathBuf> {
        let installed = self.local_folder().join("bin/millrace-stack");
        if installed.is_file() {
            return Ok(installed);
        }
        std::env::current_exe().context("finding this program")
    }

    /// Where the built programs are.
    pub(crate) fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// The binary of a function.
    pub(crate) fn function_binary(&self, function: Function) -> PathBuf {
        self.binaries.join(function.name)
    }

    /// The schema version that the tree's migrations lead to.
    pub(crate) fn schema_version(&self) -> u32 {
        let entries = std::fs::read_dir(self.root.join("infra/sql"))
            .into_iter()
            .flatten()
            .flatten();
        let numbers = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".sql")?.split('_').next()?.parse().ok()
        });
        numbers.max().unwrap_or(1)
    }

    /// Cargo, and the developer's own settings for it, which the launcher took out of this program's environment.
    pub(crate) fn cargo(&self) -> std::process::Command {
        let cargo = std::env::var_os("MILLRACE_CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = std::process::Command::new(cargo);
        command.current_dir(&self.root);
        for (name, value) in std::env::vars_os() {
            let Some(kept) = name.to_str().and_then(|name| name.strip_prefix("MILLRACE_KEEP_")) else {
                continue;
            };
            command.env(kept, value).env_remove(&name);
        }
        command
    }
}
