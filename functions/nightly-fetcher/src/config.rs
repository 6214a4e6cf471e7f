//! What the function needs from its environment.

use ipnet::IpNet;
use millrace_lambda::environment::{EnvironmentError, Variables};
use millrace_source::address::parse_networks;

/// The configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database cluster.
    pub database_arn: String,
    /// The database's name.
    pub database_name: String,
    /// The secret of the application's role.
    pub database_secret_arn: String,
    /// Where objects arrive.
    pub landing_bucket: String,
    /// The ingest queue.
    pub ingest_queue_url: String,
    /// The status queue.
    pub status_queue_url: String,
    /// The fetch queue.
    pub fetch_queue_url: String,
    /// The locks table.
    pub locks_table: String,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u64,
    /// Private networks that a spec may name; mostly none.
    pub private_networks: Vec<IpNet>,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn from_vars(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let mut variables = Variables::new(lookup);
        let networks = variables.parsed("MILLRACE_FETCH_PRIVATE_NETWORKS", parse_networks);
        let config = Self {
            database_arn: variables.text("MILLRACE_DATABASE_ARN"),
            database_name: variables.text("MILLRACE_DATABASE_NAME"),
            database_secret_arn: variables.text("MILLRACE_DATABASE_SECRET_ARN"),
            landing_bucket: variables.text("MILLRACE_LANDING_BUCKET"),
            ingest_queue_url: variables.text("MILLRACE_INGEST_QUEUE_URL"),
            status_queue_url: variables.text("MILLRACE_STATUS_QUEUE_URL"),
            fetch_queue_url: variables.text("MILLRACE_FETCH_QUEUE_URL"),
            locks_table: variables.text("MILLRACE_LOCKS_TABLE"),
            reminder_delay_seconds: variables.number("MILLRACE_REMINDER_DELAY_SECONDS"),
            private_networks: networks.unwrap_or_default(),
        };
        variables.finish(config)
    }
}
