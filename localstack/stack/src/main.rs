//! The local stack: PostgreSQL, the RDS Data API, MiniStack, the deploy, the demonstration and the tests.
//!
//! Started by `cargo local` (the launcher). What an instance remembers lies in `.local/<name>/`. Invariants: only
//! processes that this program has started are ever signalled, by number and start time; every port is on loopback;
//! what is started gets a minimal environment, never the developer's credentials.

mod bench;
mod clock;
mod commands;
mod database;
mod demonstration;
mod deploy;
mod emulator;
mod endpoint;
mod environment;
mod files;
mod http;
mod instance;
mod leftovers;
mod ports;
mod prerequisites;
mod process;
mod report;
mod screen;
mod secret_source;
mod serve;
mod source;
mod status;
mod testing;
mod tokens;
mod up;
mod watch;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::instance::Instance;
use crate::workspace::Workspace;

/// Millrace on this machine: no Docker, no AWS account.
#[derive(Debug, Parser)]
#[command(name = "cargo local", bin_name = "cargo local", disable_version_flag = true)]
struct Arguments {
    /// Name of the instance: its folder is `.local/<name>`
    #[arg(long, global = true, default_value = "dev")]
    instance: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything, deploy, show the road from a file to KPIs; Ctrl-C stops it
    Up(up::UpArguments),
    /// Stop everything; data is kept
    Down,
    /// Say what runs, and where
    Status {
        /// As JSON: addresses, token, process ids, resource names
        #[arg(long)]
        json: bool,
    },
    /// Show the log of a function (api, csv-ingest, perf-worker, pdf-generator, status-updater, nightly-fetcher,
    /// migrate)
    Logs {
        /// The function
        function: String,
        /// Go on as lines come
        #[arg(short, long)]
        follow: bool,
    },
    /// Kill the running processes of a function, as a crash would
    Kill {
        /// The function
        function: String,
    },
    /// Stop the database server at once; it comes back by itself
    RestartDatabase,
    /// Stop everything and delete the instance's data
    Reset,
    /// Run every test against a stack of its own
    Test(testing::TestArguments),
    /// Measure the release build, as ratios to yardsticks of the same run; --help tells more
    #[command(disable_help_flag = true)]
    Bench {
        /// Handed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Own the processes of an instance
    #[command(hide = true)]
    Serve(serve::ServeArguments),
    /// Serve the RDS Data API
    #[command(hide = true)]
    DataApi(endpoint::DataApiArguments),
    /// Copy an object to standard output or from standard input, for the database's `aws_s3` functions
    #[command(hide = true, name = "s3-copy")]
    S3Copy {
        /// Handed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            screen::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::DataApi(options) => return endpoint::run(&options).map(|()| ExitCode::SUCCESS),
        Command::S3Copy { arguments } => return endpoint::copy(arguments),
        _ => {}
    }
    let workspace = Workspace::find()?;
    if let Command::Bench { arguments } = &arguments.command {
        return Err(bench::run(&workspace, arguments));
    }
    let instance = Instance::new(&workspace, &arguments.instance)?;
    match arguments.command {
        Command::Up(options) => up::run(&workspace, &instance, &options),
        Command::Down => commands::down(&instance),
        Command::Status { json } => commands::status(&instance, json),
        Command::Logs { function, follow } => commands::logs(&workspace, &instance, &function, follow),
        Command::Kill { function } => commands::kill(&instance, &function),
        Command::RestartDatabase => commands::restart_database(&instance),
        Command::Reset => commands::reset(&instance),
        Command::Test(options) => testing::run(&workspace, &options),
        Command::Serve(options) => serve::run(&workspace, &instance, &options),
        Command::Bench { .. } | Command::DataApi(_) | Command::S3Copy { .. } => Ok(ExitCode::SUCCESS),
    }
}
