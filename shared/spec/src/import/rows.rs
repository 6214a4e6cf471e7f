//! Bodies of dimensions and events from the columns of their rows.

use std::collections::HashMap;

use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;
use serde_json::{Map, Value, json};

use super::identifier::identifier;
use super::place::{Finding, Origins, Place};
use super::{Made, Order};
use crate::problem::quoted;

/// A column of a row, as a property of the body to be.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// The field's name.
    pub(crate) name: String,
    /// The column's header in a file.
    pub(crate) header: String,
    /// Type and rules.
    pub(crate) property: Map<String, Value>,
    /// Whether its cells have to be filled.
    pub(crate) is_required: bool,
    /// Where it stands.
    pub(crate) place: Place,
}

impl Column {
    /// A column of a type that another system names, and of the date format that the order gives it.
    ///
    /// # Errors
    /// Where there is no such type, or a date format does not go with it.
    pub(crate) fn new(header: &str, word: &str, place: &Place, order: &Order) -> Result<Self, Finding> {
        if header.trim().is_empty() {
            return Err(Finding::new(
                place.clone(),
                "no_name",
                "a column has to have a name",
            ));
        }
        let Some(mut property) = property(word) else {
            let reason = format!(
                "the column {} has the type {}, which is none of string, integer, number, float, boolean, date, date-time",
                quoted(header),
                quoted(word)
            );
            return Err(Finding::new(place.clone(), "unknown_type", reason));
        };
        apply_date(&mut property, header, place, order)?;
        Ok(Self {
            name: identifier(header),
            header: header.to_owned(),
            property,
            is_required: false,
            place: place.clone(),
        })
    }

    /// The same column, whose cells have to be filled.
    pub(crate) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Whether it holds texts.
    pub(crate) fn is_text(&self) -> bool {
        self.property.get("type").is_some_and(|one| one == "string") && !self.property.contains_key("format")
    }
}

/// The property that a type's name stands for.
pub(crate) fn property(word: &str) -> Option<Map<String, Value>> {
    let property = match word {
        "string" => json!({"type": "string"}),
        "integer" => json!({"type": "integer"}),
        "number" | "float" => json!({"type": "number"}),
        "boolean" => json!({"type": "boolean"}),
        "date" => json!({"type": "string", "format": "date"}),
        "date-time" => json!({"type": "string", "format": "date-time"}),
        _ => return None,
    };
    match property {
        Value::Object(property) => Some(property),
        _ => None,
    }
}

/// Makes a text a date where the order says so.
pub(crate) fn apply_date(
    property: &mut Map<String, Value>,
    header: &str,
    place: &Place,
    order: &Order,
) -> Result<(), Finding> {
    let Some(format) = order.dates.get(header) else {
        return Ok(());
    };
    let is_text = property.get("type").is_some_and(|one| one == "string");
    if !is_text || property.get("format").is_some_and(|format| format != "date") {
        let reason = format!("{} is declared as a date, and is no text here", quoted(header));
        return Err(Finding::new(place.clone(), "rule_not_applicable", reason));
    }
    write_date(property, *format);
    Ok(())
}

/// Makes a property a date in a format.
pub(crate) fn write_date(property: &mut Map<String, Value>, format: DateFormat) {
    property.insert("format".to_owned(), json!("date"));
    property.insert("dateFormat".to_owned(), json!(format.as_str()));
}

/// The body of a dimension, an event or a dataset whose rows come ready. A key, where there is one, is made of columns' names.
///
/// # Errors
/// Where two columns have one name.
pub(crate) fn body(
    kind: SpecKind,
    name: &str,
    columns: &[Column],
    key: &[String],
    whole: &Place,
) -> Result<Made, Vec<Finding>> {
    let is_dataset = kind == SpecKind::Dataset;
    let kind = kind.as_str();
    let at_row = match is_dataset {
        true => "/input/properties/dataset/properties/items/items".to_owned(),
        false => format!("/input/properties/{kind}/items"),
    };
    let mut origins = Origins::of(whole.clone());
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut refusals = Vec::new();
    let mut there: HashMap<String, &Column> = HashMap::new();
    for column in columns {
        if let Some(other) = there.insert(column.name.to_ascii_lowercase(), column) {
            let reason = format!(
                "the columns {} and {} have one name: {}",
                quoted(&other.header),
                quoted(&column.header),
                column.name
            );
            refusals.push(Finding::new(column.place.clone(), "duplicate_name", reason));
            continue;
        }
        let mut property = column.property.clone();
        if column.is_required {
            property.insert("shouldnotnull".to_owned(), json!(true));
            origins.add(
                format!("{at_row}/required/{}", required.len()),
                column.place.clone(),
            );
            required.push(column.name.clone());
        }
        if column.header != column.name {
            property.insert("header".to_owned(), json!(column.header));
        }
        origins.add(
            format!("{at_row}/properties/{}", column.name),
            column.place.clone(),
        );
        properties.insert(column.name.clone(), Value::Object(property));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut row = json!({"type": "object", "required": required, "properties": properties});
    if !key.is_empty() {
        row["key"] = json!(key);
    }
    let name_member = format!("{kind}_name");
    let mut rows = json!({"type": "array", "items": row});
    if is_dataset {
        rows = json!({"type": "object", "required": ["items"], "properties": {"items": rows}});
    }
    let mut input = json!({"type": "object", "required": [name_member, kind], "properties": {
        &name_member: {"type": "string"}, kind: rows}});
    let body = json!({"ingestion_type": kind, name_member: name, "input": input.take()});
    Ok(Made { body, origins })
}
