use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;
use serde_json::Value;

use super::{attendance_dataset, attendance_event, school_dimension};
use crate::{MAX_DIMENSION_FIELDS, MAX_FIELDS, schema};

const KINDS: [SpecKind; 6] = [
    SpecKind::Dimension,
    SpecKind::Event,
    SpecKind::Dataset,
    SpecKind::Source,
    SpecKind::Pipeline,
    SpecKind::Schedule,
];

#[test]
fn every_schema_is_valid_and_has_its_own_id() {
    for kind in KINDS {
        let schema = schema(kind);
        assert!(jsonschema::meta::is_valid(&schema));
        assert!(jsonschema::validator_for(&schema).is_ok());
        let id = format!("https://millrace.example/schemas/spec-{}-1.json", kind.as_str());
        assert_eq!(schema["$id"], Value::String(id));
    }
}

#[test]
fn what_the_schemas_share_is_the_same() {
    let (dimension, event, dataset) = (schema(KINDS[0]), schema(KINDS[1]), schema(KINDS[2]));
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
    for (kind, body) in KINDS.into_iter().zip(bodies) {
        let validator = jsonschema::validator_for(&schema(kind)).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}
