//! Key files: the tables from which cQube generates its specs. One row of `dataset_keys.csv` is one KPI.

mod dataset;
mod entities;
mod filter;
mod kpi;
mod ready;
mod template;

use std::collections::HashMap;

use super::identifier::identifier;
use super::place::{Finding, Place};
use super::table::{self, Row};
use super::{Draft, Order};
use crate::problem::quoted;

const EVENTS: &str = "event_keys.csv";
const DIMENSIONS: &str = "dimension_keys.csv";
const DATASETS: &str = "dataset_keys.csv";
const MAPPING: &str = "transformer_dataset_mapping.csv";
const VALIDATIONS: &str = "additional_validation.csv";

const FILES: [(&str, &[&str]); 5] = [
    (EVENTS, &["program", "event_name", "event_col", "event_datatype"]),
    (
        DIMENSIONS,
        &[
            "program",
            "dimension_name",
            "dimension_col",
            "dimension_datatype",
            "target_table",
        ],
    ),
    (DATASETS, &kpi::COLUMNS),
    (
        MAPPING,
        &[
            "transformer_template",
            "program",
            "event_name",
            "dataset_name",
            "dimension_name",
            "scheduler",
        ],
    ),
    (VALIDATIONS, &["column", "validations"]),
];

/// A key file: its rows, and where each column stands.
struct KeyFile {
    rows: Vec<Row>,
    columns: HashMap<String, usize>,
    header: Place,
}

impl KeyFile {
    fn cell<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        self.columns.get(column).map_or("", |at| row.cell(*at))
    }

    fn at(&self, row: &Row, column: &str) -> Place {
        self.columns
            .get(column)
            .map_or_else(|| row.place.clone(), |at| row.at(*at))
    }

    /// The rows of the program that the order names, or all.
    fn rows_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Row> {
        let wanted = order.program.as_deref();
        self.rows
            .iter()
            .filter(move |row| wanted.is_none_or(|wanted| self.cell(row, "program") == wanted))
    }

    /// Whether a row has as many cells as the header.
    fn check_width(&self, row: &Row) -> Result<(), Finding> {
        let width = self.columns.len();
        if row.cells.len() == width {
            return Ok(());
        }
        let reason = format!("the row has {} cells, the header {width}", row.cells.len());
        Err(Finding::new(row.place.clone(), "ragged", reason))
    }
}

/// Reads key files.
pub(super) fn read(order: &Order, draft: &mut Draft) -> Result<(), Vec<Finding>> {
    let mut files = open_all(order, draft)?;
    check_program(order, &files)?;
    let validations = files.remove(VALIDATIONS);
    let lengths = entities::lengths(validations.as_ref())?;
    let mut types = dataset::Types::default();
    if let Some(file) = files.get(EVENTS) {
        entities::read_events(file, order, &lengths, &mut types, draft);
    }
    let datasets = files.get(DATASETS);
    let mapping = files.get(MAPPING);
    let rows = match (datasets, mapping) {
        (Some(datasets), Some(mapping)) => dataset::read(datasets, mapping, order, &mut types, draft),
        (Some(datasets), None) => {
            let reason = format!("{MAPPING} has to come along: it says which event feeds which dataset");
            return Err(vec![Finding::new(
                datasets.header.clone(),
                "missing_file",
                reason,
            )]);
        }
        (None, Some(mapping)) => {
            draft.note(
                mapping.header.clone(),
                "not_used",
                format!("there is no {DATASETS} that it would map"),
            );
            Vec::new()
        }
        (None, None) => Vec::new(),
    };
    let keys = match files.get(DIMENSIONS) {
        Some(file) => entities::read_dimensions(file, order, &lengths, &rows, draft),
        None => HashMap::new(),
    };
    dataset::add(rows, &keys, draft);
    Ok(())
}

/// A program of which no file has a row is a misspelt one.
fn check_program(order: &Order, files: &HashMap<&'static str, KeyFile>) -> Result<(), Vec<Finding>> {
    let mut with_programs = files.values().filter(|file| file.columns.contains_key("program"));
    match &order.program {
        Some(program) if with_programs.all(|file| file.rows_of(order).next().is_none()) => {
            let reason = format!("no file has a row of {}", quoted(program));
            let place = Place::of_request("/program");
            Err(vec![Finding::new(place, "unknown_program", reason)])
        }
        _ => Ok(()),
    }
}

fn open_all(order: &Order, draft: &mut Draft) -> Result<HashMap<&'static str, KeyFile>, Vec<Finding>> {
    let mut files = HashMap::new();
    let mut findings = Vec::new();
    for file in &order.files {
        let whole = Place::of_file(&file.name);
        let Some((name, columns)) = FILES.iter().find(|(name, _)| *name == file.base()) else {
            let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
            let reason = format!("is none of {}", names.join(", "));
            draft.refuse_file(file, Finding::new(whole, "unknown_file", reason));
            continue;
        };
        match open(file, columns, draft) {
            Ok(opened) => {
                if files.insert(*name, opened).is_some() {
                    findings.push(Finding::new(
                        whole,
                        "duplicate_name",
                        format!("there is more than one {name}"),
                    ));
                }
            }
            Err(finding) => findings.push(finding),
        }
    }
    match findings.is_empty() {
        true => Ok(files),
        false => Err(findings),
    }
}

fn open(file: &super::SourceFile, wanted: &[&str], draft: &mut Draft) -> Result<KeyFile, Finding> {
    let mut rows = table::read(file)?;
    rows.retain(|row| !row.is_blank());
    if rows.is_empty() {
        return Err(Finding::new(
            Place::of_file(&file.name),
            "no_header",
            "the file is empty",
        ));
    }
    let header = rows.remove(0);
    let mut columns = HashMap::new();
    for (at, name) in header.cells.iter().enumerate() {
        if columns.insert(name.clone(), at).is_some() {
            let reason = format!("the column {} is there twice", quoted(name));
            return Err(Finding::new(header.at(at), "duplicate_name", reason));
        }
        if !wanted.contains(&name.as_str()) {
            draft.note(
                header.at(at),
                "unknown_column",
                format!("the column {} is not read", quoted(name)),
            );
        }
    }
    if let Some(missing) = wanted.iter().find(|name| !columns.contains_key(**name)) {
        let reason = format!("the column {missing} is missing");
        return Err(Finding::new(header.place, "missing_column", reason));
    }
    Ok(KeyFile {
        rows,
        columns,
        header: header.place,
    })
}

/// A key that the order names, as names of fields.
///
/// # Errors
/// Where it names none of the columns.
pub(super) fn named_key(spec: &str, key: &[String], headers: &[&str]) -> Result<Vec<String>, Vec<Finding>> {
    let at = Place::of_request("/keys").member(spec);
    if key.is_empty() {
        return Err(vec![Finding::new(at, "no_key", "names no column")]);
    }
    let unknown = key
        .iter()
        .enumerate()
        .filter(|(_, column)| !headers.contains(&column.as_str()));
    let findings: Vec<Finding> = unknown
        .map(|(index, column)| {
            let reason = format!("{spec} has no column {}", quoted(column));
            Finding::new(at.item(index), "unknown_column", reason)
        })
        .collect();
    match findings.is_empty() {
        true => Ok(key.iter().map(|column| identifier(column)).collect()),
        false => Err(findings),
    }
}
