//! Datasets whose rows come ready: neither grouped nor aggregated.

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, ReadyRows};
use serde_json::Value;

use super::catalogue;
use crate::constant;
use crate::entity::{Items, declared_key, read_csv};
use crate::pointer::Pointer;
use crate::problem::Problems;
use crate::row;

/// The members that say what a dataset is computed from.
const COMPUTING: [&[&str]; 3] = [
    &["event_name"],
    &["transformer_name"],
    &["input", "properties", "dimensions"],
];

/// Whether a body that fits the schema is of a dataset whose rows come ready.
pub(super) fn are_ready(body: &Value) -> bool {
    let dataset = body.pointer("/input/properties/dataset/properties");
    dataset.is_some_and(|dataset| dataset.get("group_by").is_none() && dataset.get("aggregate").is_none())
}

/// Notes what only one of the two kinds of dataset has.
pub(super) fn check_csv(body: &Value, problems: &mut Problems) {
    if body.get("csv").is_some() {
        let message = "the dataset is computed: it has no files of its own";
        problems.add(&Pointer::of(&["csv"]), "not_used", message);
    }
}

/// Reads a body that fits the schema.
pub(super) fn compile(body: &Value, problems: &mut Problems) -> Option<DatasetDefinition> {
    let name = Name::parse(body.get("dataset_name")?.as_str()?).ok()?;
    for place in COMPUTING {
        let at = Pointer::of(place);
        if body.pointer(&at.to_string()).is_some() {
            let message = "without group_by and aggregate the dataset's rows come ready: nothing is computed or looked up";
            problems.add(&at, "not_used", message);
        }
    }
    let top = body.pointer("/input/properties")?;
    let at = Pointer::of(&["input", "properties"]);
    constant::check_table(Some(top), &at, name.as_str(), problems);
    constant::check_echo(
        top.get("dataset_name"),
        &at.member("dataset_name"),
        name.as_str(),
        problems,
    );
    let at = ["dataset", "properties", "items", "items"]
        .iter()
        .fold(at, |at, member| at.member(member));
    let items = Items {
        value: body.pointer(&at.to_string())?,
        at,
    };
    let mut fields = row::read(items.value, &items.at, problems);
    let key = declared_key(&items, &fields, problems).unwrap_or_default();
    for field in fields.iter_mut().filter(|field| key.contains(&field.name)) {
        field.required = true;
    }
    let rows = ReadyRows {
        fields,
        key,
        csv: read_csv(body),
    };
    let mut definition = DatasetDefinition::of_rows(name, rows, None);
    definition.catalogue = catalogue::read(body, &definition.keys, None, problems).map(Box::new);
    Some(definition)
}
