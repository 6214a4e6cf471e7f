//! What is wrong with a body beside the specs that are there, for whoever knows these.

use millrace_core::definition::SpecKind;

use crate::problem::SpecErrors;

/// What is wrong with a body of a kind that refers to a retired spec.
#[must_use]
pub fn retired_need(kind: SpecKind, needed: (SpecKind, &str)) -> SpecErrors {
    let pointer = match (kind, needed.0) {
        (SpecKind::Source, _) => "/target/ingestion_name",
        (SpecKind::Dataset, SpecKind::Transformer) => "/transformer_name",
        (SpecKind::Dataset | SpecKind::Transformer, SpecKind::Event) => "/event_name",
        (SpecKind::Dataset, SpecKind::Dimension) => "/input/properties/dimensions/properties/table/pattern",
        (SpecKind::Dataset, SpecKind::Dataset) => {
            "/input/properties/dataset/properties/aggregate/properties/columns/items/properties/table/pattern"
        }
        (SpecKind::Pipeline, _) => "/pipeline",
        (SpecKind::Schedule, _) => "/pipeline_name",
        _ => "",
    };
    let message = format!("the {} {} is retired", needed.0.as_str(), needed.1);
    SpecErrors::one(pointer, "retired_spec", &message)
}

/// What is wrong with a body that is to be the next version of a spec of another name.
#[must_use]
pub fn wrong_name(kind: SpecKind, name: &str) -> SpecErrors {
    let pointer = format!("/{}_name", kind.as_str());
    let message = format!("must be {name:?}, as the address says");
    SpecErrors::one(&pointer, "wrong_name", &message)
}
