//! The small trait that the database is reached through, and the values that cross it.

use std::borrow::Cow;

use async_trait::async_trait;
use millrace_core::failure::Failure;

/// A value that goes into a statement or comes out of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL null.
    Null,
    /// `boolean`.
    Bool(bool),
    /// `bigint`.
    Long(i64),
    /// `text`; everything else travels as text and is cast in the statement.
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Long(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Long(i64::from(number))
    }
}

impl From<u64> for Value {
    /// Counts and sizes; beyond `i64::MAX` they would be no counts of anything.
    fn from(number: u64) -> Self {
        Self::Long(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A single SQL statement with named parameters (`:name`, always inside a `cast`).
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text.
    pub text: Cow<'static, str>,
    /// The parameters, by name.
    pub parameters: Vec<(Cow<'static, str>, Value)>,
    /// The transaction that it runs in; without one it commits by itself.
    pub transaction: Option<TransactionId>,
    /// Whether it goes on in the database when the call's time is up.
    pub continue_after_timeout: bool,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
            transaction: None,
            continue_after_timeout: false,
        }
    }

    /// Binds a parameter.
    #[must_use]
    pub fn bind(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Runs in a transaction.
    #[must_use]
    pub fn within(mut self, transaction: &TransactionId) -> Self {
        self.transaction = Some(transaction.clone());
        self
    }

    /// Goes on in the database when the call's time is up.
    #[must_use]
    pub fn continuing_after_timeout(mut self) -> Self {
        self.continue_after_timeout = true;
        self
    }
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionId(pub String);

/// What a statement answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// The rows, each with a value a column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// The first value of the first row.
    #[must_use]
    pub fn into_first_value(self) -> Option<Value> {
        self.rows.into_iter().next()?.into_iter().next()
    }
}

/// A database that takes single statements.
#[async_trait]
pub trait Sql: Send + Sync {
    /// Runs one statement.
    ///
    /// # Errors
    /// [`Failure`] with the SQLSTATE as its detail where the database gave one. After a transient failure the
    /// outcome is unknown: the statement may have committed.
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// [`Failure`] when none could be opened.
    async fn begin(&self) -> Result<TransactionId, Failure>;

    /// Commits a transaction.
    ///
    /// # Errors
    /// [`Failure`]; after a transient one the outcome is unknown.
    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure>;

    /// Takes a transaction back.
    ///
    /// # Errors
    /// [`Failure`] when it could not be reached; it then ends by its time-out.
    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure>;
}
