//! What feeds a dataset: an event, or another dataset.

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, EventDefinition, Feed};
use millrace_core::field::FieldType;
use millrace_core::step::{Step, TransformerDefinition};

use super::parts::Parts;
use super::{Catalogue, field};
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The most events that a message lists.
pub const MAX_LISTED_EVENTS: usize = 20;

/// A feed and its columns.
pub(super) struct FeedColumns {
    pub(super) feed: Feed,
    /// What the columns are of: the event, the dataset or the transformer.
    name: Name,
    pub(super) transformer: Option<Name>,
    pub(super) steps: Vec<Step>,
    groups: Vec<(Name, FieldType)>,
    outputs: Vec<(Name, FieldType)>,
    /// Whether what is fed in was grouped before: the groups of a dataset that is computed.
    is_grouped: bool,
}

impl FeedColumns {
    fn of_event(event: &EventDefinition) -> Self {
        let fields = event.fields.iter();
        Self {
            feed: Feed::Event(event.name.clone()),
            name: event.name.clone(),
            transformer: None,
            steps: Vec::new(),
            groups: fields
                .map(|field| (field.name.clone(), field.field_type))
                .collect(),
            outputs: Vec::new(),
            is_grouped: false,
        }
    }

    fn of_transformer(transformer: &TransformerDefinition) -> Self {
        Self {
            feed: Feed::Event(transformer.event.clone()),
            name: transformer.name.clone(),
            transformer: Some(transformer.name.clone()),
            steps: transformer.steps.clone(),
            groups: transformer.columns.clone(),
            outputs: Vec::new(),
            is_grouped: false,
        }
    }

    fn of_dataset(dataset: &DatasetDefinition, catalogue: &Catalogue) -> Self {
        Self {
            feed: Feed::Dataset(dataset.name.clone()),
            name: dataset.name.clone(),
            transformer: None,
            steps: Vec::new(),
            groups: groups(dataset, catalogue),
            outputs: outputs(dataset),
            is_grouped: dataset.rows().is_none(),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it is a dataset.
    pub(super) fn is_dataset(&self) -> bool {
        matches!(self.feed, Feed::Dataset(_))
    }

    /// Whether its rows are groups already.
    pub(super) fn is_grouped(&self) -> bool {
        self.is_grouped
    }

    /// The columns that can be grouped by: the event's fields, or what the dataset is grouped by.
    pub(super) fn groups(&self) -> &[(Name, FieldType)] {
        &self.groups
    }

    /// A column that can be grouped by.
    pub(super) fn group(&self, name: &str) -> Option<&(Name, FieldType)> {
        self.groups.iter().find(|(column, _)| column.as_str() == name)
    }

    /// Any column.
    pub(super) fn column(&self, name: &str) -> Option<&(Name, FieldType)> {
        let mut columns = self.groups.iter().chain(&self.outputs);
        columns.find(|(column, _)| column.as_str() == name)
    }

    /// That there is no such column.
    pub(super) fn has_none(&self, column: &str) -> String {
        if let Some(transformer) = &self.transformer {
            let column = quoted(column);
            return format!("the rows of the transformer {transformer} have no column {column}");
        }
        let (name, column) = (&self.name, quoted(column));
        match self.is_dataset() {
            true => format!("the dataset {name} has no column {column}"),
            false => format!("the event {name} has no field {column}"),
        }
    }
}

/// What a dataset's own view is grouped by, with types; the dimensions' are looked up.
pub(super) fn groups(dataset: &DatasetDefinition, catalogue: &Catalogue) -> Vec<(Name, FieldType)> {
    let dimension = dataset
        .join
        .as_ref()
        .and_then(|join| catalogue.dimension(join.dimension.as_str()));
    let typed = |name: &Name| {
        let key = dataset.keys.iter().find(|key| &key.field == name);
        let attribute = dimension.and_then(|dimension| field(&dimension.fields, name.as_str()));
        let field_type = key
            .map(|key| key.field_type)
            .or(attribute.map(|field| field.field_type));
        field_type.map(|field_type| (name.clone(), field_type))
    };
    dataset.group_by.iter().filter_map(typed).collect()
}

fn outputs(dataset: &DatasetDefinition) -> Vec<(Name, FieldType)> {
    let outputs = dataset.outputs.iter();
    outputs
        .map(|output| (output.name.clone(), dataset.output_type(&output.formula)))
        .collect()
}

/// The transformer, the event or the dataset that the body names, else the only event that has all the columns.
pub(super) fn find(
    parts: &Parts<'_>,
    dimension: Option<&DimensionDefinition>,
    catalogue: &Catalogue,
    problems: &mut Problems,
) -> Option<FeedColumns> {
    if let Some(name) = parts.transformer_name {
        let at = Pointer::of(&["transformer_name"]);
        let Some(transformer) = catalogue.transformer(name) else {
            let message = format!("there is no transformer {}", quoted(name));
            problems.add(&at, "unknown_transformer", message);
            return None;
        };
        if parts
            .event_name
            .is_some_and(|event| event != transformer.event.as_str())
        {
            let message = format!("{} takes the rows of {}", transformer.name, transformer.event);
            problems.add(&Pointer::of(&["event_name"]), "wrong_value", message);
        }
        return Some(FeedColumns::of_transformer(transformer));
    }
    match (parts.event_name, &parts.dataset) {
        (Some(name), _) => {
            let event = catalogue.event(name);
            if event.is_none() {
                let message = format!("there is no event {}", quoted(name));
                problems.add(&Pointer::of(&["event_name"]), "unknown_event", message);
            }
            event.map(FeedColumns::of_event)
        }
        (None, Some(listed)) => {
            let dataset = catalogue.dataset(listed.name);
            if dataset.is_none() {
                let message = format!("there is no dataset {}", quoted(listed.name));
                problems.add(&listed.at, "unknown_dataset", message);
            }
            dataset.map(|dataset| FeedColumns::of_dataset(dataset, catalogue))
        }
        (None, None) => find_event(parts, dimension, catalogue, problems).map(FeedColumns::of_event),
    }
}

fn find_event<'a>(
    parts: &Parts<'_>,
    dimension: Option<&DimensionDefinition>,
    catalogue: &'a Catalogue,
    problems: &mut Problems,
) -> Option<&'a EventDefinition> {
    let references = parts.references();
    let needed = references.columns(dimension);
    let has_all = |event: &&EventDefinition| needed.iter().all(|name| field(&event.fields, name).is_some());
    let fitting: Vec<&EventDefinition> = catalogue.events.iter().filter(has_all).collect();
    if let [only] = fitting[..] {
        return Some(only);
    }
    let message = if fitting.is_empty() {
        let events = catalogue.events.iter().map(|event| event.name.as_str());
        let all = events.chain(catalogue.other_events.iter().map(String::as_str));
        format!(
            "no event has all of {}; there are: {}",
            needed.join(", "),
            names(all)
        )
    } else {
        let fitting = fitting.iter().map(|event| event.name.as_str());
        format!(
            "name the event that feeds the dataset; these have all the columns: {}",
            names(fitting)
        )
    };
    problems.add(&Pointer::of(&["event_name"]), "ambiguous_event", message);
    None
}

fn names<'a>(events: impl Iterator<Item = &'a str>) -> String {
    let listed: Vec<&str> = events.take(MAX_LISTED_EVENTS + 1).collect();
    match listed.len() {
        0 => "none".to_owned(),
        1..=MAX_LISTED_EVENTS => listed.join(", "),
        _ => format!("{}, …", listed[..MAX_LISTED_EVENTS].join(", ")),
    }
}
