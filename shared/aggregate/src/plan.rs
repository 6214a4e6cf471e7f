//! Which columns of a part feed a dataset, checked once before the first row.

use std::borrow::Cow;

use millrace_core::Name;
use millrace_core::condition::Condition;
use millrace_core::definition::{DatasetDefinition, KeyField, Measure};
use millrace_core::field::FieldType;
use millrace_core::step::Step;
use millrace_table::block::{Block, PartSchema};
use serde::{Deserialize, Serialize};

use crate::builder::PartialError;
use crate::filter::RowFilter;
use crate::steps::StepPlan;

/// What the cells of a dataset consist of: the part of its definition that a partial depends on.
///
/// Two partials can be compared only when their layouts are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The dataset.
    pub dataset: Name,
    /// What is done to the rows first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Which rows count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
    /// What a cell is keyed by, in order.
    pub keys: Vec<KeyField>,
    /// What a cell keeps, in order.
    pub measures: Vec<Measure>,
}

impl Layout {
    /// The layout of a dataset.
    #[must_use]
    pub fn of(dataset: &DatasetDefinition) -> Self {
        Self {
            dataset: dataset.name.clone(),
            steps: dataset.steps.clone(),
            filter: dataset.filter.clone(),
            keys: dataset.keys.clone(),
            measures: dataset.measures.clone(),
        }
    }
}

/// Why a dataset cannot be computed from a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The part has no such column.
    #[error("the part has no column {0}")]
    MissingColumn(Name),
    /// The part's column has another type than the dataset says.
    #[error("column {field} is {found:?} in the part and {expected:?} in the dataset")]
    WrongType {
        /// The column.
        field: Name,
        /// Its type in the dataset.
        expected: FieldType,
        /// Its type in the part.
        found: FieldType,
    },
    /// A step whose operands are not of the types that it takes.
    #[error("the step that makes {0} does not fit its operands")]
    BadStep(Name),
    /// A condition's value that is not of its field's type.
    #[error("the value that {0} is compared with is not of its type")]
    BadValue(Name),
}

impl PlanError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingColumn(_) => "missing_column",
            Self::WrongType { .. } => "wrong_type",
            Self::BadStep(_) => "bad_step",
            Self::BadValue(_) => "bad_value",
        }
    }
}

/// The columns of a part that are keys and measures of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregationPlan {
    layout: Layout,
    steps: StepPlan,
    part_columns: usize,
    key_columns: Vec<usize>,
    measure_columns: Vec<usize>,
    filter: RowFilter,
    measure_filters: Vec<RowFilter>,
}

impl AggregationPlan {
    /// Finds the dataset's keys and measures in a part and checks their types.
    ///
    /// # Errors
    /// [`PlanError`] names the first column that does not fit.
    pub fn new(dataset: &DatasetDefinition, schema: &PartSchema) -> Result<Self, PlanError> {
        let part_columns = schema.fields.len();
        let (steps, schema) = StepPlan::new(&dataset.steps, schema)?;
        let schema = &schema;
        let key = |key: &KeyField| find(schema, &key.field, key.field_type);
        let measure = |measure: &Measure| find(schema, &measure.field, measure.field_type);
        let filter = |measure: &Measure| RowFilter::new(&measure.filter, schema);
        Ok(Self {
            layout: Layout::of(dataset),
            steps,
            part_columns,
            key_columns: dataset.keys.iter().map(key).collect::<Result<_, _>>()?,
            measure_columns: dataset.measures.iter().map(measure).collect::<Result<_, _>>()?,
            filter: RowFilter::new(&dataset.filter, schema)?,
            measure_filters: dataset.measures.iter().map(filter).collect::<Result<_, _>>()?,
        })
    }

    /// What the partial's cells will consist of.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Positions in the part, or behind it where a step makes them, of the key columns, in the layout's order.
    #[must_use]
    pub fn key_columns(&self) -> &[usize] {
        &self.key_columns
    }

    /// Positions likewise of the measures' columns, in the layout's order.
    #[must_use]
    pub fn measure_columns(&self) -> &[usize] {
        &self.measure_columns
    }

    /// The rows that are grouped: a part's block after the steps.
    ///
    /// # Errors
    /// [`PartialError::File`] when a step cannot be done for a row, so that the file is to be refused.
    pub fn transform<'a>(&self, block: &'a Block) -> Result<Cow<'a, Block>, PartialError> {
        if self.steps.is_empty() {
            return Ok(Cow::Borrowed(block));
        }
        let wanted = self.columns();
        self.steps.run(block, &wanted).map(Cow::Owned)
    }

    /// Which rows count.
    pub(crate) fn filter(&self) -> &RowFilter {
        &self.filter
    }

    /// Which of those each measure is made of, in the layout's order.
    pub(crate) fn measure_filters(&self) -> &[RowFilter] {
        &self.measure_filters
    }

    /// Positions in the part of the columns that conditions look at, in the layout's order.
    pub(crate) fn filter_columns(&self) -> impl Iterator<Item = usize> {
        let filters = std::iter::once(&self.filter).chain(&self.measure_filters);
        filters.flat_map(RowFilter::columns)
    }

    /// Positions in the part of all columns that are read, ascending, each once: what a part reader need decode.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = [self.key_columns.as_slice(), &self.measure_columns].concat();
        columns.extend(self.filter_columns());
        columns.extend(self.steps.columns());
        // What the steps make is not in the part.
        columns.retain(|column| *column < self.part_columns);
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

pub(crate) fn find(schema: &PartSchema, field: &Name, expected: FieldType) -> Result<usize, PlanError> {
    let missing = || PlanError::MissingColumn(field.clone());
    let position = schema.position(field).ok_or_else(missing)?;
    let (_, found) = schema.fields.get(position).ok_or_else(missing)?;
    if *found != expected {
        return Err(PlanError::WrongType {
            field: field.clone(),
            expected,
            found: *found,
        });
    }
    Ok(position)
}

#[cfg(test)]
mod tests;
