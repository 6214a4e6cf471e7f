//! Imports on the wire: what is posted, and what became of each spec.

use std::collections::BTreeMap;

use millrace_app::import::{ImportReport, ImportedSpec, Outcome};
use millrace_core::definition::SpecKind;
use millrace_core::field::DateFormat;
use millrace_spec::import::{Finding, Format, Order, Place, SourceBody, SourceFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::strict_json;

/// A file of another system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    /// Its name, with the folder where that says something.
    #[schema(example = "dimensions/school-dimension.grammar.csv")]
    pub name: String,
    /// Its text; at most 64 KiB here, more in a form.
    #[schema(example = "PK,Index\nstring,string\nschool_id,school_name\n")]
    pub text: String,
}

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    /// Row schemas of cQube 5.0.x: `{program, input}`.
    Body,
    /// CSV grammars (`…-dimension.grammar.csv`, `…-event.grammar.csv`) and the `config.json` of their programs.
    Grammar,
    /// Key files: `event_keys.csv`, `dimension_keys.csv`, `dataset_keys.csv`, `transformer_dataset_mapping.csv`, and
    /// `additional_validation.csv`.
    Keys,
}

/// What row schemas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Dimensions.
    Dimension,
    /// Events.
    Event,
}

/// Another system's specs, and how they are meant.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportAsked {
    /// The format.
    pub format: ImportFormat,
    /// What row schemas are, where their files' names do not say `-dimension` or `-event`.
    pub kind: Option<ImportKind>,
    /// One row schema, with the format `body`.
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
    /// The files.
    #[serde(default)]
    pub files: Vec<ImportFile>,
    /// The columns that are dates, by their names in the files, each with its format as in specs: `{"date": "DD-MM-YYYY"}`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub dates: BTreeMap<String, DateFormat>,
    /// The columns that make rows of a dimension unique, by the name of its spec, where the files do not say it:
    /// `{"dimension_master": ["school_id"]}`.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
    /// How the files of the imported dimensions and events are written: the member `csv` of each of their bodies.
    #[schema(value_type = Option<Object>)]
    pub csv: Option<Value>,
    /// The program of key files that is imported alone; with grammars, the program that files outside of any program's folder
    /// belong to.
    pub program: Option<String>,
    /// Creates nothing, and tells what would be created.
    #[serde(default)]
    pub validate_only: bool,
    /// Creates nothing unless everything can be created; for 100 specs at most.
    #[serde(default)]
    pub all_or_nothing: bool,
    /// The `next` of the answer before, to go on with the same files.
    #[serde(default)]
    pub from: u32,
}

impl ImportAsked {
    /// What is asked for. Row schemas are read here, as strictly as any other JSON that is posted.
    #[must_use]
    pub fn order(self) -> Order {
        let format = match self.format {
            ImportFormat::Body => Format::Body,
            ImportFormat::Grammar => Format::Grammar,
            ImportFormat::Keys => Format::Keys,
        };
        let mut order = Order {
            kind: self.kind.map(|kind| match kind {
                ImportKind::Dimension => SpecKind::Dimension,
                ImportKind::Event => SpecKind::Event,
            }),
            dates: self.dates,
            keys: self.keys,
            csv: self.csv,
            program: self.program,
            ..Order::new(format)
        };
        order.bodies.extend(self.body.map(|body| SourceBody {
            file: None,
            body: Ok(body),
        }));
        match format {
            Format::Body => order.bodies.extend(self.files.into_iter().map(read_body)),
            Format::Grammar | Format::Keys => order.files = self.files.into_iter().map(file).collect(),
        }
        order
    }
}

fn file(file: ImportFile) -> SourceFile {
    SourceFile {
        name: file.name,
        text: file.text,
    }
}

fn read_body(file: ImportFile) -> SourceBody {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    let body = strict_json::parse(text.as_bytes()).map_err(|error| {
        let place = Place {
            file: Some(file.name.clone()),
            pointer: Some(error.pointer),
            ..Place::default()
        };
        let reason = format!("{}, at byte {}", error.message, error.offset);
        Finding::new(place, error.code, reason)
    });
    SourceBody {
        file: Some(file.name),
        body,
    }
}

/// Where something stands in what was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportPlace {
    /// The file; absent where it is the request itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "keys/dataset_keys.csv")]
    pub file: Option<String>,
    /// The physical line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column's number, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// JSON pointer into the file, or into the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// Something that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportFinding {
    /// Where.
    pub place: ImportPlace,
    /// The rule, stable.
    #[schema(example = "not_translatable")]
    pub rule: String,
    /// What was found, in words.
    pub reason: String,
}

/// What became of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// Created now.
    Created,
    /// It would be created (`validate_only`).
    Creatable,
    /// The very same spec is there.
    Identical,
    /// The name stands for something else.
    Taken,
    /// It cannot be translated, or breaks a rule.
    Refused,
    /// It could be created, and was not, since others could not (`all_or_nothing`).
    Withheld,
}

/// A spec of the files.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImportItem {
    /// Its kind; null where a file could not be understood.
    #[schema(value_type = Option<String>, example = "dataset")]
    pub kind: Option<SpecKind>,
    /// Its name; of what could not be understood, the name of the file.
    #[schema(example = "SAC_stds_atd_cmp_by_school")]
    pub name: String,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// Where it stands.
    pub place: ImportPlace,
    /// Why it was refused, or what has its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ImportFinding>,
    /// The body that `POST /spec/{kind}` takes, with `validate_only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImportAnswer {
    /// How many specs the files make.
    pub total: usize,
    /// How many of these have each outcome.
    pub counts: BTreeMap<&'static str, usize>,
    /// The specs that were handled, in the order of creation: dimensions, events, datasets.
    pub specs: Vec<ImportItem>,
    /// What was not taken over, without being refused.
    pub notes: Vec<ImportFinding>,
    /// Post the same again with this as `from` to handle the rest; null where nothing is left.
    pub next: Option<usize>,
}

impl ImportAnswer {
    /// The answer.
    #[must_use]
    pub fn new(report: ImportReport, validate_only: bool) -> Self {
        let item = |spec: ImportedSpec| ImportItem {
            kind: spec.kind,
            name: spec.name,
            outcome: outcome(spec.outcome).0,
            place: place(spec.place),
            errors: spec.findings.into_iter().map(finding).collect(),
            body: spec.body.filter(|_| validate_only),
        };
        let mut counts = BTreeMap::new();
        for spec in &report.specs {
            *counts.entry(outcome(spec.outcome).1).or_default() += 1;
        }
        Self {
            total: report.total,
            counts,
            specs: report.specs.into_iter().map(item).collect(),
            notes: report.notes.into_iter().map(finding).collect(),
            next: report.next,
        }
    }
}

fn outcome(outcome: Outcome) -> (ImportOutcome, &'static str) {
    match outcome {
        Outcome::Created => (ImportOutcome::Created, "created"),
        Outcome::Creatable => (ImportOutcome::Creatable, "creatable"),
        Outcome::Identical => (ImportOutcome::Identical, "identical"),
        Outcome::Taken => (ImportOutcome::Taken, "taken"),
        Outcome::Refused => (ImportOutcome::Refused, "refused"),
        Outcome::Withheld => (ImportOutcome::Withheld, "withheld"),
    }
}

fn place(place: Place) -> ImportPlace {
    ImportPlace {
        file: place.file,
        line: place.line,
        column: place.column,
        pointer: place.pointer,
    }
}

fn finding(finding: Finding) -> ImportFinding {
    ImportFinding {
        place: place(finding.place),
        rule: finding.rule,
        reason: finding.reason,
    }
}
