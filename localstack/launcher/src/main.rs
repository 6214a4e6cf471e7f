//! `cargo local …`: builds what the local stack needs, once, and starts the stack program from it.
//!
//! On `std` alone, so that it compiles in a second. Why it exists: a program started by `cargo run` holds cargo's own
//! variables, and a later build replaces its file while it runs. So the launcher builds everything in one call (the
//! dependencies compile once, with one set of features), copies the stack program to `.local/bin/` and runs it from
//! there, without `CARGO_*`, `RUSTUP_*`, `RUST_*` and the library paths that cargo has added.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Built and packed as functions, beside the stack program.
const FUNCTIONS: [&str; 7] = [
    "millrace-fn-api",
    "millrace-fn-csv-ingest",
    "millrace-fn-perf-worker",
    "millrace-fn-pdf-generator",
    "millrace-fn-status-updater",
    "millrace-fn-nightly-fetcher",
    "millrace-fn-migrate",
];
const STACK: &str = "millrace-stack";
const BENCH: &str = "millrace-bench";

/// What a command needs of the tree as it is now. Commands without any must work when the tree does not compile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Build {
    /// The functions and the stack program.
    Stack,
    /// Everything, with its tests.
    Tests,
    /// What is measured, as it is deployed.
    Bench,
}

impl Build {
    /// What the command among the arguments needs. Before it there may be options; none of them takes such a word.
    fn asked_for(arguments: &[OsString]) -> Option<Self> {
        arguments.iter().find_map(|argument| match argument.to_str()? {
            "up" => Some(Self::Stack),
            "test" => Some(Self::Tests),
            "bench" => Some(Self::Bench),
            _ => None,
        })
    }

    fn profile(self) -> &'static str {
        match self {
            Self::Stack | Self::Tests => "local",
            Self::Bench => "release",
        }
    }

    /// The packages; without any, all of them and their tests.
    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Tests => Vec::new(),
            Self::Stack => [&FUNCTIONS[..], &[STACK]].concat(),
            Self::Bench => [&FUNCTIONS[..], &[STACK, BENCH]].concat(),
        }
    }
}

/// Variables that describe one build, set by `cargo run` for its program: never the developer's own settings.
const SET_BY_CARGO: [&str; 9] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "CARGO",
    "RUST_RECURSION_COUNT",
];
const LIBRARY_PATHS: [&str; 3] = [
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
];

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(Failure::Build) => {
            say("\nThe build failed: the compiler's messages are above. Nothing was started or stopped.");
            ExitCode::FAILURE
        }
        Err(Failure::Other(text)) => {
            say(&text);
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Build,
    Other(String),
}

/// Becomes the stack program, or fails.
fn run() -> Result<std::convert::Infallible, Failure> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let workspace = workspace()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let target = workspace.join(target);
    let installed = workspace.join(".local/bin").join(STACK);
    let asked_for = Build::asked_for(&arguments);
    let wanted = asked_for.unwrap_or(Build::Stack);
    if asked_for.is_some() || !installed.is_file() {
        build(&cargo, &workspace, wanted)?;
        install(&target.join(wanted.profile()).join(STACK), &installed)?;
    }
    let mut command = Command::new(&installed);
    command.args(if arguments.is_empty() {
        vec!["help".into()]
    } else {
        arguments
    });
    command.env("MILLRACE_WORKSPACE", &workspace);
    command.env("MILLRACE_BINARIES", target.join(wanted.profile()));
    command.env("MILLRACE_CARGO", &cargo);
    for (name, value) in env::vars_os() {
        let text = name.to_string_lossy();
        if !is_toolchain(&text) {
            continue;
        }
        command.env_remove(&name);
        // The developer's own settings come back where cargo itself is started, for `test`.
        if !is_set_by_cargo(&text) && !LIBRARY_PATHS.contains(&&*text) {
            command.env(format!("MILLRACE_KEEP_{text}"), &value);
        }
    }
    let error = command.exec();
    Err(Failure::Other(format!(
        "{} cannot be started: {error}",
        installed.display()
    )))
}

/// The folder of the workspace: this package lies two folders below it.
fn workspace() -> Result<PathBuf, Failure> {
    let start =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(env::current_dir, |path| Ok(PathBuf::from(path)));
    let start =
        start.map_err(|error| Failure::Other(format!("the working folder cannot be read: {error}")))?;
    let found = start
        .ancestors()
        .find(|folder| folder.join("template.yaml").is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        Failure::Other(format!(
            "no template.yaml in {} or above it: run this inside Millrace",
            start.display()
        ))
    })
}

/// One call: a second one with other packages or targets would choose other features and compile dependencies again.
fn build(cargo: &OsStr, workspace: &Path, wanted: Build) -> Result<(), Failure> {
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace)
        .args(["build", "--profile", wanted.profile()]);
    let packages = wanted.packages();
    if packages.is_empty() {
        command.args(["--workspace", "--all-targets"]);
    }
    command.args(packages.into_iter().flat_map(|package| ["--package", package]));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if is_set_by_cargo(&text) || LIBRARY_PATHS.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::Build),
        Err(error) => Err(Failure::Other(format!(
            "cargo cannot be started ({error}): is Rust installed?"
        ))),
    }
}

/// Puts the program in place in one step: one that is running keeps its old file.
fn install(built: &Path, installed: &Path) -> Result<(), Failure> {
    let folder = installed.parent().unwrap_or(Path::new("."));
    let fresh = installed.with_extension(format!("new-{}", std::process::id()));
    let copied = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::copy(built, &fresh))
        .and_then(|_| std::fs::rename(&fresh, installed));
    copied.map_err(|error| {
        Failure::Other(format!(
            "{} cannot be copied to {}: {error}",
            built.display(),
            installed.display()
        ))
    })
}

fn is_toolchain(name: &str) -> bool {
    ["CARGO_", "RUSTUP_", "RUST_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || name == "CARGO"
        || LIBRARY_PATHS.contains(&name)
}

fn is_set_by_cargo(name: &str) -> bool {
    SET_BY_CARGO.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_EXE_")
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
