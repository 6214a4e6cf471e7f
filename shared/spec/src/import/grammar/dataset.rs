//! The datasets that follow from an event's grammar: one by each of its dimensions, and one by each compound that its program wants.

use std::collections::BTreeSet;

use millrace_core::definition::SpecKind;

use super::super::cells::{self, Lookup, Parts, Places};
use super::super::identifier::identifier;
use super::super::place::Finding;
use super::super::{Draft, MAX_IMPORTED, Made};
use super::config::{Config, Program};
use super::dimension::{Dimensions, Joined};
use super::event::{DimensionColumn, Event};

/// What each dataset serves of a metric.
const FUNCTIONS: [&str; 3] = ["sum", "count", "avg"];

/// Derives the datasets of all events.
pub(super) fn derive(events: &[Event], config: &Config, dimensions: &mut Dimensions<'_>, draft: &mut Draft) {
    let mut used = BTreeSet::new();
    for event in events {
        let program = config.program(event.namespace.as_deref());
        let is_wanted = |names: &[&str]| !program.is_some_and(|program| is_unwanted(program, names));
        for column in event
            .dimensions
            .iter()
            .filter(|column| is_wanted(&[&column.dimension]))
        {
            add(event, &[column], dimensions, draft);
        }
        let compounds = program
            .into_iter()
            .flat_map(|program| program.compounds.iter().enumerate());
        for (index, compound) in compounds {
            // Far beyond what is taken; the rest would only cost time.
            if draft.plan.specs.len() > MAX_IMPORTED {
                return;
            }
            let columns: Option<Vec<&DimensionColumn>> = compound
                .dimensions
                .iter()
                .map(|name| column(event, name))
                .collect();
            let names: Vec<&str> = compound.dimensions.iter().map(String::as_str).collect();
            if let Some(columns) = columns.filter(|_| is_wanted(&names)) {
                used.insert((event.namespace.clone(), index));
                add(event, &columns, dimensions, draft);
            }
        }
    }
    note_unused(config, &used, draft);
}

fn column<'a>(event: &'a Event, dimension: &str) -> Option<&'a DimensionColumn> {
    event
        .dimensions
        .iter()
        .find(|column| column.dimension == dimension)
}

fn is_unwanted(program: &Program, names: &[&str]) -> bool {
    let wanted: BTreeSet<&str> = names.iter().copied().collect();
    let mut unwanted = program.unwanted.iter();
    unwanted.any(|names| names.iter().map(String::as_str).collect::<BTreeSet<&str>>() == wanted)
}

fn note_unused(config: &Config, used: &BTreeSet<(Option<String>, usize)>, draft: &mut Draft) {
    for program in &config.programs {
        for (index, compound) in program.compounds.iter().enumerate() {
            if !used.contains(&(Some(program.namespace.clone()), index)) {
                let reason = "no event of the program among the files has all of these dimensions";
                draft.note(compound.place.clone(), "not_used", reason);
            }
        }
    }
}

fn add(event: &Event, columns: &[&DimensionColumn], dimensions: &mut Dimensions<'_>, draft: &mut Draft) {
    let names: Vec<&str> = columns.iter().map(|column| column.dimension.as_str()).collect();
    let names = names.join("_");
    let name = match &event.namespace {
        Some(namespace) => identifier(&format!("{namespace}_{}_by_{names}", event.name)),
        None => identifier(&format!("{}_by_{names}", event.name)),
    };
    let place = columns
        .first()
        .map_or_else(|| event.place.clone(), |column| column.place.clone());
    let made = translate(&name, event, columns, dimensions);
    draft.add(SpecKind::Dataset, name, place, made);
}

fn translate(
    name: &str,
    event: &Event,
    columns: &[&DimensionColumn],
    dimensions: &mut Dimensions<'_>,
) -> Result<Made, Vec<Finding>> {
    let mut joined: Option<(&DimensionColumn, Joined)> = None;
    let mut findings = Vec::new();
    for column in columns {
        match dimensions.join(&column.dimension, &column.key) {
            // A compound looks attributes up where there are most; the first of equals.
            Ok(found) if joined.as_ref().is_none_or(|(_, best)| found.width > best.width) => {
                joined = Some((column, found));
            }
            Ok(_) => {}
            Err((rule, reason)) => {
                let place = match rule {
                    "unknown_dimension" => column.place.clone(),
                    _ => column.key_place.clone(),
                };
                findings.push(Finding::new(place, rule, reason));
            }
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut places = Places::of(&event.place);
    places.columns = event.metric_place.clone();
    places.aggregated = event.metric_place.clone();
    if let Some((column, _)) = &joined {
        places.dimension = column.place.clone();
        places.dimension_columns = column.key_place.clone();
        places.merge_on = column.key_place.clone();
    }
    let lookup = joined.map(|(column, joined)| Lookup {
        dimension: joined.spec,
        columns: vec![column.field.clone()],
        merge_on: column.field.clone(),
    });
    Ok(cells::body(&parts(name, event, columns, lookup), &places))
}

fn parts(name: &str, event: &Event, columns: &[&DimensionColumn], lookup: Option<Lookup>) -> Parts {
    let keys = columns.iter().map(|column| column.field.clone());
    let group_by: Vec<String> = event.time.iter().cloned().chain(keys).collect();
    let mut served: Vec<(String, String)> = group_by
        .iter()
        .map(|field| (field.clone(), "string".to_owned()))
        .collect();
    for metric in &event.metrics {
        served.extend(FUNCTIONS.map(|function| {
            let served_type = if function == "count" { "integer" } else { "number" };
            (format!("{function}_{metric}"), served_type.to_owned())
        }));
    }
    Parts {
        name: name.to_owned(),
        event: Some(event.spec.clone()),
        lookup,
        columns: served,
        group_by,
        functions: FUNCTIONS.map(str::to_owned).to_vec(),
        aggregated: event.metrics.clone(),
        source: None,
        ratio: None,
        update: Vec::new(),
        filter: None,
    }
}
