//! The running stack, as tests see it: addresses and names from its `status.json`, a client of the API, the emulator
//! through boto3, SQL straight at the database, faults at the Data API endpoint, and the functions' processes.
//!
//! A test takes the stack with [`Stack::find`] (or the variants for the IAM and fault runs), which says why it is
//! skipped when there is none. It must never know how a stack is started.

mod api;
mod controls;
mod documents;
mod emulator;
mod fixtures;
mod hostile;
mod model;
mod processes;
mod settle;
mod sql;

pub use api::{Answer, Api, Upload, assert_through};
pub use controls::{Controls, Hold};
pub use documents::Download;
pub use emulator::{CallError, Credentials, Emulator};
pub use fixtures::{AttendanceSpecs, Row, csv, random_rows, schools};
pub use hostile::hostile_files;
pub use model::{Figure, Figures, Model, figure};
pub use processes::{Function, signal};
pub use settle::{wait_for, wait_until};
pub use sql::Query;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::test_variable;

/// A running stack, by its `status.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Base of every route of the API.
    pub api_url: String,
    /// The tokens: for everything, then for reading.
    pub tokens: Vec<Token>,
    /// The emulator.
    pub endpoint_url: String,
    /// Where the Data API endpoint takes faults and holds.
    pub data_api_control_url: String,
    /// The server that stands for external sources.
    #[serde(default)]
    pub source_url: String,
    /// How to reach the database directly.
    pub postgres: Postgres,
    /// Process numbers by name.
    pub processes: BTreeMap<String, i32>,
    /// Outputs of the template.
    pub outputs: BTreeMap<String, String>,
    /// Physical ids by logical id.
    pub resources: BTreeMap<String, String>,
    /// Function names by short name.
    pub functions: BTreeMap<String, String>,
    /// Whether policies are enforced.
    pub iam_enforced: bool,
    /// The instance's folder.
    pub folder: PathBuf,
}

/// A token and who holds it.
#[derive(Debug, Clone, Deserialize)]
pub struct Token {
    /// Who.
    pub name: String,
    /// What is sent after `Bearer`.
    pub token: String,
}

/// How to reach the database directly.
#[derive(Debug, Clone, Deserialize)]
pub struct Postgres {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The owner.
    pub user: String,
    /// The owner's password.
    pub password: String,
}

impl Stack {
    /// The stack that `MILLRACE_TEST_STACK` names; says that the test is skipped when there is none.
    #[must_use]
    pub fn find() -> Option<Self> {
        let Some(path) = test_variable("MILLRACE_TEST_STACK") else {
            println!(
                "skipped: no running stack (MILLRACE_TEST_STACK is not set; `cargo local test` sets it)"
            );
            return None;
        };
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("reading {path}: {error}"));
        Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// The stack, where it enforces policies.
    #[must_use]
    pub fn find_enforcing() -> Option<Self> {
        let stack = Self::find()?;
        if !stack.iam_enforced {
            println!("skipped: this stack does not enforce policies");
            return None;
        }
        Some(stack)
    }

    /// The stack, where `MILLRACE_TEST_FAULTS` asks for faults.
    #[must_use]
    pub fn find_for_faults() -> Option<Self> {
        if test_variable("MILLRACE_TEST_FAULTS").is_none() {
            println!("skipped: faults are not asked for (MILLRACE_TEST_FAULTS; `cargo local test --faults`)");
            return None;
        }
        Self::find()
    }

    /// The API with the token for everything.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(&self.api_url, &self.tokens[0].token)
    }

    /// The API with the token that only reads.
    #[must_use]
    pub fn reader(&self) -> Api {
        Api::new(&self.api_url, &self.tokens[1].token)
    }

    /// The emulator, as its administrator.
    #[must_use]
    pub fn emulator(&self) -> Emulator {
        Emulator::start(self)
    }

    /// What tests may do to the Data API endpoint.
    #[must_use]
    pub fn controls(&self) -> Controls {
        Controls::new(&self.data_api_control_url)
    }

    /// A session in the database, as its owner.
    pub async fn sql(&self) -> Query {
        Query::connect(&self.postgres).await
    }

    /// The processes of a function, by its short name.
    #[must_use]
    pub fn function(&self, name: &str) -> Function {
        Function::new(self, name)
    }

    /// An output of the template.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs
            .get(name)
            .unwrap_or_else(|| panic!("the template has no output {name}"))
    }

    /// What `serve.json` says of a process now: its number.
    #[must_use]
    pub fn process_now(&self, name: &str) -> Option<i32> {
        let text = std::fs::read(self.folder.join("serve.json")).ok()?;
        let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
        i32::try_from(value[name]["pid"].as_i64()?).ok()
    }
}

/// A name that no other test and no earlier run has.
#[must_use]
pub fn unique(stem: &str) -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{stem}_{}", &id[16..])
}
