//! Dimension and event bodies.

use millrace_core::Name;
use millrace_core::csv::CsvFormat;
use millrace_core::definition::{DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::field::Field;
use serde_json::Value;

use crate::constant;
use crate::pointer::Pointer;
use crate::problem::{Problems, SpecErrors, quoted};
use crate::{row, schema};

/// Checks a dimension's body and compiles it.
///
/// The key is `items.key`, else the properties with `unique: true`, else the first required one; its fields become
/// required.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_dimension(body: &Value) -> Result<DimensionDefinition, SpecErrors> {
    let mut problems = Problems::default();
    let Some((name, mut fields, items)) = read(SpecKind::Dimension, body, &mut problems) else {
        return problems.refuse(None);
    };
    let key = read_key(&items, &fields, &mut problems);
    for field in fields.iter_mut().filter(|field| key.contains(&field.name)) {
        field.required = true;
    }
    problems.refuse(Some(DimensionDefinition {
        name,
        fields,
        key,
        csv: read_csv(body),
    }))
}

/// Checks an event's body and compiles it.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_event(body: &Value) -> Result<EventDefinition, SpecErrors> {
    let mut problems = Problems::default();
    let read = read(SpecKind::Event, body, &mut problems);
    problems.refuse(read.map(|(name, fields, _)| EventDefinition {
        name,
        fields,
        csv: read_csv(body),
    }))
}

/// How the files are written; the schema has been kept.
pub(crate) fn read_csv(body: &Value) -> CsvFormat {
    let declared = body
        .get("csv")
        .and_then(|csv| serde_json::from_value(csv.clone()).ok());
    declared.unwrap_or_default()
}

/// The row's schema and where it stands.
pub(crate) struct Items<'a> {
    pub(crate) value: &'a Value,
    pub(crate) at: Pointer,
}

fn read<'a>(
    kind: SpecKind,
    body: &'a Value,
    problems: &mut Problems,
) -> Option<(Name, Vec<Field>, Items<'a>)> {
    schema::check(kind, body, problems);
    if !problems.is_empty() {
        return None;
    }
    let kind = kind.as_str();
    let name_member = format!("{kind}_name");
    let name = Name::parse(body.get(&name_member)?.as_str()?).ok()?;
    let input = body.get("input")?;
    let at = Pointer::of(&["input", "properties"]);
    let properties = input.get("properties")?;
    check_required_members(input, properties, problems);
    constant::check_table(Some(input), &Pointer::of(&["input"]), name.as_str(), problems);
    constant::check_table(Some(properties), &at, name.as_str(), problems);
    constant::check_echo(
        properties.get(&name_member),
        &at.member(&name_member),
        name.as_str(),
        problems,
    );
    let items = Items {
        value: properties.get(kind)?.get("items")?,
        at: at.member(kind).member("items"),
    };
    let fields = row::read(items.value, &items.at, problems);
    Some((name, fields, items))
}

fn check_required_members(input: &Value, properties: &Value, problems: &mut Problems) {
    let required = input.get("required").and_then(Value::as_array);
    for (index, member) in required.into_iter().flatten().enumerate() {
        if let Some(name) = member.as_str().filter(|name| properties.get(name).is_none()) {
            let at = Pointer::of(&["input", "required"]).item(index);
            problems.add(
                &at,
                "unknown_field",
                format!("there is no member {}", quoted(name)),
            );
        }
    }
}

/// The key as it is declared: `items.key`, else the properties with `unique: true`.
pub(crate) fn declared_key(
    items: &Items<'_>,
    fields: &[Field],
    problems: &mut Problems,
) -> Option<Vec<Name>> {
    if let Some(declared) = items.value.get("key").and_then(Value::as_array) {
        return Some(row::known_names(
            declared,
            &items.at.member("key"),
            fields,
            problems,
        ));
    }
    let is_unique = |field: &&Field| {
        let property = items
            .value
            .get("properties")
            .and_then(|all| all.get(field.name.as_str()));
        property
            .and_then(|one| one.get("unique"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    let unique: Vec<Name> = fields
        .iter()
        .filter(is_unique)
        .map(|field| field.name.clone())
        .collect();
    (!unique.is_empty()).then_some(unique)
}

fn read_key(items: &Items<'_>, fields: &[Field], problems: &mut Problems) -> Vec<Name> {
    if let Some(declared) = declared_key(items, fields, problems) {
        return declared;
    }
    let first = items.value.get("required").and_then(|required| required.get(0));
    let by_list = first
        .and_then(Value::as_str)
        .and_then(|name| fields.iter().find(|field| field.name.as_str() == name));
    let chosen = by_list.or_else(|| fields.iter().find(|field| field.required));
    if chosen.is_none() {
        problems.add(
            &items.at,
            "no_key",
            "name the key: \"key\": [\"…\"], or mark a field as unique or required",
        );
    }
    chosen.map(|field| field.name.clone()).into_iter().collect()
}
