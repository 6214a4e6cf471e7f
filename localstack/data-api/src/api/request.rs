//! The requests of the five operations.

use serde::{Deserialize, Deserializer};

use super::field::Field;

/// `POST /Execute`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecuteStatementRequest {
    /// The cluster.
    pub resource_arn: String,
    /// The secret with the role's credentials.
    pub secret_arn: String,
    /// One statement with `:name` parameters.
    pub sql: String,
    /// The database; the cluster's default when not given.
    pub database: Option<String>,
    /// Refused by the service for this engine.
    pub schema: Option<String>,
    /// The parameters' values.
    #[serde(deserialize_with = "null_as_default")]
    pub parameters: Vec<SqlParameter>,
    /// The transaction the statement belongs to.
    pub transaction_id: Option<String>,
    /// Whether the answer describes its columns.
    #[serde(deserialize_with = "null_as_default")]
    pub include_result_metadata: bool,
    /// Whether the statement goes on when the call has timed out.
    #[serde(deserialize_with = "null_as_default")]
    pub continue_after_timeout: bool,
    /// How numbers are returned.
    #[serde(deserialize_with = "null_as_default")]
    pub result_set_options: ResultSetOptions,
    /// Whether the rows come as fields or as one JSON text.
    #[serde(deserialize_with = "null_as_default")]
    pub format_records_as: RecordsFormat,
}

/// `POST /BatchExecute`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchExecuteStatementRequest {
    /// The cluster.
    pub resource_arn: String,
    /// The secret with the role's credentials.
    pub secret_arn: String,
    /// One statement with `:name` parameters.
    pub sql: String,
    /// The database; the cluster's default when not given.
    pub database: Option<String>,
    /// Refused by the service for this engine.
    pub schema: Option<String>,
    /// A set of values for each execution.
    #[serde(deserialize_with = "null_as_default")]
    pub parameter_sets: Vec<Vec<SqlParameter>>,
    /// The transaction the statements belong to.
    pub transaction_id: Option<String>,
}

/// `POST /BeginTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BeginTransactionRequest {
    /// The cluster.
    pub resource_arn: String,
    /// The secret with the role's credentials.
    pub secret_arn: String,
    /// The database; the cluster's default when not given.
    pub database: Option<String>,
    /// Refused by the service for this engine.
    pub schema: Option<String>,
}

/// `POST /CommitTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommitTransactionRequest {
    /// The cluster.
    pub resource_arn: String,
    /// The secret with the role's credentials.
    pub secret_arn: String,
    /// The transaction.
    pub transaction_id: String,
}

/// `POST /RollbackTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollbackTransactionRequest {
    /// The cluster.
    pub resource_arn: String,
    /// The secret with the role's credentials.
    pub secret_arn: String,
    /// The transaction.
    pub transaction_id: String,
}

/// A parameter and its value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlParameter {
    /// The name without its colon.
    pub name: Option<String>,
    /// The value.
    pub value: Option<Field>,
    /// What a `stringValue` stands for.
    pub type_hint: Option<TypeHint>,
}

impl SqlParameter {
    /// A parameter without a hint.
    #[must_use]
    pub fn new(name: &str, value: Field) -> Self {
        Self {
            name: Some(name.to_owned()),
            value: Some(value),
            type_hint: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hinted(name: &str, value: Field, hint: TypeHint) -> Self {
        Self {
            type_hint: Some(hint),
            ..Self::new(name, value)
        }
    }
}

/// What a `stringValue` stands for; without a hint it is `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are PostgreSQL's types")]
pub enum TypeHint {
    Json,
    Uuid,
    Timestamp,
    Date,
    Time,
    Decimal,
}

/// How numbers are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResultSetOptions {
    /// `numeric`.
    #[serde(deserialize_with = "null_as_default")]
    pub decimal_return_type: DecimalReturnType,
    /// `int2`, `int4`, `int8`.
    #[serde(deserialize_with = "null_as_default")]
    pub long_return_type: LongReturnType,
}

/// How `numeric` is returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DecimalReturnType {
    /// As text, exactly.
    #[default]
    String,
    /// As a long when the scale is 0, else as a double.
    DoubleOrLong,
}

/// How whole numbers are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LongReturnType {
    /// As numbers.
    #[default]
    Long,
    /// As text.
    String,
}

/// How rows are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordsFormat {
    /// As fields.
    #[default]
    None,
    /// As one JSON text.
    Json,
}

/// A member that is `null` counts as absent.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
