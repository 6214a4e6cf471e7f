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
    /// Where documents lie.
    pub documents_bucket: String,
    /// The pdf queue.
    pub pdf_queue_url: String,
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
            documents_bucket: variables.text("MILLRACE_DOCUMENTS_BUCKET"),
            pdf_queue_url: variables.text("MILLRACE_PDF_QUEUE_URL"),
        };
        variables.finish(config)
    }
}
