//! Translates cQube's formats into bodies of ours: the flat row schemas of 5.0.x, CSV grammars, and key files.
//!
//! [`plan`] takes what was posted and answers the bodies that `POST /spec/{dimension|event|dataset}` takes, in the order in which
//! they have to be created, each with the place that it comes from. What cannot be translated is refused with place, rule and
//! reason, and stops nothing else. Names, keys, dates and joins follow from what was posted alone, so the same files always make
//! the same bodies, and posting them again changes nothing.

mod body;
mod cells;
mod finish;
mod grammar;
mod identifier;
mod keys;
mod place;
mod rows;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::definition::{DimensionDefinition, SpecKind};
use millrace_core::field::DateFormat;
use serde_json::Value;

use crate::problem::SpecErrors;
use place::Origins;
pub use place::{Finding, Place};

/// The most specs that one set of files makes.
pub const MAX_IMPORTED: usize = 2_000;
/// The most files of a set.
pub const MAX_FILES: usize = 500;

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Row schemas of 5.0.x: `{program, input}`.
    Body,
    /// CSV grammars, and the `config.json` of their programs.
    Grammar,
    /// Key files: `event_keys.csv`, `dimension_keys.csv`, `dataset_keys.csv`, `transformer_dataset_mapping.csv`, and
    /// `additional_validation.csv`.
    Keys,
}

/// A file, under the name that it was posted with, folders included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl SourceFile {
    /// The name without folders.
    pub(crate) fn base(&self) -> &str {
        base(&self.name)
    }
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// A row schema of 5.0.x.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceBody {
    /// The file that it was posted in; none where it stands in the request, at `/body`.
    pub file: Option<String>,
    /// What the file says, or why it is no JSON: whoever takes bodies reads them by rules of his own.
    pub body: Result<Value, Finding>,
}

/// What is posted, and how it is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The format.
    pub format: Format,
    /// What row schemas are, where their files' names do not say it.
    pub kind: Option<SpecKind>,
    /// The row schemas, with the format [`Format::Body`].
    pub bodies: Vec<SourceBody>,
    /// The files, with the other formats.
    pub files: Vec<SourceFile>,
    /// The columns that are dates, by their names in the source, with their formats.
    pub dates: BTreeMap<String, DateFormat>,
    /// The columns that make rows of a dimension unique, by the name of the spec, where the source does not say it.
    pub keys: BTreeMap<String, Vec<String>>,
    /// How the files of all dimensions and events are written, as the member `csv` of their bodies says it.
    pub csv: Option<Value>,
    /// The program that key files are read for, or that grammars belong to.
    pub program: Option<String>,
}

impl Order {
    /// An order of a format, of nothing yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            kind: None,
            bodies: Vec::new(),
            files: Vec::new(),
            dates: BTreeMap::new(),
            keys: BTreeMap::new(),
            csv: None,
            program: None,
        }
    }
}

/// A body, with the places that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The body.
    pub body: Value,
    origins: Origins,
}

impl Made {
    /// What a check found wrong with the body, at the places that it comes from.
    #[must_use]
    pub fn findings(&self, errors: SpecErrors) -> Vec<Finding> {
        self.origins.findings(errors)
    }
}

/// What became of one spec of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its kind; none where a file could not be understood.
    pub kind: Option<SpecKind>,
    /// Its name; of what could not be understood, the name of the file.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The body, or why there is none.
    pub made: Result<Made, Vec<Finding>>,
}

/// What a set of files comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The specs, in the order in which they have to be created.
    pub specs: Vec<Imported>,
    /// What was not taken over, without being refused.
    pub notes: Vec<Finding>,
}

/// A plan while it is made.
#[derive(Debug, Default)]
struct Draft {
    plan: Plan,
    /// The columns' names in the source.
    headers: BTreeSet<String>,
    /// The dimensions whose key the order may name.
    keyed: BTreeSet<String>,
}

impl Draft {
    fn add(&mut self, kind: SpecKind, name: String, place: Place, made: Result<Made, Vec<Finding>>) {
        self.plan.specs.push(Imported {
            kind: Some(kind),
            name,
            place,
            made,
        });
    }

    /// Refuses a file as a whole.
    fn refuse_file(&mut self, file: &SourceFile, finding: Finding) {
        self.refuse(&file.name, Place::of_file(&file.name), finding);
    }

    /// Refuses what is not known to be any kind of spec.
    fn refuse(&mut self, name: &str, place: Place, finding: Finding) {
        self.plan.specs.push(Imported {
            kind: None,
            name: name.to_owned(),
            place,
            made: Err(vec![finding]),
        });
    }

    fn note(&mut self, place: Place, rule: &str, reason: impl Into<String>) {
        self.plan.notes.push(Finding::new(place, rule, reason));
    }
}

/// The names of dimensions that, where they are there already, are joined with: hand their definitions to [`plan`].
#[must_use]
pub fn wanted_dimensions(order: &Order) -> Vec<String> {
    match order.format {
        Format::Grammar => grammar::wanted_dimensions(order),
        Format::Body | Format::Keys => Vec::new(),
    }
}

/// Translates what was posted. `known` are the definitions of [`wanted_dimensions`], as far as they are there.
///
/// # Errors
/// What is wrong with the order as a whole, so that nothing of it may be created: options that name nothing, files that do not go
/// together, too many specs.
pub fn plan(order: &Order, known: &[DimensionDefinition]) -> Result<Plan, Vec<Finding>> {
    check_files(order)?;
    let mut draft = Draft::default();
    match order.format {
        Format::Body => body::read(order, &mut draft),
        Format::Grammar => grammar::read(order, known, &mut draft)?,
        Format::Keys => keys::read(order, &mut draft)?,
    }
    finish::finish(order, draft)
}

fn check_files(order: &Order) -> Result<(), Vec<Finding>> {
    let at = Place::of_request("/files");
    let in_files = order.bodies.iter().filter_map(|body| body.file.as_ref());
    let names: Vec<&String> = order
        .files
        .iter()
        .map(|file| &file.name)
        .chain(in_files)
        .collect();
    let mut findings = Vec::new();
    if names.len() > MAX_FILES {
        let reason = format!("has more than {MAX_FILES} files");
        findings.push(Finding::new(at.clone(), "out_of_limits", reason));
    }
    if order.files.is_empty() && order.bodies.is_empty() {
        findings.push(Finding::new(
            at.clone(),
            "no_files",
            "there is nothing to translate",
        ));
    }
    if !order.bodies.is_empty() && order.format != Format::Body {
        let reason = "goes with the format \"body\" alone";
        findings.push(Finding::new(
            Place::of_request("/body"),
            "rule_not_applicable",
            reason,
        ));
    }
    let mut there = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        if !there.insert(name) {
            let reason = "a file of that name is there already";
            findings.push(Finding::new(at.item(index), "duplicate_name", reason));
        }
    }
    match findings.is_empty() {
        true => Ok(()),
        false => Err(findings),
    }
}

#[cfg(test)]
mod tests;
