//! Whether the database answers, and what time it has.

use millrace_core::failure::Failure;

use crate::{Statement, Store};

impl Store {
    /// Asks the database for the newest migration: reachable, allowed, and migrated.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn schema_version(&self) -> Result<Option<i64>, Failure> {
        self.json(Statement::new(
            "select to_jsonb(max(version))::text from operations.migration",
        ))
        .await
    }

    /// The time of the database, in milliseconds since 1970; 0 for one before.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn now_ms(&self) -> Result<u64, Failure> {
        let text = "select to_jsonb((extract(epoch from now()) * 1000)::bigint)::text";
        let now_ms: Option<i64> = self.json(Statement::new(text)).await?;
        Ok(now_ms.and_then(|now_ms| u64::try_from(now_ms).ok()).unwrap_or(0))
    }
}
