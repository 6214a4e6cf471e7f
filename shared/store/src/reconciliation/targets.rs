//! What datasets and dimensions hold beside what their files brought.

use millrace_core::definition::SpecKind;
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use serde::Deserialize;

use crate::tables::{DatasetTable, DimensionTable};
use crate::{Statement, Store};

/// What the cells of a dataset, or the rows of a dimension, hold, and what their files brought.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TargetCounts {
    /// Rows in the cells; of a dimension, and of a dataset whose rows come ready, the rows that its files have.
    pub held: u64,
    /// Rows of the contributions that count.
    pub contributed: u64,
    /// Keys of rows that are not visible, or more than once; none of cells.
    pub unseen: u64,
    /// Files that count twice, the first hundred.
    pub doubled: Vec<FileVersion>,
    /// Live validated files that neither count nor wait, the first hundred; none where it is retired and takes no files.
    pub missing: Vec<FileVersion>,
}

/// What is to be counted.
struct Counted<'a> {
    /// What the files contribute to.
    target: (SpecKind, &'a str),
    /// Whose files they are.
    source: (SpecKind, &'a str),
    /// The expression of what is held.
    held: String,
    /// That of the keys that are not seen once.
    unseen: String,
}

impl<'a> Counted<'a> {
    fn rows(kind: SpecKind, name: &'a str, table: &DimensionTable) -> Self {
        let table = table.table();
        Self {
            target: (kind, name),
            source: (kind, name),
            held: format!("select count(*) from {table} where valid_to = 'infinity'"),
            unseen: format!(
                "select count(*) from (select from {table} where valid_to = 'infinity' group by row_key \
                 having count(*) filter (where is_visible) <> 1) k"
            ),
        }
    }
}

impl Store {
    /// The names of the dimensions, and of the datasets that have cells or ready rows, by name, after one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_targets(&self, after: &str, limit: u32) -> Result<Vec<String>, Failure> {
        let text = "select to_jsonb(name)::text from (select name from ingestion.dataset \
                union select name from ingestion.dimension) d \
             where name > cast(:after as text) order by name limit cast(:limit as integer)";
        self.json_list(Statement::new(text).bind("after", after).bind("limit", limit))
            .await
    }

    /// What a dataset's cells or rows are beside what its files brought, as of one instant; none for one that is computed
    /// from another.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn count_dataset(&self, dataset: &DatasetTable) -> Result<Option<TargetCounts>, Failure> {
        let definition = &dataset.definition;
        let name = definition.name.as_str();
        let counted = match (dataset.cells(), definition.event(), dataset.rows()) {
            (Some(cells), Some(event), _) => Counted {
                target: (SpecKind::Dataset, name),
                source: (SpecKind::Event, event.as_str()),
                held: format!("select coalesce(sum(row_count), 0) from {cells}"),
                unseen: "0".to_owned(),
            },
            (_, _, Some(rows)) => Counted::rows(SpecKind::Dataset, name, &rows),
            _ => return Ok(None),
        };
        self.count_target(&counted).await
    }

    /// The same of a dimension's rows.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn count_dimension(&self, dimension: &DimensionTable) -> Result<Option<TargetCounts>, Failure> {
        let name = dimension.definition.name.as_str();
        let counted = Counted::rows(SpecKind::Dimension, name, dimension);
        self.count_target(&counted).await
    }

    async fn count_target(&self, counted: &Counted<'_>) -> Result<Option<TargetCounts>, Failure> {
        let Counted { held, unseen, .. } = counted;
        let text = format!(
            "with counting as (select * from ingestion.contribution c where c.target_kind = cast(:target_kind as text) \
                and c.target = cast(:target as text) and c.is_current), \
             live as (select distinct on (t.file_id) t.file_id, t.version, t.mode from ingestion.file_tracker t \
                where t.ingestion_type = cast(:kind as text) and t.ingestion_name = cast(:name as text) \
                and t.error is null \
                and t.validated_at is not null and (t.unchanged_of is null or t.unchanged_of = t.file_id) \
                order by t.file_id, t.version desc), \
             doubled as (select file_id, max(version) as version from counting group by file_id having count(*) > 1 \
                order by file_id limit 100), \
             missing as (select file_id, version from live where mode <> 'delete' and not exists ( \
                    select from spec.retired r \
                    where r.kind = cast(:target_kind as text) and r.name = cast(:target as text)) and not exists ( \
                    select from ingestion.contribution c where c.target_kind = cast(:target_kind as text) \
                    and c.target = cast(:target as text) and c.file_id = live.file_id \
                    and (c.is_current or c.state = 'pending')) order by file_id limit 100) \
             select jsonb_build_object( \
                'held', ({held}), 'unseen', ({unseen}), \
                'contributed', (select coalesce(sum(rows), 0) from counting), \
                'doubled', (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from doubled d), \
                'missing', (select coalesce(jsonb_agg(to_jsonb(m)), '[]') from missing m))::text"
        );
        let statement = Statement::new(text)
            .bind("target_kind", counted.target.0.as_str())
            .bind("target", counted.target.1)
            .bind("kind", counted.source.0.as_str());
        self.json(statement.bind("name", counted.source.1)).await
    }
}
