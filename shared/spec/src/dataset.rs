//! Dataset bodies: a KPI computed from an event, with a dimension to look attributes up in.

mod feed;
mod outputs;
mod parts;

use millrace_core::Name;
use millrace_core::definition::{
    DatasetDefinition, DimensionDefinition, DimensionJoin, EventDefinition, KeyField, SpecKind,
};
use millrace_core::field::Field;
use serde_json::Value;

use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;
pub use feed::MAX_LISTED_EVENTS;
use parts::{Listed, Parts};

/// What exists when a dataset is checked, as far as [`references`] asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// The events that may feed it.
    pub events: Vec<EventDefinition>,
    /// The dimensions that it may look up.
    pub dimensions: Vec<DimensionDefinition>,
    /// Names of events that do not fit, for a message where none does.
    pub other_events: Vec<String>,
}

/// What a dataset's body refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References {
    /// The event that feeds it, where the body names one.
    pub event: Option<String>,
    /// The dimension that it looks attributes up in.
    pub dimension: Option<String>,
    /// The columns that the event has to have.
    event_columns: Vec<String>,
    /// The columns that the event has to have unless the dimension has them.
    grouped_columns: Vec<String>,
}

impl References {
    /// The columns that the event has to have, beside those that the dimension has.
    #[must_use]
    pub fn columns(&self, dimension: Option<&DimensionDefinition>) -> Vec<&str> {
        let of_dimension =
            |name: &str| dimension.is_some_and(|dimension| field(&dimension.fields, name).is_some());
        let grouped = self.grouped_columns.iter().map(String::as_str);
        let grouped = grouped.filter(|name| !of_dimension(name));
        let mut columns: Vec<&str> = self
            .event_columns
            .iter()
            .map(String::as_str)
            .chain(grouped)
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// What a dataset's body refers to; none when the body breaks its schema, which [`check_dataset`] then tells.
#[must_use]
pub fn references(body: &Value) -> Option<References> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Dataset, body, &mut problems);
    if !problems.is_empty() {
        return None;
    }
    parts::read(body, &mut problems).map(|parts| parts.references())
}

impl Catalogue {
    fn event(&self, name: &str) -> Option<&EventDefinition> {
        self.events.iter().find(|event| event.name.as_str() == name)
    }

    fn dimension(&self, name: &str) -> Option<&DimensionDefinition> {
        self.dimensions
            .iter()
            .find(|dimension| dimension.name.as_str() == name)
    }
}

/// Checks a dataset's body against what exists and compiles it.
///
/// The event is the one named by `event_name`, else the only one that has all the columns. Cells are keyed by the
/// `group_by` columns that are the event's and, where a dimension is declared, by `merge_on_col`.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_dataset(body: &Value, catalogue: &Catalogue) -> Result<DatasetDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Dataset, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    let definition =
        parts::read(body, &mut problems).and_then(|parts| compile(&parts, catalogue, &mut problems));
    problems.refuse(definition)
}

fn compile(parts: &Parts<'_>, catalogue: &Catalogue, problems: &mut Problems) -> Option<DatasetDefinition> {
    let dimension = find_dimension(parts, catalogue, problems);
    let event = feed::find(parts, dimension, catalogue, problems)?;
    let join = read_join(parts, event, dimension, problems);
    let group_by = read_group_by(parts, event, dimension, problems);
    let made = outputs::read(parts, event, problems);
    if !problems.is_empty() {
        return None;
    }
    Some(DatasetDefinition {
        name: parts.name.clone(),
        event: event.name.clone(),
        keys: keys(event, &group_by, join.as_ref()),
        measures: made.measures,
        outputs: made.outputs,
        join,
        group_by,
    })
}

fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name.as_str() == name)
}

fn find_dimension<'a>(
    parts: &Parts<'_>,
    catalogue: &'a Catalogue,
    problems: &mut Problems,
) -> Option<&'a DimensionDefinition> {
    let declared = parts.dimension.as_ref()?;
    let found = catalogue.dimension(declared.table.name);
    let Some(dimension) = found else {
        let message = format!("there is no dimension {}", quoted(declared.table.name));
        problems.add(&declared.table.at, "unknown_dimension", message);
        return None;
    };
    for column in &declared.columns {
        if field(&dimension.fields, column.name).is_none() {
            let message = format!(
                "the dimension {} has no field {}",
                dimension.name,
                quoted(column.name)
            );
            problems.add(&column.at, "unknown_column", message);
        }
    }
    Some(dimension)
}

fn read_join(
    parts: &Parts<'_>,
    event: &EventDefinition,
    dimension: Option<&DimensionDefinition>,
    problems: &mut Problems,
) -> Option<DimensionJoin> {
    let merge_on = &parts.dimension.as_ref()?.merge_on;
    let dimension = dimension?;
    let key_matches = matches!(&dimension.key[..], [only] if only.as_str() == merge_on.name);
    if !key_matches {
        let key: Vec<&str> = dimension.key.iter().map(Name::as_str).collect();
        let message = format!(
            "must be the only key field of {}, which is keyed by {}",
            dimension.name,
            key.join(", ")
        );
        problems.add(&merge_on.at, "not_the_key", message);
    }
    let Some(event_field) = field(&event.fields, merge_on.name) else {
        let message = format!("the event {} has no field {}", event.name, quoted(merge_on.name));
        problems.add(&merge_on.at, "unknown_column", message);
        return None;
    };
    let other = field(&dimension.fields, merge_on.name);
    if other.is_some_and(|other| other.field_type != event_field.field_type) {
        let message = format!("{} and {} give it different types", event.name, dimension.name);
        problems.add(&merge_on.at, "wrong_type", message);
    }
    Some(DimensionJoin {
        dimension: dimension.name.clone(),
        field: event_field.name.clone(),
    })
}

fn read_group_by(
    parts: &Parts<'_>,
    event: &EventDefinition,
    dimension: Option<&DimensionDefinition>,
    problems: &mut Problems,
) -> Vec<Name> {
    let mut columns: Vec<Name> = Vec::with_capacity(parts.group_by.len());
    for listed in &parts.group_by {
        let of_dimension = dimension.and_then(|dimension| field(&dimension.fields, listed.name));
        let Some(found) = field(&event.fields, listed.name).or(of_dimension) else {
            problems.add(
                &listed.at,
                "unknown_column",
                unknown_group(listed, event, dimension),
            );
            continue;
        };
        if columns.contains(&found.name) {
            problems.add(
                &listed.at,
                "duplicate_name",
                format!("{} is there twice", quoted(listed.name)),
            );
            continue;
        }
        columns.push(found.name.clone());
    }
    columns
}

fn unknown_group(
    listed: &Listed<'_>,
    event: &EventDefinition,
    dimension: Option<&DimensionDefinition>,
) -> String {
    let name = quoted(listed.name);
    match dimension {
        Some(dimension) => format!(
            "{name} is a field neither of {} nor of {}",
            event.name, dimension.name
        ),
        None => format!(
            "{name} is no field of {}, and no dimension is declared",
            event.name
        ),
    }
}

fn keys(event: &EventDefinition, group_by: &[Name], join: Option<&DimensionJoin>) -> Vec<KeyField> {
    let merge_on = join
        .map(|join| &join.field)
        .filter(|merge_on| !group_by.contains(merge_on));
    let wanted = group_by.iter().chain(merge_on);
    let fields = wanted.filter_map(|name| field(&event.fields, name.as_str()));
    fields
        .map(|field| KeyField {
            field: field.name.clone(),
            field_type: field.field_type,
        })
        .collect()
}
