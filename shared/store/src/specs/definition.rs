//! What a spec was compiled to.

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::pipeline::{PipelineDefinition, ScheduleDefinition, ScheduleTarget};
use millrace_core::source::SourceDefinition;
use millrace_core::step::TransformerDefinition;
use serde::{Deserialize, Serialize};

/// A compiled spec, of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Definition {
    /// A dataset (first, since it has the most members of its own).
    Dataset(Box<DatasetDefinition>),
    /// A transformer (it has steps).
    Transformer(TransformerDefinition),
    /// A pipeline (it has targets).
    Pipeline(PipelineDefinition),
    /// A schedule (it has an expression).
    Schedule(ScheduleDefinition),
    /// A dimension.
    Dimension(DimensionDefinition),
    /// An event.
    Event(EventDefinition),
    /// A source (it has no fields, so it is mistaken for none of the others).
    Source(Box<SourceDefinition>),
}

impl Definition {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> SpecKind {
        match self {
            Self::Dataset(_) => SpecKind::Dataset,
            Self::Dimension(_) => SpecKind::Dimension,
            Self::Event(_) => SpecKind::Event,
            Self::Source(_) => SpecKind::Source,
            Self::Transformer(_) => SpecKind::Transformer,
            Self::Pipeline(_) => SpecKind::Pipeline,
            Self::Schedule(_) => SpecKind::Schedule,
        }
    }

    /// The specs that it refers to, by kind and name.
    #[must_use]
    pub fn needs(&self) -> Vec<(SpecKind, &str)> {
        match self {
            Self::Event(_) | Self::Dimension(_) => Vec::new(),
            Self::Source(source) => {
                let target = &source.target;
                vec![(target.ingestion_type, target.ingestion_name.as_str())]
            }
            Self::Transformer(transformer) => vec![(SpecKind::Event, transformer.event.as_str())],
            Self::Pipeline(pipeline) => {
                let needs = pipeline.needs.iter();
                needs.map(|need| (need.kind, need.name.as_str())).collect()
            }
            Self::Schedule(schedule) => match &schedule.target {
                ScheduleTarget::Pipeline(pipeline) => vec![(SpecKind::Pipeline, pipeline.as_str())],
                ScheduleTarget::Move(_) => Vec::new(),
            },
            Self::Dataset(dataset) => {
                let event = dataset.event().map(|event| (SpecKind::Event, event.as_str()));
                let transformer = dataset.transformer.iter();
                let transformer = transformer.map(|name| (SpecKind::Transformer, name.as_str()));
                let datasets = dataset
                    .datasets()
                    .map(|dataset| (SpecKind::Dataset, dataset.as_str()));
                let joined = dataset.join.iter();
                let dimension = joined.map(|join| (SpecKind::Dimension, join.dimension.as_str()));
                event
                    .into_iter()
                    .chain(transformer)
                    .chain(datasets)
                    .chain(dimension)
                    .collect()
            }
        }
    }

    /// The spec's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        match self {
            Self::Dataset(definition) => &definition.name,
            Self::Dimension(definition) => &definition.name,
            Self::Event(definition) => &definition.name,
            Self::Source(definition) => &definition.name,
            Self::Transformer(definition) => &definition.name,
            Self::Pipeline(definition) => &definition.name,
            Self::Schedule(definition) => &definition.name,
        }
    }
}
