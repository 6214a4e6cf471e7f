//! What differs between two versions of a spec, what each difference means, and whether data that is there outlives it.
//!
//! Definitions are compared, not texts; pointers are those of the body, of the later one unless something went away.
//! A change is additive when everything that was loaded or computed under the version before goes on to mean what it
//! meant: then [`stored_dimension`] and [`stored_dataset`] say in which order the new version is kept.

mod dataset;
mod fields;

use millrace_core::Name;
use millrace_core::definition::{DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::pipeline::{PipelineDefinition, ScheduleDefinition, ScheduleTarget};
use millrace_core::source::SourceDefinition;
use millrace_core::step::TransformerDefinition;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::pointer::Pointer;

pub use dataset::{compare_datasets, stored_dataset};

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A field that may be empty has come.
    FieldAdded,
    /// A field that must be filled has come: rows that are there lack it.
    RequiredFieldAdded,
    /// A field has gone.
    FieldRemoved,
    /// A field's values are of another type.
    TypeChanged,
    /// Values that were good are bad now.
    RuleTightened,
    /// Values that were bad are good now.
    RuleLoosened,
    /// Nothing says whether values that were good still are.
    RuleChanged,
    /// Files are written otherwise.
    FormatChanged,
    /// Rows are unique by something else.
    KeyChanged,
    /// A dataset is computed from something else, or from other rows of it.
    FeedChanged,
    /// A dataset's own view is grouped otherwise.
    GroupingChanged,
    /// A dataset's cells would have to keep something else.
    CellsChanged,
    /// A dataset looks attributes up elsewhere.
    DimensionChanged,
    /// A transformer does something else: datasets that were compiled with it go on with what it did.
    PlanChanged,
    /// A column is served that the cells hold already.
    OutputAdded,
    /// A column is served no more.
    OutputRemoved,
    /// A column is computed otherwise.
    OutputChanged,
    /// The entry in the KPI catalogue.
    CatalogueChanged,
    /// A source's files are files of something else, or a schedule begins something else.
    TargetChanged,
    /// Where and how a source is read.
    SourceChanged,
    /// What a pipeline brings where, or when.
    PipelineChanged,
    /// When a schedule begins what it begins.
    ScheduleChanged,
    /// A title or a description.
    TextChanged,
    /// The body says the same in other words.
    WrittenOtherwise,
}

impl Meaning {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::FieldAdded => "field_added",
            Self::RequiredFieldAdded => "required_field_added",
            Self::FieldRemoved => "field_removed",
            Self::TypeChanged => "type_changed",
            Self::RuleTightened => "rule_tightened",
            Self::RuleLoosened => "rule_loosened",
            Self::RuleChanged => "rule_changed",
            Self::FormatChanged => "format_changed",
            Self::KeyChanged => "key_changed",
            Self::FeedChanged => "feed_changed",
            Self::GroupingChanged => "grouping_changed",
            Self::CellsChanged => "cells_changed",
            Self::DimensionChanged => "dimension_changed",
            Self::PlanChanged => "plan_changed",
            Self::OutputAdded => "output_added",
            Self::OutputRemoved => "output_removed",
            Self::OutputChanged => "output_changed",
            Self::CatalogueChanged => "catalogue_changed",
            Self::TargetChanged => "target_changed",
            Self::SourceChanged => "source_changed",
            Self::PipelineChanged => "pipeline_changed",
            Self::ScheduleChanged => "schedule_changed",
            Self::TextChanged => "text_changed",
            Self::WrittenOtherwise => "written_otherwise",
        }
    }

    /// Whether what is there goes on to mean what it meant.
    #[must_use]
    pub fn is_additive(self) -> bool {
        match self {
            Self::FieldAdded
            | Self::RuleLoosened
            | Self::FormatChanged
            | Self::OutputAdded
            | Self::CatalogueChanged
            | Self::SourceChanged
            | Self::PipelineChanged
            | Self::ScheduleChanged
            | Self::TextChanged
            | Self::WrittenOtherwise => true,
            Self::RequiredFieldAdded
            | Self::FieldRemoved
            | Self::TypeChanged
            | Self::RuleTightened
            | Self::RuleChanged
            | Self::KeyChanged
            | Self::FeedChanged
            | Self::GroupingChanged
            | Self::CellsChanged
            | Self::DimensionChanged
            | Self::PlanChanged
            | Self::OutputRemoved
            | Self::OutputChanged
            | Self::TargetChanged => false,
        }
    }
}

impl Serialize for Meaning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// JSON pointer (RFC 6901) into the later body; into the earlier one for what went away.
    pub pointer: String,
    /// What it means.
    pub meaning: Meaning,
    /// The same in words.
    pub message: String,
}

/// Collects differences.
#[derive(Debug, Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, pointer: &Pointer, meaning: Meaning, message: impl Into<String>) {
        self.0.push(Difference {
            pointer: pointer.to_string(),
            meaning,
            message: message.into(),
        });
    }
}

/// Whether all differences are additive.
#[must_use]
pub fn is_additive(differences: &[Difference]) -> bool {
    differences
        .iter()
        .all(|difference| difference.meaning.is_additive())
}

/// What differs between two versions of a dimension.
#[must_use]
pub fn compare_dimensions(from: &DimensionDefinition, to: &DimensionDefinition) -> Vec<Difference> {
    let mut found = Differences::default();
    compare_rows(from, to, &fields::items(SpecKind::Dimension), &mut found);
    found.0
}

/// Key, fields and files of what is kept as rows, whose schema stands at `at`.
fn compare_rows(from: &DimensionDefinition, to: &DimensionDefinition, at: &Pointer, found: &mut Differences) {
    if from.key != to.key {
        let list = |key: &[Name]| match key {
            [] => "nothing".to_owned(),
            key => names(key),
        };
        let message = format!(
            "rows were unique by {} and would be by {}",
            list(&from.key),
            list(&to.key)
        );
        found.add(&at.member("key"), Meaning::KeyChanged, message);
    }
    fields::compare(&from.fields, &to.fields, at, found);
    fields::compare_csv(&from.csv, &to.csv, found);
}

/// What differs between two versions of an event.
#[must_use]
pub fn compare_events(from: &EventDefinition, to: &EventDefinition) -> Vec<Difference> {
    let mut found = Differences::default();
    let at = fields::items(SpecKind::Event);
    fields::compare(&from.fields, &to.fields, &at, &mut found);
    fields::compare_csv(&from.csv, &to.csv, &mut found);
    found.0
}

/// A dimension as its new version is kept: fields that are there keep their columns, new ones come behind them, wherever
/// the body has them.
#[must_use]
pub fn stored_dimension(from: &DimensionDefinition, mut to: DimensionDefinition) -> DimensionDefinition {
    let place = |name: &Name| from.fields.iter().position(|field| field.name == *name);
    to.fields
        .sort_by_key(|field| place(&field.name).unwrap_or(usize::MAX));
    to
}

/// What differs between two versions of a source. Runs follow the version that they began with, so that all but the target
/// is free.
#[must_use]
pub fn compare_sources(from: &SourceDefinition, to: &SourceDefinition) -> Vec<Difference> {
    let mut found = Differences::default();
    let pairs = [
        ("list", from.list == to.list),
        ("allowed_hosts", from.allowed_hosts == to.allowed_hosts),
        ("max_file_bytes", from.max_file_bytes == to.max_file_bytes),
        ("content", from.content == to.content),
        ("environment", from.environment == to.environment),
    ];
    if from.target != to.target {
        let message = "what was fetched was fetched for another spec";
        found.add(&Pointer::of(&["target"]), Meaning::TargetChanged, message);
    }
    for (member, _) in pairs.into_iter().filter(|(_, is_same)| !is_same) {
        let message = format!("the {} is another one", member.replace('_', " "));
        found.add(&Pointer::of(&[member]), Meaning::SourceChanged, message);
    }
    found.0
}

/// What differs between two versions of a transformer.
#[must_use]
pub fn compare_transformers(from: &TransformerDefinition, to: &TransformerDefinition) -> Vec<Difference> {
    let mut found = Differences::default();
    if from.event != to.event {
        let message = format!(
            "it took rows of {} and would take those of {}",
            from.event, to.event
        );
        found.add(&Pointer::of(&["event_name"]), Meaning::FeedChanged, message);
    }
    if from.steps != to.steps {
        let message = "datasets that are there were computed by other steps";
        found.add(&Pointer::of(&["steps"]), Meaning::PlanChanged, message);
    }
    found.0
}

/// What differs between two versions of a pipeline. Runs that have begun go on; nothing that was computed changes.
#[must_use]
pub fn compare_pipelines(from: &PipelineDefinition, to: &PipelineDefinition) -> Vec<Difference> {
    let pairs = [
        ("pipeline_type", from.pipeline_type == to.pipeline_type),
        (
            "pipeline",
            (&from.targets, &from.needs) == (&to.targets, &to.needs),
        ),
        ("runs", from.runs == to.runs),
    ];
    others(&pairs, Meaning::PipelineChanged)
}

/// What differs between two versions of a schedule. What begins something else is another schedule: whoever relies on the
/// one there would miss it.
#[must_use]
pub fn compare_schedules(from: &ScheduleDefinition, to: &ScheduleDefinition) -> Vec<Difference> {
    let target = match to.target {
        ScheduleTarget::Pipeline(_) => "pipeline_name",
        ScheduleTarget::Move(_) => "scheduled_type",
    };
    let mut found = others(&[(target, from.target == to.target)], Meaning::TargetChanged);
    let pairs = [
        ("scheduled_at", from.expression == to.expression),
        ("time_zone", from.time_zone == to.time_zone),
        ("state", from.state == to.state),
    ];
    found.extend(others(&pairs, Meaning::ScheduleChanged));
    found
}

/// The members of which another thing is said.
fn others(pairs: &[(&str, bool)], meaning: Meaning) -> Vec<Difference> {
    let mut found = Differences::default();
    for (member, _) in pairs.iter().filter(|(_, is_same)| !is_same) {
        let message = format!("the {} is another one", member.replace('_', " "));
        found.add(&Pointer::of(&[member]), meaning, message);
    }
    found.0
}

/// Adds what differs between two bodies without a trace in their definitions: titles and descriptions, else that the same
/// is said otherwise.
pub fn compare_bodies(from: &Value, to: &Value, differences: &mut Vec<Difference>) {
    let mut found = Differences::default();
    compare_texts(Some(from), Some(to), &Pointer::default(), &mut found);
    differences.append(&mut found.0);
    if differences.is_empty() && from != to {
        let message = "the body is another one and means the same";
        found.add(&Pointer::default(), Meaning::WrittenOtherwise, message);
        differences.append(&mut found.0);
    }
}

/// The members that say something to people alone.
const TEXTS: [&str; 2] = ["title", "description"];

fn compare_texts(from: Option<&Value>, to: Option<&Value>, at: &Pointer, found: &mut Differences) {
    if let (Some(Value::Array(from)), Some(Value::Array(to))) = (from, to) {
        for (index, (from, to)) in from.iter().zip(to).enumerate() {
            compare_texts(Some(from), Some(to), &at.item(index), found);
        }
        return;
    }
    let (Some(Value::Object(from)), Some(Value::Object(to))) = (from, to) else {
        return;
    };
    let gone = from.iter().filter(|(name, _)| !to.contains_key(*name));
    for (name, _) in to.iter().chain(gone) {
        let (old, new) = (from.get(name), to.get(name));
        let at = at.member(name);
        let is_text = |value: Option<&Value>| value.is_none_or(Value::is_string);
        if TEXTS.contains(&name.as_str()) && is_text(old) && is_text(new) {
            if old != new && !at.to_string().starts_with("/catalogue/") {
                found.add(&at, Meaning::TextChanged, format!("the {name} is another one"));
            }
        } else {
            compare_texts(old, new, &at, found);
        }
    }
}

fn names(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
