//! What holds for every format: checks of the bodies, names, the order of creation.

use std::collections::{HashMap, HashSet};

use millrace_core::definition::SpecKind;
use serde_json::Value;

use super::place::{Finding, Place};
use super::{Draft, Imported, MAX_IMPORTED, Order, Plan};
use crate::problem::quoted;
use crate::{check_dimension, check_event};

/// Where a dataset's body names the dataset that it is computed from.
const SOURCE: &str =
    "/input/properties/dataset/properties/aggregate/properties/columns/items/properties/table/pattern";

/// Checks a draft and puts it in order.
pub(super) fn finish(order: &Order, draft: Draft) -> Result<Plan, Vec<Finding>> {
    check_order(order, &draft)?;
    let Draft { mut plan, .. } = draft;
    for spec in &mut plan.specs {
        write_csv(order, spec);
        check_body(spec);
    }
    let specs = refuse_duplicates(plan.specs);
    plan.specs = in_order(specs);
    Ok(plan)
}

/// Options that name nothing are refused before anything is made: a spec cannot be changed afterwards.
fn check_order(order: &Order, draft: &Draft) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    for header in order
        .dates
        .keys()
        .filter(|header| !draft.headers.contains(*header))
    {
        let place = Place::of_request("/dates").member(header);
        findings.push(Finding::new(place, "unknown_column", "no file has such a column"));
    }
    for name in order.keys.keys().filter(|name| !draft.keyed.contains(*name)) {
        let place = Place::of_request("/keys").member(name);
        let reason = "nothing of that name that has a key is made here, or its source names its key";
        findings.push(Finding::new(place, "unknown_dimension", reason));
    }
    if draft.plan.specs.len() > MAX_IMPORTED {
        let reason = format!("these files make more than {MAX_IMPORTED} specs; post them in parts");
        findings.push(Finding::new(
            Place::of_request("/files"),
            "too_many_specs",
            reason,
        ));
    }
    match findings.is_empty() {
        true => Ok(()),
        false => Err(findings),
    }
}

/// Files are written as the order says.
fn write_csv(order: &Order, spec: &mut Imported) {
    let takes_files = spec.kind.is_some_and(SpecKind::takes_files);
    if let (Some(csv), Ok(made), true) = (&order.csv, &mut spec.made, takes_files) {
        let computed = "/input/properties/dataset/properties/aggregate";
        if made.body.pointer(computed).is_some() {
            return;
        }
        made.body["csv"] = csv.clone();
        made.origins.add("/csv".to_owned(), Place::of_request("/csv"));
    }
}

/// Datasets are checked by whoever knows what they refer to.
fn check_body(spec: &mut Imported) {
    let Ok(made) = &spec.made else {
        return;
    };
    let errors = match spec.kind {
        Some(SpecKind::Dimension) => check_dimension(&made.body).err(),
        Some(SpecKind::Event) => check_event(&made.body).err(),
        Some(
            SpecKind::Dataset
            | SpecKind::Source
            | SpecKind::Transformer
            | SpecKind::Pipeline
            | SpecKind::Schedule,
        )
        | None => None,
    };
    let mut findings = errors.map(|errors| made.findings(errors)).unwrap_or_default();
    let mut nul = Vec::new();
    find_nul(&made.body, "", &mut nul);
    findings.extend(nul.iter().map(|pointer| {
        let reason = "holds the character NUL, which no database takes";
        Finding::new(made.origins.place(pointer), "nul_character", reason)
    }));
    if !findings.is_empty() {
        spec.made = Err(findings);
    }
}

/// The pointers of texts with a NUL in them: CSV files may hold it, and JSON may write it. Names of members are ours.
fn find_nul(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains('\0') => found.push(at.to_owned()),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| find_nul(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => {
            let members = members.iter();
            members.for_each(|(name, member)| find_nul(member, &format!("{at}/{name}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Dimensions and datasets share their names, since both are views; case does not tell names apart.
fn space(kind: SpecKind) -> SpecKind {
    match kind {
        SpecKind::Dimension | SpecKind::Dataset => SpecKind::Dataset,
        other => other,
    }
}

/// The second of two specs with one name is refused, unless it is the very same, which is there once then.
fn refuse_duplicates(specs: Vec<Imported>) -> Vec<Imported> {
    let mut there: HashMap<(SpecKind, String), usize> = HashMap::new();
    let mut kept: Vec<Imported> = Vec::with_capacity(specs.len());
    for mut spec in specs {
        if let (Some(kind), Ok(made)) = (spec.kind, &spec.made) {
            let name = (space(kind), spec.name.to_ascii_lowercase());
            match there.get(&name).map(|at| &kept[*at]) {
                None => drop(there.insert(name, kept.len())),
                Some(first) => {
                    let is_same = first.kind == spec.kind
                        && first.made.as_ref().is_ok_and(|other| other.body == made.body);
                    if is_same {
                        continue;
                    }
                    spec.made = Err(vec![duplicate(&spec, first)]);
                }
            }
        }
        kept.push(spec);
    }
    kept
}

fn duplicate(spec: &Imported, first: &Imported) -> Finding {
    let kind = first.kind.map_or("spec", SpecKind::as_str);
    let place = match (&first.place.file, first.place.line) {
        (Some(file), Some(line)) => format!("{}, line {line}", quoted(file)),
        (Some(file), None) => quoted(file),
        (None, _) => "the request".to_owned(),
    };
    let reason = format!("the {kind} {} has that name already, from {place}", first.name);
    Finding::new(spec.place.clone(), "duplicate_name", reason)
}

/// Dimensions, events, then datasets, each after the dataset that it is computed from. What could not be understood comes first.
fn in_order(mut specs: Vec<Imported>) -> Vec<Imported> {
    specs.sort_by_key(|spec| match spec.kind {
        None => 0,
        Some(SpecKind::Dimension) => 1,
        Some(SpecKind::Event) => 2,
        Some(SpecKind::Transformer) => 3,
        Some(SpecKind::Dataset) => 4,
        Some(SpecKind::Source) => 5,
        Some(SpecKind::Pipeline) => 6,
        Some(SpecKind::Schedule) => 7,
    });
    let mut missing: HashSet<String> = specs
        .iter()
        .filter_map(|spec| made_dataset(spec).map(str::to_owned))
        .collect();
    let mut ordered = Vec::with_capacity(specs.len());
    while !specs.is_empty() {
        let before = specs.len();
        let waits = |spec: &Imported, missing: &HashSet<String>| {
            source(spec).is_some_and(|source| source != spec.name && missing.contains(source))
        };
        let mut waiting = Vec::new();
        for spec in specs {
            if waits(&spec, &missing) {
                waiting.push(spec);
                continue;
            }
            if let Some(name) = made_dataset(&spec) {
                missing.remove(name);
            }
            ordered.push(spec);
        }
        specs = waiting;
        if specs.len() == before {
            specs.iter_mut().for_each(refuse_circle);
            ordered.append(&mut specs);
        }
    }
    ordered
}

fn refuse_circle(spec: &mut Imported) {
    let reason = "is computed from itself, over other datasets";
    spec.made = Err(vec![Finding::new(spec.place.clone(), "circular", reason)]);
}

fn made_dataset(spec: &Imported) -> Option<&str> {
    (spec.kind == Some(SpecKind::Dataset) && spec.made.is_ok()).then_some(spec.name.as_str())
}

/// The dataset that a dataset is computed from.
fn source(spec: &Imported) -> Option<&str> {
    let body = &spec.made.as_ref().ok()?.body;
    let table = body.pointer(SOURCE).and_then(Value::as_str)?;
    table.strip_prefix("ingestion.")
}
