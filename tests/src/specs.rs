//! Specs for tests, through the same checks as those that callers post.

use millrace_app::compile::{CompileError, compile_spec};
use millrace_app::create::SpecPorts;
use millrace_app::life::{Migration, migrate_spec};
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_store::Store;
use millrace_store::specs::{CreateSpec, Definition};
use serde_json::{Map, Value, json};

use crate::queues::MemoryQueues;

/// A type as a body writes it, for `(name, type)` pairs: `string`, `integer`, `number`, `boolean`, `date`, each with a
/// trailing `!` where it is required.
fn properties(fields: &[(&str, &str)]) -> (Vec<String>, Map<String, Value>) {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (name, written) in fields {
        let kind = written.trim_end_matches('!');
        if kind.len() < written.len() {
            required.push((*name).to_owned());
        }
        let property = match kind {
            "date" => json!({ "type": "string", "format": "date" }),
            "timestamp" => json!({ "type": "string", "format": "date-time" }),
            other => json!({ "type": other }),
        };
        properties.insert((*name).to_owned(), property);
    }
    (required, properties)
}

/// An event's body.
#[must_use]
pub fn event(name: &str, fields: &[(&str, &str)]) -> Value {
    let (required, properties) = properties(fields);
    json!({ "ingestion_type": "event", "event_name": name, "input": { "type": "object",
        "required": ["event_name", "event"], "properties": {
            "event_name": { "type": "string" },
            "event": { "type": "array", "items": {
                "type": "object", "required": required, "properties": properties } } } } })
}

/// A dimension's body.
#[must_use]
pub fn dimension(name: &str, key: &[&str], fields: &[(&str, &str)]) -> Value {
    let (required, properties) = properties(fields);
    json!({ "ingestion_type": "dimension", "dimension_name": name, "input": { "type": "object",
        "required": ["dimension_name", "dimension"], "properties": {
            "dimension_name": { "type": "string" },
            "dimension": { "type": "array", "items": {
                "type": "object", "key": key, "required": required, "properties": properties } } } } })
}

/// The body of a dataset whose rows come ready; without a key, they are kept as they are.
#[must_use]
pub fn rows(name: &str, key: &[&str], fields: &[(&str, &str)]) -> Value {
    let (required, properties) = properties(fields);
    let mut row = json!({ "type": "object", "required": required, "properties": properties });
    if !key.is_empty() {
        row["key"] = json!(key);
    }
    json!({ "ingestion_type": "dataset", "dataset_name": name, "input": { "type": "object",
        "required": ["dataset_name", "dataset"], "properties": {
            "dataset_name": { "type": "string" },
            "dataset": { "type": "object", "required": ["items"], "properties": {
                "items": { "type": "array", "items": row } } } } } })
}

/// What a dataset is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dataset<'a> {
    /// Its name.
    pub name: &'a str,
    /// The event that feeds it.
    pub event: &'a str,
    /// Grouped by.
    pub group_by: &'a [&'a str],
    /// `sum`, `count`, `min`, `max`, `avg`.
    pub functions: &'a [&'a str],
    /// Aggregated columns.
    pub columns: &'a [&'a str],
    /// `(numerator, denominator)` of a percentage.
    pub percentage: Option<(&'a str, &'a str)>,
    /// `(dimension, field)` that attributes are looked up by.
    pub dimension: Option<(&'a str, &'a str)>,
}

/// A dataset's body: every function of every column is served.
#[must_use]
pub fn dataset(wanted: &Dataset<'_>) -> Value {
    let mut served = Map::new();
    for name in wanted.group_by {
        served.insert((*name).to_owned(), json!({ "type": "string" }));
    }
    for column in wanted.columns {
        for function in wanted.functions {
            served.insert(format!("{function}_{column}"), json!({ "type": "number" }));
        }
    }
    let mut aggregate = json!({
        "function": wanted.functions,
        "target_table": { "type": "string", "pattern": format!("ingestion.{}", wanted.name) },
        "columns": { "type": "array", "items": { "type": "object", "required": ["column"],
            "properties": { "column": wanted.columns } } } });
    if let Some((numerator, denominator)) = wanted.percentage {
        served.insert("percentage".to_owned(), json!({ "type": "number" }));
        aggregate["numerator_col"] = json!({ "type": "string", "pattern": numerator });
        aggregate["denominator_col"] = json!({ "type": "string", "pattern": denominator });
    }
    aggregate["update_cols"] = served
        .keys()
        .filter(|name| !wanted.group_by.contains(&name.as_str()))
        .cloned()
        .collect();
    let names: Vec<&String> = served.keys().collect();
    let mut properties = json!({ "dataset_name": { "type": "string" }, "dataset": { "type": "object",
        "required": ["items"], "properties": {
            "items": { "type": "array", "items": { "type": "object", "required": names, "properties": served } },
            "group_by": wanted.group_by,
            "aggregate": { "type": "object", "required": ["target_table"], "properties": aggregate } } } });
    if let Some((dimension, field)) = wanted.dimension {
        properties["dimensions"] = json!({ "type": "object", "required": ["table", "column", "merge_on_col"],
            "properties": { "table": { "type": "string", "pattern": format!("ingestion.{dimension}") },
                "column": [field], "merge_on_col": { "type": "string", "pattern": field } } });
    }
    json!({ "ingestion_type": "dataset", "dataset_name": wanted.name, "event_name": wanted.event,
        "input": { "type": "object", "required": ["dataset_name", "dataset"], "properties": properties } })
}

/// A source's body, with a page of links to `<name>-<date>.csv` at an address.
#[must_use]
pub fn source(name: &str, list_url: &str, event: &str) -> Value {
    let host = list_url.split('/').nth(2).unwrap();
    json!({ "ingestion_type": "source", "source_name": name,
        "list": { "kind": "html", "url": list_url, "pattern": r"-(?<date>\d{4}-\d{2}-\d{2})\.csv$",
            "date_format": "YYYY-MM-DD" },
        "target": { "ingestion_type": "event", "ingestion_name": event },
        "allowed_hosts": [host] })
}

/// Checks a body against what exists and creates its spec.
pub async fn create(store: &Store, body: &Value) -> CreateSpec {
    let definition = compile(store, body).await;
    store.create_spec(&definition, body, "tests").await.unwrap()
}

/// Makes a body the version after `replaces` of its spec.
///
/// # Errors
/// [`CompileError`], where the body is no good.
pub async fn migrate(store: &Store, replaces: u32, body: &Value) -> Result<Migration, CompileError> {
    let (kind, queues) = (kind_of(body), MemoryQueues::default());
    let name = body[format!("{}_name", kind.as_str())].as_str().unwrap();
    let name = Name::parse(name).unwrap();
    let ports = SpecPorts {
        store,
        owner_store: store,
        sender: &queues,
        reminder_delay_seconds: 60,
    };
    migrate_spec(ports, (kind, &name), replaces, body, "tests").await
}

fn kind_of(body: &Value) -> SpecKind {
    SpecKind::parse(body["ingestion_type"].as_str().unwrap()).unwrap()
}

/// Checks a body against what exists.
pub async fn compile(store: &Store, body: &Value) -> Definition {
    compile_spec(store, kind_of(body), body).await.unwrap()
}

/// The school attendance of the demonstration: one dimension, one event, one dataset.
pub async fn create_attendance(store: &Store) {
    millrace_fn_migrate::seed::seed(store).await.unwrap();
}

/// The demonstration's dimension.
pub const SCHOOLS: (SpecKind, &str) = (SpecKind::Dimension, "dimension_master");
/// The demonstration's event.
pub const ATTENDANCE: (SpecKind, &str) = (SpecKind::Event, "event_students_attendance");
/// The demonstration's dataset.
pub const ATTENDANCE_BY_SCHOOL: &str = "SAC_stds_atd_cmp_by_school";
