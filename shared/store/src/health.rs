//! Whether the database answers.

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
}
