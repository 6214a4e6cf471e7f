//! Compiled specs: what the functions work with. The JSON bodies and their checks live in `millrace-spec`.

use serde::{Deserialize, Serialize};

use crate::csv::CsvFormat;
use crate::field::{Field, FieldType};
use crate::name::Name;

/// The kinds of spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecKind {
    /// A reference entity.
    Dimension,
    /// An observed fact.
    Event,
    /// A table that is served.
    Dataset,
    /// An external source of files.
    Source,
}

impl SpecKind {
    /// The kind as it is written in routes, tables and keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Event => "event",
            Self::Dataset => "dataset",
            Self::Source => "source",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dimension, Self::Event, Self::Dataset, Self::Source]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// Whether files are files of it.
    #[must_use]
    pub fn takes_files(self) -> bool {
        matches!(self, Self::Dimension | Self::Event)
    }
}

/// A reference entity whose rows enter the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionDefinition {
    /// The dimension's name.
    pub name: Name,
    /// Its fields, in the spec's order.
    pub fields: Vec<Field>,
    /// The fields that make a row unique; never empty.
    pub key: Vec<Name>,
    /// How its files are written.
    #[serde(default, skip_serializing_if = "CsvFormat::is_plain")]
    pub csv: CsvFormat,
}

/// An observed fact; rows stay in parts and never enter the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDefinition {
    /// The event's name.
    pub name: Name,
    /// Its fields, in the spec's order.
    pub fields: Vec<Field>,
    /// How its files are written.
    #[serde(default, skip_serializing_if = "CsvFormat::is_plain")]
    pub csv: CsvFormat,
}

/// What is kept of a measure in every cell; a row count and the count of filled cells are always kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The event's field.
    pub field: Name,
    /// Its type: [`FieldType::Integer`] or [`FieldType::Decimal`].
    pub field_type: FieldType,
    /// Whether least and greatest value are kept too; only where an output asks for them, since a retracted extreme
    /// has to be looked up again in the other files.
    pub extremes: bool,
}

/// A part of a cell's key: a field of the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyField {
    /// The event's field.
    pub field: Name,
    /// Its type.
    pub field_type: FieldType,
}

/// How an output column is made from a cell's measures; indexes point into [`DatasetDefinition::measures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "snake_case")]
pub enum Formula {
    /// Sum of the filled cells; null when none is filled.
    Sum {
        /// Which measure.
        measure: usize,
    },
    /// Number of filled cells.
    Count {
        /// Which measure.
        measure: usize,
    },
    /// Least value.
    Min {
        /// Which measure.
        measure: usize,
    },
    /// Greatest value.
    Max {
        /// Which measure.
        measure: usize,
    },
    /// Sum divided by count, rounded half away from zero to [`DatasetDefinition::RATIO_SCALE`] places.
    Avg {
        /// Which measure.
        measure: usize,
    },
    /// 100 × sum of one measure / sum of another, rounded likewise; null when the denominator is null or zero.
    Percentage {
        /// The measure above the line.
        numerator: usize,
        /// The measure below the line.
        denominator: usize,
    },
}

/// A named output column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The column's name.
    pub name: Name,
    /// How it is made.
    #[serde(flatten)]
    pub formula: Formula,
}

/// The dimension that a dataset looks attributes up in, at query time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionJoin {
    /// The dimension.
    pub dimension: Name,
    /// The field that both sides have: one of the dataset's key fields and the dimension's only key field.
    pub field: Name,
}

/// A dataset that is computed from an event.
///
/// Cells are stored per [`keys`](Self::keys), the event's own fields; groupings by a dimension's attributes and by
/// coarser time grains are made from them at query time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetDefinition {
    /// The dataset's name.
    pub name: Name,
    /// The event that feeds it.
    pub event: Name,
    /// What a cell is keyed by, in order.
    pub keys: Vec<KeyField>,
    /// What a cell keeps.
    pub measures: Vec<Measure>,
    /// What readers see.
    pub outputs: Vec<Output>,
    /// Where attributes are looked up.
    pub join: Option<DimensionJoin>,
    /// The columns that the dataset's own view is grouped by: key fields or attributes of the dimension.
    pub group_by: Vec<Name>,
}

impl DatasetDefinition {
    /// Decimal places of averages and percentages.
    pub const RATIO_SCALE: u32 = 6;
}
