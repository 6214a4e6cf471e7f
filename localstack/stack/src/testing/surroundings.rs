//! What tests are told about this machine, by environment variables.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::anyhow;

use crate::environment::Environment;

/// The oldest PostgreSQL that the store is tested on.
const OLD_VERSIONS: std::ops::RangeInclusive<u32> = 15..=17;

/// Programs that tests use.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    variables: Vec<(String, String)>,
}

impl Surroundings {
    /// The packaged PostgreSQL, an older installed one where there is one, the Python environments.
    ///
    /// # Errors
    /// When the packaged PostgreSQL is missing.
    pub(super) fn new(run: &Environment, check: Option<&Environment>) -> anyhow::Result<Self> {
        let packaged = run.postgres_folders().into_iter().next();
        let packaged = packaged.ok_or_else(|| anyhow!("the run environment holds no PostgreSQL"))?;
        let mut variables = vec![
            ("MILLRACE_TEST_PG_BIN".to_owned(), text(&packaged)),
            ("MILLRACE_TEST_PYTHON".to_owned(), text(&run.python())),
        ];
        if let Some(folder) = old_postgres() {
            variables.push(("MILLRACE_TEST_PG_BIN_OLD".to_owned(), text(&folder)));
        }
        if let Some(check) = check {
            variables.push(("MILLRACE_TEST_CHECK_BIN".to_owned(), text(&check.programs())));
        }
        Ok(Self { variables })
    }

    /// For tests that need no stack.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// For tests that use the stack whose `status.json` is named.
    pub(super) fn with(&self, status: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut variables = self.variables.clone();
        variables.push(("MILLRACE_TEST_STACK".to_owned(), text(status)));
        variables.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        variables
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The oldest installed server of a version that is supported.
fn old_postgres() -> Option<PathBuf> {
    let places = OLD_VERSIONS.flat_map(|version| {
        [
            PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")),
            PathBuf::from(format!("/usr/pgsql-{version}/bin")),
            PathBuf::from(format!("/opt/homebrew/opt/postgresql@{version}/bin")),
            PathBuf::from(format!("/usr/local/opt/postgresql@{version}/bin")),
        ]
    });
    places.into_iter().find(|folder| {
        ["postgres", "initdb"].iter().all(|program| {
            let found = Command::new(folder.join(program)).arg("--version").output();
            found.is_ok_and(|output| output.status.success())
        })
    })
}
