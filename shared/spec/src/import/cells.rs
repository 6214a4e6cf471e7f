//! Bodies of datasets from their parts.

use serde_json::{Map, Value, json};

use super::Made;
use super::place::{Origins, Place};

/// The dimension that attributes are looked up in.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) dimension: String,
    pub(crate) columns: Vec<String>,
    pub(crate) merge_on: String,
}

/// A filter on rows.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) column: String,
    pub(crate) operator: String,
    /// `number`, `integer` or `string`.
    pub(crate) value_type: &'static str,
    pub(crate) value: String,
}

/// What a dataset is made of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) event: Option<String>,
    pub(crate) lookup: Option<Lookup>,
    /// The served columns: name and type.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) group_by: Vec<String>,
    pub(crate) functions: Vec<String>,
    pub(crate) aggregated: Vec<String>,
    /// The dataset that it is computed from.
    pub(crate) source: Option<String>,
    /// Numerator and denominator.
    pub(crate) ratio: Option<(String, String)>,
    pub(crate) update: Vec<String>,
    pub(crate) filter: Option<Filter>,
}

/// Where the parts stand.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) whole: Place,
    pub(crate) event: Place,
    pub(crate) dimension: Place,
    pub(crate) dimension_columns: Place,
    pub(crate) merge_on: Place,
    pub(crate) columns: Place,
    pub(crate) group_by: Place,
    pub(crate) functions: Place,
    pub(crate) aggregated: Place,
    pub(crate) source: Place,
    pub(crate) numerator: Place,
    pub(crate) denominator: Place,
    pub(crate) update: Place,
    pub(crate) filter: Place,
}

impl Places {
    /// All in one place.
    pub(crate) fn of(whole: &Place) -> Self {
        let place = || whole.clone();
        Self {
            whole: place(),
            event: place(),
            dimension: place(),
            dimension_columns: place(),
            merge_on: place(),
            columns: place(),
            group_by: place(),
            functions: place(),
            aggregated: place(),
            source: place(),
            numerator: place(),
            denominator: place(),
            update: place(),
            filter: place(),
        }
    }

    fn origins(&self) -> Origins {
        let mut origins = Origins::of(self.whole.clone());
        let aggregate = "/input/properties/dataset/properties/aggregate/properties";
        let parts = [
            ("/event_name".to_owned(), &self.event),
            ("/input/properties/dimensions".to_owned(), &self.dimension),
            (
                "/input/properties/dimensions/properties/column".to_owned(),
                &self.dimension_columns,
            ),
            (
                "/input/properties/dimensions/properties/merge_on_col".to_owned(),
                &self.merge_on,
            ),
            (
                "/input/properties/dataset/properties/items".to_owned(),
                &self.columns,
            ),
            (
                "/input/properties/dataset/properties/group_by".to_owned(),
                &self.group_by,
            ),
            (format!("{aggregate}/function"), &self.functions),
            (format!("{aggregate}/columns"), &self.aggregated),
            (
                format!("{aggregate}/columns/items/properties/table"),
                &self.source,
            ),
            (format!("{aggregate}/numerator_col"), &self.numerator),
            (format!("{aggregate}/denominator_col"), &self.denominator),
            (format!("{aggregate}/update_cols"), &self.update),
            (format!("{aggregate}/filters"), &self.filter),
        ];
        for (pointer, place) in parts {
            origins.add(pointer, place.clone());
        }
        origins
    }
}

/// The body.
pub(crate) fn body(parts: &Parts, places: &Places) -> Made {
    let mut top = Map::new();
    top.insert("dataset_name".to_owned(), json!({"type": "string"}));
    if let Some(lookup) = &parts.lookup {
        let dimensions = json!({"type": "object", "required": ["table", "column", "merge_on_col"], "properties": {
            "table": table(&lookup.dimension), "column": lookup.columns, "merge_on_col": constant(&lookup.merge_on)}});
        top.insert("dimensions".to_owned(), dimensions);
    }
    let properties: Map<String, Value> = parts
        .columns
        .iter()
        .map(|(name, declared)| (name.clone(), json!({"type": declared})))
        .collect();
    let required: Vec<&str> = parts.columns.iter().map(|(name, _)| name.as_str()).collect();
    let row = json!({"type": "object", "required": required, "properties": properties});
    let dataset = json!({"type": "object", "required": ["items"], "properties": {
        "items": {"type": "array", "items": row},
        "group_by": parts.group_by,
        "aggregate": {"type": "object", "required": ["target_table"], "properties": aggregate(parts)}}});
    top.insert("dataset".to_owned(), dataset);
    let required: Vec<&String> = top.keys().collect();
    let input = json!({"type": "object", "required": required, "properties": top});
    let mut body = json!({"ingestion_type": "dataset", "dataset_name": parts.name});
    if let Some(event) = &parts.event {
        body["event_name"] = json!(event);
    }
    body["input"] = input;
    Made {
        body,
        origins: places.origins(),
    }
}

fn aggregate(parts: &Parts) -> Value {
    let mut column = json!({"column": parts.aggregated});
    if let Some(source) = &parts.source {
        column["table"] = table(source);
    }
    let mut aggregate = json!({"function": parts.functions, "target_table": table(&parts.name)});
    if let Some((numerator, denominator)) = &parts.ratio {
        aggregate["numerator_col"] = constant(numerator);
        aggregate["denominator_col"] = constant(denominator);
    }
    if !parts.update.is_empty() {
        aggregate["update_cols"] = json!(parts.update);
    }
    if let Some(filter) = &parts.filter {
        aggregate["filters"] = json!({"type": "object", "properties": {"filter_col": constant(&filter.column),
            "filter_type": constant(&filter.operator),
            "filter": {"type": filter.value_type, "pattern": filter.value}}});
    }
    aggregate["columns"] =
        json!({"type": "array", "items": {"type": "object", "required": ["column"], "properties": column}});
    aggregate
}

fn constant(value: &str) -> Value {
    json!({"type": "string", "pattern": value})
}

fn table(name: &str) -> Value {
    constant(&format!("ingestion.{name}"))
}
