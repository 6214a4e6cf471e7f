//! Specs: creating them with their tables and views, reading and listing them.

mod definition;

pub use definition::Definition;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, SpecKind};
use millrace_core::failure::{Failure, FailureKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;

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
}

const SPEC_RECORD: &str = "jsonb_build_object('kind', s.kind, 'name', s.name, 'version', s.version, 'body', s.body, \
     'created_by', s.created_by, 'created_at', s.created_at)::text";

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
            // Somebody else may have created it meanwhile.
            Err(failure) => match self.compare_spec(definition, body).await? {
                Some(existing) => Ok(existing),
                None => Err(failure),
            },
        }
    }

    /// What creating this would come to, as far as a spec of that kind and name is there: [`CreateSpec::Identical`] or
    /// [`CreateSpec::Taken`].
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn compare_spec(
        &self,
        definition: &Definition,
        body: &serde_json::Value,
    ) -> Result<Option<CreateSpec>, Failure> {
        let statement = Statement::new(
            "select jsonb_build_object('version', version, 'same', name = cast(:name as text) \
             and body = cast(:body as jsonb))::text from spec.spec \
             where kind = cast(:kind as text) and lower(name) = lower(cast(:name as text)) \
             order by version desc limit 1",
        );
        #[derive(Deserialize)]
        struct Existing {
            version: u32,
            same: bool,
        }
        let existing: Option<Existing> = self
            .json(
                statement
                    .bind("kind", definition.kind().as_str())
                    .bind("name", definition.name())
                    .bind("body", body.to_string()),
            )
            .await?;
        Ok(existing.map(|existing| match existing.same {
            true => CreateSpec::Identical(existing.version),
            false => CreateSpec::Taken,
        }))
    }

    /// One statement that commits by itself: whoever is cut off here leaves nothing half-done and no lock behind.
    async fn create(
        &self,
        definition: &Definition,
        body: &serde_json::Value,
        client_id: &str,
    ) -> Result<(), Failure> {
        let (table, statements) = match definition {
            Definition::Event(_) | Definition::Source(_) | Definition::Transformer(_) => {
                (serde_json::Value::Null, Vec::new())
            }
            Definition::Dimension(dimension) => self.plan_dimension(dimension).await?,
            Definition::Dataset(dataset) => self.plan_dataset(dataset).await?,
        };
        let statement = Statement::new(
            "select spec.create_spec(cast(:kind as text), cast(:name as text), cast(:body as jsonb), \
             cast(:definition as jsonb), cast(:client_id as text), cast(:table as jsonb), \
             cast(:statements as jsonb), cast(:needs as jsonb))::text",
        );
        let text = serde_json::to_string(definition).map_err(crate::unreadable)?;
        let bound = statement
            .bind("kind", definition.kind().as_str())
            .bind("name", definition.name())
            .bind("body", body.to_string())
            .bind("definition", text)
            .bind("client_id", client_id)
            .bind("table", table.to_string())
            .bind("statements", serde_json::json!(statements).to_string())
            .bind("needs", serde_json::json!(definition.needs()).to_string());
        self.rows(bound).await.map(|_| ())
    }

    /// What is kept of a dimension's table, and the statements that create it.
    async fn plan_dimension(
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

    /// The latest version of a spec.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_spec(&self, kind: SpecKind, name: &str) -> Result<Option<SpecRecord>, Failure> {
        let text = format!(
            "select s.name, {SPEC_RECORD} from spec.spec s where s.kind = cast(:kind as text) \
             and s.name = cast(:name as text) order by s.version desc limit 1"
        );
        self.document(&text, &[("kind", kind.as_str().into()), ("name", name.into())])
            .await
    }

    /// Specs of a kind without their bodies, by name, after a name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_specs(
        &self,
        kind: SpecKind,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SpecSummary>, Failure> {
        let text = "select jsonb_build_object('kind', s.kind, 'name', s.name, 'version', s.version, \
             'created_by', s.created_by, 'created_at', s.created_at)::text \
             from (select distinct on (name) kind, name, version, created_by, created_at from spec.spec \
             where kind = cast(:kind as text) \
             and (cast(:after_name as text) is null or name > cast(:after_name as text)) \
             order by name, version desc limit cast(:limit as integer)) s order by s.name";
        let statement = Statement::new(text)
            .bind("kind", kind.as_str())
            .bind("after_name", after)
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// The compiled definition of a spec: its latest version, or the one that is given.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_definition<T: DeserializeOwned>(
        &self,
        kind: SpecKind,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<T>, Failure> {
        let text = "select name, definition::text from spec.spec where kind = cast(:kind as text) \
             and name = cast(:name as text) \
             and (cast(:version as integer) is null or version = cast(:version as integer)) \
             order by version desc limit 1";
        let parameters = [
            ("kind", kind.as_str().into()),
            ("name", name.into()),
            ("version", version.into()),
        ];
        self.document(text, &parameters).await
    }

    /// The compiled definitions of specs of a kind by their names, in their latest versions; those that are there.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_definitions<T: DeserializeOwned>(
        &self,
        kind: SpecKind,
        names: &[&str],
    ) -> Result<Vec<T>, Failure> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let text = "select s.name, s.definition::text from (select distinct on (name) name, definition \
             from spec.spec where kind = cast(:kind as text) \
             and name in (select jsonb_array_elements_text(cast(:names as jsonb))) order by name, version desc) s";
        let names = serde_json::json!(names).to_string();
        self.documents(text, &[("kind", kind.as_str().into()), ("names", names.into())])
            .await
    }

    /// The names of the events whose latest versions have all these fields, by name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn find_events(&self, fields: &[&str], limit: u32) -> Result<Vec<String>, Failure> {
        let text = "select to_jsonb(s.name)::text from (select distinct on (name) name, definition from spec.spec \
             where kind = 'event' order by name, version desc) s \
             where s.definition @> cast(:fields as jsonb) order by s.name limit cast(:limit as integer)";
        let fields: Vec<_> = fields
            .iter()
            .map(|name| serde_json::json!({ "name": name }))
            .collect();
        let fields = serde_json::json!({ "fields": fields }).to_string();
        let statement = Statement::new(text).bind("fields", fields);
        self.json_list(statement.bind("limit", limit)).await
    }

    /// A dimension's table, if the dimension exists.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn dimension_table(&self, name: &str) -> Result<Option<DimensionTable>, Failure> {
        #[derive(Deserialize)]
        struct Found {
            table_no: i64,
            definition: DimensionDefinition,
        }
        let text = "select d.name, jsonb_build_object('table_no', d.table_no, 'definition', s.definition)::text \
             from ingestion.dimension d join spec.spec s on s.kind = 'dimension' and s.name = d.name \
             where d.name = cast(:name as text) order by s.version desc limit 1";
        let found: Option<Found> = self.document(text, &[("name", name.into())]).await?;
        Ok(found.map(|found| DimensionTable::new(found.table_no, &found.definition)))
    }

    /// A dataset's table and the version of its figures, if the dataset exists.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn dataset_table(&self, name: &str) -> Result<Option<(DatasetTable, i64)>, Failure> {
        #[derive(Deserialize)]
        struct Found {
            table_no: Option<i64>,
            version: i64,
            spec_version: u32,
            is_building: bool,
            definition: DatasetDefinition,
        }
        let text = "select s.name, jsonb_build_object('table_no', d.table_no, 'spec_version', s.version, \
             'is_building', ingestion.is_building(s.name), \
             'version', ingestion.dataset_version(s.name), 'definition', s.definition)::text \
             from spec.spec s left join ingestion.dataset d on d.name = s.name \
             where s.kind = 'dataset' and s.name = cast(:name as text) order by s.version desc limit 1";
        let found: Option<Found> = self.document(text, &[("name", name.into())]).await?;
        Ok(found.map(|found| {
            let mut table = DatasetTable::new(found.table_no, found.spec_version, &found.definition);
            table.is_building = found.is_building;
            (table, found.version)
        }))
    }
}

/// Whether a failure says that a relation or key of that name is there already.
#[must_use]
pub fn is_name_conflict(failure: &Failure) -> bool {
    failure.kind == FailureKind::Conflict || matches!(failure.detail.as_deref(), Some("42P07" | "23505"))
}
