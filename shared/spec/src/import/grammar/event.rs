//! Event grammars: dimensions, their key columns, types, headers, and what each column is.

use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;

use super::super::identifier::{identifier, identifier_within, prefixed};
use super::super::place::{Finding, Place};
use super::super::rows::{self, Column};
use super::super::table::Row;
use super::super::{Draft, Made, Order, SourceFile};
use crate::problem::quoted;

/// How the engine writes days, whatever the order says of other files.
const DATE_FORMAT: DateFormat = DateFormat::DayMonthShortYearSlash;

/// A metric's name leaves room for the longest function before it, `count_`.
const MAX_METRIC_BYTES: usize = Name::MAX_BYTES - 6;

/// An event, as far as datasets are made from it.
pub(super) struct Event {
    /// The event's own name.
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    /// The spec's name.
    pub(super) spec: String,
    /// The field that says when.
    pub(super) time: Option<String>,
    /// The columns that name a dimension's row; none where the grammar was refused.
    pub(super) dimensions: Vec<DimensionColumn>,
    /// The fields to add up.
    pub(super) metrics: Vec<String>,
    /// The file.
    pub(super) place: Place,
    /// The cell of the first metric's header.
    pub(super) metric_place: Place,
}

/// A column that names a dimension's row.
#[derive(Clone)]
pub(super) struct DimensionColumn {
    /// The dimension, as the grammar calls it.
    pub(super) dimension: String,
    /// The dimension's column, as the grammar calls it.
    pub(super) key: String,
    /// The event's field.
    pub(super) field: String,
    /// Where the dimension is named.
    pub(super) place: Place,
    /// Where the dimension's column is named.
    pub(super) key_place: Place,
}

/// The five rows.
struct Grammar<'a> {
    dimensions: &'a Row,
    keys: &'a Row,
    types: &'a Row,
    headers: &'a Row,
    roles: &'a Row,
}

/// Reads a grammar.
pub(super) fn read(
    name: &str,
    namespace: Option<String>,
    file: &SourceFile,
    order: &Order,
    draft: &mut Draft,
) -> (Event, Result<Made, Vec<Finding>>) {
    let whole = Place::of_file(&file.name);
    let full = namespace
        .as_ref()
        .map_or_else(|| name.to_owned(), |namespace| format!("{namespace}_{name}"));
    let mut event = Event {
        name: name.to_owned(),
        namespace,
        spec: prefixed("event_", &full),
        time: None,
        dimensions: Vec::new(),
        metrics: Vec::new(),
        metric_place: whole.clone(),
        place: whole,
    };
    let made = translate(&mut event, file, order, draft);
    if made.is_err() {
        event.dimensions.clear();
    }
    (event, made)
}

fn translate(
    event: &mut Event,
    file: &SourceFile,
    order: &Order,
    draft: &mut Draft,
) -> Result<Made, Vec<Finding>> {
    let rows = super::rows(file, 5, "an event's grammar").map_err(|finding| vec![finding])?;
    let grammar = Grammar {
        dimensions: &rows[0],
        keys: &rows[1],
        types: &rows[2],
        headers: &rows[3],
        roles: &rows[4],
    };
    draft.headers.extend(grammar.headers.cells.iter().cloned());
    let mut columns = Vec::new();
    let mut findings = Vec::new();
    for at in 0..grammar.headers.cells.len() {
        match column(&grammar, at, order, event) {
            Ok(column) => columns.push(column),
            Err(finding) => findings.push(finding),
        }
    }
    if event.metrics.is_empty() && findings.is_empty() {
        let reason = "no column is a metric, so there is nothing to count";
        findings.push(Finding::new(grammar.roles.place.clone(), "no_metric", reason));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    rows::body(SpecKind::Event, &event.spec, &columns, &[], &event.place)
}

fn column(grammar: &Grammar<'_>, at: usize, order: &Order, event: &mut Event) -> Result<Column, Finding> {
    let header = grammar.headers.cell(at);
    let role = grammar.roles.cell(at);
    let is_dimension = role == "dimension";
    for (row, what) in [
        (grammar.dimensions, "dimension"),
        (grammar.keys, "column of a dimension"),
    ] {
        let is_named = !row.cell(at).is_empty();
        if is_named != is_dimension && ["timeDimension", "dimension", "metric"].contains(&role) {
            let reason = match is_named {
                true => format!("{} is a {role}, and names a {what}", quoted(header)),
                false => format!("{} is a dimension, and names no {what}", quoted(header)),
            };
            return Err(Finding::new(row.at(at), "wrong_dimension", reason));
        }
    }
    match role {
        "timeDimension" => time(grammar, at, order, event),
        "dimension" => dimension(grammar, at, order, event),
        "metric" => metric(grammar, at, order, event),
        other => {
            let reason = format!("{} is none of timeDimension, dimension, metric", quoted(other));
            Err(Finding::new(grammar.roles.at(at), "unknown_role", reason))
        }
    }
}

/// The column of a type; where the type is what is wrong, its cell is the place.
fn typed(grammar: &Grammar<'_>, at: usize, word: &str, order: &Order) -> Result<Column, Finding> {
    let made = Column::new(grammar.headers.cell(at), word, &grammar.headers.at(at), order);
    made.map_err(|mut finding| {
        if finding.rule == "unknown_type" {
            finding.place = grammar.types.at(at);
        }
        finding
    })
}

fn time(grammar: &Grammar<'_>, at: usize, order: &Order, event: &mut Event) -> Result<Column, Finding> {
    if at > 0 {
        let reason = "the time dimension has to be the first column";
        return Err(Finding::new(grammar.roles.at(at), "not_the_first", reason));
    }
    let word = grammar.types.cell(at);
    if word != "date" {
        let reason = format!("the time dimension has the type date, not {}", quoted(word));
        return Err(Finding::new(grammar.types.at(at), "wrong_type", reason));
    }
    let mut column = typed(grammar, at, word, order)?.required();
    let format = order.dates.get(grammar.headers.cell(at)).copied();
    rows::write_date(&mut column.property, format.unwrap_or(DATE_FORMAT));
    event.time = Some(column.name.clone());
    Ok(column)
}

/// The field is called as the dimension's column, since both sides of a join have one name. It may be empty: the row still counts
/// by the other dimensions, and waits in the dataset by this one.
fn dimension(grammar: &Grammar<'_>, at: usize, order: &Order, event: &mut Event) -> Result<Column, Finding> {
    let mut column = typed(grammar, at, grammar.types.cell(at), order)?;
    let key = grammar.keys.cell(at);
    column.name = identifier(key);
    event.dimensions.push(DimensionColumn {
        dimension: grammar.dimensions.cell(at).to_owned(),
        key: key.to_owned(),
        field: column.name.clone(),
        place: grammar.dimensions.at(at),
        key_place: grammar.keys.at(at),
    });
    Ok(column)
}

/// A metric is an exact number whatever type is declared: the engine reads all with `parseInt`, and grammars say integer of 46.3
/// and string of counts.
fn metric(grammar: &Grammar<'_>, at: usize, order: &Order, event: &mut Event) -> Result<Column, Finding> {
    let word = grammar.types.cell(at);
    if !["integer", "number", "float", "string"].contains(&word) {
        let reason = format!(
            "a metric has the type integer, number or string, not {}",
            quoted(word)
        );
        return Err(Finding::new(grammar.types.at(at), "wrong_type", reason));
    }
    let mut column = typed(grammar, at, "number", order)?.required();
    column.name = identifier_within(&column.header, MAX_METRIC_BYTES);
    if event.metrics.is_empty() {
        event.metric_place = grammar.headers.at(at);
    }
    event.metrics.push(column.name.clone());
    Ok(column)
}
