//! What figures are made from, and since when it is so.

use millrace_core::failure::Failure;
use millrace_core::name::Name;
use serde::{Deserialize, Serialize};

use crate::{Statement, Store};

/// What figures were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    /// `dataset` or `dimension`.
    pub kind: String,
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: i64,
    /// How many files it was made from.
    pub files: u64,
}

/// The sources of figures, and when they became what was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The instant of the newest of the versions (RFC 3339, UTC).
    pub as_of: String,
    /// The datasets with cells, then the dimensions.
    pub versions: Vec<SourceVersion>,
}

impl Store {
    /// The versions of the datasets with cells and the dimensions that a dataset's figures come from, and the instant at
    /// which the newest of them was made: by the commit of the contribution that led to it, so that the same data always
    /// have the same instant.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn dataset_sources(&self, dataset: &Name) -> Result<Option<Sources>, Failure> {
        let text = "with upstream as (select kind, name from ingestion.upstream(cast(:dataset as text))), \
             source (kind, name, version, created_at) as ( \
                select 'dataset', name, version, created_at from ingestion.dataset \
                where ('dataset', name) in (select kind, name from upstream) \
                union all select kind, name, version, created_at from ingestion.dimension \
                where (kind, name) in (select kind, name from upstream)), \
             seen as (select s.kind, s.name, s.version, \
                (select count(*) from ingestion.contribution c \
                    where c.target_kind = s.kind and c.target = s.name and c.is_current and c.rows > 0) as files, \
                greatest(s.created_at, (select max(c.settled_at) from ingestion.contribution c \
                    where c.target_kind = s.kind and c.target = s.name and c.target_version = s.version)) as made_at \
                from source s) \
             select case when count(*) > 0 then jsonb_build_object( \
                'as_of', to_char(max(made_at) at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), \
                'versions', jsonb_agg(jsonb_build_object('kind', kind, 'name', name, 'version', version, \
                    'files', files) order by kind, name))::text end from seen";
        let statement = Statement::new(text).bind("dataset", dataset.as_str());
        self.json(statement).await
    }
}
