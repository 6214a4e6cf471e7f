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
    /// The ingest queue.
    pub ingest_queue_url: String,
    /// The perf queue.
    pub perf_queue_url: String,
    /// The status queue.
    pub status_queue_url: String,
    /// The group of the schedules that are made at run time.
    pub schedule_group: String,
    /// The role by which they send.
    pub schedule_role_arn: String,
    /// The queue that they send to.
    pub schedule_queue_arn: String,
    /// The queue for what they cannot send.
    pub schedule_dead_letter_queue_arn: String,
    /// When a run's messages are looked for again.
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
            ingest_queue_url: variables.text("MILLRACE_INGEST_QUEUE_URL"),
            perf_queue_url: variables.text("MILLRACE_PERF_QUEUE_URL"),
            status_queue_url: variables.text("MILLRACE_STATUS_QUEUE_URL"),
            schedule_group: variables.text("MILLRACE_SCHEDULE_GROUP"),
            schedule_role_arn: variables.text("MILLRACE_SCHEDULE_ROLE_ARN"),
            schedule_queue_arn: variables.text("MILLRACE_SCHEDULE_QUEUE_ARN"),
            schedule_dead_letter_queue_arn: variables.text("MILLRACE_SCHEDULE_DEAD_LETTER_QUEUE_ARN"),
            reminder_delay_seconds: variables.number("MILLRACE_REMINDER_DELAY_SECONDS"),
        };
        variables.finish(config)
    }
}
