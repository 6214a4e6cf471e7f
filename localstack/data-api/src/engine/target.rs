//! Who is to be asked: checks the members that every request has, and finds database and credentials.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Inner;
use crate::api::{ApiError, ApiErrorKind};
use crate::secrets::{Credentials, SecretError, SecretSource};

/// A database and the role that asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) cluster: String,
    pub(super) database: String,
    pub(super) credentials: Credentials,
}

/// Remembers secrets for a while.
pub(super) struct SecretCache {
    source: Arc<dyn SecretSource>,
    lifetime: Duration,
    known: Mutex<HashMap<String, (Credentials, Duration)>>,
}

impl SecretCache {
    pub(super) fn new(source: Arc<dyn SecretSource>, lifetime: Duration) -> Self {
        Self {
            source,
            lifetime,
            known: Mutex::default(),
        }
    }

    async fn credentials(&self, arn: &str, now: Duration) -> Result<Credentials, ApiError> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(arn)
            .cloned();
        if let Some((credentials, fetched)) = known
            && now < fetched + self.lifetime
        {
            return Ok(credentials);
        }
        let credentials = self.source.credentials(arn).await.map_err(|error| match error {
            SecretError::Unavailable(message) => ApiError::new(ApiErrorKind::SecretsError, message),
            SecretError::Invalid(message) => ApiError::new(ApiErrorKind::InvalidSecret, message),
            SecretError::AccessDenied(message) => ApiError::new(ApiErrorKind::AccessDenied, message),
        })?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(arn.to_owned(), (credentials.clone(), now));
        Ok(credentials)
    }

    /// Forgets credentials that PostgreSQL has refused: the secret may have been rotated.
    pub(super) fn forget(&self, credentials: &Credentials) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (kept, _)| kept != credentials);
    }
}

impl Inner {
    pub(super) async fn target(
        &self,
        resource_arn: &str,
        secret_arn: &str,
        database: Option<&str>,
    ) -> Result<Target, ApiError> {
        check_length("resourceArn", resource_arn, 11, 570)?;
        check_length("secretArn", secret_arn, 11, 570)?;
        let Some(default) = self.clusters.get(resource_arn) else {
            let message = format!("HttpEndpoint is not enabled for resource {resource_arn}");
            return Err(ApiError::new(ApiErrorKind::HttpEndpointNotEnabled, message));
        };
        let database = database
            .filter(|database| !database.is_empty())
            .unwrap_or(default);
        check_length("database", database, 0, 64)?;
        let credentials = self.secrets.credentials(secret_arn, self.clock.now()).await?;
        Ok(Target {
            cluster: resource_arn.to_owned(),
            database: database.to_owned(),
            credentials,
        })
    }

    pub(super) fn check_sql(&self, sql: &str) -> Result<(), ApiError> {
        // counting characters costs more than counting bytes
        if sql.len() > self.limits.sql_chars {
            check_length("sql", sql, 0, self.limits.sql_chars)?;
        }
        if sql.is_empty() {
            return Err(missing("sql"));
        }
        Ok(())
    }
}

/// Refuses the `schema` member.
pub(super) fn check_schema(schema: Option<&str>) -> Result<(), ApiError> {
    match schema {
        Some(_) => Err(ApiError::validation("The schema parameter isn't supported")),
        None => Ok(()),
    }
}

pub(super) fn check_length(member: &str, value: &str, least: usize, most: usize) -> Result<(), ApiError> {
    if value.is_empty() && least > 0 {
        return Err(missing(member));
    }
    let length = value.chars().count();
    let broken = if length < least {
        format!("greater than or equal to {least}")
    } else if length > most {
        format!("less than or equal to {most}")
    } else {
        return Ok(());
    };
    Err(ApiError::validation(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
         Member must have length {broken}"
    )))
}

fn missing(member: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}
