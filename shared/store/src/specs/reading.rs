//! Specs and their definitions: read by name and version, listed by page.

use millrace_core::definition::{DatasetDefinition, DimensionDefinition, SpecKind};
use millrace_core::failure::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{SpecRecord, SpecSummary};
use crate::tables::{DatasetTable, DimensionTable};
use crate::{Statement, Store};

/// A spec without its body.
const SPEC_SUMMARY: &str = "jsonb_build_object('kind', s.kind, 'name', s.name, 'version', s.version, \
     'created_by', s.created_by, 'created_at', s.created_at, 'retired_at', \
     (select r.retired_at from spec.retired r where r.kind = s.kind and r.name = s.name))";

/// Which specs a listing shows.
#[derive(Debug, Clone, Copy)]
pub struct SpecFilter<'a> {
    /// Of which kind.
    pub kind: SpecKind,
    /// Whether retired ones are shown too.
    pub with_retired: bool,
    /// Only those after this name.
    pub after: Option<&'a str>,
    /// The most that are shown.
    pub limit: u32,
}

impl Store {
    /// The latest version of a spec.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_spec(&self, kind: SpecKind, name: &str) -> Result<Option<SpecRecord>, Failure> {
        self.load_spec_version(kind, name, None).await
    }

    /// A version of a spec; the latest where none is given.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_spec_version(
        &self,
        kind: SpecKind,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<SpecRecord>, Failure> {
        let text = format!(
            "select s.name, ({SPEC_SUMMARY} || jsonb_build_object('body', s.body))::text from spec.spec s \
             where s.kind = cast(:kind as text) and s.name = cast(:name as text) \
             and (cast(:version as integer) is null or s.version = cast(:version as integer)) \
             order by s.version desc limit 1"
        );
        let parameters = [
            ("kind", kind.as_str().into()),
            ("name", name.into()),
            ("version", version.into()),
        ];
        self.document(&text, &parameters).await
    }

    /// The versions of a spec without their bodies, in their order, after a version.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_spec_versions(
        &self,
        kind: SpecKind,
        name: &str,
        after: u32,
        limit: u32,
    ) -> Result<Vec<SpecSummary>, Failure> {
        let text = format!(
            "select {SPEC_SUMMARY}::text from spec.spec s where s.kind = cast(:kind as text) \
             and s.name = cast(:name as text) and s.version > cast(:after_version as integer) \
             order by s.version limit cast(:limit as integer)"
        );
        let statement = Statement::new(text)
            .bind("kind", kind.as_str())
            .bind("name", name)
            .bind("after_version", after)
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// Specs of a kind in their latest versions without their bodies, by name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_specs(&self, filter: &SpecFilter<'_>) -> Result<Vec<SpecSummary>, Failure> {
        let text = format!(
            "select {SPEC_SUMMARY}::text from (select distinct on (n.name) n.* from spec.spec n \
             where n.kind = cast(:kind as text) \
             and (cast(:after_name as text) is null or n.name > cast(:after_name as text)) \
             and (cast(:with_retired as boolean) or not exists (select from spec.retired r \
                where r.kind = n.kind and r.name = n.name)) \
             order by n.name, n.version desc limit cast(:limit as integer)) s order by s.name"
        );
        let statement = Statement::new(text)
            .bind("kind", filter.kind.as_str())
            .bind("after_name", filter.after)
            .bind("with_retired", filter.with_retired)
            .bind("limit", filter.limit);
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

    /// The names of the events that are not retired and whose latest versions have all these fields, by name.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn find_events(&self, fields: &[&str], limit: u32) -> Result<Vec<String>, Failure> {
        let text = "select to_jsonb(s.name)::text from (select distinct on (name) name, definition from spec.spec \
             where kind = 'event' order by name, version desc) s \
             where s.definition @> cast(:fields as jsonb) and not exists (select from spec.retired r \
                where r.kind = 'event' and r.name = s.name) order by s.name limit cast(:limit as integer)";
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
        let text = "select s.name, jsonb_build_object('table_no', coalesce(d.table_no, r.table_no), 'spec_version', s.version, \
             'is_building', ingestion.is_building(s.name), \
             'version', ingestion.dataset_version(s.name), 'definition', s.definition)::text \
             from spec.spec s left join ingestion.dataset d on d.name = s.name \
             left join ingestion.dimension r on r.kind = 'dataset' and r.name = s.name \
             where s.kind = 'dataset' and s.name = cast(:name as text) order by s.version desc limit 1";
        let found: Option<Found> = self.document(text, &[("name", name.into())]).await?;
        Ok(found.map(|found| {
            let mut table = DatasetTable::new(found.table_no, found.spec_version, &found.definition);
            table.is_building = found.is_building;
            (table, found.version)
        }))
    }
}
