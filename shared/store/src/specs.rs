//! Specs: creating them with their tables and views; further versions, retirement, reading and listing them.

mod definition;
mod kpis;
mod life;
mod reading;

pub use definition::Definition;
pub use kpis::{KpiFilter, KpiRecord};
pub use life::{MigrateSpec, RestoreSpec, RetireSpec, SpecNeed, SpecVersion};
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
pub use reading::SpecFilter;
use serde::Deserialize;

use crate::selection::{Grouping, Selection};
use crate::tables::{DatasetTable, DimensionTable};
use crate::{Statement, Store, Value};

/// A stored spec.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SpecRecord {
    /// Its kind.
    pub kind: SpecKind,
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The body as it was posted.
    pub body: serde_json::Value,
    /// Who created it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// Since when the spec is retired, if it is (RFC 3339).
    #[serde(default)]
    pub retired_at: Option<String>,
}

/// A stored spec without its body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SpecSummary {
    /// Its kind.
    pub kind: SpecKind,
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Who created it.
    pub created_by: String,
    /// When (RFC 3339).
    pub created_at: String,
    /// Since when the spec is retired, if it is (RFC 3339).
    #[serde(default)]
    pub retired_at: Option<String>,
}

/// What became of a request to create a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateSpec {
    /// Created now, as this version.
    Created(u32),
    /// The very same spec is there.
    Identical(u32),
    /// The name stands for another spec.
    Taken,
    /// The very same spec is there, and retired.
    Retired,
    /// A spec that it needs is retired.
    NeedsRetired,
}

/// The SQLSTATE of a spec that needs a retired one.
pub(crate) const NEEDS_RETIRED: &str = "MR001";

impl Store {
    /// Creates a spec with its table and view, and has existing files contribute to a new dataset: their messages wait
    /// in the outbox. One commit, which a caller who goes away cannot leave open. Needs a store over the owner's secret.
    ///
    /// # Errors
    /// [`Failure`] of the database; of kind [`FailureKind::Conflict`] when a relation of that name exists.
    pub async fn create_spec(
        &self,
        definition: &Definition,
        body: &serde_json::Value,
        client_id: &str,
    ) -> Result<CreateSpec, Failure> {
        if let Some(existing) = self.compare_spec(definition, body).await? {
            return Ok(existing);
        }
        match self.create(definition, body, client_id).await {
            Ok(()) => Ok(CreateSpec::Created(1)),
            Err(failure) if failure.detail.as_deref() == Some(NEEDS_RETIRED) => Ok(CreateSpec::NeedsRetired),
            // Somebody else may have created it meanwhile.
            Err(failure) => match self.compare_spec(definition, body).await? {
                Some(existing) => Ok(existing),
                None => Err(failure),
            },
        }
    }

    /// What creating this would come to, as far as a spec of that kind and name is there: [`CreateSpec::Identical`],
    /// [`CreateSpec::Retired`] or [`CreateSpec::Taken`].
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn compare_spec(
        &self,
        definition: &Definition,
        body: &serde_json::Value,
    ) -> Result<Option<CreateSpec>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('version', s.version, 'same', s.name = cast(:name as text) \
             and s.body = cast(:body as jsonb), 'is_retired', exists (select from spec.retired r \
                where r.kind = s.kind and r.name = s.name))::text from spec.spec s \
             where s.kind = cast(:kind as text) and lower(s.name) = lower(cast(:name as text)) \
             order by s.version desc limit 1",
        );
        #[derive(Deserialize)]
        struct Existing {
            version: u32,
            same: bool,
            #[serde(default)]
            is_retired: bool,
        }
        let existing: Option<Existing> = self
            .json(
                statement
                    .bind("kind", definition.kind().as_str())
                    .bind("name", definition.name().as_str())
                    .bind("body", body.to_string()),
            )
            .await?;
        Ok(
            existing.map(|existing| match (existing.same, existing.is_retired) {
                (true, false) => CreateSpec::Identical(existing.version),
                (true, true) => CreateSpec::Retired,
                (false, _) => CreateSpec::Taken,
            }),
        )
    }

    /// One statement that commits by itself: whoever is cut off here leaves nothing half-done and no lock behind.
    async fn create(
        &self,
        definition: &Definition,
        body: &serde_json::Value,
        client_id: &str,
    ) -> Result<(), Failure> {
        let (table, statements) = match definition {
            Definition::Event(_)
            | Definition::Source(_)
            | Definition::Transformer(_)
            | Definition::Pipeline(_)
            | Definition::Schedule(_) => (serde_json::Value::Null, Vec::new()),
            Definition::Dimension(dimension) => self.plan_rows(dimension).await?,
            Definition::Dataset(dataset) => match dataset.as_dimension() {
                Some(rows) => self.plan_rows(&rows).await?,
                None => self.plan_dataset(dataset).await?,
            },
        };
        let statement = Statement::new(
            "select spec.create_spec(cast(:kind as text), cast(:name as text), cast(:body as jsonb), \
             cast(:definition as jsonb), cast(:client_id as text), cast(:table as jsonb), \
             cast(:statements as jsonb), cast(:needs as jsonb))::text",
        );
        let text = serde_json::to_string(definition).map_err(crate::unreadable)?;
        let bound = statement
            .bind("kind", definition.kind().as_str())
            .bind("name", definition.name().as_str())
            .bind("body", body.to_string())
            .bind("definition", text)
            .bind("client_id", client_id)
            .bind("table", table.to_string())
            .bind("statements", serde_json::json!(statements).to_string())
            .bind("needs", serde_json::json!(definition.needs()).to_string());
        self.rows(bound).await.map(|_| ())
    }

    /// What is kept of a table of rows, and the statements that create it.
    async fn plan_rows(
        &self,
        dimension: &DimensionDefinition,
    ) -> Result<(serde_json::Value, Vec<String>), Failure> {
        let fields = dimension.fields.iter();
        let types: Vec<&str> = fields.map(|field| field.field_type.sql_type()).collect();
        let position = |name| {
            let mut fields = dimension.fields.iter();
            fields.position(|field| &field.name == name).map(|at| at + 1)
        };
        let keys: Option<Vec<usize>> = dimension.key.iter().map(position).collect();
        let keys = keys.ok_or_else(|| Failure::invalid("store.create_spec", "a key names no field"))?;
        let table_no = self.next_table_no(SpecKind::Dimension).await?;
        let statements = DimensionTable::new(table_no, dimension).create_statements();
        let table = serde_json::json!({"table_no": table_no, "column_types": types, "key_positions": keys});
        Ok((table, statements))
    }

    /// What is kept of a dataset's cells, and the statements that create their table and view.
    async fn plan_dataset(
        &self,
        dataset: &DatasetDefinition,
    ) -> Result<(serde_json::Value, Vec<String>), Failure> {
        let dimension = match &dataset.join {
            Some(join) => self.dimension_table(join.dimension.as_str()).await?,
            None => None,
        };
        let mut kept = serde_json::Value::Null;
        let mut table_no = None;
        if let Some(event) = dataset.event() {
            let number = self.next_table_no(SpecKind::Dataset).await?;
            table_no = Some(number);
            let types: Vec<&str> = dataset.keys.iter().map(|key| key.field_type.sql_type()).collect();
            let extremes: Vec<bool> = dataset.measures.iter().map(|measure| measure.extremes).collect();
            kept = serde_json::json!({"table_no": number, "event": event.as_str(), "key_types": types,
                "extremes": extremes});
        }
        let table = DatasetTable::new(table_no, 1, dataset);
        let view = Selection::new(&table, dimension.as_ref())
            .and_then(|selection| selection.view(&Grouping::columns(&dataset.group_by)))
            .map_err(|error| Failure::invalid("store.create_spec", error.to_string()))?;
        let statements = table.create_statements().into_iter().chain([view]).collect();
        Ok((kept, statements))
    }

    async fn next_table_no(&self, kind: SpecKind) -> Result<i64, Failure> {
        let statement = Statement::new("select spec.next_table_no(cast(:kind as text))");
        match self
            .rows(statement.bind("kind", kind.as_str()))
            .await?
            .into_first_value()
        {
            Some(Value::Long(number)) => Ok(number),
            _ => Err(crate::unexpected("a table number was expected")),
        }
    }
}

/// Whether a failure says that a relation or key of that name is there already.
#[must_use]
pub fn is_name_conflict(failure: &Failure) -> bool {
    failure.kind == FailureKind::Conflict || matches!(failure.detail.as_deref(), Some("42P07" | "23505"))
}
