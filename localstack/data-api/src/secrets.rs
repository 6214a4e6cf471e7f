//! From a secret's ARN to a user and a password.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

/// What a secret holds: `{"username": …, "password": …}`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The role.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why there are no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The secret cannot be fetched: it does not exist, or its service fails. Becomes `SecretsErrorException`.
    #[error("{0}")]
    Unavailable(String),
    /// It was fetched, but holds no user and password. Becomes `InvalidSecretException`.
    #[error("{0}")]
    Invalid(String),
    /// The caller may not read it. Becomes `AccessDeniedException`.
    #[error("{0}")]
    AccessDenied(String),
}

/// Where secrets come from.
#[async_trait]
pub trait SecretSource: Send + Sync + 'static {
    /// The credentials in the secret `arn`.
    ///
    /// # Errors
    /// [`SecretError`] when there are none.
    async fn credentials(&self, arn: &str) -> Result<Credentials, SecretError>;
}

/// Secrets known beforehand.
#[derive(Debug, Clone, Default)]
pub struct StaticSecrets {
    secrets: BTreeMap<String, Credentials>,
}

impl StaticSecrets {
    /// No secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, arn: &str, username: &str, password: &str) -> Self {
        let credentials = Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        self.secrets.insert(arn.to_owned(), credentials);
        self
    }
}

#[async_trait]
impl SecretSource for StaticSecrets {
    async fn credentials(&self, arn: &str) -> Result<Credentials, SecretError> {
        let unknown =
            || SecretError::Unavailable("Secrets Manager can't find the specified secret.".to_owned());
        self.secrets.get(arn).cloned().ok_or_else(unknown)
    }
}
