//! The function's environment.

use millrace_lambda::environment::{EnvironmentError, Variables};

/// The longest that a queue keeps a message back.
const MAX_DELAY_SECONDS: u64 = 900;

/// What the function has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The stage's name.
    pub stage: String,
    /// The database cluster.
    pub database_arn: String,
    /// The database.
    pub database_name: String,
    /// The application role's secret.
    pub database_secret_arn: String,
    /// The owner's secret, for the tables and views of specs.
    pub database_owner_secret_arn: String,
    /// Where files arrive.
    pub landing_bucket: String,
    /// Where parts and row errors lie.
    pub collections_bucket: String,
    /// Where documents lie.
    pub documents_bucket: String,
    /// The queues: ingest, chunk, perf, status, pdf, fetch.
    pub queue_urls: [String; 6],
    /// The callers.
    pub clients_table: String,
    /// The settings.
    pub settings_table: String,
    /// The locks, for health.
    pub locks_table: String,
    /// How late a reminder looks at an outbox.
    pub reminder_delay_seconds: u16,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`EnvironmentError`] with every problem.
    pub fn from_vars(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let mut variables = Variables::new(lookup);
        let delay = variables
            .number("MILLRACE_REMINDER_DELAY_SECONDS")
            .min(MAX_DELAY_SECONDS);
        let config = Self {
            stage: variables.text("MILLRACE_STAGE"),
            database_arn: variables.text("MILLRACE_DATABASE_ARN"),
            database_name: variables.text("MILLRACE_DATABASE_NAME"),
            database_secret_arn: variables.text("MILLRACE_DATABASE_SECRET_ARN"),
            database_owner_secret_arn: variables.text("MILLRACE_DATABASE_OWNER_SECRET_ARN"),
            landing_bucket: variables.text("MILLRACE_LANDING_BUCKET"),
            collections_bucket: variables.text("MILLRACE_COLLECTIONS_BUCKET"),
            documents_bucket: variables.text("MILLRACE_DOCUMENTS_BUCKET"),
            queue_urls: [
                variables.text("MILLRACE_INGEST_QUEUE_URL"),
                variables.text("MILLRACE_CHUNK_QUEUE_URL"),
                variables.text("MILLRACE_PERF_QUEUE_URL"),
                variables.text("MILLRACE_STATUS_QUEUE_URL"),
                variables.text("MILLRACE_PDF_QUEUE_URL"),
                variables.text("MILLRACE_FETCH_QUEUE_URL"),
            ],
            clients_table: variables.text("MILLRACE_CLIENTS_TABLE"),
            settings_table: variables.text("MILLRACE_SETTINGS_TABLE"),
            locks_table: variables.text("MILLRACE_LOCKS_TABLE"),
            reminder_delay_seconds: u16::try_from(delay).unwrap_or(u16::MAX),
        };
        variables.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn every_variable_is_asked_for_and_all_that_are_missing_are_named() {
        let error = Config::from_vars(&|_| None).unwrap_err();
        assert_eq!(error.0.len(), 18);
        let whole = |name: &str| {
            Some(if name.ends_with("_SECONDS") {
                "60".to_owned()
            } else {
                name.to_lowercase()
            })
        };
        let config = Config::from_vars(&whole).unwrap();
        assert_eq!(config.queue_urls[3], "millrace_status_queue_url");
        assert_eq!(config.reminder_delay_seconds, 60);
    }
}
