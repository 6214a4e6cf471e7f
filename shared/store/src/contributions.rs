//! Contributions: staging differences and applying them exactly once.

use millrace_core::failure::Failure;
use millrace_core::ids::{ContributionId, FileVersion};
use millrace_core::name::Name;
use serde::Deserialize;

use crate::{Statement, Store};

/// Where a contribution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContributionState {
    /// To be applied.
    Pending,
    /// Applied.
    Applied,
    /// Not applied, since a later version of the file was.
    Superseded,
    /// Not applied, since the file was refused.
    Refused,
}

/// A contribution and what it has to be compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PendingContribution {
    /// Its id.
    pub contribution_id: ContributionId,
    /// Where it stands.
    pub state: ContributionState,
    /// Whether it waits for a run of a pipeline.
    pub is_held: bool,
    /// Whether the file version takes its predecessors back without anything in their place.
    pub is_delete: bool,
    /// The contribution of the file that counts at present, if any.
    pub current: Option<CurrentContribution>,
    /// The dataset's version when this was read.
    pub dataset_version: i64,
}

/// A contribution that counts at present.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CurrentContribution {
    /// Its id.
    pub contribution_id: ContributionId,
    /// Its file's version.
    pub version: u32,
    /// Its partial; none after a delete.
    pub partial_key: Option<String>,
}

/// A partial of another file that may hold the extreme that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OtherPartial {
    /// The partial's object.
    pub partial_key: String,
    /// Its first cell key.
    pub first_key: String,
    /// Its last cell key.
    pub last_key: String,
    /// How many cells it has.
    pub cells: u64,
}

/// The partials of the other files, and the dataset version that they were listed at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OtherPartials {
    /// The dataset's version.
    pub dataset_version: i64,
    /// The partials.
    pub partials: Vec<OtherPartial>,
}

/// What is applied.
#[derive(Debug, Clone)]
pub struct Application<'a> {
    /// The contribution.
    pub contribution_id: ContributionId,
    /// The attempt that staged the differences (a UUID).
    pub stage_id: &'a str,
    /// How many differences were staged.
    pub cells_staged: u64,
    /// The contribution that the differences were made against.
    pub base: Option<ContributionId>,
    /// The dataset version at which extremes were looked up, where any were.
    pub dataset_version: Option<i64>,
    /// The partial's object, first key and last key; none after a delete or when nothing was kept.
    pub partial: Option<(&'a str, &'a str, &'a str)>,
    /// Cells in the partial.
    pub cells: u64,
    /// Rows in the partial.
    pub rows: u64,
}

/// What became of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ApplyOutcome {
    /// Applied now.
    Applied,
    /// Settled before: nothing was changed.
    AlreadySettled,
    /// A later version of the file was applied before: this one changes nothing.
    Superseded,
    /// The file's current contribution is another one by now: make the differences anew.
    StaleBase,
    /// The dataset moved on since extremes were looked up: look them up anew.
    StaleDataset,
    /// Part of the stage is gone: stage anew.
    IncompleteStage,
}

/// Partials that one answer names: with keys of the greatest length they stay below the Data API's 1 MiB.
const OTHER_PARTIALS_PAGE: u32 = 100;

/// A row for each partial behind a file, at least one for the dataset's version: an answer may have many rows, but no
/// large one.
const OTHER_PARTIALS: &str = "select jsonb_build_object('dataset_version', d.version, 'file_id', o.file_id, \
     'partial', case when o.file_id is not null then jsonb_build_object('partial_key', o.partial_key, \
        'first_key', o.first_key, 'last_key', o.last_key, \
        'cells', coalesce(o.cells, 0)) end)::text \
     from ingestion.dataset d left join ingestion.contribution o on o.target_kind = 'dataset' and o.target = d.name \
        and o.is_current and o.file_id <> cast(:file_id as uuid) and o.partial_key is not null \
        and o.first_key <= cast(:last_key as text) and o.last_key >= cast(:first_key as text) \
        and (cast(:after as uuid) is null or o.file_id > cast(:after as uuid)) \
     where d.name = cast(:dataset as text) order by o.file_id limit cast(:limit as integer)";

#[derive(Deserialize)]
struct OtherPartialRow {
    dataset_version: i64,
    file_id: Option<String>,
    partial: Option<OtherPartial>,
}

impl Store {
    /// A contribution with what it is to be compared with.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_contribution(
        &self,
        file: FileVersion,
        dataset: &Name,
    ) -> Result<Option<PendingContribution>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('contribution_id', c.contribution_id, 'state', c.state, 'is_held', c.is_held, \
             'is_delete', t.mode = 'delete', 'dataset_version', d.version, \
             'current', (select jsonb_build_object('contribution_id', o.contribution_id, 'version', o.version, \
                'partial_key', o.partial_key) from ingestion.contribution o where o.target_kind = 'dataset' \
                and o.target = c.target and o.file_id = c.file_id and o.is_current))::text \
             from ingestion.contribution c join ingestion.file_tracker t using (file_id, version) \
             join ingestion.dataset d on d.name = c.target \
             where c.target_kind = 'dataset' and c.target = cast(:dataset as text) \
             and c.file_id = cast(:file_id as uuid) and c.version = cast(:version as integer)",
        );
        self.json(
            statement
                .bind("dataset", dataset.as_str())
                .bind("file_id", file.file_id.to_string())
                .bind("version", file.version),
        )
        .await
    }

    /// The partials of a dataset's other files whose keys lie between two keys.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_other_partials(
        &self,
        file: FileVersion,
        dataset: &Name,
        first_key: &str,
        last_key: &str,
    ) -> Result<OtherPartials, Failure> {
        let mut others = OtherPartials {
            dataset_version: 0,
            partials: Vec::new(),
        };
        let mut after: Option<String> = None;
        loop {
            let statement = Statement::new(OTHER_PARTIALS)
                .bind("dataset", dataset.as_str())
                .bind("file_id", file.file_id.to_string())
                .bind("first_key", first_key)
                .bind("last_key", last_key)
                .bind("after", after.clone())
                .bind("limit", OTHER_PARTIALS_PAGE);
            let page: Vec<OtherPartialRow> = self.json_list(statement).await?;
            let first = page
                .first()
                .ok_or_else(|| crate::unexpected("a dataset was expected"))?;
            if after.is_none() {
                // If the dataset moves between two pages, applying finds that this is not its version any more.
                others.dataset_version = first.dataset_version;
            }
            let is_last = page.len() < OTHER_PARTIALS_PAGE as usize;
            after = page.last().and_then(|row| row.file_id.clone());
            others
                .partials
                .extend(page.into_iter().filter_map(|row| row.partial));
            if is_last || after.is_none() {
                return Ok(others);
            }
        }
    }

    /// Applies a staged contribution exactly once; goes on in the database past the call's time limit.
    ///
    /// # Errors
    /// [`Failure`] of the database; after a transient one the ledger ([`Self::load_contribution`]) is the truth.
    pub async fn apply_contribution(&self, application: &Application<'_>) -> Result<ApplyOutcome, Failure> {
        let statement = Statement::new(
            "select ingestion.apply_contribution(cast(:contribution_id as uuid), cast(:stage_id as uuid), \
             cast(:cells_staged as bigint), cast(:base_id as uuid), cast(:dataset_version as bigint), \
             cast(:partial_key as text), cast(:first_key as text), cast(:last_key as text), \
             cast(:cells as bigint), cast(:rows as bigint))::text",
        );
        let partial = application.partial;
        let bound = statement
            .bind("contribution_id", application.contribution_id.to_string())
            .bind("stage_id", application.stage_id)
            .bind("cells_staged", application.cells_staged)
            .bind("base_id", application.base.map(|id| id.to_string()))
            .bind("dataset_version", application.dataset_version)
            .bind("partial_key", partial.map(|(key, _, _)| key))
            .bind("first_key", partial.map(|(_, first, _)| first))
            .bind("last_key", partial.map(|(_, _, last)| last))
            .bind("cells", application.cells)
            .bind("rows", application.rows);
        self.expect_json(bound.continuing_after_timeout()).await
    }

    /// Refuses a contribution and its file version, when what it feeds cannot take it.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn refuse_contribution(
        &self,
        contribution_id: ContributionId,
        error: &millrace_core::row_error::FileError,
    ) -> Result<(), Failure> {
        let statement = Statement::new(
            "select ingestion.refuse_contribution(cast(:contribution_id as uuid), cast(:error as jsonb))::text",
        );
        let error = serde_json::to_string(error).map_err(crate::unreadable)?;
        let bound = statement
            .bind("contribution_id", contribution_id.to_string())
            .bind("error", error);
        self.rows(bound).await.map(|_| ())
    }
}
