//! The published JSON Schemas and the first check against them.

mod union;

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use millrace_core::definition::SpecKind;
use serde_json::Value;

use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// Deeper bodies are refused before anything walks them.
const MAX_DEPTH: usize = 64;

/// The published JSON Schema (draft 2020-12) of a kind's body, as it is written.
#[must_use]
pub fn schema_text(kind: SpecKind) -> &'static str {
    match kind {
        SpecKind::Dimension => include_str!("../schemas/spec-dimension-1.json"),
        SpecKind::Event => include_str!("../schemas/spec-event-1.json"),
        SpecKind::Dataset => include_str!("../schemas/spec-dataset-1.json"),
        SpecKind::Source => include_str!("../schemas/spec-source-1.json"),
        SpecKind::Transformer => include_str!("../schemas/spec-transformer-1.json"),
        SpecKind::Pipeline => include_str!("../schemas/spec-pipeline-1.json"),
        SpecKind::Schedule => include_str!("../schemas/spec-schedule-1.json"),
    }
}

/// The published JSON Schema (draft 2020-12) of a kind's body.
#[must_use]
pub fn schema(kind: SpecKind) -> Value {
    serde_json::from_str(schema_text(kind)).unwrap_or(Value::Bool(false))
}

/// A schema, and what checks bodies against it.
struct Published {
    schema: Value,
    validator: Validator,
}

fn build(kind: SpecKind) -> Option<Published> {
    let schema = schema(kind);
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    let validator = options.build(&schema).ok()?;
    Some(Published { schema, validator })
}

static DIMENSION: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Dimension));
static EVENT: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Event));
static DATASET: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Dataset));
static SOURCE: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Source));
static TRANSFORMER: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Transformer));
static PIPELINE: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Pipeline));
static SCHEDULE: LazyLock<Option<Published>> = LazyLock::new(|| build(SpecKind::Schedule));

/// Notes every way in which a body breaks its kind's schema.
pub(crate) fn check(kind: SpecKind, body: &Value, problems: &mut Problems) {
    if is_deeper(body, MAX_DEPTH) {
        problems.add(
            &Pointer::default(),
            "too_deep",
            format!("more than {MAX_DEPTH} levels"),
        );
        return;
    }
    let published = match kind {
        SpecKind::Dimension => &DIMENSION,
        SpecKind::Event => &EVENT,
        SpecKind::Dataset => &DATASET,
        SpecKind::Source => &SOURCE,
        SpecKind::Transformer => &TRANSFORMER,
        SpecKind::Pipeline => &PIPELINE,
        SpecKind::Schedule => &SCHEDULE,
    };
    let Some(published) = published.as_ref() else {
        problems.add(
            &Pointer::default(),
            "invalid_spec",
            "the schema of this kind is not usable",
        );
        return;
    };
    for error in published.validator.iter_errors(body) {
        note(&error, &published.schema, problems);
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    if levels == 0 {
        return value.is_array() || value.is_object();
    }
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn note(error: &ValidationError<'_>, schema: &Value, problems: &mut Problems) {
    let at = Pointer::written(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                note_unknown(&at, name, problems);
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            problems.add(&at, "missing_member", format!("the member {name:?} is missing"));
        }
        ValidationErrorKind::OneOfNotValid { context }
        | ValidationErrorKind::OneOfMultipleValid { context } => {
            union::note_branches(error, context, schema, problems);
        }
        ValidationErrorKind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            problems.add(&at.member(name), "bad_name", bad_name(name));
        }
        ValidationErrorKind::Pattern { .. } if error.instance_path().as_str() == "/csv/delimiter" => {
            let message = "is no tab and no single visible ASCII character beside letters, digits and quotes";
            problems.add(&at, "bad_delimiter", message);
        }
        ValidationErrorKind::Pattern { .. } => {
            let name = error.instance().as_str().unwrap_or_default();
            problems.add(&at, "bad_name", bad_name(name));
        }
        kind => problems.add(&at, code(kind), words(kind)),
    }
}

fn note_unknown(at: &Pointer, name: &str, problems: &mut Problems) {
    let message = format!("the member {} is not known here", quoted(name));
    problems.add(&at.member(name), "unknown_member", message);
}

/// All other patterns in the schemas are those of names: those of [`millrace_core::Name`].
fn bad_name(name: &str) -> String {
    match millrace_core::Name::parse(name) {
        Err(error) => format!("{}: {error}", quoted(name)),
        Ok(_) => format!("{} is not a name", quoted(name)),
    }
}

fn code(kind: &ValidationErrorKind) -> &'static str {
    match kind {
        ValidationErrorKind::Type { .. } => "wrong_type",
        ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. } => "wrong_value",
        ValidationErrorKind::MaxItems { .. }
        | ValidationErrorKind::MinItems { .. }
        | ValidationErrorKind::MaxLength { .. }
        | ValidationErrorKind::MinLength { .. }
        | ValidationErrorKind::MaxProperties { .. }
        | ValidationErrorKind::MinProperties { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::Minimum { .. } => "out_of_limits",
        _ => "invalid_spec",
    }
}

fn words(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("must be {}", type_words(kind)),
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ValidationErrorKind::Enum { options } => format!("must be one of {options}"),
        ValidationErrorKind::MaxItems { limit } => format!("has more than {limit} items"),
        ValidationErrorKind::MinItems { limit } => format!("has fewer than {limit} items"),
        ValidationErrorKind::MaxLength { limit } => format!("has more than {limit} characters"),
        ValidationErrorKind::MinLength { limit } => format!("has fewer than {limit} characters"),
        ValidationErrorKind::MaxProperties { limit } => format!("has more than {limit} members"),
        ValidationErrorKind::MinProperties { limit } => format!("has fewer than {limit} members"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::UniqueItems => "has the same item twice".to_owned(),
        other => format!("breaks the schema's rule {:?}", other.keyword()),
    }
}

fn type_words(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => format!("of type {one}"),
        TypeKind::Multiple(set) => {
            let names: Vec<String> = set.iter().map(|one| one.to_string()).collect();
            format!("of one of the types {}", names.join(", "))
        }
    }
}
