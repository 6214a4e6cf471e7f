//! Finds PostgreSQL's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::PostgresError;

/// The folder of one PostgreSQL installation's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The programs in `folder`.
    ///
    /// # Errors
    /// [`PostgresError::BinariesMissing`] when `postgres` or `initdb` is not there.
    pub fn at(folder: impl Into<PathBuf>) -> Result<Self, PostgresError> {
        let folder = folder.into();
        Self::complete(&folder).ok_or_else(|| PostgresError::BinariesMissing {
            looked_in: vec![folder],
        })
    }

    /// The programs in the first of `folders` that has them all.
    ///
    /// # Errors
    /// [`PostgresError::BinariesMissing`] when none has.
    pub fn find<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> Result<Self, PostgresError> {
        let mut looked_in = Vec::new();
        for folder in folders {
            if let Some(found) = Self::complete(folder.as_ref()) {
                return Ok(found);
            }
            looked_in.push(folder.as_ref().to_owned());
        }
        Err(PostgresError::BinariesMissing { looked_in })
    }

    /// The programs of a server installed on this machine: the folder named by `MILLRACE_TEST_PG_BIN`, those of
    /// `PATH`, and what `pg_config` names.
    ///
    /// # Errors
    /// [`PostgresError::BinariesMissing`] when there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "the search of an installation begins in the environment"
    )]
    pub fn installed() -> Result<Self, PostgresError> {
        let named = std::env::var("MILLRACE_TEST_PG_BIN").ok().map(PathBuf::from);
        let path = std::env::var("PATH").unwrap_or_default();
        let configured = Command::new("pg_config").arg("--bindir").output().ok();
        let configured = configured
            .filter(|output| output.status.success())
            .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        Self::find(
            named
                .into_iter()
                .chain(std::env::split_paths(&path))
                .chain(configured),
        )
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn complete(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_file();
        // Debian's wrappers in PATH lack `postgres`; a client-only installation lacks both
        (has("postgres") && has("initdb")).then(|| Self {
            folder: folder.to_owned(),
        })
    }
}
