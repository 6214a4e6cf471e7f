//! Datasets: what their cells keep stays, and what is served may grow.

use millrace_core::Name;
use millrace_core::catalogue::KpiCatalogue;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, Feed, KeyField, Measure, ReadyRows};
use serde_json::Value;

use super::{Difference, Differences, Meaning, compare_rows, names, stored_dimension};
use crate::pointer::Pointer;

/// Where the parts of a dataset stand in its body.
const SET: [&str; 4] = ["input", "properties", "dataset", "properties"];

fn set(members: &[&str]) -> Pointer {
    Pointer::of(&[&SET, members].concat())
}

fn aggregate(members: &[&str]) -> Pointer {
    set(&[&["aggregate", "properties"], members].concat())
}

fn served(name: &Name) -> Pointer {
    set(&["items", "items", "properties", name.as_str()])
}

/// What differs between two versions of a dataset.
#[must_use]
pub fn compare_datasets(from: &DatasetDefinition, to: &DatasetDefinition) -> Vec<Difference> {
    let (from_catalogue, to_catalogue) = (from.catalogue.as_deref(), to.catalogue.as_deref());
    let mut found = Differences::default();
    if let (Some(from), Some(to)) = (from.as_dimension(), to.as_dimension()) {
        compare_rows(&from, &to, &set(&["items", "items"]), &mut found);
        compare_catalogue(from_catalogue, to_catalogue, &mut found);
        return found.0;
    }
    compare_feed(from, to, &mut found);
    compare_cells(from, to, &mut found);
    compare_outputs(from, to, &mut found);
    compare_catalogue(from_catalogue, to_catalogue, &mut found);
    found.0
}

/// A dataset as its new version is kept: columns that are served keep their places, new ones come behind them, wherever the
/// body has them.
#[must_use]
pub fn stored_dataset(from: &DatasetDefinition, mut to: DatasetDefinition) -> DatasetDefinition {
    if let (Some(from), Some(rows)) = (from.as_dimension(), to.as_dimension()) {
        let DimensionDefinition {
            name,
            fields,
            key,
            csv,
        } = stored_dimension(&from, rows);
        return DatasetDefinition::of_rows(name, ReadyRows { fields, key, csv }, to.catalogue);
    }
    let place = |name: &Name| from.outputs.iter().position(|output| output.name == *name);
    to.outputs
        .sort_by_key(|output| place(&output.name).unwrap_or(usize::MAX));
    to
}

fn compare_feed(from: &DatasetDefinition, to: &DatasetDefinition, found: &mut Differences) {
    if from.feed != to.feed {
        let name = |feed: &Feed| match feed {
            Feed::Event(event) => format!("the event {event}"),
            Feed::Dataset(dataset) => format!("the dataset {dataset}"),
            Feed::Rows(_) => "nothing, with rows that come ready".to_owned(),
        };
        let at = match to.feed {
            Feed::Event(_) => Pointer::of(&["event_name"]),
            Feed::Rows(_) => set(&["items"]),
            Feed::Dataset(_) => aggregate(&["columns", "items", "properties", "table"]),
        };
        let message = format!(
            "it was computed from {} and would be from {}",
            name(&from.feed),
            name(&to.feed)
        );
        found.add(&at, Meaning::FeedChanged, message);
    }
    if (&from.transformer, &from.steps) != (&to.transformer, &to.steps) {
        let message = "its rows would be made by another transformer, or by other steps";
        found.add(&Pointer::of(&["transformer_name"]), Meaning::FeedChanged, message);
    }
    if from.filter != to.filter {
        let message = "other rows would count";
        found.add(&aggregate(&["filters"]), Meaning::FeedChanged, message);
    }
    if from.borrowed != to.borrowed {
        let at = aggregate(&["columns", "items", "properties", "table"]);
        let message = "another column would be borrowed from another dataset";
        found.add(&at, Meaning::FeedChanged, message);
    }
    if from.join != to.join {
        let at = Pointer::of(&["input", "properties", "dimensions"]);
        let message = "attributes would be looked up elsewhere, and other rows would wait";
        found.add(&at, Meaning::DimensionChanged, message);
    }
}

fn compare_cells(from: &DatasetDefinition, to: &DatasetDefinition, found: &mut Differences) {
    if from.group_by != to.group_by {
        let message = format!(
            "its view was grouped by {} and would be by {}",
            names(&from.group_by),
            names(&to.group_by)
        );
        found.add(&set(&["group_by"]), Meaning::GroupingChanged, message);
    }
    if from.keys != to.keys {
        let list = |keys: &[KeyField]| names(&keys.iter().map(|key| key.field.clone()).collect::<Vec<_>>());
        let message = format!(
            "cells are kept by {} and would have to be kept by {}",
            list(&from.keys),
            list(&to.keys)
        );
        found.add(&set(&["group_by"]), Meaning::CellsChanged, message);
    }
    if from.measures == to.measures {
        return;
    }
    let at = aggregate(&["columns", "items", "properties", "column"]);
    let missing = to
        .measures
        .iter()
        .find(|measure| !from.measures.contains(measure));
    let message = match missing {
        Some(measure) => needed(measure, from),
        None => "cells would keep less than they do, or in another order".to_owned(),
    };
    found.add(&at, Meaning::CellsChanged, message);
}

/// What cells would need for a measure.
fn needed(measure: &Measure, from: &DatasetDefinition) -> String {
    let field = &measure.field;
    let of_field = |kept: &&Measure| kept.field == *field && kept.filter == measure.filter;
    match from.measures.iter().find(of_field) {
        Some(_) if measure.extremes => format!("cells keep no least and greatest value of {field}"),
        Some(_) => format!("cells keep more of {field}"),
        None if measure.filter.is_empty() => format!("cells keep nothing of {field}"),
        None => format!("cells keep nothing of {field} where the filters hold"),
    }
}

fn compare_outputs(from: &DatasetDefinition, to: &DatasetDefinition, found: &mut Differences) {
    // Formulas point into what cells keep.
    let is_comparable = from.measures == to.measures && from.keys == to.keys;
    for output in &to.outputs {
        let before = from.outputs.iter().find(|before| before.name == output.name);
        match before {
            None => {
                let message = format!("{} is served too", output.name);
                found.add(&served(&output.name), Meaning::OutputAdded, message);
            }
            Some(before) if is_comparable && before.formula != output.formula => {
                let message = format!("{} is computed otherwise", output.name);
                found.add(&served(&output.name), Meaning::OutputChanged, message);
            }
            Some(_) => {}
        }
    }
    for output in &from.outputs {
        if to.outputs.iter().all(|after| after.name != output.name) {
            let message = format!("{} is served no more", output.name);
            found.add(&served(&output.name), Meaning::OutputRemoved, message);
        }
    }
}

fn compare_catalogue(from: Option<&KpiCatalogue>, to: Option<&KpiCatalogue>, found: &mut Differences) {
    let at = Pointer::of(&["catalogue"]);
    let (Some(from), Some(to)) = (from, to) else {
        if from != to {
            let word = if to.is_some() { "new" } else { "gone" };
            found.add(&at, Meaning::CatalogueChanged, format!("the catalogue is {word}"));
        }
        return;
    };
    let written = |catalogue: &KpiCatalogue| serde_json::to_value(catalogue).unwrap_or_default();
    let (from, to) = (written(from), written(to));
    let gone = members(&from).filter(|name| to.get(*name).is_none());
    for name in members(&to)
        .chain(gone)
        .filter(|name| from.get(*name) != to.get(*name))
    {
        let message = format!("the catalogue's {name} is another one");
        found.add(&at.member(name), Meaning::CatalogueChanged, message);
    }
}

fn members(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(serde_json::Map::keys)
}
