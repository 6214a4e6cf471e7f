//! Stages: what an attempt is about to apply or publish, inert until then.

use millrace_core::failure::Failure;
use millrace_core::ids::ContributionId;

use crate::{Statement, Store};

/// The most that one staging call takes, in bytes of JSON. Escaped once more in a request's body it at most doubles,
/// which stays below the Data API's 4 MiB.
pub const STAGE_CHUNK_BYTES: usize = 1024 * 1024;

impl Store {
    /// Stages a chunk of differences; a repeat adds nothing.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn stage_differences(
        &self,
        contribution_id: ContributionId,
        stage_id: &str,
        json: String,
    ) -> Result<(), Failure> {
        let text = "select ingestion.stage_differences(cast(:contribution_id as uuid), cast(:stage_id as uuid), \
             cast(:rows as jsonb))";
        self.stage(text, contribution_id, stage_id, json).await
    }

    /// Stages a chunk of dimension rows (`[record, [cell, …]]`); a repeat adds nothing.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn stage_dimension_rows(
        &self,
        contribution_id: ContributionId,
        stage_id: &str,
        json: String,
    ) -> Result<(), Failure> {
        let text = "select ingestion.stage_dimension_rows(cast(:contribution_id as uuid), cast(:stage_id as uuid), \
             cast(:rows as jsonb))";
        self.stage(text, contribution_id, stage_id, json).await
    }

    async fn stage(
        &self,
        text: &'static str,
        contribution_id: ContributionId,
        stage_id: &str,
        json: String,
    ) -> Result<(), Failure> {
        let statement = for_stage(text, contribution_id, stage_id).bind("rows", json);
        self.rows(statement).await.map(|_| ())
    }

    /// Removes an attempt's differences that will not be applied.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn drop_stage(&self, contribution_id: ContributionId, stage_id: &str) -> Result<(), Failure> {
        let text = "delete from ingestion.contribution_stage where contribution_id = cast(:contribution_id as uuid) \
             and stage_id = cast(:stage_id as uuid)";
        self.rows(for_stage(text, contribution_id, stage_id))
            .await
            .map(|_| ())
    }
}

fn for_stage(text: &'static str, contribution_id: ContributionId, stage_id: &str) -> Statement {
    Statement::new(text)
        .bind("contribution_id", contribution_id.to_string())
        .bind("stage_id", stage_id)
}
