//! Dimension grammars: a row of keys, a row of types, a row of headers.

use std::collections::BTreeMap;

use millrace_core::definition::{DimensionDefinition, SpecKind};

use super::super::identifier::{identifier, prefixed};
use super::super::place::{Finding, Place};
use super::super::rows::{self, Column};
use super::super::{Draft, Made, Order, SourceFile};
use crate::problem::quoted;

const PREFIX: &str = "dimension_";

/// The spec's name of a dimension.
pub(super) fn name(dimension: &str) -> String {
    prefixed(PREFIX, dimension)
}

/// The spec's name of a dimension that is keyed by another column of it.
pub(super) fn name_by(dimension: &str, column: &str) -> String {
    prefixed(PREFIX, &format!("{dimension}_by_{column}"))
}

/// A dimension as its grammar declares it.
struct Declared {
    columns: Vec<Column>,
    /// The column that makes rows unique.
    key: String,
    /// Other columns that do.
    indexes: Vec<String>,
    place: Place,
}

/// The dimensions at hand: those of the grammars, and those that are there.
pub(super) struct Dimensions<'a> {
    declared: BTreeMap<String, Declared>,
    known: &'a [DimensionDefinition],
    /// Dimension and column of those that have to be there once more, keyed by that column.
    keyed_otherwise: Vec<(String, String)>,
}

/// A dimension that a column of an event can be joined with.
pub(super) struct Joined {
    /// The spec's name.
    pub(super) spec: String,
    /// How many columns it has.
    pub(super) width: usize,
}

impl<'a> Dimensions<'a> {
    /// The dimensions that are there.
    pub(super) fn new(known: &'a [DimensionDefinition]) -> Self {
        Self {
            declared: BTreeMap::new(),
            known,
            keyed_otherwise: Vec::new(),
        }
    }

    /// Reads a grammar.
    pub(super) fn read(&mut self, dimension: &str, file: &SourceFile, order: &Order, draft: &mut Draft) {
        let whole = Place::of_file(&file.name);
        let spec = name(dimension);
        let read = declared(file, order, draft);
        let made = read.and_then(|declared| {
            let made = declared.body(&spec, &declared.key);
            // The first of two of one name is the one that events mean; the second is refused.
            self.declared.entry(spec.clone()).or_insert(declared);
            made
        });
        draft.add(SpecKind::Dimension, spec, whole, made);
    }

    /// The dimension that an event's column is joined with.
    ///
    /// Only columns that are unique can be: `PK`, and `Index`, which the engine makes unique too. For the latter the dimension is
    /// imported once more under a name of its own.
    pub(super) fn join(&mut self, dimension: &str, column: &str) -> Result<Joined, (&'static str, String)> {
        let (spec, by_column) = (name(dimension), name_by(dimension, column));
        let column_name = identifier(column);
        let joined = |spec: String, width: usize| Ok(Joined { spec, width });
        if let Some(declared) = self.declared.get(&spec) {
            let width = declared.columns.len();
            if declared.key == column_name {
                return joined(spec, width);
            }
            if declared.indexes.contains(&column_name) {
                let pair = (dimension.to_owned(), column.to_owned());
                if !self.keyed_otherwise.contains(&pair) {
                    self.keyed_otherwise.push(pair);
                }
                return joined(by_column, width);
            }
            let is_there = declared.columns.iter().any(|one| one.name == column_name);
            return Err(match is_there {
                true => ("not_unique", not_unique(dimension, column)),
                false => (
                    "unknown_column",
                    format!(
                        "the dimension {} has no column {}",
                        quoted(dimension),
                        quoted(column)
                    ),
                ),
            });
        }
        let known = |wanted: &str| self.known.iter().find(|known| known.name.as_str() == wanted);
        let fits =
            |known: &&DimensionDefinition| matches!(&known.key[..], [only] if only.as_str() == column_name);
        match [&spec, &by_column]
            .into_iter()
            .find_map(|wanted| known(wanted).filter(fits))
        {
            Some(found) => joined(found.name.to_string(), found.fields.len()),
            None if known(&spec).is_some() => Err((
                "not_the_key",
                format!(
                    "the dimension {spec} is not keyed by {}; post its grammar along",
                    quoted(column)
                ),
            )),
            None => Err((
                "unknown_dimension",
                format!("there is no dimension {spec}, and its grammar is not among the files"),
            )),
        }
    }

    /// Makes the dimensions that are there once more.
    pub(super) fn add_keyed_otherwise(&self, draft: &mut Draft) {
        for (dimension, column) in &self.keyed_otherwise {
            let Some(declared) = self.declared.get(&name(dimension)) else {
                continue;
            };
            let spec = name_by(dimension, column);
            let made = declared.body(&spec, &identifier(column));
            draft.add(SpecKind::Dimension, spec, declared.place.clone(), made);
        }
    }
}

fn not_unique(dimension: &str, column: &str) -> String {
    format!(
        "the column {} of the dimension {} is neither PK nor Index: rows may share its values, so a join would count twice",
        quoted(column),
        quoted(dimension)
    )
}

impl Declared {
    fn body(&self, spec: &str, key: &str) -> Result<Made, Vec<Finding>> {
        let mut columns = self.columns.clone();
        for column in columns.iter_mut().filter(|column| column.name == key) {
            column.is_required = true;
        }
        rows::body(
            SpecKind::Dimension,
            spec,
            &columns,
            &[key.to_owned()],
            &self.place,
        )
    }
}

fn declared(file: &SourceFile, order: &Order, draft: &mut Draft) -> Result<Declared, Vec<Finding>> {
    let rows = super::rows(file, 3, "a dimension's grammar").map_err(|finding| vec![finding])?;
    let (keys, types, headers) = (&rows[0], &rows[1], &rows[2]);
    draft.headers.extend(headers.cells.iter().cloned());
    let mut columns = Vec::with_capacity(headers.cells.len());
    let mut findings = Vec::new();
    let mut primary: Vec<usize> = Vec::new();
    let mut indexes = Vec::new();
    for (at, header) in headers.cells.iter().enumerate() {
        match Column::new(header, types.cell(at), &headers.at(at), order) {
            Ok(column) => columns.push(column),
            Err(mut finding) => {
                if finding.rule == "unknown_type" {
                    finding.place = types.at(at);
                }
                findings.push(finding);
            }
        }
        match keys.cell(at) {
            "" => {}
            "PK" => primary.push(at),
            "Index" => indexes.push(identifier(header)),
            other => {
                let reason = format!("{} is none of PK, Index and nothing", quoted(other));
                findings.push(Finding::new(keys.at(at), "unknown_key", reason));
            }
        }
    }
    match primary[..] {
        [_] => {}
        [] => findings.push(Finding::new(keys.place.clone(), "no_key", "no column is the PK")),
        [_, second, ..] => findings.push(Finding::new(
            keys.at(second),
            "several_keys",
            "a second column is the PK",
        )),
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let key = primary
        .first()
        .map(|at| identifier(headers.cell(*at)))
        .unwrap_or_default();
    Ok(Declared {
        columns,
        key,
        indexes,
        place: Place::of_file(&file.name),
    })
}
