//! `cargo local bench`: makes what the bench needs and becomes it.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, anyhow};

use crate::database;
use crate::environment::{Environment, Kind};
use crate::prerequisites;
use crate::workspace::Workspace;

/// Becomes the bench program; comes back only with why not.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Error {
    match start(workspace, arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn start(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<Infallible> {
    let found = prerequisites::check(&workspace.local_folder())?;
    let environment = Environment::settle(workspace, &found.python, Kind::Run)?;
    let peers = Environment::settle(workspace, &found.python, Kind::Bench)?;
    let postgres = database::binaries(&environment).context("finding PostgreSQL")?;
    let program = workspace.binaries().join("millrace-bench");
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .arg("--binaries")
        .arg(workspace.binaries())
        .arg("--workspace")
        .arg(workspace.root())
        .arg("--python")
        .arg(peers.python())
        .arg("--folder")
        .arg(workspace.local_folder().join("bench"))
        // The harness that it shares with the tests looks there.
        .env("MILLRACE_TEST_PG_BIN", postgres.folder());
    Err(anyhow!(command.exec()).context(format!("starting {}", program.display())))
}
