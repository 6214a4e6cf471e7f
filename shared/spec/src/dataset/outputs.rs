//! What a dataset serves: measures, and the outputs made from them.

use std::collections::HashMap;

use millrace_core::Name;
use millrace_core::condition::Condition;
use millrace_core::definition::{BorrowedColumn, DatasetDefinition, Formula, KeyField, Measure, Output};
use millrace_core::field::FieldType;
use serde_json::Value;

use super::feed::FeedColumns;
use super::parts::{Listed, Parts};
use super::percentage;
use crate::problem::{Problems, quoted};

/// The function that counts distinct values.
const DISTINCT_COUNT: &str = "distinct_count";

/// Bytes that a measure takes of a row at most: its count and its sum; with least and greatest value as well.
const SUM_BYTES: usize = 8 + 24;
const EXTREMES_BYTES: usize = 8 + 3 * 24;
/// Bytes of a row that are left for the measures: PostgreSQL's 8 KiB less keys and bookkeeping.
const MAX_WIDTH_BYTES: usize = 7_200;

/// Measures and outputs of a dataset.
#[derive(Default)]
pub(super) struct Made {
    pub(super) measures: Vec<Measure>,
    pub(super) borrowed: Option<BorrowedColumn>,
    pub(super) outputs: Vec<Output>,
}

/// The outputs that there may be, by name.
pub(super) type Possible = HashMap<String, Formula>;

/// Reads the aggregate: `<function>_<column>` for each function and column, and the percentage where one is declared.
/// The served ones are those among the properties, in their order.
pub(super) fn read(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    keys: &[KeyField],
    borrowed: Option<BorrowedColumn>,
    filter: &[Condition],
    problems: &mut Problems,
) -> Made {
    let mut made = Made {
        measures: read_measures(parts, feed, borrowed.as_ref(), problems),
        borrowed,
        outputs: Vec::new(),
    };
    let mut possible = simple_outputs(parts, &made.measures);
    read_distinct_counts(parts, feed, keys, &mut possible, problems);
    percentage::read(parts, filter, &mut made, &mut possible, problems);
    read_served(parts, &possible, &mut made, problems);
    check_update(parts, &made, problems);
    mark_extremes(&mut made);
    check_width(parts, &made, problems);
    made
}

/// The columns whose distinct values are counted in a served output.
pub(super) fn distinctly_counted<'a>(parts: &'a Parts<'_>) -> impl Iterator<Item = &'a str> {
    let is_asked = parts
        .functions
        .iter()
        .any(|function| function.name == DISTINCT_COUNT);
    let columns = parts.aggregated.iter().filter(move |_| is_asked);
    let columns = columns.filter(|column| parts.columns.contains_key(&distinct_name(column.name)));
    columns.map(|column| column.name)
}

fn distinct_name(column: &str) -> String {
    format!("{DISTINCT_COUNT}_{column}")
}

fn read_distinct_counts(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    keys: &[KeyField],
    possible: &mut Possible,
    problems: &mut Problems,
) {
    for name in distinctly_counted(parts) {
        let key = keys.iter().position(|key| key.field.as_str() == name);
        match key {
            Some(key) => drop(possible.insert(distinct_name(name), Formula::DistinctCount { key })),
            // Of an event, every column that is there has become a key.
            None if feed.is_dataset() => {
                let at = parts.columns_at.member(&distinct_name(name));
                let message = format!("{} is not grouped by {}", feed.name(), quoted(name));
                problems.add(&at, "not_a_group", message);
            }
            None => {}
        }
    }
}

/// All cells of a dataset fit a row of its table, however large their figures are.
fn check_width(parts: &Parts<'_>, made: &Made, problems: &mut Problems) {
    let mut width_bytes = 0;
    let too_wide = made.measures.iter().position(|measure| {
        width_bytes += if measure.extremes {
            EXTREMES_BYTES
        } else {
            SUM_BYTES
        };
        width_bytes > MAX_WIDTH_BYTES
    });
    // Each aggregated column that is good is one measure, so this is the column's place unless another was refused; the
    // numerator's is one more.
    let last = parts.aggregated.last();
    if let Some(column) = too_wide.and_then(|at| parts.aggregated.get(at).or(last)) {
        let message = format!(
            "is too much for a row: a column takes {SUM_BYTES} bytes, or {EXTREMES_BYTES} where its min or max is served, \
             and there are {MAX_WIDTH_BYTES}"
        );
        problems.add(&column.at, "out_of_limits", message);
    }
}

/// Of the feed's columns; one that is borrowed may be listed with them.
fn read_measures(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    borrowed: Option<&BorrowedColumn>,
    problems: &mut Problems,
) -> Vec<Measure> {
    let is_borrowed = |name: &str| borrowed.is_some_and(|borrowed| borrowed.column.as_str() == name);
    let is_counted = |function: &Listed<'_>| matches!(function.name, "count" | DISTINCT_COUNT);
    let is_ordered = |function: &Listed<'_>| is_counted(function) || matches!(function.name, "min" | "max");
    let only_counts = parts.functions.iter().all(is_counted);
    let has_order = parts.functions.iter().any(is_ordered);
    let mut measures = Vec::with_capacity(parts.aggregated.len());
    for column in &parts.aggregated {
        let Some((name, field_type)) = feed.column(column.name) else {
            if is_borrowed(column.name) {
                continue;
            }
            problems.add(&column.at, "unknown_column", feed.has_none(column.name));
            continue;
        };
        let fits = match field_type {
            FieldType::Integer | FieldType::Decimal => true,
            FieldType::Date | FieldType::Timestamp => has_order,
            FieldType::Text | FieldType::Boolean => only_counts,
        };
        if !fits {
            let message = format!("{name} of {} is not a number", feed.name());
            problems.add(&column.at, "not_numeric", message);
            continue;
        }
        measures.push(Measure {
            field: name.clone(),
            field_type: *field_type,
            extremes: false,
            filter: Vec::new(),
        });
    }
    measures
}

fn simple_outputs(parts: &Parts<'_>, measures: &[Measure]) -> Possible {
    let mut outputs = Possible::new();
    for (measure, declared) in measures.iter().enumerate() {
        let is_numeric = declared.field_type.is_numeric();
        for function in &parts.functions {
            let formula = match function.name {
                // Of a day or an instant there is no sum.
                "sum" | "avg" if !is_numeric => continue,
                "sum" => Formula::Sum { measure },
                "count" => Formula::Count { measure },
                "min" => Formula::Min { measure },
                "max" => Formula::Max { measure },
                "avg" => Formula::Avg { measure },
                _ => continue,
            };
            outputs.insert(format!("{}_{}", function.name, declared.field), formula);
        }
    }
    outputs
}

fn read_served(parts: &Parts<'_>, possible: &Possible, made: &mut Made, problems: &mut Problems) {
    let mut spellings: HashMap<String, &str> = HashMap::new();
    for (name, column) in parts.columns {
        let at = parts.columns_at.member(name);
        if let Some(other) = spellings.insert(name.to_ascii_lowercase(), name) {
            let message = format!("differs from the column {other:?} only in case");
            problems.add(&at, "duplicate_name", message);
        }
        if parts.group_by.iter().any(|group| group.name == name) {
            continue;
        }
        let (Some(formula), Ok(output)) = (possible.get(name), Name::parse(name)) else {
            let message = format!(
                "{} is neither a group_by column nor an output of the aggregate",
                quoted(name)
            );
            problems.add(&at, "unknown_output", message);
            continue;
        };
        if let Some((member, message)) = type_message(type_of(formula, made), column) {
            problems.add(&at.member(member), "wrong_type", message);
        }
        made.outputs.push(Output {
            name: output,
            formula: formula.clone(),
        });
    }
    if made.outputs.is_empty() && problems.is_empty() {
        problems.add(
            &parts.columns_at,
            "no_outputs",
            "none of the columns is an output of the aggregate",
        );
    }
}

fn type_of(formula: &Formula, made: &Made) -> FieldType {
    DatasetDefinition::type_of(formula, &made.measures, made.borrowed.as_ref())
}

/// Which member of a served column says something else than the values are, and what it must be.
fn type_message(field_type: FieldType, column: &Value) -> Option<(&'static str, &'static str)> {
    let text = |member: &str| column.get(member).and_then(Value::as_str);
    let declared = text("type").unwrap_or_default();
    let format = match field_type {
        FieldType::Date => Some("date"),
        FieldType::Timestamp => Some("date-time"),
        FieldType::Text | FieldType::Integer | FieldType::Decimal | FieldType::Boolean => None,
    };
    match (format, declared) {
        (Some(_), "string") if text("format").is_none_or(|written| Some(written) == format) => None,
        (Some(_), "string") => Some(("format", "must be that of the column whose values they are")),
        (Some(_), _) => Some(("type", "must be \"string\": the values are days or instants")),
        (None, "number") => None,
        (None, "integer") if field_type == FieldType::Integer => None,
        (None, "integer") => Some(("type", "must be \"number\": the values have decimal places")),
        (None, _) => Some(("type", "must be \"integer\" or \"number\"")),
    }
}

fn check_update(parts: &Parts<'_>, made: &Made, problems: &mut Problems) {
    let is_served = |listed: &&Listed<'_>| {
        made.outputs
            .iter()
            .any(|output| output.name.as_str() == listed.name)
    };
    for listed in parts.update.iter().filter(|listed| !is_served(listed)) {
        let message = format!("{} is not an output among the columns", quoted(listed.name));
        problems.add(&listed.at, "unknown_output", message);
    }
}

/// Extremes are kept only of measures whose least or greatest value is served.
fn mark_extremes(made: &mut Made) {
    for output in &made.outputs {
        let (Formula::Min { measure } | Formula::Max { measure }) = output.formula else {
            continue;
        };
        if let Some(measure) = made.measures.get_mut(measure) {
            measure.extremes = true;
        }
    }
}
