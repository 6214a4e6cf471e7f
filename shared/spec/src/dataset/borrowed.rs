//! A column that a dataset of an event takes from another dataset, as a term of its percentage.

use millrace_core::definition::{BorrowedColumn, DatasetDefinition, Formula, KeyField, Output};

use super::Catalogue;
use super::feed::{self, FeedColumns};
use super::parts::{Listed, Parts};
use crate::problem::{Problems, quoted};

/// What is borrowed: the column of the dataset named as `table` that numerator or denominator stands for.
pub(super) fn read(
    parts: &Parts<'_>,
    feed: &FeedColumns,
    keys: &[KeyField],
    catalogue: &Catalogue,
    problems: &mut Problems,
) -> Option<BorrowedColumn> {
    let listed = parts.dataset.as_ref().filter(|_| !feed.is_dataset())?;
    let Some(dataset) = catalogue.dataset(listed.name) else {
        let message = format!("there is no dataset {}", quoted(listed.name));
        problems.add(&listed.at, "unknown_dataset", message);
        return None;
    };
    let columns = feed::groups(dataset, catalogue);
    for key in keys {
        let has_it = columns
            .iter()
            .any(|(column, field_type)| column == &key.field && *field_type == key.field_type);
        if !has_it {
            let message = format!(
                "{} is not grouped by {}, or has it as another type: its figures cannot be set beside those of {}",
                dataset.name,
                key.field,
                feed.name()
            );
            problems.add(&listed.at, "not_comparable", message);
        }
    }
    let terms = [&parts.denominator, &parts.numerator];
    let found = terms.into_iter().flatten().find_map(|term| {
        let output = output(dataset, term)?;
        Some((term, output))
    });
    let Some((term, output)) = found else {
        let message = format!(
            "neither numerator_col nor denominator_col is a column of {}",
            dataset.name
        );
        problems.add(&listed.at, "unknown_column", message);
        return None;
    };
    if !matches!(output.formula, Formula::Sum { .. } | Formula::Count { .. }) {
        let message = format!(
            "{} of {} is neither a sum nor a count: it cannot be added up",
            output.name, dataset.name
        );
        problems.add(&term.at, "not_a_sum", message);
        return None;
    }
    Some(BorrowedColumn {
        dataset: dataset.name.clone(),
        column: output.name.clone(),
        field_type: dataset.output_type(&output.formula),
    })
}

/// The output that a name stands for: itself, or its sum.
pub(super) fn output<'a>(dataset: &'a DatasetDefinition, term: &Listed<'_>) -> Option<&'a Output> {
    let named = |name: &str| dataset.outputs.iter().find(|output| output.name.as_str() == name);
    named(term.name).or_else(|| named(term.name.strip_prefix("sum_")?))
}
