use std::collections::HashSet;

use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;
use serde_json::Value;

use super::{attendance_dataset, attendance_event, school_dimension};
use crate::{MAX_DIMENSION_FIELDS, MAX_FIELDS, schema};

#[test]
fn every_schema_is_valid_and_has_its_own_id() {
    for kind in SpecKind::ALL {
        let schema = schema(kind);
        assert!(jsonschema::meta::is_valid(&schema));
        assert!(jsonschema::validator_for(&schema).is_ok());
        let id = format!("https://millrace.example/schemas/spec-{}-1.json", kind.as_str());
        assert_eq!(schema["$id"], Value::String(id));
    }
}

#[test]
fn what_the_schemas_share_is_the_same() {
    let (dimension, event, dataset) = (
        schema(SpecKind::Dimension),
        schema(SpecKind::Event),
        schema(SpecKind::Dataset),
    );
    for shared in ["name", "names", "ignored", "table", "echo"] {
        assert_eq!(dimension["$defs"][shared], event["$defs"][shared], "{shared}");
        assert_eq!(dimension["$defs"][shared], dataset["$defs"][shared], "{shared}");
    }
    for shared in ["field", "csv"] {
        assert_eq!(dimension["$defs"][shared], event["$defs"][shared], "{shared}");
        assert_eq!(dimension["$defs"][shared], dataset["$defs"][shared], "{shared}");
    }
    let (own, ready) = (&dimension["$defs"]["row"], &dataset["$defs"]["ready_row"]);
    assert_eq!(own["properties"]["properties"], ready["properties"]["properties"]);
    let formats = serde_json::to_value(DateFormat::ALL).unwrap();
    assert_eq!(
        event["$defs"]["field"]["properties"]["dateFormat"]["enum"],
        formats
    );
    assert_eq!(
        event["$defs"]["row"]["properties"]["properties"]["maxProperties"],
        MAX_FIELDS
    );
    assert_eq!(
        dimension["$defs"]["row"]["properties"]["properties"]["maxProperties"],
        MAX_DIMENSION_FIELDS
    );
}

#[test]
fn the_seeds_bodies_fit() {
    let bodies = [school_dimension(), attendance_event(), attendance_dataset()];
    for (kind, body) in SpecKind::ALL.into_iter().zip(bodies) {
        let validator = jsonschema::validator_for(&schema(kind)).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

/// The places of a keyword in a schema, without those in a condition (`if`), which is no rule by itself.
fn places(schema: &Value, keyword: &str, at: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match schema {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        _ => return,
    };
    for (name, value) in below.into_iter().filter(|(name, _)| name != "if") {
        let at = format!("{at}/{name}");
        places(value, keyword, &at, found);
        if name == keyword {
            found.push(at);
        }
    }
}

#[test]
fn every_union_is_told_apart_by_a_type_or_a_member() {
    let mut unions = 0;
    for kind in SpecKind::ALL {
        let schema = schema(kind);
        let (mut one_of, mut any_of) = (Vec::new(), Vec::new());
        places(&schema, "oneOf", "", &mut one_of);
        places(&schema, "anyOf", "", &mut any_of);
        assert_eq!(any_of, Vec::<String>::new(), "whoever breaks it is told nothing");
        for at in one_of {
            let resolved = |branch: &Value| match branch["$ref"].as_str() {
                Some(to) => schema.pointer(to.trim_start_matches('#')).unwrap()["type"].clone(),
                None => branch["type"].clone(),
            };
            let branches = schema.pointer(&at).unwrap().as_array().unwrap();
            let types: HashSet<Value> = branches.iter().map(resolved).collect();
            let members: HashSet<&str> = branches
                .iter()
                .filter_map(|branch| branch["required"][0].as_str())
                .collect();
            let is_told_apart = [types.len(), members.len()].contains(&branches.len());
            assert!(is_told_apart, "{kind:?} {at}");
            unions += 1;
        }
    }
    assert_eq!(unions, 4);
}
