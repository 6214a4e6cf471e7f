//! The function's entry: a custom resource request, or a call by hand.

use millrace_app::ports::Surroundings;
use millrace_aws::{Connection, DataApi, LocksTable, SecretReader};
use millrace_lambda::surroundings::Machine;
use millrace_lambda::telemetry::chain;
use millrace_store::Store;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::custom_resource::{Request, RequestType, send};
use crate::migrate::{Migrated, Migrator};
use crate::migrations::{MIGRATIONS, latest_version};
use crate::seed;

/// A call by hand.
#[derive(Debug, Clone, Default, Deserialize)]
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
const ANSWER_TIME_MS: u64 = 3_000;

/// Handles one invocation.
///
/// # Errors
/// When a call by hand fails. A custom resource request is always answered, and failures are told there.
pub async fn handle(
    config: &Config,
    payload: serde_json::Value,
    deadline_ms: u64,
) -> anyhow::Result<serde_json::Value> {
    if payload.get("RequestType").is_none() {
        let outcome = run(config, &serde_json::from_value(payload)?, deadline_ms).await?;
        return Ok(serde_json::to_value(outcome)?);
    }
    let request: Request = serde_json::from_value(payload)?;
    let outcome = match request.request_type {
        // The database may be gone already, and its rows are not ours to remove.
        RequestType::Delete => Ok(serde_json::json!({})),
        RequestType::Create | RequestType::Update => run_requested(config, &request, deadline_ms).await,
    };
    let outcome = outcome.map_err(|error| {
        tracing::error!(error = chain(error.as_ref()), "migration failed");
        chain(error.as_ref())
    });
    send(&request.response_url, &request.answer(outcome)).await?;
    Ok(serde_json::Value::Null)
}

async fn run_requested(
    config: &Config,
    request: &Request,
    deadline_ms: u64,
) -> anyhow::Result<serde_json::Value> {
    let properties = &request.resource_properties;
    let command = Command {
        target_version: Some(properties.target_version.parse()?),
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
    let migrator = Migrator {
        sql: sql.clone(),
        locks: &locks,
        surroundings: &Machine,
        owner,
        deadline_ms: deadline_ms.saturating_sub(ANSWER_TIME_MS),
    };
    let target = command.target_version.unwrap_or_else(latest_version);
    let migrated = migrator.run(MIGRATIONS, target).await?;
    let secrets = SecretReader::new(&connection);
    let app = secrets.database_credentials(&config.database_secret_arn).await?;
    migrator.set_app_password(&app.password).await?;
    let seeded = if command.seed {
        seed::seed(&Store::new(sql)).await?
    } else {
        Vec::new()
    };
    Ok(Outcome { migrated, seeded })
}
