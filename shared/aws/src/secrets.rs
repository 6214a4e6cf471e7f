//! Database credentials from Secrets Manager.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use millrace_core::failure::Failure;

use crate::Connection;
use crate::failure::map;

/// User and password of a database role.
#[derive(Clone)]
pub struct DatabaseCredentials {
    /// The role.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for DatabaseCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseCredentials({}, [redacted])", self.username)
    }
}

/// Reads secrets.
pub struct SecretReader(Connection);

impl SecretReader {
    /// A reader over a connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self(connection.clone())
    }

    /// The credentials in a secret (`{"username", "password"}`).
    ///
    /// # Errors
    /// [`Failure`] of the service, or when the secret is not in that form.
    pub async fn database_credentials(&self, secret_arn: &str) -> Result<DatabaseCredentials, Failure> {
        const OPERATION: &str = "secretsmanager.get_secret_value";
        let client = Client::new(self.0.config().await);
        let answer = client.get_secret_value().secret_id(secret_arn).send().await;
        let text = answer
            .map_err(|error| map(OPERATION, error))?
            .secret_string
            .unwrap_or_default();
        let secret: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| Failure::invalid(OPERATION, "the secret is not JSON"))?;
        let member = |name: &str| {
            secret
                .get(name)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        match (member("username"), member("password")) {
            (Some(username), Some(password)) => Ok(DatabaseCredentials { username, password }),
            _ => Err(Failure::invalid(
                OPERATION,
                "the secret lacks username or password",
            )),
        }
    }
}
