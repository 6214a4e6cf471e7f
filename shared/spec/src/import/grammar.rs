//! CSV grammars: dimensions of three rows, events of five, and the `config.json` of their programs.
//!
//! What the engine makes a table of for each dimension and each grain is one dataset here: grains are made as it is read.

mod config;
mod dataset;
mod dimension;
mod event;

use std::collections::BTreeSet;

use millrace_core::definition::{DimensionDefinition, SpecKind};

use super::place::{Finding, Place};
use super::table::{self, Row};
use super::{Draft, Order, SourceFile};
use config::Config;
use dimension::Dimensions;
use event::Event;

/// How the names of files end, after the entity's name.
const DIMENSION_END: &str = "-dimension.grammar.csv";
const EVENT_END: &str = "-event.grammar.csv";
const DATA_END: &str = ".data.csv";
const CONFIG: &str = "config.json";

/// What a file is, by its name.
enum Role<'a> {
    Dimension(&'a str),
    Event(&'a str),
    Config,
    Data,
    Unknown,
}

fn role(file: &SourceFile) -> Role<'_> {
    let base = file.base();
    if base == CONFIG {
        return Role::Config;
    }
    if base.ends_with(DATA_END) {
        return Role::Data;
    }
    if let Some(name) = base.strip_suffix(DIMENSION_END).filter(|name| !name.is_empty()) {
        return Role::Dimension(name);
    }
    match base.strip_suffix(EVENT_END).filter(|name| !name.is_empty()) {
        Some(name) => Role::Event(name),
        None => Role::Unknown,
    }
}

/// The dimensions that events name, as they are called here.
pub(super) fn wanted_dimensions(order: &Order) -> Vec<String> {
    let mut names = BTreeSet::new();
    for file in order
        .files
        .iter()
        .filter(|file| matches!(role(file), Role::Event(_)))
    {
        let Ok(rows) = table::read(file) else { continue };
        let [dimensions, keys, ..] = &rows[..] else {
            continue;
        };
        for (dimension, key) in dimensions.cells.iter().zip(&keys.cells) {
            if !dimension.is_empty() {
                names.insert(dimension::name(dimension));
                names.insert(dimension::name_by(dimension, key));
            }
        }
    }
    names.into_iter().collect()
}

/// Reads grammars.
pub(super) fn read(
    order: &Order,
    known: &[DimensionDefinition],
    draft: &mut Draft,
) -> Result<(), Vec<Finding>> {
    let config = read_config(order, draft)?;
    let mut dimensions = Dimensions::new(known);
    for file in &order.files {
        let whole = Place::of_file(&file.name);
        match role(file) {
            Role::Dimension(name) => dimensions.read(name, file, order, draft),
            Role::Data => draft.note(
                whole,
                "not_a_grammar",
                "holds data: send it as a file of its spec",
            ),
            Role::Unknown => {
                let reason = format!(
                    "the name ends neither in {DIMENSION_END} nor in {EVENT_END}, and is not {CONFIG}"
                );
                draft.refuse_file(file, Finding::new(whole, "unknown_file", reason));
            }
            Role::Event(_) | Role::Config => {}
        }
    }
    let mut events = Vec::new();
    for file in &order.files {
        let Role::Event(name) = role(file) else { continue };
        match config.namespace(file, order) {
            Ok(namespace) => {
                let (event, made) = event::read(name, namespace, file, order, draft);
                draft.add(
                    SpecKind::Event,
                    event.spec.clone(),
                    Place::of_file(&file.name),
                    made,
                );
                events.push(event);
            }
            Err(finding) => draft.refuse_file(file, finding),
        }
    }
    let events: Vec<Event> = events
        .into_iter()
        .filter(|event| !event.dimensions.is_empty())
        .collect();
    dataset::derive(&events, &config, &mut dimensions, draft);
    dimensions.add_keyed_otherwise(draft);
    Ok(())
}

fn read_config(order: &Order, draft: &mut Draft) -> Result<Config, Vec<Finding>> {
    let mut files = order
        .files
        .iter()
        .filter(|file| matches!(role(file), Role::Config));
    let (first, second) = (files.next(), files.next());
    if let Some(second) = second {
        let reason = format!("there is more than one {CONFIG}");
        return Err(vec![Finding::new(
            Place::of_file(&second.name),
            "duplicate_name",
            reason,
        )]);
    }
    first.map_or_else(|| Ok(Config::default()), |file| Config::read(file, draft))
}

/// The rows of a grammar, exactly as many as it has to have.
///
/// A line without any text is a row too, of one empty cell, unless only such lines follow.
fn rows(file: &SourceFile, count: usize, what: &str) -> Result<Vec<Row>, Finding> {
    let whole = Place::of_file(&file.name);
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for row in table::read(file)? {
        let behind = rows.last().map_or(1, |row| row.next_line);
        // One more than there may be is told as well as a thousand.
        for line in (behind..row.line).take(count + 1) {
            rows.push(Row {
                line,
                next_line: line + 1,
                cells: vec![String::new()],
                place: whole.at_line(line),
            });
        }
        rows.push(row);
    }
    while rows.len() > count && rows.last().is_some_and(Row::is_blank) {
        rows.pop();
    }
    if rows.len() != count {
        let reason = format!("{what} has {count} rows, this one has {}", rows.len());
        return Err(Finding::new(whole, "wrong_row_count", reason));
    }
    let width = rows
        .last()
        .map_or(0, |row| row.cells.len())
        .max(rows[0].cells.len());
    match rows.iter().find(|row| row.cells.len() != width) {
        Some(row) => {
            let reason = format!("the row has {} cells, another one has {width}", row.cells.len());
            Err(Finding::new(row.place.clone(), "ragged", reason))
        }
        None => Ok(rows),
    }
}
