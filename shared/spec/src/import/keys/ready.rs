//! Rows of `dataset_keys.csv` of which nothing is computed: datasets whose rows come ready.

use millrace_core::definition::SpecKind;

use super::super::identifier::identifier;
use super::super::place::Finding;
use super::super::rows::{self, Column};
use super::super::table::{self, Row, is_nothing};
use super::super::{Draft, Made, Order};
use super::{KeyFile, named_key};

/// The template of ready rows.
const TEMPLATE: &str = "Dataset_Dimension";

/// What only a dataset that is computed says.
const COMPUTED: [&str; 9] = [
    "group_by_col",
    "agg_col",
    "numerator",
    "denominator",
    "agg_function",
    "update_col",
    "filter_col",
    "filter_type",
    "filter",
];

/// Whether a row is one of a dataset whose rows come ready.
pub(super) fn are_ready(file: &KeyFile, row: &Row) -> bool {
    file.cell(row, "transformer_template") == TEMPLATE
}

/// Translates a row.
pub(super) fn translate(
    file: &KeyFile,
    row: &Row,
    order: &Order,
    draft: &mut Draft,
) -> Result<Made, Vec<Finding>> {
    file.check_width(row).map_err(|finding| vec![finding])?;
    let mut findings = Vec::new();
    let mut wrong = |column: &str, rule: &str, reason: String| {
        let reason = format!("{column}: {reason}");
        findings.push(Finding::new(file.at(row, column), rule, reason));
    };
    for column in COMPUTED
        .into_iter()
        .filter(|column| !is_nothing(file.cell(row, column)))
    {
        wrong(column, "contradiction", format!("{TEMPLATE} computes nothing"));
    }
    let name = file.cell(row, "dataset_name");
    let (expected, target) = (format!("ingestion.{name}"), file.cell(row, "target_table"));
    if target != expected {
        wrong("target_table", "wrong_table", format!("must be {expected:?}"));
    }
    let names = table::list(file.cell(row, "dataset_col"));
    let types = table::list(file.cell(row, "dataset_datatype"));
    if names.len() != types.len() || names.is_empty() {
        let reason = format!("has {} items, and dataset_col has {}", types.len(), names.len());
        wrong("dataset_datatype", "count_mismatch", reason);
    }
    let mut columns = Vec::with_capacity(names.len());
    for (name, word) in names.iter().zip(types) {
        match Column::new(name, word, &file.at(row, "dataset_col"), order) {
            Ok(column) => columns.push(column),
            Err(mut finding) => {
                if finding.rule == "unknown_type" {
                    finding.place = file.at(row, "dataset_datatype");
                }
                findings.push(finding);
            }
        }
    }
    if !is_nothing(file.cell(row, "dimension_table")) {
        let reason = "the dimension is not taken over: rows that come ready are served as they came";
        draft.note(file.at(row, "dimension_table"), "not_taken_over", reason);
    }
    draft.headers.extend(names.iter().map(|name| (*name).to_owned()));
    draft.keyed.insert(name.to_owned());
    let key = order.keys.get(name).map(|key| named_key(name, key, &names));
    let key = key.transpose().unwrap_or_else(|more| {
        findings.extend(more);
        None
    });
    if !findings.is_empty() {
        return Err(findings);
    }
    let (name, key) = (identifier(name), key.unwrap_or_default());
    rows::body(
        SpecKind::Dataset,
        &name,
        &columns,
        &key,
        &file.at(row, "dataset_name"),
    )
}
