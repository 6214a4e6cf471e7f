mod bodies;
mod grammars;
mod hostile;
mod key_files;
mod key_sets;

use millrace_core::definition::{DatasetDefinition, SpecKind};
use serde_json::Value;

use super::{Finding, Format, Imported, Order, Place, Plan, SourceBody, SourceFile, plan};
use crate::{Catalogue, SpecErrors, check_dataset, check_dimension, check_event, references};

/// Files as they are posted: row schemas are read, and of what is no JSON its reader tells the place.
fn order(format: Format, files: &[(&str, &str)]) -> Order {
    if format == Format::Body {
        let bodies = files.iter().map(|(name, text)| SourceBody {
            file: Some((*name).to_owned()),
            body: serde_json::from_str(text)
                .map_err(|error| Finding::new(Place::of_file(name), "malformed_json", error.to_string())),
        });
        return Order {
            bodies: bodies.collect(),
            ..Order::new(format)
        };
    }
    let files = files.iter().map(|(name, text)| SourceFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    Order {
        files: files.collect(),
        ..Order::new(format)
    }
}

fn planned(order: &Order) -> Plan {
    plan(order, &[]).unwrap()
}

/// Rule and place of a finding: `rule file:line:column`, or `rule file#pointer`.
fn told(finding: &Finding) -> String {
    format!("{} {}", finding.rule, place(&finding.place))
}

fn place(place: &Place) -> String {
    let mut text = place.file.clone().unwrap_or_default();
    for number in [place.line, place.column].into_iter().flatten() {
        text.push_str(&format!(":{number}"));
    }
    if let Some(pointer) = &place.pointer {
        text.push_str(&format!("#{pointer}"));
    }
    text
}

fn findings(spec: &Imported) -> Vec<String> {
    spec.made.as_ref().unwrap_err().iter().map(told).collect()
}

/// `kind name`, and what is wrong with it, of each spec.
fn summary(plan: &Plan) -> Vec<String> {
    let line = |spec: &Imported| {
        let kind = spec.kind.map_or("file", SpecKind::as_str);
        let name = &spec.name;
        match &spec.made {
            Ok(_) => format!("{kind} {name}"),
            Err(findings) => format!(
                "{kind} {name}: {}",
                findings.iter().map(told).collect::<Vec<_>>().join(", ")
            ),
        }
    };
    plan.specs.iter().map(line).collect()
}

fn notes(plan: &Plan) -> Vec<String> {
    plan.notes.iter().map(told).collect()
}

fn body<'a>(plan: &'a Plan, name: &str) -> &'a Value {
    let spec = plan
        .specs
        .iter()
        .find(|spec| spec.name == name && spec.made.is_ok());
    &spec.unwrap().made.as_ref().unwrap().body
}

/// Everything of a plan that datasets refer to.
fn catalogue(plan: &Plan) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for spec in &plan.specs {
        match (spec.kind, &spec.made) {
            (Some(SpecKind::Event), Ok(made)) => catalogue.events.push(check_event(&made.body).unwrap()),
            (Some(SpecKind::Dimension), Ok(made)) => {
                catalogue.dimensions.push(check_dimension(&made.body).unwrap());
            }
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

/// A dataset of a plan, checked against the plan's own dimensions and events.
fn checked(plan: &Plan, name: &str) -> Result<DatasetDefinition, SpecErrors> {
    let body = body(plan, name);
    assert!(references(body).is_some(), "{name} breaks the schema");
    check_dataset(body, &catalogue(plan))
}
