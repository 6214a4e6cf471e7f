//! Every SQL use case of the product, over one small [`Sql`] trait.
//!
//! A method is a commit: one statement, or one short transaction, whose unique keys make a repeat harmless. Nothing
//! here decides what should happen next; nothing here knows of the Data API. Identifiers that come from specs never
//! reach a table or column name (tables and columns have neutral names and numbers) except in the views that readers
//! see, where `millrace_sql::identifier` quotes them. Start at [`Store`].

pub mod contributions;
pub mod datasets;
pub mod dimensions;
pub mod files;
pub mod health;
pub mod outbox;
pub mod selection;
pub mod specs;
pub mod sql;

use std::sync::Arc;

use millrace_core::failure::{Failure, FailureKind};
use serde::de::DeserializeOwned;
pub use sql::{Rows, Sql, Statement, TransactionId, Value};

/// The database, as the product uses it.
#[derive(Clone)]
pub struct Store {
    sql: Arc<dyn Sql>,
}

impl Store {
    /// A store over a database in which the migrations have run.
    #[must_use]
    pub fn new(sql: Arc<dyn Sql>) -> Self {
        Self { sql }
    }

    /// The rows of a statement that runs and commits by itself.
    async fn rows(&self, statement: Statement) -> Result<Rows, Failure> {
        self.sql.execute(&statement).await
    }

    /// The only value of a statement that answers one JSON text, or none.
    async fn json<T: DeserializeOwned>(&self, statement: Statement) -> Result<Option<T>, Failure> {
        match self.rows(statement).await?.into_first_value() {
            Some(Value::Text(text)) => serde_json::from_str(&text).map(Some).map_err(unreadable),
            Some(Value::Null) | None => Ok(None),
            Some(other) => Err(unreadable(format!("{other:?} where JSON text was expected"))),
        }
    }

    /// The JSON texts of a statement that answers one column of them.
    async fn json_list<T: DeserializeOwned>(&self, statement: Statement) -> Result<Vec<T>, Failure> {
        let rows = self.rows(statement).await?;
        let texts = rows.rows.into_iter().filter_map(|row| row.into_iter().next());
        texts
            .map(|value| match value {
                Value::Text(text) => serde_json::from_str(&text).map_err(unreadable),
                other => Err(unreadable(format!("{other:?} where JSON text was expected"))),
            })
            .collect()
    }

    /// As [`Self::json`], for statements that always answer.
    async fn expect_json<T: DeserializeOwned>(&self, statement: Statement) -> Result<T, Failure> {
        self.json(statement)
            .await?
            .ok_or_else(|| unreadable("no answer where one was expected"))
    }
}

fn unreadable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(FailureKind::Invalid, "store.read_answer", why)
}
