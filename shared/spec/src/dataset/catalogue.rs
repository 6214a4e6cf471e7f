//! The dataset's entry in the KPI catalogue.

use millrace_core::catalogue::KpiCatalogue;
use millrace_core::definition::{DimensionDefinition, KeyField};
use serde_json::Value;

use super::field;
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// Reads the catalogue of a body that fits the schema. Its levels are columns that the dataset can be grouped by: keys of
/// its cells, or attributes of its dimension.
pub(super) fn read(
    body: &Value,
    keys: &[KeyField],
    dimension: Option<&DimensionDefinition>,
    problems: &mut Problems,
) -> Option<KpiCatalogue> {
    let declared = body.get("catalogue")?;
    let catalogue: KpiCatalogue = serde_json::from_value(declared.clone()).ok()?;
    let at = Pointer::of(&["catalogue", "levels"]);
    for (index, level) in catalogue.levels.iter().enumerate() {
        let of_dimension = dimension.and_then(|dimension| field(&dimension.fields, level.as_str()));
        if of_dimension.is_none() && keys.iter().all(|key| key.field != *level) {
            let message = format!("the dataset cannot be grouped by {}", quoted(level.as_str()));
            problems.add(&at.item(index), "unknown_column", message);
        }
        if catalogue.levels[..index].contains(level) {
            let message = format!("{} is there twice", quoted(level.as_str()));
            problems.add(&at.item(index), "duplicate_name", message);
        }
    }
    Some(catalogue)
}
