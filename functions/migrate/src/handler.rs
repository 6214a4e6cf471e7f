//! The function's entry: a custom resource request, or a call by hand.

use anyhow::Context as _;
use millrace_app::ports::{Surroundings as _, Timer as _};
use millrace_aws::{Connection, DataApi, LocksTable, SecretReader};
use millrace_lambda::surroundings::Machine;
use millrace_lambda::telemetry::chain;
use millrace_store::Store;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::custom_resource::{Envelope, Request, send};
use crate::migrate::{Migrated, Migrator};
use crate::migrations::{MIGRATIONS, latest_version};
use crate::patience::Patience;
use crate::seed;

/// A call by hand; a member it does not know is refused, since it may be meant for somebody else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The schema version to reach; the newest one without it.
    #[serde(default)]
    pub target_version: Option<u32>,
    /// Whether to seed the demonstration's specs.
    #[serde(default)]
    pub seed: bool,
}

/// What a call did.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The migrations.
    #[serde(flatten)]
    pub migrated: Migrated,
    /// The specs that were seeded now.
    pub seeded: Vec<String>,
}

/// Time that is kept for the answer when the function's own time runs out.
const ANSWER_TIME_MS: u64 = 8_000;
/// Before that, waiting ends, so that the answer can say what was waited for.
const LAST_TRY_TIME_MS: u64 = 4_000;

/// Handles one invocation.
///
/// # Errors
/// When a call by hand fails, or CloudFormation does not take the answer. A custom resource request is always answered,
/// and failures are told there.
pub async fn handle(
    config: &Config,
    payload: serde_json::Value,
    deadline_ms: u64,
) -> anyhow::Result<serde_json::Value> {
    let Some(envelope) = Envelope::of(&payload) else {
        let outcome = run(config, &serde_json::from_value(payload)?, deadline_ms).await?;
        return Ok(serde_json::to_value(outcome)?);
    };
    let outcome = tokio::select! {
        biased;
        () = Machine.reach(deadline_ms.saturating_sub(ANSWER_TIME_MS)) => Err(anyhow::anyhow!("the time was up")),
        outcome = run_requested(config, payload, deadline_ms) => outcome,
    };
    let outcome = outcome.map_err(|error| {
        let why = chain(error.as_ref());
        tracing::error!(error = why, "migration failed");
        why
    });
    let patience = Patience {
        timer: &Machine,
        deadline_ms,
    };
    let answer = envelope.answer(outcome);
    patience
        .insist("answer", || send(&envelope.response_url, &answer))
        .await?;
    Ok(serde_json::Value::Null)
}

async fn run_requested(
    config: &Config,
    payload: serde_json::Value,
    deadline_ms: u64,
) -> anyhow::Result<serde_json::Value> {
    let request: Request = serde_json::from_value(payload).context("the request cannot be read")?;
    let properties = match request {
        // The database may be gone already, and its rows are not ours to remove.
        Request::Delete => return Ok(serde_json::json!({})),
        Request::Create { properties } | Request::Update { properties } => properties,
    };
    let target = properties.target_version.parse();
    let command = Command {
        target_version: Some(target.context("the property TargetVersion is no version")?),
        seed: properties.seed == "true",
    };
    let outcome = run(config, &command, deadline_ms).await?;
    Ok(serde_json::json!({ "SchemaVersion": outcome.migrated.to.to_string() }))
}

async fn run(config: &Config, command: &Command, deadline_ms: u64) -> anyhow::Result<Outcome> {
    seed::check_stage(&config.stage, command.seed)?;
    let connection = Connection::new();
    let sql = DataApi::connect(
        &connection,
        &config.database_arn,
        &config.database_owner_secret_arn,
        &config.database_name,
    );
    let locks = LocksTable::new(&connection, &config.locks_table);
    let owner = Machine
        .random_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let patience = Patience {
        timer: &Machine,
        deadline_ms: deadline_ms.saturating_sub(ANSWER_TIME_MS + LAST_TRY_TIME_MS),
    };
    let migrator = Migrator {
        sql: sql.clone(),
        locks: &locks,
        owner,
        patience,
    };
    let target = command.target_version.unwrap_or_else(latest_version);
    let migrated = migrator.run(MIGRATIONS, target).await?;
    let secrets = SecretReader::new(&connection);
    let read = || secrets.database_credentials(&config.database_secret_arn);
    let app = patience.insist("secret", read).await?;
    migrator.set_app_password(&app.password).await?;
    let seeded = if command.seed {
        let store = Store::new(sql);
        patience.insist("seed", || seed::seed(&store)).await?
    } else {
        Vec::new()
    };
    Ok(Outcome { migrated, seeded })
}
