//! What an instance says about itself: `serve.json` (processes, by the one who owns them) and `status.json` (addresses,
//! token, resources; by the last `up`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{read_json, write_json};
use crate::instance::Instance;
use crate::ports::Ports;
use crate::process::Record;
use crate::tokens::Token;

/// How far the processes of an instance are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServeState {
    Starting,
    Ready,
    Failed,
    Stopped,
}

/// The processes of an instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) state: ServeState,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// The process that owns the others.
    pub(crate) runner: Option<Record>,
    pub(crate) postgres: Option<Record>,
    pub(crate) data_api: Option<Record>,
    pub(crate) ministack: Option<Record>,
    pub(crate) ports: Option<Ports>,
    /// What a person should know: left-over processes that were ended, ports that moved, restarts.
    pub(crate) notes: Vec<String>,
    /// Whether IAM policies are enforced.
    pub(crate) is_enforcing: bool,
}

impl Serving {
    pub(crate) fn starting() -> Self {
        Self {
            state: ServeState::Starting,
            error: None,
            runner: Record::of(std::process::id()),
            postgres: None,
            data_api: None,
            ministack: None,
            ports: None,
            notes: Vec::new(),
            is_enforcing: false,
        }
    }

    pub(crate) fn read(instance: &Instance) -> Option<Self> {
        read_json(&instance.path("serve.json"))
    }

    pub(crate) fn write(&self, instance: &Instance) -> anyhow::Result<()> {
        write_json(&instance.path("serve.json"), self)
    }

    /// Whether the owner of the processes runs, says that all of them do, and is right.
    pub(crate) fn is_ready(&self) -> bool {
        let processes = [&self.runner, &self.postgres, &self.data_api, &self.ministack];
        self.state == ServeState::Ready
            && processes
                .iter()
                .all(|record| record.as_ref().is_some_and(Record::is_alive))
    }

    /// Whether the owner of the processes runs and means to go on.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.state, ServeState::Starting | ServeState::Ready) && self.has_runner()
    }

    pub(crate) fn has_runner(&self) -> bool {
        self.runner.as_ref().is_some_and(Record::is_alive)
    }
}

/// Addresses and names after a deploy: what `status --json` prints and what tests read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) instance: String,
    /// Base of every route of the API.
    pub(crate) api_url: String,
    pub(crate) api_id: String,
    /// The administrator's token.
    pub(crate) token: String,
    pub(crate) tokens: Vec<Token>,
    /// The emulator.
    pub(crate) endpoint_url: String,
    pub(crate) data_api_url: String,
    /// Where the Data API endpoint takes faults and limits.
    pub(crate) data_api_control_url: String,
    /// The server that stands for external sources.
    #[serde(default)]
    pub(crate) source_url: String,
    pub(crate) postgres: PostgresStatus,
    pub(crate) processes: BTreeMap<String, i32>,
    /// Outputs of the stack.
    pub(crate) outputs: BTreeMap<String, String>,
    /// Physical ids by logical id.
    pub(crate) resources: BTreeMap<String, String>,
    /// Function names by short name.
    pub(crate) functions: BTreeMap<String, String>,
    /// What of the template was put back after the deploy, and what is not held.
    pub(crate) settled: Vec<Value>,
    pub(crate) iam_enforced: bool,
    pub(crate) folder: String,
    /// This program: takes `--instance <instance> kill <function>` and the other commands.
    pub(crate) stack_program: String,
}

/// How to reach the database directly.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PostgresStatus {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Status {
    pub(crate) fn read(instance: &Instance) -> Option<Self> {
        read_json(&instance.path("status.json"))
    }

    pub(crate) fn write(&self, instance: &Instance) -> anyhow::Result<()> {
        write_json(&instance.path("status.json"), self)
    }
}

/// Process numbers by name.
pub(crate) fn process_numbers(serving: &Serving) -> BTreeMap<String, i32> {
    let named = [
        ("runner", &serving.runner),
        ("postgres", &serving.postgres),
        ("data_api", &serving.data_api),
        ("ministack", &serving.ministack),
    ];
    named
        .into_iter()
        .filter_map(|(name, record)| {
            Some((
                name.to_owned(),
                record.as_ref().filter(|record| record.is_alive())?.pid,
            ))
        })
        .collect()
}
