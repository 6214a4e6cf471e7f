//! Mutants: one safety taken out, to see that the test which guards it fails.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_core::failure::Failure;
use millrace_store::{Rows, Sql, Statement, TransactionId};

use crate::database::Database;

/// Replaces a piece of a function's text in one database. The piece must be there, so that a mutant never becomes the
/// original unnoticed.
pub async fn mutate_function(database: &Database, name: &str, find: &str, replacement: &str) {
    let definition = format!("select pg_get_functiondef('{name}'::regproc)");
    let definition = database.value(&definition).await.unwrap();
    assert!(definition.contains(find), "{name} no longer holds: {find}");
    let mutant = definition.replacen(find, replacement, 1);
    database.script(&mutant).await;
}

/// Replaces the whole body of a function in one database.
pub async fn replace_function(database: &Database, name: &str, body: &str) {
    let definition = format!("select pg_get_functiondef('{name}'::regproc)");
    let definition = database.value(&definition).await.unwrap();
    let (head, _) = definition.split_once("\nAS $function$").unwrap();
    let mutant = format!("{head}\nAS $function${body}$function$");
    database.script(&mutant).await;
}

/// A database that gets other statements than were meant.
pub struct RewrittenSql {
    inner: Arc<dyn Sql>,
    find: String,
    replacement: String,
}

impl RewrittenSql {
    /// Replaces a piece in every statement that holds it.
    #[must_use]
    pub fn new(inner: Arc<dyn Sql>, find: &str, replacement: &str) -> Self {
        Self {
            inner,
            find: find.to_owned(),
            replacement: replacement.to_owned(),
        }
    }
}

#[async_trait]
impl Sql for RewrittenSql {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let text = statement.text.replace(&self.find, &self.replacement);
        let rewritten = Statement {
            text: text.into(),
            ..statement.clone()
        };
        self.inner.execute(&rewritten).await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        self.inner.begin().await
    }

    async fn commit(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.commit(transaction).await
    }

    async fn rollback(&self, transaction: &TransactionId) -> Result<(), Failure> {
        self.inner.rollback(transaction).await
    }
}
