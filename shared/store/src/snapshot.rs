//! One consistent reading over several statements.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_core::failure::Failure;

use crate::{Rows, Sql, Statement, Store, TransactionId};

/// A store that sees the database as it was at its first statement, and changes nothing.
///
/// To be closed; one that is forgotten ends by the service's time-out.
pub struct Snapshot {
    sql: Arc<dyn Sql>,
    transaction: TransactionId,
    store: Store,
}

impl Store {
    /// Opens a snapshot: a transaction that reads, and reads the same however often it looks.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn open_snapshot(&self) -> Result<Snapshot, Failure> {
        let transaction = self.sql.begin().await?;
        let within = Arc::new(Within {
            sql: Arc::clone(&self.sql),
            transaction: transaction.clone(),
        });
        let snapshot = Snapshot {
            sql: Arc::clone(&self.sql),
            transaction,
            store: Self::new(within),
        };
        let begin = Statement::new("set transaction isolation level repeatable read, read only");
        match snapshot.store.rows(begin).await {
            Ok(_) => Ok(snapshot),
            Err(failure) => {
                snapshot.close().await;
                Err(failure)
            }
        }
    }
}

impl Snapshot {
    /// The store within.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Ends the reading. Nothing was changed, so it cannot fail in a way that matters.
    pub async fn close(self) {
        let _ = self.sql.rollback(&self.transaction).await;
    }
}

/// A database whose every statement runs in one transaction.
struct Within {
    sql: Arc<dyn Sql>,
    transaction: TransactionId,
}

#[async_trait]
impl Sql for Within {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        self.sql
            .execute(&statement.clone().within(&self.transaction))
            .await
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        Err(Failure::invalid(
            "snapshot.begin",
            "a snapshot holds no transactions",
        ))
    }

    async fn commit(&self, _: &TransactionId) -> Result<(), Failure> {
        Err(Failure::invalid(
            "snapshot.commit",
            "a snapshot holds no transactions",
        ))
    }

    async fn rollback(&self, _: &TransactionId) -> Result<(), Failure> {
        Err(Failure::invalid(
            "snapshot.rollback",
            "a snapshot holds no transactions",
        ))
    }
}
