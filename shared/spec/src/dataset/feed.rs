//! Which event feeds a dataset.

use millrace_core::definition::{DimensionDefinition, EventDefinition};

use super::parts::Parts;
use super::{Catalogue, field};
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The most events that a message lists.
pub const MAX_LISTED_EVENTS: usize = 20;

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
