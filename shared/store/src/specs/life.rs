//! The life of specs: further versions, retirement and the way back. Each is one commit, and a repeat changes nothing.

use millrace_core::definition::{DatasetDefinition, DimensionDefinition, SpecKind};
use millrace_core::failure::Failure;
use serde::Deserialize;

use super::{Definition, NEEDS_RETIRED};
use crate::selection::{Grouping, Selection, SelectionError};
use crate::tables::DimensionTable;
use crate::{Statement, Store};

/// A version of a spec: its body, compiled, as it is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct SpecVersion<'a> {
    /// The body as it was posted.
    pub body: &'a serde_json::Value,
    /// What it was compiled to: fields and outputs that are there in their places, new ones behind them.
    pub definition: &'a Definition,
}

/// What became of a request to make a further version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum MigrateSpec {
    /// Made now.
    Created {
        /// Its number.
        version: u32,
    },
    /// The newest version is the very same.
    Identical {
        /// Its number.
        version: u32,
    },
    /// The version that was to be followed is not the newest.
    Stale {
        /// The newest.
        version: u32,
    },
    /// The spec is retired.
    Retired,
    /// Readers have held its table for all the time that was waited for them.
    InUse,
    /// A spec that the new version needs is retired.
    NeedsRetired,
    /// There is no such spec.
    NoSpec,
}

/// A spec that needs another one, or is needed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SpecNeed {
    /// Its kind.
    pub kind: SpecKind,
    /// Its name.
    pub name: String,
    /// Whether it is retired.
    pub is_retired: bool,
}

/// What became of a request to retire a spec.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RetireSpec {
    /// It is retired, now or before.
    Retired,
    /// Others need it that are not retired.
    Needed {
        /// The first hundred of them.
        dependants: Vec<SpecNeed>,
    },
    /// A run of the source is under way.
    AtWork,
    /// There is no such spec.
    NoSpec,
}

/// What became of a request to bring a spec back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RestoreSpec {
    /// It is not retired, now or before.
    Restored,
    /// It needs specs that are retired.
    NeedsRetired {
        /// The first hundred of them.
        needs: Vec<SpecNeed>,
    },
    /// There is no such spec.
    NoSpec,
}

impl Store {
    /// Makes the version after `replaces` of a spec, with the columns and the view that it adds. Whether it adds to what is
    /// there is for the caller to know. Needs a store over the owner's secret.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn migrate_spec(
        &self,
        replaces: u32,
        from: &Definition,
        to: SpecVersion<'_>,
        client_id: &str,
    ) -> Result<MigrateSpec, Failure> {
        let (column_types, statements) = match (from, to.definition) {
            (Definition::Dimension(from), Definition::Dimension(to)) => {
                let table = self.dimension_table(to.name.as_str()).await?;
                widen(table, from, to)?
            }
            (Definition::Dataset(from), Definition::Dataset(to)) => self.widen_dataset(from, to).await?,
            _ => (None, Vec::new()),
        };
        let statement = Statement::new(
            "select spec.migrate_spec(cast(:kind as text), cast(:name as text), cast(:version as integer), \
             cast(:body as jsonb), cast(:definition as jsonb), cast(:client_id as text), \
             cast(:column_types as jsonb), cast(:statements as jsonb), cast(:needs as jsonb))::text",
        );
        let text = serde_json::to_string(to.definition).map_err(crate::unreadable)?;
        let bound = statement
            .bind("kind", to.definition.kind().as_str())
            .bind("name", to.definition.name().as_str())
            .bind("version", replaces)
            .bind("body", to.body.to_string())
            .bind("definition", text)
            .bind("client_id", client_id)
            .bind(
                "column_types",
                column_types.map(|types| serde_json::json!(types).to_string()),
            )
            .bind("statements", serde_json::json!(statements).to_string())
            .bind("needs", serde_json::json!(to.definition.needs()).to_string());
        match self.expect_json(bound).await {
            Err(failure) if failure.detail.as_deref() == Some(NEEDS_RETIRED) => Ok(MigrateSpec::NeedsRetired),
            made => made,
        }
    }

    /// The columns of ready rows, or the view where more is served.
    async fn widen_dataset(
        &self,
        from: &DatasetDefinition,
        to: &DatasetDefinition,
    ) -> Result<Widened, Failure> {
        match (from.as_dimension(), to.as_dimension()) {
            (Some(from), Some(to)) => {
                let found = self.dataset_table(to.name.as_str()).await?;
                widen(found.and_then(|(table, _)| table.rows()), &from, &to)
            }
            _ if from.outputs != to.outputs => Ok((None, vec![self.new_view(to).await?])),
            _ => Ok((None, Vec::new())),
        }
    }

    /// The statement that makes a dataset's view anew, with the columns that came behind those that are there.
    async fn new_view(&self, dataset: &DatasetDefinition) -> Result<String, Failure> {
        let (mut table, _) = self
            .dataset_table(dataset.name.as_str())
            .await?
            .ok_or_else(missing)?;
        table.definition = dataset.clone();
        let dimension = match &dataset.join {
            Some(join) => self.dimension_table(join.dimension.as_str()).await?,
            None => None,
        };
        let view = Selection::new(&table, dimension.as_ref())
            .and_then(|selection| selection.new_view(&Grouping::columns(&dataset.group_by)));
        view.map_err(|error: SelectionError| Failure::invalid("store.migrate_spec", error.to_string()))
    }

    /// The specs that were compiled against a spec, by kind and name, after one of them.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_dependants(
        &self,
        kind: SpecKind,
        name: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<SpecNeed>, Failure> {
        let text = "select to_jsonb(d)::text from spec.dependants(cast(:kind as text), cast(:name as text)) d \
             where cast(:after_kind as text) is null \
             or (d.kind, d.name) > (cast(:after_kind as text), cast(:after_name as text)) \
             order by d.kind, d.name limit cast(:limit as integer)";
        let statement = Statement::new(text)
            .bind("kind", kind.as_str())
            .bind("name", name)
            .bind("after_kind", after.map(|(kind, _)| kind))
            .bind("after_name", after.map(|(_, name)| name))
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// Of these specs, those that are retired.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_retired(&self, specs: &[(SpecKind, &str)]) -> Result<Vec<SpecNeed>, Failure> {
        if specs.is_empty() {
            return Ok(Vec::new());
        }
        let text = "select jsonb_build_object('kind', kind, 'name', name, 'is_retired', true)::text from spec.retired \
             where (kind, name) in (select n ->> 0, n ->> 1 from jsonb_array_elements(cast(:specs as jsonb)) n) \
             order by kind, name";
        let specs = serde_json::json!(specs).to_string();
        self.json_list(Statement::new(text).bind("specs", specs)).await
    }

    /// Retires a spec that nothing needs. Needs a store over the owner's secret.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn retire_spec(
        &self,
        kind: SpecKind,
        name: &str,
        client_id: &str,
    ) -> Result<RetireSpec, Failure> {
        let text = "select spec.retire_spec(cast(:kind as text), cast(:name as text), cast(:client_id as text))::text";
        let statement = Statement::new(text)
            .bind("kind", kind.as_str())
            .bind("name", name);
        self.expect_json(statement.bind("client_id", client_id)).await
    }

    /// Brings a retired spec back; a dataset takes in what came meanwhile, whose messages are in the outboxes of their files.
    /// Needs a store over the owner's secret.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn restore_spec(&self, kind: SpecKind, name: &str) -> Result<RestoreSpec, Failure> {
        let text = "select spec.restore_spec(cast(:kind as text), cast(:name as text))::text";
        let statement = Statement::new(text)
            .bind("kind", kind.as_str())
            .bind("name", name);
        self.expect_json(statement).await
    }
}

/// The types of a table's columns, where there is one of rows, and the statements that widen it.
type Widened = (Option<Vec<&'static str>>, Vec<String>);

/// The types of all columns, and the statements that add the new ones.
fn widen(
    table: Option<DimensionTable>,
    from: &DimensionDefinition,
    to: &DimensionDefinition,
) -> Result<Widened, Failure> {
    let fields = to.fields.iter();
    let types = fields.map(|field| field.field_type.sql_type()).collect();
    let mut table = table.ok_or_else(missing)?;
    table.definition = to.clone();
    Ok((Some(types), table.widen_statements(from.fields.len())))
}

fn missing() -> Failure {
    Failure::invalid("store.migrate_spec", "a spec without its table")
}
