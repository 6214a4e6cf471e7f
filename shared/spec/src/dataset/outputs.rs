//! What a dataset serves: measures, and the outputs made from them.

use std::collections::HashMap;

use millrace_core::Name;
use millrace_core::definition::{EventDefinition, Formula, Measure, Output};
use millrace_core::field::FieldType;
use serde_json::Value;

use super::field;
use super::parts::{Listed, Parts};
use crate::problem::{Problems, quoted};

/// The percentage's column where the body does not name it otherwise.
const PERCENTAGE: &str = "percentage";

/// Bytes that a measure takes of a row at most: its count and its sum; with least and greatest value as well.
const SUM_BYTES: usize = 8 + 24;
const EXTREMES_BYTES: usize = 8 + 3 * 24;
/// Bytes of a row that are left for the measures: PostgreSQL's 8 KiB less keys and bookkeeping.
const MAX_WIDTH_BYTES: usize = 7_200;

/// Measures and outputs of a dataset.
#[derive(Default)]
pub(super) struct Made {
    pub(super) measures: Vec<Measure>,
    pub(super) outputs: Vec<Output>,
}

/// Reads the aggregate: `<function>_<column>` for each function and column, and the percentage where one is declared.
/// The served ones are those among the properties, in their order.
pub(super) fn read(parts: &Parts<'_>, event: &EventDefinition, problems: &mut Problems) -> Made {
    let mut made = Made {
        measures: read_measures(parts, event, problems),
        outputs: Vec::new(),
    };
    let mut possible = simple_outputs(parts, &made.measures);
    if let Some((name, formula)) = read_percentage(parts, &made.measures, &possible, problems) {
        possible.insert(name, formula);
    }
    read_served(parts, &possible, &mut made, problems);
    check_update(parts, &made, problems);
    mark_extremes(&mut made);
    check_width(parts, &made, problems);
    made
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
    // Each aggregated column that is good is one measure, so this is the column's place unless another was refused.
    if let Some(column) = too_wide.and_then(|at| parts.aggregated.get(at)) {
        let message = format!(
            "is too much for a row: a column takes {SUM_BYTES} bytes, or {EXTREMES_BYTES} where its min or max is served, \
             and there are {MAX_WIDTH_BYTES}"
        );
        problems.add(&column.at, "out_of_limits", message);
    }
}

fn read_measures(parts: &Parts<'_>, event: &EventDefinition, problems: &mut Problems) -> Vec<Measure> {
    let mut measures = Vec::with_capacity(parts.aggregated.len());
    for column in &parts.aggregated {
        let Some(found) = field(&event.fields, column.name) else {
            let message = format!("the event {} has no field {}", event.name, quoted(column.name));
            problems.add(&column.at, "unknown_column", message);
            continue;
        };
        if !found.field_type.is_numeric() {
            let message = format!("{} of {} is not a number", found.name, event.name);
            problems.add(&column.at, "not_numeric", message);
            continue;
        }
        measures.push(Measure {
            field: found.name.clone(),
            field_type: found.field_type,
            extremes: false,
        });
    }
    measures
}

fn simple_outputs(parts: &Parts<'_>, measures: &[Measure]) -> HashMap<String, Formula> {
    let mut outputs = HashMap::new();
    for (measure, declared) in measures.iter().enumerate() {
        for function in &parts.functions {
            let formula = match function.name {
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

fn read_percentage(
    parts: &Parts<'_>,
    measures: &[Measure],
    possible: &HashMap<String, Formula>,
    problems: &mut Problems,
) -> Option<(String, Formula)> {
    let (numerator, denominator) = match (&parts.numerator, &parts.denominator) {
        (Some(numerator), Some(denominator)) => (numerator, denominator),
        (None, None) => return None,
        _ => {
            let message = "numerator_col and denominator_col go together";
            problems.add(&parts.aggregate_at, "missing_member", message);
            return None;
        }
    };
    let above = summed_measure(numerator, measures, possible, problems);
    let below = summed_measure(denominator, measures, possible, problems);
    let name = percentage_name(parts, possible, problems)?;
    let formula = Formula::Percentage {
        numerator: above?,
        denominator: below?,
    };
    Some((name, formula))
}

/// The measure that a `sum_<column>` or a plain column stands for.
fn summed_measure(
    listed: &Listed<'_>,
    measures: &[Measure],
    possible: &HashMap<String, Formula>,
    problems: &mut Problems,
) -> Option<usize> {
    let found = match possible.get(listed.name) {
        Some(Formula::Sum { measure }) => Some(*measure),
        Some(_) => None,
        None => measures
            .iter()
            .position(|measure| measure.field.as_str() == listed.name),
    };
    if found.is_none() {
        let message = format!(
            "{} is neither a sum nor a column that is aggregated",
            quoted(listed.name)
        );
        problems.add(&listed.at, "not_a_sum", message);
    }
    found
}

fn percentage_name(
    parts: &Parts<'_>,
    possible: &HashMap<String, Formula>,
    problems: &mut Problems,
) -> Option<String> {
    let is_extra = |listed: &&Listed<'_>| {
        let is_group = parts.group_by.iter().any(|group| group.name == listed.name);
        !possible.contains_key(listed.name) && !is_group
    };
    let mut extra = parts.update.iter().filter(is_extra);
    match (extra.next(), extra.next()) {
        (None, _) => Some(PERCENTAGE.to_owned()),
        (Some(only), None) => Some(only.name.to_owned()),
        (Some(_), Some(second)) => {
            let message = format!(
                "{} is a second column that may be the percentage",
                quoted(second.name)
            );
            problems.add(&second.at, "unknown_output", message);
            None
        }
    }
}

fn read_served(
    parts: &Parts<'_>,
    possible: &HashMap<String, Formula>,
    made: &mut Made,
    problems: &mut Problems,
) {
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
        let declared = column.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(message) = type_message(formula, declared, &made.measures) {
            problems.add(&at.member("type"), "wrong_type", message);
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

fn type_message(formula: &Formula, declared: &str, measures: &[Measure]) -> Option<&'static str> {
    let is_whole = match formula {
        Formula::Count { .. } => true,
        Formula::Sum { measure } | Formula::Min { measure } | Formula::Max { measure } => measures
            .get(*measure)
            .is_some_and(|measure| measure.field_type == FieldType::Integer),
        Formula::Avg { .. } | Formula::Percentage { .. } => false,
    };
    match declared {
        "number" => None,
        "integer" if is_whole => None,
        "integer" => Some("must be \"number\": the values have decimal places"),
        _ => Some("must be \"integer\" or \"number\""),
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
