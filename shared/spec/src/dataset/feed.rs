//! Which event feeds a dataset.

use millrace_core::definition::{DimensionDefinition, EventDefinition};

use super::parts::Parts;
use super::{Catalogue, field};
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The most events that a message lists.
const MAX_LISTED_EVENTS: usize = 20;

/// The event named in the body, else the only one that has all the columns.
pub(super) fn find<'a>(
    parts: &Parts<'_>,
    dimension: Option<&DimensionDefinition>,
    catalogue: &'a Catalogue,
    problems: &mut Problems,
) -> Option<&'a EventDefinition> {
    if let Some(name) = parts.event_name {
        let event = catalogue.event(name);
        if event.is_none() {
            let message = format!("there is no event {}", quoted(name));
            problems.add(&Pointer::of(&["event_name"]), "unknown_event", message);
        }
        return event;
    }
    let needed = needed_columns(parts, dimension);
    let has_all = |event: &&EventDefinition| needed.iter().all(|name| field(&event.fields, name).is_some());
    let fitting: Vec<&EventDefinition> = catalogue.events.iter().filter(has_all).collect();
    if let [only] = fitting[..] {
        return Some(only);
    }
    let message = if fitting.is_empty() {
        let all: Vec<&EventDefinition> = catalogue.events.iter().collect();
        format!(
            "no event has all of {}; there are: {}",
            needed.join(", "),
            names(&all)
        )
    } else {
        format!(
            "name the event that feeds the dataset; these have all the columns: {}",
            names(&fitting)
        )
    };
    problems.add(&Pointer::of(&["event_name"]), "ambiguous_event", message);
    None
}

/// The event's columns: what is aggregated, what is joined on, and what is grouped by and no dimension attribute.
fn needed_columns<'a>(parts: &Parts<'a>, dimension: Option<&DimensionDefinition>) -> Vec<&'a str> {
    let aggregated = parts.aggregated.iter().map(|column| column.name);
    let merge_on = parts.dimension.iter().map(|declared| declared.merge_on.name);
    let of_dimension =
        |name: &str| dimension.is_some_and(|dimension| field(&dimension.fields, name).is_some());
    let grouped = parts.group_by.iter().map(|column| column.name);
    let grouped = grouped.filter(|name| !of_dimension(name));
    let mut needed: Vec<&str> = aggregated.chain(merge_on).chain(grouped).collect();
    needed.sort_unstable();
    needed.dedup();
    needed
}

fn names(events: &[&EventDefinition]) -> String {
    if events.is_empty() {
        return "none".to_owned();
    }
    let listed: Vec<&str> = events
        .iter()
        .map(|event| event.name.as_str())
        .take(MAX_LISTED_EVENTS)
        .collect();
    let more = if events.len() > MAX_LISTED_EVENTS {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", listed.join(", "))
}
