//! The database through the RDS Data API.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::config::retry::RetryConfig;
use aws_sdk_rdsdata::config::timeout::TimeoutConfig;
use aws_sdk_rdsdata::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rdsdata::types::{Field, SqlParameter};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use millrace_core::failure::{Failure, FailureKind, RESPONSE_TOO_LARGE};
use millrace_store::{Rows, Sql, Statement, TransactionId, Value};
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure;

/// The service ends a call after 45 seconds; we wait longer, so that its answer is the one we see.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// One database, as one role. The SDK does not retry: an answer that was lost may stand for a commit, and whoever
/// called knows what makes a repeat harmless.
pub struct DataApi {
    connection: Connection,
    client: OnceCell<Client>,
    cluster_arn: String,
    secret_arn: String,
    database: String,
}

impl DataApi {
    /// A database by its cluster, the secret of the role and the database's name.
    #[must_use]
    pub fn connect(
        connection: &Connection,
        cluster_arn: &str,
        secret_arn: &str,
        database: &str,
    ) -> Arc<dyn Sql> {
        Arc::new(Self {
            connection: connection.clone(),
            client: OnceCell::new(),
            cluster_arn: cluster_arn.to_owned(),
            secret_arn: secret_arn.to_owned(),
            database: database.to_owned(),
        })
    }

    async fn client(&self) -> &Client {
        let make = || async {
            let config = aws_sdk_rdsdata::config::Builder::from(self.connection.config().await)
                .retry_config(RetryConfig::disabled())
                .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build())
                .build();
            Client::from_conf(config)
        };
        self.client.get_or_init(make).await
    }
}

#[async_trait]
impl Sql for DataApi {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let parameters = statement
            .parameters
            .iter()
            .map(|(name, value)| parameter(name, value))
            .collect();
        let answer = self
            .client()
            .await
            .execute_statement()
            .resource_arn(&self.cluster_arn)
            .secret_arn(&self.secret_arn)
            .database(&self.database)
            .sql(statement.text.as_ref())
            .set_parameters(Some(parameters))
            .set_transaction_id(statement.transaction.as_ref().map(|id| id.0.clone()))
            .continue_after_timeout(statement.continue_after_timeout)
            .send()
            .await
            .map_err(|error| map("data_api.execute_statement", error))?;
        let rows = answer.records.unwrap_or_default().into_iter();
        let rows = rows.map(|row| row.into_iter().map(value).collect::<Result<Vec<_>, _>>());
        Ok(Rows {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        let answer = self
            .client()
            .await
            .begin_transaction()
            .resource_arn(&self.cluster_arn)
            .secret_arn(&self.secret_arn)
            .database(&self.database)
            .send()
            .await
            .map_err(|error| map("data_api.begin_transaction", error))?;
        let id = answer.transaction_id.ok_or_else(|| {
            Failure::invalid("data_api.begin_transaction", "the answer holds no transaction id")
        })?;
        Ok(TransactionId(id))
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        let call = self.client().await.commit_transaction();
        call.resource_arn(&self.cluster_arn)
            .secret_arn(&self.secret_arn)
            .transaction_id(&transaction.0)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("data_api.commit_transaction", error))
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        let call = self.client().await.rollback_transaction();
        call.resource_arn(&self.cluster_arn)
            .secret_arn(&self.secret_arn)
            .transaction_id(&transaction.0)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("data_api.rollback_transaction", error))
    }
}

fn parameter(name: &str, value: &Value) -> SqlParameter {
    let field = match value {
        Value::Null => Field::IsNull(true),
        Value::Bool(flag) => Field::BooleanValue(*flag),
        Value::Long(number) => Field::LongValue(*number),
        Value::Text(text) => Field::StringValue(text.clone()),
    };
    SqlParameter::builder().name(name).value(field).build()
}

fn value(field: Field) -> Result<Value, Failure> {
    match field {
        Field::IsNull(_) => Ok(Value::Null),
        Field::BooleanValue(flag) => Ok(Value::Bool(flag)),
        Field::LongValue(number) => Ok(Value::Long(number)),
        Field::StringValue(text) => Ok(Value::Text(text)),
        // A float would have lost digits already; blobs and arrays are cast to text in the statement.
        _ => Err(Failure::invalid(
            "data_api.execute_statement",
            "a column is not cast to text",
        )),
    }
}

fn map<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (code, message) = error.as_service_error().map_or((None, None), |error| {
        (
            error.code().map(str::to_owned),
            error.message().map(str::to_owned),
        )
    });
    let Some(code) = code else {
        return failure::map(operation, error);
    };
    let (kind, detail) = database_failure(&code, &message.unwrap_or_default());
    Failure::new(kind, operation, error).with_detail(detail)
}

/// What a failure means by the exception's name and its message, and the stable detail: the SQLSTATE where the message
/// ends in one.
#[must_use]
pub fn database_failure(code: &str, message: &str) -> (FailureKind, String) {
    match sql_state(message) {
        Some(state) => (sql_state_kind(state), state.to_owned()),
        None if is_too_large(message) => (FailureKind::Invalid, RESPONSE_TOO_LARGE.to_owned()),
        None => (exception_kind(code), code.to_owned()),
    }
}

/// Whether an answer, or a row of it, is beyond the service's limit: it has no code of its own, and comes as the failure
/// of the database or as a bad request. The same call meets the same limit again.
fn is_too_large(message: &str) -> bool {
    let message = message.to_lowercase();
    let is_answer = message.contains("response") && message.contains("size limit");
    is_answer || message.contains("packet for query is too large")
}

/// The SQLSTATE at the end of a database error's message.
fn sql_state(message: &str) -> Option<&str> {
    let (_, state) = message.rsplit_once("SQLState: ")?;
    state.get(..5)
}

fn sql_state_kind(state: &str) -> FailureKind {
    match (&state[..2], state) {
        // Away, overloaded, taken back for another's sake, or broken in itself; 25P03 ended a transaction whose holder was
        // silent.
        ("08" | "40" | "53" | "57" | "58", _) | (_, "25006" | "25P03" | "55006" | "55P03") => {
            FailureKind::Transient
        }
        (_, "23505" | "42P07") => FailureKind::Conflict,
        // Not allowed, or not there: before or in the middle of a deployment.
        ("28" | "3D" | "3F", _) | (_, "42501" | "42P01" | "42703" | "42704" | "42883") => {
            FailureKind::Configuration
        }
        _ => FailureKind::Invalid,
    }
}

fn exception_kind(code: &str) -> FailureKind {
    match code {
        "AccessDeniedException"
        | "ForbiddenException"
        | "SecretsErrorException"
        | "InvalidSecretException"
        | "HttpEndpointNotEnabledException"
        | "DatabaseNotFoundException"
        | "InvalidResourceStateException" => FailureKind::Configuration,
        "BadRequestException" | "ValidationException" | "UnsupportedResultException" => FailureKind::Invalid,
        // Time-outs, a database that resumes or is away, a transaction that was ended, 5xx, a busy transaction.
        _ => FailureKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::failure::{FailureKind, RESPONSE_TOO_LARGE};

    use super::{database_failure, exception_kind, sql_state, sql_state_kind};

    #[test]
    fn the_sql_state_decides_where_there_is_one() {
        let message = "ERROR: deadlock detected; Detail: x; SQLState: 40P01";
        assert_eq!(sql_state(message), Some("40P01"));
        for (state, kind) in [
            ("40P01", FailureKind::Transient),
            ("57P03", FailureKind::Transient),
            ("40003", FailureKind::Transient),
            ("58030", FailureKind::Transient),
            ("42P01", FailureKind::Configuration),
            ("42883", FailureKind::Configuration),
            ("08006", FailureKind::Transient),
            ("25P03", FailureKind::Transient),
            ("55P03", FailureKind::Transient),
            ("23505", FailureKind::Conflict),
            ("42501", FailureKind::Configuration),
            ("28P01", FailureKind::Configuration),
            ("22P02", FailureKind::Invalid),
        ] {
            assert_eq!(sql_state_kind(state), kind, "{state}");
        }
        assert_eq!(
            exception_kind("DatabaseResumingException"),
            FailureKind::Transient
        );
        assert_eq!(
            exception_kind("InvalidSecretException"),
            FailureKind::Configuration
        );
    }

    #[test]
    fn an_answer_beyond_the_limit_is_no_passing_trouble() {
        for message in [
            "Database returned more than the allowed response size limit",
            "Database response exceeded size limit",
            "Packet for query is too large: a row exceeded the size limit",
        ] {
            assert_eq!(
                database_failure("DatabaseErrorException", message),
                (FailureKind::Invalid, RESPONSE_TOO_LARGE.to_owned())
            );
        }
        let other = database_failure("DatabaseErrorException", "the connection was closed");
        assert_eq!(
            other,
            (FailureKind::Transient, "DatabaseErrorException".to_owned())
        );
        // An SQLSTATE says more than the words around it.
        let sql = database_failure(
            "DatabaseErrorException",
            "ERROR: value too large; SQLState: 22001",
        );
        assert_eq!(sql, (FailureKind::Invalid, "22001".to_owned()));
    }
}
