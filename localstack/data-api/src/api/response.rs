//! The answers of the five operations.

use serde::{Deserialize, Serialize};

use super::field::Field;

/// The answer of `/Execute`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecuteStatementResponse {
    /// The rows, when the statement returns any kind of rows and they are not formatted as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Vec<Field>>>,
    /// The columns, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_metadata: Option<Vec<ColumnMetadata>>,
    /// Rows that the statement changed; 0 when it returns rows.
    pub number_of_records_updated: i64,
    /// Always empty for this engine, and absent when rows are returned: use `RETURNING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_fields: Option<Vec<Field>>,
    /// The rows as one JSON text, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted_records: Option<String>,
}

/// A column of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnMetadata {
    /// The same as the label.
    pub name: String,
    /// The column's alias.
    pub label: String,
    /// JDBC's number of the type.
    #[serde(rename = "type")]
    pub jdbc_type: i32,
    /// PostgreSQL's name of the type.
    pub type_name: String,
    /// Always empty for this engine.
    pub schema_name: String,
    /// The table the column comes from, or empty.
    pub table_name: String,
    /// Whether the database fills it in.
    pub is_auto_increment: bool,
    /// Whether it is a number with a sign.
    pub is_signed: bool,
    /// Whether it is money.
    pub is_currency: bool,
    /// Whether its case matters.
    pub is_case_sensitive: bool,
    /// 0 no, 1 yes, 2 unknown.
    pub nullable: i32,
    /// Digits or characters.
    pub precision: i32,
    /// Digits after the point.
    pub scale: i32,
    /// JDBC's number of an array's element type, else 0.
    pub array_base_column_type: i32,
}

/// The answer of `/BatchExecute`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchExecuteStatementResponse {
    /// One for each execution.
    pub update_results: Vec<UpdateResult>,
}

/// One execution of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateResult {
    /// Always empty for this engine.
    pub generated_fields: Vec<Field>,
}

/// The answer of `/BeginTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BeginTransactionResponse {
    /// The transaction.
    pub transaction_id: String,
}

/// The answer of `/CommitTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommitTransactionResponse {
    /// `Transaction Committed`.
    pub transaction_status: String,
}

/// The answer of `/RollbackTransaction`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollbackTransactionResponse {
    /// `Rollback Complete`.
    pub transaction_status: String,
}
