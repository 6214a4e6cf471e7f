//! The KPI catalogue: datasets with what their figures mean and what they can be grouped by.

use millrace_core::definition::DatasetDefinition;
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use serde::Deserialize;

use crate::Store;

/// Which datasets the catalogue shows.
#[derive(Debug, Clone, Copy)]
pub struct KpiFilter<'a> {
    /// Only those of a category.
    pub category: Option<&'a str>,
    /// Only those after this name.
    pub after: Option<&'a str>,
    /// The most that are shown.
    pub limit: u32,
}

/// A dataset in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KpiRecord {
    /// The version of its spec.
    pub version: u32,
    /// The dataset.
    pub definition: DatasetDefinition,
    /// The fields of the dimension that it looks attributes up in.
    #[serde(default)]
    pub attributes: Option<Vec<Field>>,
}

impl Store {
    /// Datasets that are not retired, in their latest versions, by name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_kpis(&self, filter: &KpiFilter<'_>) -> Result<Vec<KpiRecord>, Failure> {
        let text = "select s.name collate \"C\", jsonb_build_object('version', s.version, 'definition', s.definition, \
             'attributes', (select d.definition -> 'fields' from spec.spec d where d.kind = 'dimension' \
                and d.name = s.definition -> 'join' ->> 'dimension' order by d.version desc limit 1))::text \
             from (select distinct on (n.name) n.* from spec.spec n where n.kind = 'dataset' \
                and not exists (select from spec.retired r where r.kind = n.kind and r.name = n.name) \
                order by n.name, n.version desc) s \
             where (cast(:category as text) is null \
                or s.definition -> 'catalogue' ->> 'category' = cast(:category as text)) \
             and (cast(:after_name as text) is null or s.name collate \"C\" > cast(:after_name as text)) \
             order by s.name collate \"C\" limit cast(:limit as integer)";
        let parameters = [
            ("category", filter.category.into()),
            ("after_name", filter.after.into()),
            ("limit", filter.limit.into()),
        ];
        self.documents(text, &parameters).await
    }
}
