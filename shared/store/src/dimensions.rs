//! Dimensions, and datasets whose rows come ready: publishing staged rows at once.

use millrace_core::failure::Failure;
use millrace_core::ids::{ContributionId, FileVersion};
use millrace_core::name::Name;
use serde::Deserialize;

use crate::contributions::ContributionState;
use crate::{Statement, Store};

/// A file version of rows that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PendingLoad {
    /// Its contribution.
    pub contribution_id: ContributionId,
    /// Where it stands.
    pub state: ContributionState,
    /// Whether it waits for a run of a pipeline.
    pub is_held: bool,
    /// The dimension, or the dataset whose rows come ready.
    pub target: Name,
    /// The columns of its key in the key's order, counted from 1; a dataset may have none.
    pub key_positions: Vec<usize>,
}

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PublishOutcome {
    /// Published now.
    Applied,
    /// Settled before: nothing was changed.
    AlreadySettled,
    /// A later version of the file was published before.
    Superseded,
    /// Rows repeat a key: the file version was refused, with the count.
    Refused,
    /// Part of the stage is gone: stage anew.
    IncompleteStage,
}

impl Store {
    /// The load that a file version of rows asks for.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_pending_load(&self, file: FileVersion) -> Result<Option<PendingLoad>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('contribution_id', c.contribution_id, 'state', c.state, 'is_held', c.is_held, 'target', c.target, \
                'key_positions', d.key_positions)::text \
             from ingestion.contribution c join ingestion.dimension d on d.kind = c.target_kind and d.name = c.target \
             where c.file_id = cast(:file_id as uuid) \
             and c.version = cast(:version as integer)",
        );
        let bound = statement
            .bind("file_id", file.file_id.to_string())
            .bind("version", file.version);
        self.json(bound).await
    }

    /// Publishes a staged file version exactly once.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn publish_dimension(
        &self,
        contribution_id: ContributionId,
        stage_id: &str,
        rows_staged: u64,
    ) -> Result<PublishOutcome, Failure> {
        let statement = Statement::new(
            "select ingestion.publish_dimension(cast(:contribution_id as uuid), cast(:stage_id as uuid), \
             cast(:rows_staged as bigint))::text",
        );
        let bound = statement
            .bind("contribution_id", contribution_id.to_string())
            .bind("stage_id", stage_id)
            .bind("rows_staged", rows_staged);
        self.expect_json(bound.continuing_after_timeout()).await
    }
}
