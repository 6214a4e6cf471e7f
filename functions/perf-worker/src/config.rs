//! What the function needs from its environment.

use millrace_lambda::environment::{EnvironmentError, Variables};

/// The configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database cluster.
    pub database_arn: String,
    /// The database's name.
    pub database_name: String,
    /// The secret of the application's role.
    pub database_secret_arn: String,
    /// Where parts and partials lie.
    pub collections_bucket: String,
    /// Where objects came.
    pub landing_bucket: String,
    /// The perf queue.
    pub perf_queue_url: String,
    /// The status queue.
    pub status_queue_url: String,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u64,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn from_vars(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let mut variables = Variables::new(lookup);
        let config = Self {
            database_arn: variables.text("MILLRACE_DATABASE_ARN"),
            database_name: variables.text("MILLRACE_DATABASE_NAME"),
            database_secret_arn: variables.text("MILLRACE_DATABASE_SECRET_ARN"),
            collections_bucket: variables.text("MILLRACE_COLLECTIONS_BUCKET"),
            landing_bucket: variables.text("MILLRACE_LANDING_BUCKET"),
            perf_queue_url: variables.text("MILLRACE_PERF_QUEUE_URL"),
            status_queue_url: variables.text("MILLRACE_STATUS_QUEUE_URL"),
            reminder_delay_seconds: variables.number("MILLRACE_REMINDER_DELAY_SECONDS"),
        };
        variables.finish(config)
    }
}
