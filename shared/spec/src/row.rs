//! The schema of a row: fields in their order, which of them are required.

use std::collections::{HashMap, HashSet};

use millrace_core::Name;
use millrace_core::field::Field;
use serde_json::Value;

use crate::field;
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The most fields of an event; its schema says the same.
pub const MAX_FIELDS: usize = 2_000;
/// The most fields of a dimension; its schema says the same.
///
/// A row of PostgreSQL has 8 KiB. What is longer lies outside of it, but 24 bytes of a text or a number may stay inside.
pub const MAX_DIMENSION_FIELDS: usize = 300;

/// Reads the fields of a row's schema, in their order.
pub(crate) fn read(items: &Value, at: &Pointer, problems: &mut Problems) -> Vec<Field> {
    let Some(properties) = items.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let required = required_names(items);
    let at_properties = at.member("properties");
    let mut spellings: HashMap<String, &str> = HashMap::new();
    let mut fields = Vec::with_capacity(properties.len());
    let mut patterns = 0_usize;
    for (name, property) in properties {
        let at_field = at_properties.member(name);
        if let Some(other) = spellings.insert(name.to_ascii_lowercase(), name) {
            let message = format!("differs from the field {other:?} only in case");
            problems.add(&at_field, "duplicate_name", message);
        }
        patterns += usize::from(property.get("pattern").is_some());
        if patterns > field::MAX_PATTERNS {
            let message = format!("more than {} fields have a pattern", field::MAX_PATTERNS);
            problems.add(&at_field.member("pattern"), "out_of_limits", message);
            break;
        }
        fields.extend(field::read(
            name,
            property,
            required.contains(name.as_str()),
            &at_field,
            problems,
        ));
    }
    check_headers(&fields, &at_properties, problems);
    check_required(items, at, properties, problems);
    fields
}

/// No two fields want the same column.
fn check_headers(fields: &[Field], at_properties: &Pointer, problems: &mut Problems) {
    let mut columns: HashMap<(&str, u32), &Name> = HashMap::new();
    for field in fields {
        let header = field.header.as_ref();
        let column = header.map_or((field.name.as_str(), 1), |header| {
            (header.text.as_str(), header.occurrence)
        });
        if let Some(other) = columns.insert(column, &field.name) {
            let message = format!(
                "column {} number {} is the field {other} already",
                quoted(column.0),
                column.1
            );
            problems.add(
                &at_properties.member(field.name.as_str()),
                "duplicate_header",
                message,
            );
        }
    }
}

fn required_names(items: &Value) -> HashSet<&str> {
    let listed = items.get("required").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn check_required(
    items: &Value,
    at: &Pointer,
    properties: &serde_json::Map<String, Value>,
    problems: &mut Problems,
) {
    let listed = items.get("required").and_then(Value::as_array);
    for (index, name) in listed.into_iter().flatten().enumerate() {
        let Some(name) = name.as_str().filter(|name| !properties.contains_key(*name)) else {
            continue;
        };
        let message = format!("there is no property {}", quoted(name));
        problems.add(&at.member("required").item(index), "unknown_field", message);
    }
}

/// The names in a list that are fields; unknown and repeated ones are noted.
pub(crate) fn known_names(
    listed: &[Value],
    at: &Pointer,
    fields: &[Field],
    problems: &mut Problems,
) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::with_capacity(listed.len());
    for (index, name) in listed.iter().enumerate() {
        let name = name.as_str().unwrap_or_default();
        let Some(field) = fields.iter().find(|field| field.name.as_str() == name) else {
            problems.add(
                &at.item(index),
                "unknown_field",
                format!("there is no field {}", quoted(name)),
            );
            continue;
        };
        if names.contains(&field.name) {
            problems.add(
                &at.item(index),
                "duplicate_name",
                format!("{name:?} is there twice"),
            );
            continue;
        }
        names.push(field.name.clone());
    }
    names
}
