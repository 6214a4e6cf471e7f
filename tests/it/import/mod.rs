//! Imports of another system's specs: the sample files, each translated or refused for its reason, and what is created of them.
#![cfg(test)]

mod attendance;
mod created;
mod samples;

use std::path::Path;

use millrace_core::definition::SpecKind;
use millrace_spec::import::{Finding, Format, Imported, Order, Plan, SourceBody, SourceFile, plan};
use millrace_spec::{Catalogue, check_dataset, check_dimension, check_event};
use millrace_tests::sample_data;

/// The files below a folder of the sample data with one of these endings, with their names from the folder on, in order.
fn files(folder: &str, endings: &[&str]) -> Option<Vec<SourceFile>> {
    let root = sample_data(folder)?;
    let mut files = Vec::new();
    walk(&root, &root, endings, &mut files);
    files.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!files.is_empty(), "{folder} is empty");
    Some(files)
}

fn walk(root: &Path, folder: &Path, endings: &[&str], files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, endings, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = std::fs::read_to_string(&path).unwrap();
            files.push(SourceFile { name, text });
        }
    }
}

fn order(format: Format, files: Vec<SourceFile>) -> Order {
    let mut order = Order::new(format);
    match format {
        Format::Body => order.bodies = files.into_iter().map(body).collect(),
        Format::Grammar | Format::Keys => order.files = files,
    }
    order
}

fn body(file: SourceFile) -> SourceBody {
    SourceBody {
        body: Ok(serde_json::from_str(&file.text).unwrap()),
        file: Some(file.name),
    }
}

fn planned(order: &Order) -> Plan {
    plan(order, &[]).unwrap()
}

/// Name, and rule and place of each finding, of what was refused.
fn refused(plan: &Plan) -> Vec<(&str, Vec<String>)> {
    let told = |spec: &'_ Imported| Some(spec.made.as_ref().err()?.iter().map(told).collect());
    plan.specs
        .iter()
        .filter_map(|spec| Some((spec.name.as_str(), told(spec)?)))
        .collect()
}

fn told(finding: &Finding) -> String {
    let place = &finding.place;
    let numbers = [place.line, place.column].into_iter().flatten();
    let numbers: String = numbers.map(|number| format!(":{number}")).collect();
    format!(
        "{}{numbers}{}",
        finding.rule,
        place.pointer.as_deref().unwrap_or_default()
    )
}

/// How many specs of a kind were translated.
fn count(plan: &Plan, kind: SpecKind) -> usize {
    let is_made = |spec: &&Imported| spec.kind == Some(kind) && spec.made.is_ok();
    plan.specs.iter().filter(is_made).count()
}

/// What a plan's datasets refer to.
fn catalogue(plan: &Plan) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for spec in &plan.specs {
        let Ok(made) = &spec.made else { continue };
        match spec.kind {
            Some(SpecKind::Event) => catalogue.events.push(check_event(&made.body).unwrap()),
            Some(SpecKind::Dimension) => catalogue.dimensions.push(check_dimension(&made.body).unwrap()),
            _ => {}
        }
    }
    // Each of those that are computed from others comes after them.
    for spec in plan
        .specs
        .iter()
        .filter(|spec| spec.kind == Some(SpecKind::Dataset))
    {
        let Ok(made) = &spec.made else { continue };
        if let Ok(dataset) = check_dataset(&made.body, &catalogue) {
            catalogue.datasets.push(dataset);
        }
    }
    catalogue
}
