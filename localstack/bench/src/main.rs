//! `cargo local bench`, started by the stack program, which has made the environments and knows where things are.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Parser as _;
use millrace_bench::data::Peer;
use millrace_bench::documents::Setting;
use millrace_bench::machine::Machine;
use millrace_bench::options::{Effort, Options, Stage};
use millrace_bench::report::{Row, table};
use millrace_bench::{bootstraps, data, documents, screen, stack};
use serde::Serialize;

/// The run, as programs read it.
#[derive(Serialize)]
struct Outcome {
    machine: Machine,
    versions: BTreeMap<&'static str, String>,
    effort: Effort,
    stages: BTreeMap<&'static str, Vec<Row>>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.folder)?;
    let mut outcome = Outcome {
        machine: Machine::here(),
        versions: BTreeMap::new(),
        effort: options.effort(),
        stages: BTreeMap::new(),
    };
    screen::line(&outcome.machine.describe());
    measure(&options, &mut outcome)?;
    for (title, rows) in &outcome.stages {
        screen::line(&table(title, rows));
    }
    for (name, version) in &outcome.versions {
        screen::line(&format!("{name}: {version}"));
    }
    screen::line(&outcome.machine.describe());
    if options.quick {
        screen::line("a quick run: these figures mean nothing");
    }
    let result = options.folder.join("result.json");
    std::fs::write(&result, serde_json::to_vec_pretty(&outcome)?)?;
    screen::line(&format!("written: {}", result.display()));
    Ok(())
}

fn measure(options: &Options, outcome: &mut Outcome) -> anyhow::Result<()> {
    if options.wants(Stage::Functions) {
        let template = std::fs::read_to_string(options.workspace.join("template.yaml"))?;
        let rows = bootstraps::run(&options.binaries, &template, &outcome.effort).context("functions")?;
        outcome.stages.insert("functions", rows);
    }
    if options.wants(Stage::Data) {
        let peer = Peer {
            python: &options.python,
            workspace: &options.workspace,
        };
        let (rows, version) = data::run(&options.folder, peer, &outcome.effort).context("data")?;
        outcome.stages.insert("data", rows);
        outcome.versions.insert("PostgreSQL", version);
    }
    if options.wants(Stage::Stack) {
        let setting = stack::Setting {
            binaries: &options.binaries,
            workspace: &options.workspace,
            folder: &options.folder,
        };
        let rows = stack::run(setting, &outcome.effort).context("stack")?;
        outcome.stages.insert("stack", rows);
    }
    if options.wants(Stage::Documents) {
        let setting = Setting {
            python: &options.python,
            workspace: &options.workspace,
            folder: &options.folder,
        };
        let (rows, versions) = documents::run(&setting, &outcome.effort).context("documents")?;
        outcome.stages.insert("documents", rows);
        outcome.versions.insert("peers", versions);
    }
    Ok(())
}
