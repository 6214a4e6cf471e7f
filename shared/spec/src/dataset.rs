//! Dataset bodies: a KPI computed from an event or another dataset, with a dimension to look attributes up in; or a table
//! whose rows come ready.

mod borrowed;
mod catalogue;
mod feed;
mod filters;
mod outputs;
mod parts;
mod percentage;
mod rows;

use millrace_core::Name;
use millrace_core::definition::{
    DatasetDefinition, DimensionDefinition, DimensionJoin, EventDefinition, KeyField, SpecKind,
};
use millrace_core::field::{Field, FieldType};
use millrace_core::step::TransformerDefinition;
use serde_json::Value;

use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;
use feed::FeedColumns;
pub use feed::MAX_LISTED_EVENTS;
use parts::{Listed, Parts};

/// What exists when a dataset is checked, as far as [`references`] asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// The events that may feed it.
    pub events: Vec<EventDefinition>,
    /// The transformers whose rows may feed it.
    pub transformers: Vec<TransformerDefinition>,
    /// The datasets that it may be computed from or borrow from.
    pub datasets: Vec<DatasetDefinition>,
    /// The dimensions that it may look up, and those that these datasets look up.
    pub dimensions: Vec<DimensionDefinition>,
    /// Names of events that do not fit, for a message where none does.
    pub other_events: Vec<String>,
}

/// What a dataset's body refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References {
    /// The event that feeds it, where the body names one.
    pub event: Option<String>,
    /// The transformer whose rows feed it, where the body names one.
    pub transformer: Option<String>,
    /// The dataset that it is computed from or borrows from, where the body names one.
    pub dataset: Option<String>,
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

    fn transformer(&self, name: &str) -> Option<&TransformerDefinition> {
        self.transformers
            .iter()
            .find(|transformer| transformer.name.as_str() == name)
    }

    fn dataset(&self, name: &str) -> Option<&DatasetDefinition> {
        self.datasets.iter().find(|dataset| dataset.name.as_str() == name)
    }

    fn dimension(&self, name: &str) -> Option<&DimensionDefinition> {
        self.dimensions
            .iter()
            .find(|dimension| dimension.name.as_str() == name)
    }
}

/// Checks a dataset's body against what exists and compiles it.
///
/// It is fed by the rows of the transformer named by `transformer_name`, else by the event named by `event_name`, else by the dataset named as the columns' `table`, else by the only
/// event that has all the columns. The cells of an event are keyed by the `group_by` columns that are the event's and,
/// where a dimension is declared, by `merge_on_col`. Without `group_by` and `aggregate` its rows come ready.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_dataset(body: &Value, catalogue: &Catalogue) -> Result<DatasetDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Dataset, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    if rows::are_ready(body) {
        let definition = rows::compile(body, &mut problems);
        return problems.refuse(definition);
    }
    rows::check_csv(body, &mut problems);
    let parts = parts::read(body, &mut problems);
    let definition = parts.and_then(|parts| compile(body, &parts, catalogue, &mut problems));
    problems.refuse(definition)
}

fn compile(
    body: &Value,
    parts: &Parts<'_>,
    catalogue: &Catalogue,
    problems: &mut Problems,
) -> Option<DatasetDefinition> {
    let dimension = find_dimension(parts, catalogue, problems);
    let feed = feed::find(parts, dimension, catalogue, problems)?;
    let join = read_join(parts, &feed, dimension, problems);
    let group_by = read_group_by(parts, &feed, dimension, problems);
    let keys = keys(parts, &feed, &group_by, join.as_ref());
    let borrowed = borrowed::read(parts, &feed, &keys, catalogue, problems);
    let filter = filters::read(parts, &feed, problems);
    let made = outputs::read(parts, &feed, &keys, borrowed, &filter, problems);
    let of_kpi = catalogue::read(body, &keys, dimension, problems);
    if !problems.is_empty() {
        return None;
    }
    let is_of_numerator = parts.numerator.is_some();
    Some(DatasetDefinition {
        name: parts.name.clone(),
        feed: feed.feed,
        steps: feed.steps,
        transformer: feed.transformer,
        filter: if is_of_numerator { Vec::new() } else { filter },
        keys,
        measures: made.measures,
        borrowed: made.borrowed,
        outputs: made.outputs,
        join,
        group_by,
        catalogue: of_kpi.map(Box::new),
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
    feed: &FeedColumns,
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
    let Some((name, field_type)) = feed.group(merge_on.name) else {
        problems.add(&merge_on.at, "unknown_column", feed.has_none(merge_on.name));
        return None;
    };
    let other = field(&dimension.fields, merge_on.name);
    if other.is_some_and(|other| other.field_type != *field_type) {
        let message = format!("{} and {} give it different types", feed.name(), dimension.name);
        problems.add(&merge_on.at, "wrong_type", message);
    }
    Some(DimensionJoin {
        dimension: dimension.name.clone(),
        field: name.clone(),
    })
}

fn read_group_by(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    dimension: Option<&DimensionDefinition>,
    problems: &mut Problems,
) -> Vec<Name> {
    let mut columns: Vec<Name> = Vec::with_capacity(parts.group_by.len());
    for listed in &parts.group_by {
        let of_dimension = dimension.and_then(|dimension| field(&dimension.fields, listed.name));
        let of_feed = feed.group(listed.name).map(|(name, _)| name);
        let Some(name) = of_feed.or(of_dimension.map(|field| &field.name)) else {
            problems.add(
                &listed.at,
                "unknown_column",
                unknown_group(listed, feed, dimension),
            );
            continue;
        };
        if columns.contains(name) {
            problems.add(
                &listed.at,
                "duplicate_name",
                format!("{} is there twice", quoted(listed.name)),
            );
            continue;
        }
        columns.push(name.clone());
    }
    columns
}

fn unknown_group(listed: &Listed<'_>, feed: &FeedColumns, dimension: Option<&DimensionDefinition>) -> String {
    let name = quoted(listed.name);
    match dimension {
        Some(dimension) => format!(
            "{name} is a field neither of {} nor of {}",
            feed.name(),
            dimension.name
        ),
        None => format!(
            "{name} is no field of {}, and no dimension is declared",
            feed.name()
        ),
    }
}

/// What cells are kept by: of an event or of ready rows, what is grouped by, joined on and counted distinctly; of a
/// dataset that is computed, all that it is grouped by.
fn keys(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    group_by: &[Name],
    join: Option<&DimensionJoin>,
) -> Vec<KeyField> {
    let key = |(field, field_type): &(Name, FieldType)| KeyField {
        field: field.clone(),
        field_type: *field_type,
    };
    if feed.is_grouped() {
        return feed.groups().iter().map(key).collect();
    }
    let merge_on = join.map(|join| join.field.as_str());
    let wanted = group_by.iter().map(Name::as_str).chain(merge_on);
    let distinct = outputs::distinctly_counted(parts);
    let mut keys: Vec<KeyField> = Vec::new();
    for found in wanted.chain(distinct).filter_map(|name| feed.group(name)) {
        if keys.iter().all(|key| key.field != found.0) {
            keys.push(key(found));
        }
    }
    keys
}
