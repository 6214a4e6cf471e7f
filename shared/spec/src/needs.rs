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

/// What is wrong with a next version of an event or a transformer that calls a new column what a dataset of it groups by
/// already: an attribute of its dimension.
#[must_use]
pub fn taken_by_dimension(kind: SpecKind, name: &str, dataset: &str, dimension: &str) -> SpecErrors {
    let pointer = match kind {
        SpecKind::Event => format!("/input/properties/event/items/properties/{name}"),
        _ => "/steps".to_owned(),
    };
    let message = format!(
        "the dataset {dataset} groups by the field {name} of the dimension {dimension}: a new column needs another name"
    );
    SpecErrors::one(&pointer, "taken_by_dimension", &message)
}

/// What is wrong with a body that is to be the next version of a spec of another name.
#[must_use]
pub fn wrong_name(kind: SpecKind, name: &str) -> SpecErrors {
    let pointer = format!("/{}_name", kind.as_str());
    let message = format!("must be {name:?}, as the address says");
    SpecErrors::one(&pointer, "wrong_name", &message)
}
