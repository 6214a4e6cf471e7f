//! The RDS Data API endpoint of an instance: started as a child, and what the child does.

use std::process::{Child, ExitCode};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use millrace_data_api::{Engine, EngineConfig};
use tokio::net::TcpListener;

use crate::database::{DATABASE, OWNER};
use crate::emulator::ACCESS_KEY;
use crate::instance::Instance;
use crate::ports::Ports;
use crate::process;
use crate::secret_source::SecretSource;
use crate::workspace::Workspace;

/// How to serve the Data API.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataApiArguments {
    /// Where to listen on 127.0.0.1
    #[arg(long)]
    pub(crate) port: u16,
    /// Where PostgreSQL listens on 127.0.0.1
    #[arg(long)]
    pub(crate) postgres_port: u16,
    /// The cluster to answer for
    #[arg(long)]
    pub(crate) cluster: String,
    /// Where Secrets Manager answers
    #[arg(long)]
    pub(crate) secrets_endpoint: String,
}

/// Starts the endpoint as a child.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn start(workspace: &Workspace, instance: &Instance, ports: &Ports) -> anyhow::Result<Child> {
    let mut command = process::bare_command(&workspace.stack_program()?);
    command.arg("data-api");
    command.args(["--port", &ports.data_api.to_string()]);
    command.args(["--postgres-port", &ports.postgres.to_string()]);
    command.args(["--cluster", &crate::deploy::cluster_arn(instance)]);
    command.args(["--secrets-endpoint", &ports.endpoint()]);
    process::start(command, &instance.log("data-api"))
}

/// Serves until killed.
///
/// # Errors
/// When the port cannot be had.
pub(crate) fn run(options: &DataApiArguments) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .await
            .with_context(|| format!("listening on 127.0.0.1:{}", options.port))?;
        let secrets = Arc::new(SecretSource::new(&options.secrets_endpoint)?);
        let config = EngineConfig::new(options.postgres_port, &options.cluster, DATABASE, secrets);
        match millrace_data_api::serve(listener, Engine::new(config)).await {
            Ok(never) => match never {},
            Err(error) => Err(error).context("serving the Data API"),
        }
    })
}

/// The script that gives a database its `aws_s3` functions; what they start is this program.
///
/// # Errors
/// When the program's file cannot be named.
pub(crate) fn s3_functions(workspace: &Workspace, ports: &Ports) -> anyhow::Result<String> {
    let program = workspace.stack_program()?.display().to_string();
    let command = [
        program,
        "s3-copy".to_owned(),
        "--endpoint".to_owned(),
        ports.endpoint(),
    ];
    let command = [
        command.as_slice(),
        &["--access-key".to_owned(), ACCESS_KEY.to_owned()],
    ]
    .concat();
    Ok(millrace_data_api::aws_s3::install_script(&command, OWNER)?)
}

/// Copies between an object and this process's standard streams.
///
/// # Errors
/// When the emulator refuses or a stream ends early.
pub(crate) fn copy(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    millrace_data_api::s3_copy::run(arguments)?;
    Ok(ExitCode::SUCCESS)
}
