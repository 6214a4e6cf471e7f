//! Events and dimensions of key files: lists of columns, and of their types.

use std::collections::HashMap;

use millrace_core::definition::SpecKind;
use serde_json::json;

use super::super::identifier::{identifier, spelling};
use super::super::place::Finding;
use super::super::rows::{self, Column};
use super::super::table::{self, Row};
use super::super::{Draft, Made, Order};
use super::KeyFile;
use super::dataset::{Translated, Types};
use crate::problem::quoted;

/// How many characters texts of a column have.
pub(super) type Lengths = HashMap<String, u64>;

/// Reads the lengths of columns.
pub(super) fn lengths(file: Option<&KeyFile>) -> Result<Lengths, Vec<Finding>> {
    let mut lengths = Lengths::new();
    let mut findings = Vec::new();
    for (file, row) in file
        .iter()
        .flat_map(|file| file.rows.iter().map(move |row| (file, row)))
    {
        let written = file.cell(row, "validations");
        match written
            .parse::<u64>()
            .ok()
            .filter(|length| (1..=1_000).contains(length))
        {
            Some(length) => drop(lengths.insert(file.cell(row, "column").to_owned(), length)),
            None => {
                let reason = format!("{} is no number of characters from 1 to 1,000", quoted(written));
                findings.push(Finding::new(file.at(row, "validations"), "wrong_type", reason));
            }
        }
    }
    match findings.is_empty() {
        true => Ok(lengths),
        false => Err(findings),
    }
}

/// The columns of a row, from its lists of names and of types.
fn columns(
    file: &KeyFile,
    row: &Row,
    lists: (&str, &str),
    (order, lengths): (&Order, &Lengths),
    draft: &mut Draft,
) -> Result<Vec<Column>, Vec<Finding>> {
    file.check_width(row).map_err(|finding| vec![finding])?;
    let (names, types) = (
        table::list(file.cell(row, lists.0)),
        table::list(file.cell(row, lists.1)),
    );
    draft.headers.extend(names.iter().map(|name| (*name).to_owned()));
    if names.len() != types.len() || names.is_empty() {
        let reason = format!(
            "{} has {} items, and {} has {}",
            lists.0,
            names.len(),
            lists.1,
            types.len()
        );
        return Err(vec![Finding::new(
            file.at(row, lists.1),
            "count_mismatch",
            reason,
        )]);
    }
    let mut columns = Vec::with_capacity(names.len());
    let mut findings = Vec::new();
    for (name, word) in names.into_iter().zip(types) {
        match Column::new(name, word, &file.at(row, lists.0), order) {
            Ok(mut column) => {
                if let Some(length) = lengths.get(name).filter(|_| column.is_text()) {
                    column.property.insert("minLength".to_owned(), json!(length));
                    column.property.insert("maxLength".to_owned(), json!(length));
                }
                columns.push(column);
            }
            Err(mut finding) => {
                if finding.rule == "unknown_type" {
                    finding.place = file.at(row, lists.1);
                }
                findings.push(finding);
            }
        }
    }
    match findings.is_empty() {
        true => Ok(columns),
        false => Err(findings),
    }
}

/// Reads events, and keeps their columns' types.
pub(super) fn read_events(
    file: &KeyFile,
    order: &Order,
    lengths: &Lengths,
    types: &mut Types,
    draft: &mut Draft,
) {
    for row in file.rows_of(order) {
        let name = identifier(file.cell(row, "event_name"));
        let place = file.at(row, "event_name");
        let columns = columns(
            file,
            row,
            ("event_col", "event_datatype"),
            (order, lengths),
            draft,
        );
        if let Ok(columns) = &columns {
            types.add_event(&name, columns);
        }
        let made = columns.and_then(|columns| rows::body(SpecKind::Event, &name, &columns, &[], &place));
        draft.add(SpecKind::Event, name, place, made);
    }
}

/// Reads dimensions. Answers the key of each.
pub(super) fn read_dimensions(
    file: &KeyFile,
    order: &Order,
    lengths: &Lengths,
    datasets: &[Translated],
    draft: &mut Draft,
) -> HashMap<String, Vec<String>> {
    let mut keys = HashMap::new();
    for row in file.rows_of(order) {
        let written = file.cell(row, "dimension_name");
        let name = identifier(written);
        let place = file.at(row, "dimension_name");
        let made = columns(
            file,
            row,
            ("dimension_col", "dimension_datatype"),
            (order, lengths),
            draft,
        )
        .and_then(|columns| {
            check_target(file, row, written)?;
            draft.keyed.insert(name.clone());
            let key = key(file, row, &name, &columns, order, datasets)?;
            keys.entry(name.clone()).or_insert_with(|| key.clone());
            dimension(&name, columns, &key, file, row)
        });
        draft.add(SpecKind::Dimension, name, place, made);
    }
    keys
}

fn check_target(file: &KeyFile, row: &Row, name: &str) -> Result<(), Vec<Finding>> {
    let target = file.cell(row, "target_table");
    if target.is_empty() || target == format!("ingestion.{name}") {
        return Ok(());
    }
    let reason = format!("must be \"ingestion.{name}\", not {}", quoted(target));
    Err(vec![Finding::new(
        file.at(row, "target_table"),
        "wrong_table",
        reason,
    )])
}

fn dimension(
    name: &str,
    mut columns: Vec<Column>,
    key: &[String],
    file: &KeyFile,
    row: &Row,
) -> Result<Made, Vec<Finding>> {
    for column in columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.is_required = true;
    }
    rows::body(
        SpecKind::Dimension,
        name,
        &columns,
        key,
        &file.at(row, "dimension_name"),
    )
}

/// What makes rows unique, since the file does not say it: what the order names; else what the datasets join on; else, of
/// `dimension_cluster`, `cluster_id`.
fn key(
    file: &KeyFile,
    row: &Row,
    name: &str,
    columns: &[Column],
    order: &Order,
    datasets: &[Translated],
) -> Result<Vec<String>, Vec<Finding>> {
    if let Some(key) = order.keys.get(name) {
        let headers: Vec<&str> = columns.iter().map(|column| column.header.as_str()).collect();
        return super::named_key(name, key, &headers);
    }
    let joined = datasets.iter().find_map(|dataset| dataset.merge_on(name));
    let of_its_own = format!("{}_id", spelling(name).trim_start_matches("dimension_"));
    let has = |wanted: &str| columns.iter().any(|column| column.name == wanted);
    let found = joined
        .filter(|joined| has(joined))
        .or(Some(of_its_own.as_str()).filter(|own| has(own)));
    found.map(|key| vec![key.to_owned()]).ok_or_else(|| {
        let reason = format!(
            "no dataset says which column makes its rows unique, and there is no {of_its_own}: name it, as in \
             \"keys\": {{\"{name}\": [\"…\"]}}"
        );
        vec![Finding::new(file.at(row, "dimension_col"), "no_key", reason)]
    })
}
