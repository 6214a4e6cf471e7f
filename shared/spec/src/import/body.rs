//! Row schemas of 5.0.x: `{program, input: {type, properties, required}}`, for a dimension or an event.

use millrace_core::definition::SpecKind;
use serde_json::{Map, Value};

use super::identifier::{prefixed, spelling};
use super::place::{Finding, Place};
use super::rows::{self, Column};
use super::{Draft, Order, SourceBody};
use crate::problem::quoted;

/// The rules of a property that are ours as they stand.
const KEPT: [&str; 10] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "enum",
    "title",
    "description",
];
/// Read otherwise, or without meaning here.
const READ_OVER: [&str; 8] = [
    "type",
    "format",
    "shouldNotNull",
    "shouldnotnull",
    "unique",
    "indexes",
    "psql_schema",
    "stripNewline",
];

/// Reads row schemas.
pub(super) fn read(order: &Order, draft: &mut Draft) {
    for source in &order.bodies {
        read_one(source, order, draft);
    }
}

fn read_one(source: &SourceBody, order: &Order, draft: &mut Draft) {
    let (name, place) = match &source.file {
        Some(file) => {
            let place = Place {
                pointer: Some(String::new()),
                ..Place::of_file(file)
            };
            (file.as_str(), place)
        }
        None => ("body", Place::of_request("/body")),
    };
    let by_name = source.file.as_deref().and_then(kind_by_name);
    let rows_of = |kind: &SpecKind| matches!(kind, SpecKind::Dimension | SpecKind::Event);
    let kind = order.kind.filter(rows_of).or(by_name);
    match (&source.body, kind) {
        (Err(finding), _) => draft.refuse(name, place, finding.clone()),
        (Ok(body), Some(kind)) => add(kind, body, &place, order, draft),
        (Ok(_), None) => {
            let reason = "say \"dimension\" or \"event\", or have the file's name say -dimension or -event";
            let finding = Finding::new(Place::of_request("/kind"), "unknown_kind", reason);
            draft.refuse(name, place, finding);
        }
    }
}

fn kind_by_name(file: &str) -> Option<SpecKind> {
    let kinds = [SpecKind::Dimension, SpecKind::Event];
    kinds
        .into_iter()
        .find(|kind| super::base(file).contains(&format!("-{}", kind.as_str())))
}

fn add(kind: SpecKind, body: &Value, place: &Place, order: &Order, draft: &mut Draft) {
    let program = body.get("program").and_then(Value::as_str).unwrap_or_default();
    let name = prefixed(&format!("{}_", kind.as_str()), program);
    let made = translate(kind, &name, body, place, order, draft);
    draft.add(kind, name, place.clone(), made);
}

fn translate(
    kind: SpecKind,
    name: &str,
    body: &Value,
    place: &Place,
    order: &Order,
    draft: &mut Draft,
) -> Result<super::Made, Vec<Finding>> {
    check_members(body, place)?;
    let at_input = place.member("input");
    let input = &body["input"];
    let properties = input["properties"].as_object().cloned().unwrap_or_default();
    let headers = headers(&properties, input, &at_input)?;
    draft
        .headers
        .extend(headers.iter().map(|(_, header)| header.clone()));
    let at_properties = at_input.member("properties");
    let mut columns = Vec::with_capacity(headers.len());
    let mut findings = Vec::new();
    for (property, header) in &headers {
        match column(
            header,
            &properties[property],
            &at_properties.member(property),
            order,
        ) {
            Ok(column) => columns.push(column),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let key = match kind {
        SpecKind::Dimension => key(name, input, &at_input, &headers, order, draft)?,
        _ => Vec::new(),
    };
    for column in columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.is_required = true;
    }
    rows::body(kind, name, &columns, &key, place)
}

/// Every member has the type that it has to have, and no other is there.
fn check_members(body: &Value, place: &Place) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let mut unknown = |holder: &Value, known: &[&str], at: &Place| {
        for name in holder.as_object().into_iter().flat_map(Map::keys) {
            if !known.contains(&name.as_str()) {
                let reason = format!(
                    "the member {} is not one of a 5.0.x row schema; bodies of ours go to POST /spec/{{kind}}",
                    quoted(name)
                );
                findings.push(Finding::new(at.member(name), "unknown_member", reason));
            }
        }
    };
    let at_input = place.member("input");
    unknown(body, &["program", "input"], place);
    unknown(&body["input"], &["type", "properties", "required"], &at_input);
    let mut must = |is_good: bool, at: Place, reason: &str| {
        if !is_good {
            findings.push(Finding::new(at, "wrong_type", reason));
        }
    };
    let is_named = body["program"]
        .as_str()
        .is_some_and(|name| !name.trim().is_empty());
    must(
        is_named,
        place.member("program"),
        "must be a text that names the spec",
    );
    let input = &body["input"];
    must(input.is_object(), at_input.clone(), "must be an object");
    let is_object = input.get("type").is_none_or(|one| one == "object");
    must(is_object, at_input.member("type"), "must be \"object\"");
    let has_columns = input["properties"].as_object().is_some_and(|all| !all.is_empty());
    must(
        has_columns,
        at_input.member("properties"),
        "must be an object with a member for each column",
    );
    let required = input.get("required").map(Value::as_array);
    let is_list = required.is_none_or(|list| list.is_some_and(|list| list.iter().all(Value::is_string)));
    must(
        is_list,
        at_input.member("required"),
        "must be a list of column names",
    );
    match findings.is_empty() {
        true => Ok(()),
        false => Err(findings),
    }
}

fn required(input: &Value) -> impl Iterator<Item = &str> {
    let listed = input.get("required").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str)
}

/// Each property with the header of its column.
///
/// Where `required` spells a column otherwise than any property (`state_code` for `State Code`), that is the file's header: cQube
/// refuses rows without it, and never looks at the property. A name that is no property in any spelling is refused.
fn headers(
    properties: &Map<String, Value>,
    input: &Value,
    at_input: &Place,
) -> Result<Vec<(String, String)>, Vec<Finding>> {
    let mut headers: Vec<(String, String)> = properties
        .keys()
        .map(|name| (name.clone(), name.clone()))
        .collect();
    let listed: Vec<&str> = required(input).collect();
    let mut findings = Vec::new();
    for (index, name) in listed.iter().enumerate() {
        if properties.contains_key(*name) {
            continue;
        }
        let is_meant = |(property, _): &&mut (String, String)| {
            spelling(property) == spelling(name) && !listed.contains(&property.as_str())
        };
        match headers.iter_mut().find(is_meant) {
            Some((_, header)) => *header = (*name).to_owned(),
            None => {
                let reason = format!("there is no property {}", quoted(name));
                findings.push(Finding::new(
                    at_input.member("required").item(index),
                    "unknown_field",
                    reason,
                ));
            }
        }
    }
    match findings.is_empty() {
        true => Ok(headers),
        false => Err(findings),
    }
}

fn column(header: &str, property: &Value, place: &Place, order: &Order) -> Result<Column, Finding> {
    let Some(members) = property.as_object() else {
        return Err(Finding::new(place.clone(), "wrong_type", "must be an object"));
    };
    for name in members.keys() {
        if !KEPT.contains(&name.as_str()) && !READ_OVER.contains(&name.as_str()) {
            let reason = format!("the rule {} is not known", quoted(name));
            return Err(Finding::new(place.member(name), "unknown_member", reason));
        }
    }
    let declared = members.get("type").and_then(Value::as_str).unwrap_or_default();
    let format = members.get("format").and_then(Value::as_str);
    let word = match (declared, format) {
        ("string", Some(format @ ("date" | "date-time"))) => format,
        ("number", None | Some("float")) | (_, None) => declared,
        (_, Some(format)) => {
            let reason = format!(
                "the format {} does not go with the type {}",
                quoted(format),
                quoted(declared)
            );
            return Err(Finding::new(
                place.member("format"),
                "rule_not_applicable",
                reason,
            ));
        }
    };
    let mut column = Column::new(header, word, place, order)?;
    let kept = KEPT.iter().filter_map(|rule| {
        members
            .get(*rule)
            .map(|value| ((*rule).to_owned(), value.clone()))
    });
    column.property.extend(kept);
    let is_true = |member: &str| members.get(member).and_then(Value::as_bool) == Some(true);
    // Their `unique` never looked at other rows: all it did was to refuse an empty cell.
    column.is_required = is_true("shouldNotNull") || is_true("shouldnotnull") || is_true("unique");
    Ok(column)
}

/// The key that the order names, else the first required column, as all dimensions of 5.0.x have it.
fn key(
    name: &str,
    input: &Value,
    at_input: &Place,
    headers: &[(String, String)],
    order: &Order,
    draft: &mut Draft,
) -> Result<Vec<String>, Vec<Finding>> {
    draft.keyed.insert(name.to_owned());
    if let Some(key) = order.keys.get(name) {
        let headers: Vec<&str> = headers.iter().map(|(_, header)| header.as_str()).collect();
        return super::keys::named_key(name, key, &headers);
    }
    match required(input).next() {
        Some(first) => Ok(vec![super::identifier::identifier(first)]),
        None => {
            let reason = format!(
                "no column is required, so none is the key: name it, as in \"keys\": {{\"{name}\": [\"…\"]}}"
            );
            Err(vec![Finding::new(at_input.clone(), "no_key", reason)])
        }
    }
}
