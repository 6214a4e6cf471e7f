//! Datasets of key files: which event feeds each, and which key its dimension has.

use std::collections::{HashMap, HashSet};

use millrace_core::definition::SpecKind;

use super::super::cells::{self, Parts, Places};
use super::super::identifier::identifier;
use super::super::place::{Finding, Place};
use super::super::rows::Column;
use super::super::table::{self, Row};
use super::super::{Draft, Made, Order};
use super::{KeyFile, kpi, ready};
use crate::problem::quoted;

/// The types of the columns that filters may name, by event and by dataset.
#[derive(Default)]
pub(super) struct Types {
    events: HashMap<String, HashMap<String, String>>,
    datasets: HashMap<String, HashMap<String, String>>,
}

impl Types {
    /// Keeps the types of an event's columns.
    pub(super) fn add_event(&mut self, name: &str, columns: &[Column]) {
        let typed = columns.iter().map(|column| {
            let declared = column.property.get("type").and_then(|one| one.as_str());
            (column.name.clone(), declared.unwrap_or_default().to_owned())
        });
        self.events.insert(name.to_owned(), typed.collect());
    }

    fn add_dataset(&mut self, file: &KeyFile, row: &Row) {
        let names = table::list(file.cell(row, "dataset_col"));
        let types = table::list(file.cell(row, "dataset_datatype"));
        let typed = names.into_iter().zip(types);
        let typed = typed.map(|(name, declared)| (identifier(name), declared.to_owned()));
        let dataset = identifier(file.cell(row, "dataset_name"));
        self.datasets.insert(dataset, typed.collect());
    }

    /// The columns of what feeds a dataset, if they are known here.
    pub(super) fn of_feed(&self, event: &str, source: Option<&str>) -> Option<&HashMap<String, String>> {
        match source {
            Some(source) => self.datasets.get(source),
            None => self.events.get(event),
        }
    }
}

/// A row of `transformer_dataset_mapping.csv`.
pub(super) struct Mapped {
    pub(super) template: String,
    pub(super) event: String,
    pub(super) dimension: String,
    pub(super) place: Place,
    pub(super) event_place: Place,
}

/// A row of `dataset_keys.csv`, translated or refused.
pub(super) struct Translated {
    name: String,
    place: Place,
    made: Result<Body, Vec<Finding>>,
}

/// What a row says, as far as a body can be made of it.
enum Body {
    /// A dataset that is computed.
    Computed(Box<(Parts, Places)>),
    /// One whose rows come ready.
    Ready(Made),
}

impl Translated {
    /// The column on which it joins a dimension.
    pub(super) fn merge_on(&self, dimension: &str) -> Option<&str> {
        let Ok(Body::Computed(computed)) = &self.made else {
            return None;
        };
        let lookup = computed
            .0
            .lookup
            .as_ref()
            .filter(|lookup| lookup.dimension == dimension)?;
        Some(lookup.merge_on.as_str())
    }
}

/// Reads the rows.
pub(super) fn read(
    datasets: &KeyFile,
    mapping: &KeyFile,
    order: &Order,
    types: &mut Types,
    draft: &mut Draft,
) -> Vec<Translated> {
    let rows: Vec<&Row> = datasets.rows_of(order).collect();
    if let Some(at) = datasets.columns.get("level") {
        let reason = "levels are not taken over: a dataset is read by any attribute of its dimension";
        draft.note(datasets.header.at_column(*at), "not_taken_over", reason);
    }
    rows.iter().for_each(|row| types.add_dataset(datasets, row));
    let names: HashSet<&str> = rows
        .iter()
        .map(|row| datasets.cell(row, "dataset_name"))
        .collect();
    let mapped = read_mapping(mapping, order, &names, draft);
    let translate = |row: &&Row| {
        let written = datasets.cell(row, "dataset_name");
        let made = match mapped.get(written) {
            Some(Err(finding)) => Err(vec![finding.clone()]),
            _ if ready::are_ready(datasets, row) => {
                ready::translate(datasets, row, order, draft).map(Body::Ready)
            }
            Some(Ok(mapped)) => kpi::translate(datasets, row, mapped, types).map(computed),
            None => kpi::refuse_unmapped(datasets, row).map(computed),
        };
        Translated {
            name: identifier(written),
            place: datasets.at(row, "dataset_name"),
            made,
        }
    };
    rows.iter().map(translate).collect()
}

fn computed(parts: (Parts, Places)) -> Body {
    Body::Computed(Box::new(parts))
}

fn read_mapping(
    file: &KeyFile,
    order: &Order,
    datasets: &HashSet<&str>,
    draft: &mut Draft,
) -> HashMap<String, Result<Mapped, Finding>> {
    let mut mapped: HashMap<String, Result<Mapped, Finding>> = HashMap::new();
    for row in file.rows_of(order) {
        let dataset = file.cell(row, "dataset_name").to_owned();
        if !datasets.contains(dataset.as_str()) {
            let reason = format!("no row of dataset_keys.csv is called {}", quoted(&dataset));
            draft.note(file.at(row, "dataset_name"), "not_used", reason);
            continue;
        }
        if !file.cell(row, "scheduler").is_empty() {
            let reason =
                "the schedule is not taken over: a dataset is brought up to date by every file of its event";
            draft.note(file.at(row, "scheduler"), "not_taken_over", reason);
        }
        let read = file.check_width(row).map(|()| Mapped {
            template: file.cell(row, "transformer_template").to_owned(),
            event: file.cell(row, "event_name").to_owned(),
            dimension: file.cell(row, "dimension_name").to_owned(),
            place: row.place.clone(),
            event_place: file.at(row, "event_name"),
        });
        let twice = format!("the dataset {} is mapped twice", quoted(&dataset));
        let made = match mapped.contains_key(&dataset) {
            true => Err(Finding::new(
                file.at(row, "dataset_name"),
                "duplicate_name",
                twice,
            )),
            false => read,
        };
        mapped.insert(dataset, made);
    }
    mapped
}

/// Adds the datasets, each of which joins its dimension on its only key.
pub(super) fn add(rows: Vec<Translated>, keys: &HashMap<String, Vec<String>>, draft: &mut Draft) {
    for row in rows {
        let made = row.made.and_then(|body| match body {
            Body::Ready(made) => Ok(made),
            Body::Computed(computed) => {
                let (parts, places) = *computed;
                check_key(&parts, &places, keys)?;
                Ok(cells::body(&parts, &places))
            }
        });
        draft.add(SpecKind::Dataset, row.name, row.place, made);
    }
}

fn check_key(
    parts: &Parts,
    places: &Places,
    keys: &HashMap<String, Vec<String>>,
) -> Result<(), Vec<Finding>> {
    let Some(lookup) = &parts.lookup else {
        return Ok(());
    };
    match keys.get(&lookup.dimension) {
        Some(key) if *key != [lookup.merge_on.as_str()] => {
            let reason = format!(
                "{} is keyed by {}: rows may share a value of {}, so a join would count twice",
                lookup.dimension,
                key.join(", "),
                quoted(&lookup.merge_on)
            );
            Err(vec![Finding::new(places.merge_on.clone(), "not_the_key", reason)])
        }
        _ => Ok(()),
    }
}
