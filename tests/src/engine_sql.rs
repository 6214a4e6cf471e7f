//! The store's `Sql` over the Data API in process: as strict as the service, without a socket in between.

use async_trait::async_trait;
use millrace_core::failure::Failure;
use millrace_data_api::Engine;
use millrace_data_api::api::{
    ApiError, BeginTransactionRequest, CommitTransactionRequest, ExecuteStatementRequest, Field,
    RollbackTransactionRequest, SqlParameter,
};
use millrace_store::{Rows, Sql, Statement, TransactionId, Value};

pub(crate) const CLUSTER: &str = "arn:aws:rds:us-east-1:000000000000:cluster:millrace";

/// One database, as one role.
pub struct EngineSql {
    engine: Engine,
    secret_arn: String,
    database: String,
}

impl EngineSql {
    /// A database of an engine, as the role whose secret is named.
    #[must_use]
    pub fn new(engine: &Engine, secret_arn: &str, database: &str) -> Self {
        Self {
            engine: engine.clone(),
            secret_arn: secret_arn.to_owned(),
            database: database.to_owned(),
        }
    }
}

fn parameter(name: &str, value: &Value) -> SqlParameter {
    let field = match value {
        Value::Null => Field::IsNull(true),
        Value::Bool(flag) => Field::BooleanValue(*flag),
        Value::Long(number) => Field::LongValue(*number),
        Value::Text(text) => Field::StringValue(text.clone()),
    };
    SqlParameter::new(name, field)
}

fn value(field: Field) -> Result<Value, Failure> {
    match field {
        Field::IsNull(_) => Ok(Value::Null),
        Field::BooleanValue(flag) => Ok(Value::Bool(flag)),
        Field::LongValue(number) => Ok(Value::Long(number)),
        Field::StringValue(text) => Ok(Value::Text(text)),
        other => Err(Failure::invalid("engine.execute", format!("{other:?}"))),
    }
}

/// As the adapter of the service maps its exceptions.
fn failure(error: ApiError) -> Failure {
    let (kind, detail) = millrace_aws::database_failure(error.kind.name(), &error.message);
    Failure::new(kind, "engine.execute", error).with_detail(detail)
}

#[async_trait]
impl Sql for EngineSql {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let parameters = statement.parameters.iter();
        let request = ExecuteStatementRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: self.secret_arn.clone(),
            database: Some(self.database.clone()),
            sql: statement.text.to_string(),
            parameters: parameters.map(|(name, value)| parameter(name, value)).collect(),
            transaction_id: statement.transaction.as_ref().map(|id| id.0.clone()),
            continue_after_timeout: statement.continue_after_timeout,
            ..ExecuteStatementRequest::default()
        };
        let answer = self.engine.execute_statement(request).await.map_err(failure)?;
        let rows = answer.records.unwrap_or_default().into_iter();
        let rows = rows.map(|row| row.into_iter().map(value).collect::<Result<Vec<_>, _>>());
        Ok(Rows {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        let request = BeginTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: self.secret_arn.clone(),
            database: Some(self.database.clone()),
            ..BeginTransactionRequest::default()
        };
        let answer = self.engine.begin_transaction(request).await.map_err(failure)?;
        Ok(TransactionId(answer.transaction_id))
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        let request = CommitTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: self.secret_arn.clone(),
            transaction_id: transaction.0.clone(),
        };
        self.engine.commit_transaction(request).await.map_err(failure)?;
        Ok(())
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        let request = RollbackTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: self.secret_arn.clone(),
            transaction_id: transaction.0.clone(),
        };
        self.engine.rollback_transaction(request).await.map_err(failure)?;
        Ok(())
    }
}
