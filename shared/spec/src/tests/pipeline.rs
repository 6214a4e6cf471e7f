use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::pipeline::{PipelineType, Runs};
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, school_dimension};
use crate::{
    Catalogue, KnownDataset, PipelineCatalogue, check_dataset, check_dimension, check_event, check_pipeline,
    pipeline_needs,
};

const DATASET: &str = "SAC_stds_atd_cmp_by_school";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// The seed's specs, and beside them a dimension that nothing looks up in.
fn catalogue() -> PipelineCatalogue {
    let event = check_event(&attendance_event()).unwrap();
    let dimension = check_dimension(&school_dimension()).unwrap();
    let names = vec![
        (SpecKind::Event, event.name.clone()),
        (SpecKind::Dimension, dimension.name.clone()),
        (SpecKind::Dimension, name("other")),
        (SpecKind::Transformer, name("plan")),
    ];
    let there = Catalogue {
        events: vec![event.clone()],
        dimensions: vec![dimension],
        ..Catalogue::default()
    };
    let definition = check_dataset(&attendance_dataset(), &there).unwrap();
    let stored = vec![(definition.name.clone(), event.name)];
    PipelineCatalogue {
        names,
        datasets: vec![KnownDataset { definition, stored }],
    }
}

fn body(kind: &str, pipeline: &Value) -> Value {
    json!({"pipeline_name": "p", "pipeline_type": kind, "pipeline": pipeline})
}

fn codes(body: &Value) -> Vec<(String, String)> {
    let errors = check_pipeline(body, &catalogue())
        .err()
        .map(|errors| errors.into_errors());
    let errors = errors.unwrap_or_default().into_iter();
    errors.map(|error| (error.pointer, error.code)).collect()
}

#[test]
fn the_seeds_bodies_become_definitions() {
    let event = catalogue().names[0].1.clone();
    let dimension = catalogue().names[1].1.clone();
    let item = json!({"event_name": event, "dataset_name": DATASET, "dimension_name": dimension, "transformer_name": ""});
    let ingest = body("ingest_to_db", &json!([item]));
    let pipeline = check_pipeline(&ingest, &catalogue()).unwrap();
    assert_eq!(
        (pipeline.pipeline_type, pipeline.runs),
        (PipelineType::IngestToDb, Runs::OnArrival)
    );
    assert_eq!(pipeline.targets.len(), 1);
    assert_eq!(
        (pipeline.targets[0].kind, pipeline.targets[0].name.as_str()),
        (SpecKind::Dataset, DATASET)
    );
    assert_eq!(pipeline.targets[0].fed_by, event);
    assert_eq!(pipeline.needs.len(), 3);
    assert_eq!(pipeline_needs(&ingest).len(), 3);

    let load = body(
        "dimension_to_db",
        &json!([{"dimension_name": dimension}, {"dimension_name": "other"}]),
    );
    let pipeline = check_pipeline(&load, &catalogue()).unwrap();
    assert_eq!(pipeline.targets.len(), 2);
    assert!(pipeline.targets.iter().all(|target| target.fed_by == target.name));
    let mut requested = body("dataset_to_db", &json!([{"dataset_name": DATASET}]));
    requested["runs"] = json!("on_request");
    assert_eq!(
        check_pipeline(&requested, &catalogue()).unwrap().runs,
        Runs::OnRequest
    );
}

#[test]
fn nothing_is_dropped_in_silence() {
    for (body, at, code) in [
        (
            body("ingest_to_db", &json!([{"dataset_name": "nope"}])),
            "/pipeline/0/dataset_name",
            "unknown_spec",
        ),
        (
            body(
                "ingest_to_db",
                &json!([{"dataset_name": DATASET}, {"dataset_name": DATASET}]),
            ),
            "/pipeline/1",
            "duplicate_item",
        ),
        (
            body(
                "ingest_to_db",
                &json!([{"dataset_name": DATASET}, {"event_name": "nope", "dataset_name": DATASET}]),
            ),
            "/pipeline/1/event_name",
            "unknown_spec",
        ),
        (
            body(
                "ingest_to_db",
                &json!([{"dataset_name": DATASET, "dimension_name": "other"}]),
            ),
            "/pipeline/0/dimension_name",
            "does_not_belong",
        ),
    ] {
        assert_eq!(codes(&body), [(at.to_owned(), code.to_owned())], "{body}");
    }
}

#[test]
fn what_does_not_belong_to_the_type_is_refused() {
    for (body, at, code) in [
        (
            body(
                "ingest_to_db",
                &json!([{"dataset_name": DATASET, "transformer_name": "plan"}]),
            ),
            "/pipeline/0/transformer_name",
            "does_not_belong",
        ),
        (
            body("ingest_to_db", &json!([{}])),
            "/pipeline/0",
            "missing_member",
        ),
        (
            body("dimension_to_db", &json!([{"event_name": ""}])),
            "/pipeline/0",
            "missing_member",
        ),
        (
            body(
                "dimension_to_db",
                &json!([{"dimension_name": "other", "dataset_name": DATASET}]),
            ),
            "/pipeline/0/dataset_name",
            "unused_member",
        ),
        (body("ingest_to_db", &json!([])), "/pipeline", "out_of_limits"),
        (
            body("aggregate_to_db", &json!([{"dataset_name": DATASET}])),
            "/pipeline_type",
            "wrong_value",
        ),
        (
            body("ingest_to_db", &json!([{"dataset": DATASET}])),
            "/pipeline/0/dataset",
            "unknown_member",
        ),
    ] {
        assert_eq!(codes(&body), [(at.to_owned(), code.to_owned())], "{body}");
    }
}
