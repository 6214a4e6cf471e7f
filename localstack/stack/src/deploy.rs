//! The deploy: hands a request to `localstack/python/deploy.py`, shows its steps, keeps what came out.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{self, DATABASE, OWNER};
use crate::environment::Environment;
use crate::files::{read_json, write_json};
use crate::instance::Instance;
use crate::ports::Ports;
use crate::process;
use crate::status::{PostgresStatus, Serving, Status, process_numbers};
use crate::tokens::{self, Token};
use crate::workspace::{FUNCTIONS, Function, Workspace};
use crate::{clock, screen};

/// The stage, part of the names of what is deployed.
const STAGE: &str = "local";
const LOCK_PATIENCE: Duration = Duration::from_secs(600);

/// How patient the stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// For people.
    Work,
    /// For tests: what is lost is missed soon.
    Test,
    /// For faults: as soon as the template allows.
    Faults,
}

/// Timeouts and delays, in seconds.
struct Seconds {
    worker: u16,
    status: u16,
    api: u16,
    /// A reminder goes out before the commit that it is for, and looks once: one that came while the call that sent it may
    /// still commit would find nothing, and nobody would look again.
    reminder: u16,
}

const _: () = {
    let paces = [Pace::Work.seconds(), Pace::Test.seconds(), Pace::Faults.seconds()];
    let mut at = 0;
    while at < paces.len() {
        assert!(
            paces[at].reminder > paces[at].api,
            "a reminder comes after the call"
        );
        at += 1;
    }
};

impl Pace {
    const fn seconds(self) -> Seconds {
        let (worker, status, api, reminder) = match self {
            Self::Work => (20, 10, 20, 25),
            Self::Test => (10, 5, 15, 16),
            Self::Faults => (3, 2, 5, 6),
        };
        Seconds {
            worker,
            status,
            api,
            reminder,
        }
    }

    /// For tests the files are small, and some are to be split all the same.
    fn chunk_bytes(self) -> u32 {
        match self {
            Self::Work => 268_435_456,
            Self::Test => 262_144,
            Self::Faults => 16_384,
        }
    }

    fn parameters(self) -> Vec<(&'static str, String)> {
        let seconds = self.seconds();
        vec![
            ("WorkerTimeoutSeconds", seconds.worker.to_string()),
            ("StatusTimeoutSeconds", seconds.status.to_string()),
            ("FetchTimeoutSeconds", seconds.worker.to_string()),
            ("ApiTimeoutSeconds", seconds.api.to_string()),
            ("ReminderDelaySeconds", seconds.reminder.to_string()),
            ("ChunkBytes", self.chunk_bytes().to_string()),
        ]
    }
}

/// What the deploy program answers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Outcome {
    /// `created`, `updated` or `unchanged`.
    pub(crate) outcome: String,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) resources: BTreeMap<String, String>,
    pub(crate) settled: Vec<Value>,
    pub(crate) tokens_seeded: Vec<String>,
}

/// Deploys the tree's template with the built functions, and writes `status.json`.
///
/// # Errors
/// When the deploy fails; the text names each resource that failed and why.
pub(crate) fn run(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
    serving: &Serving,
    pace: Pace,
) -> anyhow::Result<(Outcome, Status)> {
    let _lock = instance.lock("deploy.lock", LOCK_PATIENCE)?;
    let ports = serving
        .ports
        .clone()
        .ok_or_else(|| anyhow!("the instance has no ports yet"))?;
    let tokens = tokens::settle(instance)?;
    let request = request(workspace, instance, &ports, pace, &tokens)?;
    write_json(&instance.path("deploy-request.json"), &request)?;
    let outcome = carry_out(workspace, environment, &request, &mut |step| screen::step(step))?;
    let mut status = status(instance, serving, &ports, tokens, &outcome)?;
    status.stack_program = workspace.stack_program()?.display().to_string();
    status.write(instance)?;
    Ok((outcome, status))
}

/// Repeats the last deploy, after the emulator came back. Says what it found.
///
/// # Errors
/// When there was none or it fails.
pub(crate) fn repeat(
    workspace: &Workspace,
    instance: &Instance,
    environment: &Environment,
) -> anyhow::Result<String> {
    let Some(request) = read_json::<Value>(&instance.path("deploy-request.json")) else {
        return Ok("nothing had been deployed yet".to_owned());
    };
    let _lock = instance.lock("deploy.lock", LOCK_PATIENCE)?;
    let outcome = carry_out(workspace, environment, &request, &mut |_| {})?;
    Ok(describe(&outcome))
}

/// What a deploy found and did, in words.
pub(crate) fn describe(outcome: &Outcome) -> String {
    let tokens = if outcome.tokens_seeded.is_empty() {
        String::new()
    } else {
        format!("; tokens written: {}", outcome.tokens_seeded.join(", "))
    };
    format!("stack {}{tokens}", outcome.outcome)
}

fn request(
    workspace: &Workspace,
    instance: &Instance,
    ports: &Ports,
    pace: Pace,
    tokens: &[Token],
) -> anyhow::Result<Value> {
    let mut code = serde_json::Map::new();
    for function in FUNCTIONS {
        let binary = workspace.function_binary(function);
        if !binary.is_file() {
            bail!("{} is not built: {} is missing", function.name, binary.display());
        }
        code.insert(function.logical_id.to_owned(), json!(binary));
    }
    let architecture = if std::env::consts::ARCH == "aarch64" {
        "arm64"
    } else {
        "x86_64"
    };
    let mut parameters = json!({
        "Stage": STAGE,
        "Architecture": architecture,
        "DatabaseClusterArn": cluster_arn(instance),
        "DatabaseName": DATABASE,
        "SchemaVersion": workspace.schema_version().to_string(),
        "SeedDemonstration": "true",
        "MigrateTimeoutSeconds": "120",
        "WorkerConcurrency": "4",
        "ApiCustomId": instance.api_id(),
        "TracingMode": "PassThrough",
        "RequireTls": "false",
        "FetchPrivateNetworks": "127.0.0.0/8",
    });
    for (name, value) in pace.parameters() {
        parameters[name] = json!(value);
    }
    let items: Vec<Value> = tokens.iter().map(token_item).collect();
    Ok(json!({
        "endpoint": ports.endpoint(),
        "stack": instance.stack_name(),
        "template": workspace.root().join("template.yaml"),
        "build": instance.path("build"),
        "record": instance.path("deploy.json"),
        "code": code,
        "parameters": parameters,
        "owner": {
            "secret": format!("{}-database-owner", instance.stack_name()),
            "username": OWNER,
            "password": database::owner_password(instance)?,
        },
        "tokens": items,
    }))
}

/// The cluster that the Data API endpoint answers for.
pub(crate) fn cluster_arn(instance: &Instance) -> String {
    format!(
        "arn:aws:rds:us-east-1:000000000000:cluster:millrace-{}",
        instance.name()
    )
}

fn token_item(token: &Token) -> Value {
    json!({
        "client_id": token.client_id,
        "token_hash": token.hash(),
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    })
}

fn carry_out(
    workspace: &Workspace,
    environment: &Environment,
    request: &Value,
    show: &mut dyn FnMut(&str),
) -> anyhow::Result<Outcome> {
    let mut command = process::bare_command(&environment.python());
    command
        .arg(workspace.python_folder().join("deploy.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("starting the deploy")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&serde_json::to_vec(request)?)?;
    }
    let mut answer = Err(anyhow!("the deploy program ended without an answer"));
    for line in child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufReader::lines)
    {
        let value: Value = serde_json::from_str(&line?).unwrap_or(Value::Null);
        if let Some(step) = value["step"].as_str() {
            show(step);
        } else if let Some(error) = value["error"].as_str() {
            answer = Err(anyhow!("{error}"));
        } else if !value["result"].is_null() {
            answer = serde_json::from_value(value["result"].clone()).context("reading the deploy's result");
        }
    }
    child.wait()?;
    answer
}

fn status(
    instance: &Instance,
    serving: &Serving,
    ports: &Ports,
    tokens: Vec<Token>,
    outcome: &Outcome,
) -> anyhow::Result<Status> {
    let api_id = outcome
        .outputs
        .get("ApiId")
        .cloned()
        .unwrap_or_else(|| instance.api_id());
    let functions = FUNCTIONS.into_iter().filter_map(|function| {
        Some((
            function.name.to_owned(),
            outcome.resources.get(function.logical_id)?.clone(),
        ))
    });
    Ok(Status {
        instance: instance.name().to_owned(),
        api_url: format!("{}/_aws/execute-api/{api_id}/$default", ports.endpoint()),
        api_id,
        token: tokens
            .first()
            .map(|token| token.token.clone())
            .unwrap_or_default(),
        tokens,
        endpoint_url: ports.endpoint(),
        data_api_url: ports.data_api_url(),
        data_api_control_url: format!("{}/_control", ports.data_api_url()),
        source_url: ports.source_url(),
        postgres: PostgresStatus {
            host: "127.0.0.1".to_owned(),
            port: ports.postgres,
            database: DATABASE.to_owned(),
            user: OWNER.to_owned(),
            password: database::owner_password(instance)?,
        },
        processes: process_numbers(serving),
        outputs: outcome.outputs.clone(),
        resources: outcome.resources.clone(),
        functions: functions.collect(),
        settled: outcome.settled.clone(),
        iam_enforced: serving.is_enforcing,
        folder: instance.folder().display().to_string(),
        stack_program: String::new(),
    })
}

/// What was lost, when a stack that had been deployed was gone.
pub(crate) fn describe_loss(instance: &Instance, outcome: &Outcome, had_record: bool) -> Option<String> {
    let is_loss = had_record && outcome.outcome == "created";
    is_loss.then(|| {
        format!(
            "the emulator's state of {} was lost (saved at a clean stop and after each deploy): the stack was made \
             again over the kept objects and rows; messages in queues, locks and logs are gone",
            instance.name()
        )
    })
}

/// Where a function logs, as the template names it.
pub(crate) fn log_group(function: Function) -> String {
    format!("/aws/lambda/millrace-{STAGE}-{}", function.name)
}

/// Whether the instance was deployed before.
pub(crate) fn has_record(instance: &Instance) -> bool {
    instance.path("deploy.json").is_file()
}

/// How long something took, for people.
pub(crate) fn seconds(since: std::time::Instant) -> String {
    let elapsed = since.elapsed();
    let _ = clock::unix_seconds;
    format!("{:.1} s", elapsed.as_secs_f64())
}
