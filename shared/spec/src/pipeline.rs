//! Pipeline bodies: what is brought where. Every spec that is named is there, and fits the others.

use std::collections::BTreeSet;

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, Feed, SpecKind};
use millrace_core::pipeline::{PipelineDefinition, PipelineNeed, PipelineTarget, PipelineType, Runs};
use serde_json::Value;

use crate::pointer::Pointer;
use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;

/// The members that name specs, and their kinds.
const MEMBERS: [(&str, SpecKind); 4] = [
    ("event_name", SpecKind::Event),
    ("dataset_name", SpecKind::Dataset),
    ("dimension_name", SpecKind::Dimension),
    ("transformer_name", SpecKind::Transformer),
];

/// A dataset that is there, with the datasets that it is computed from, itself among them, as far as these have cells.
#[derive(Debug, Clone)]
pub struct KnownDataset {
    /// The dataset.
    pub definition: DatasetDefinition,
    /// Those with cells, each with its event.
    pub stored: Vec<(Name, Name)>,
}

/// What is there of the specs that a pipeline names.
#[derive(Debug, Clone, Default)]
pub struct PipelineCatalogue {
    /// Events, dimensions and transformers by kind and name.
    pub names: Vec<(SpecKind, Name)>,
    /// Datasets.
    pub datasets: Vec<KnownDataset>,
}

impl PipelineCatalogue {
    fn has(&self, kind: SpecKind, name: &Name) -> bool {
        match kind {
            SpecKind::Dataset => self.dataset(name).is_some(),
            _ => self.names.iter().any(|(is, named)| *is == kind && named == name),
        }
    }

    fn dataset(&self, name: &Name) -> Option<&KnownDataset> {
        self.datasets.iter().find(|known| known.definition.name == *name)
    }
}

/// The specs that a pipeline's body names, each once; none when the body breaks its schema.
#[must_use]
pub fn pipeline_needs(body: &Value) -> Vec<(SpecKind, Name)> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Pipeline, body, &mut problems);
    if !problems.is_empty() {
        return Vec::new();
    }
    let items = body["pipeline"].as_array().into_iter().flatten();
    let names = items.flat_map(|item| MEMBERS.map(|(member, kind)| (kind, item[member].as_str())));
    let names = names.filter_map(|(kind, text)| Some((kind, Name::parse(text?).ok()?)));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Checks a pipeline's body against what is there and compiles it.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_pipeline(body: &Value, catalogue: &PipelineCatalogue) -> Result<PipelineDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Pipeline, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    let definition = compile(body, catalogue, &mut problems);
    problems.refuse(definition)
}

fn compile(
    body: &Value,
    catalogue: &PipelineCatalogue,
    problems: &mut Problems,
) -> Option<PipelineDefinition> {
    let read = |member: &str| body.get(member).cloned().unwrap_or_default();
    let pipeline_type: PipelineType = serde_json::from_value(read("pipeline_type")).ok()?;
    let runs: Runs = serde_json::from_value(read("runs")).unwrap_or_default();
    let mut targets: BTreeSet<PipelineTarget> = BTreeSet::new();
    let mut needs = BTreeSet::new();
    let mut seen: Vec<Route> = Vec::new();
    for (index, item) in body["pipeline"].as_array()?.iter().enumerate() {
        let at = Pointer::of(&["pipeline"]).item(index);
        let Some(route) = Route::read(item, catalogue, &at, problems) else {
            continue;
        };
        if seen.contains(&route) {
            problems.add(&at, "duplicate_item", "the same is said before");
            continue;
        }
        targets.extend(route.targets(pipeline_type, runs, catalogue, &at, problems));
        needs.extend(route.needs());
        seen.push(route);
    }
    Some(PipelineDefinition {
        name: Name::parse(body["pipeline_name"].as_str()?).ok()?,
        pipeline_type,
        targets: targets.into_iter().collect(),
        needs: needs.into_iter().collect(),
        runs,
    })
}

/// An item of the pipeline: the specs that it names, in the order of [`MEMBERS`].
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route([Option<Name>; 4]);

impl Route {
    /// Reads an item; none where it names something that is not there.
    fn read(
        item: &Value,
        catalogue: &PipelineCatalogue,
        at: &Pointer,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut names = [const { None }; 4];
        let mut is_good = true;
        for (place, (member, kind)) in names.iter_mut().zip(MEMBERS) {
            let Some(text) = item
                .get(member)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
            else {
                continue;
            };
            let found = Name::parse(text).ok().filter(|name| catalogue.has(kind, name));
            if found.is_none() {
                let message = format!("there is no {} {}", kind.as_str(), quoted(text));
                problems.add(&at.member(member), "unknown_spec", message);
                is_good = false;
            }
            *place = found;
        }
        is_good.then_some(Self(names))
    }

    fn needs(&self) -> impl Iterator<Item = PipelineNeed> {
        let named = MEMBERS.iter().zip(&self.0);
        named.filter_map(|((_, kind), name)| {
            Some(PipelineNeed {
                kind: *kind,
                name: name.clone()?,
            })
        })
    }

    /// What takes files in by this item. The members that do not belong to the type are refused: nothing is dropped.
    fn targets(
        &self,
        pipeline_type: PipelineType,
        runs: Runs,
        catalogue: &PipelineCatalogue,
        at: &Pointer,
        problems: &mut Problems,
    ) -> Vec<PipelineTarget> {
        let [event, dataset, dimension, transformer] = &self.0;
        if pipeline_type == PipelineType::DimensionToDb {
            for (member, name) in [
                ("event_name", event),
                ("dataset_name", dataset),
                ("transformer_name", transformer),
            ] {
                if name.is_some() {
                    let message = "has no part in dimension_to_db";
                    problems.add(&at.member(member), "unused_member", message);
                }
            }
            let Some(dimension) = dimension else {
                problems.add(at, "missing_member", "dimension_to_db needs a dimension_name");
                return Vec::new();
            };
            return vec![PipelineTarget {
                kind: SpecKind::Dimension,
                name: dimension.clone(),
                fed_by: dimension.clone(),
            }];
        }
        let Some(known) = dataset.as_ref().and_then(|name| catalogue.dataset(name)) else {
            problems.add(at, "missing_member", "the type needs a dataset_name");
            return Vec::new();
        };
        if known.stored.is_empty() {
            let message = "its rows come ready, and are taken in when they come";
            problems.add(&at.member("dataset_name"), "ready_rows", message);
            return Vec::new();
        }
        self.check_fit(known, pipeline_type, runs, at, problems);
        let target = |(name, event): &(Name, Name)| PipelineTarget {
            kind: SpecKind::Dataset,
            name: name.clone(),
            fed_by: event.clone(),
        };
        known.stored.iter().map(target).collect()
    }

    /// What is named beside the dataset is what the dataset is made of.
    fn check_fit(
        &self,
        known: &KnownDataset,
        pipeline_type: PipelineType,
        runs: Runs,
        at: &Pointer,
        problems: &mut Problems,
    ) {
        let [event, _, dimension, transformer] = &self.0;
        let dataset = &known.definition;
        let event_there = dataset.event();
        if pipeline_type == PipelineType::IngestToDb && event_there.is_none() {
            let message = format!(
                "{} is computed from a dataset: that is dataset_to_db",
                dataset.name
            );
            problems.add(&at.member("dataset_name"), "wrong_type_of_pipeline", message);
        }
        if runs == Runs::OnRequest && matches!(dataset.feed, Feed::Dataset(_)) {
            let message = format!(
                "{} is computed when it is read and holds no file: name the datasets that it is computed from",
                dataset.name
            );
            problems.add(&at.member("dataset_name"), "holds_no_file", message);
        }
        let joined = dataset.join.as_ref().map(|join| &join.dimension);
        for (member, named, there, what) in [
            ("event_name", event, event_there, "is not computed from the event"),
            (
                "dimension_name",
                dimension,
                joined,
                "does not look up in the dimension",
            ),
            (
                "transformer_name",
                transformer,
                dataset.transformer.as_ref(),
                "is not computed by the transformer",
            ),
        ] {
            if let Some(named) = named.as_ref().filter(|named| Some(*named) != there) {
                let message = format!("{} {what} {named}", dataset.name);
                problems.add(&at.member(member), "does_not_belong", message);
            }
        }
    }
}
