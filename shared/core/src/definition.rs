//! Compiled specs: what the functions work with. The JSON bodies and their checks live in `millrace-spec`.

use serde::{Deserialize, Serialize};

use crate::catalogue::KpiCatalogue;
use crate::condition::Condition;
use crate::csv::CsvFormat;
use crate::field::{Field, FieldType};
use crate::name::Name;
use crate::step::Step;

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
    /// A plan over an event's rows.
    Transformer,
    /// When something is brought up to date.
    Pipeline,
    /// When something is begun by the clock.
    Schedule,
}

impl SpecKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Dimension,
        Self::Event,
        Self::Dataset,
        Self::Source,
        Self::Transformer,
        Self::Pipeline,
        Self::Schedule,
    ];

    /// The kind as it is written in routes, tables and keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Event => "event",
            Self::Dataset => "dataset",
            Self::Source => "source",
            Self::Transformer => "transformer",
            Self::Pipeline => "pipeline",
            Self::Schedule => "schedule",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether files are files of it; of datasets, those whose rows come ready.
    #[must_use]
    pub fn takes_files(self) -> bool {
        matches!(self, Self::Dimension | Self::Event | Self::Dataset)
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

/// What is kept of a field in every cell: how many rows have a value, and their sum if it is a number. A row count is
/// always kept beside the measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The feed's field.
    pub field: Name,
    /// Its type; only numbers are added up, of others the values are counted.
    pub field_type: FieldType,
    /// Whether least and greatest value are kept too, of numbers, days and instants; only where an output asks for them,
    /// since a retracted extreme has to be looked up again in the other files.
    pub extremes: bool,
    /// Which rows it is made of; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
}

/// A part of a cell's key: a field of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyField {
    /// The feed's field.
    pub field: Name,
    /// Its type.
    pub field_type: FieldType,
}

/// What is taken of a measure, as a part of a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// The sum of a measure.
    Sum(usize),
    /// The number of values of a measure.
    Count(usize),
    /// The sum of [`DatasetDefinition::borrowed`].
    Borrowed,
}

/// How an output column is made from a cell's measures; indexes point into [`DatasetDefinition::measures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "snake_case")]
pub enum Formula {
    /// Sum of the values; null when there is none.
    Sum {
        /// Which measure.
        measure: usize,
    },
    /// Number of values.
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
    /// Number of distinct values of a key field; exact under every grouping, since cells are kept by it.
    DistinctCount {
        /// Which of [`DatasetDefinition::keys`].
        key: usize,
    },
    /// 100 × one term / another, rounded likewise; null when the denominator is null or zero.
    Percentage {
        /// The term above the line.
        numerator: Term,
        /// The term below the line.
        denominator: Term,
    },
    /// The sum of [`DatasetDefinition::borrowed`]; null when it has no value.
    Borrowed,
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

/// What a dataset is computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// The rows of an event: cells are stored, and every file adds to them.
    Event(Name),
    /// The groups of another dataset, as its own view shows them: computed when it is read, so that it is never behind.
    Dataset(Name),
    /// Nothing: its rows come ready, in files of its own, and are served as they came.
    Rows(Box<ReadyRows>),
}

/// The rows of a dataset that come ready: a table, of which nothing is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyRows {
    /// Their fields, in the spec's order.
    pub fields: Vec<Field>,
    /// The fields that make a row unique; without any, rows are kept as they are, however often they come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<Name>,
    /// How their files are written.
    #[serde(default, skip_serializing_if = "CsvFormat::is_plain")]
    pub csv: CsvFormat,
}

/// A column of another dataset, whose sum over the same groups is a term of a percentage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BorrowedColumn {
    /// The other dataset; its own view has all key fields of the one that borrows.
    pub dataset: Name,
    /// Its column: a sum or a count.
    pub column: Name,
    /// The column's type.
    pub field_type: FieldType,
}

/// A dataset that is computed from an event or from another dataset, or whose rows come ready.
///
/// The cells of one that is fed by an event are stored per [`keys`](Self::keys), the event's own fields; groupings by
/// a dimension's attributes and by coarser time grains are made from them at query time. One that is fed by a dataset
/// has no cells of its own: its keys are the columns that the other one is grouped by, its measures are made of the
/// other one's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetDefinition {
    /// The dataset's name.
    pub name: Name,
    /// What it is computed from.
    #[serde(flatten)]
    pub feed: Feed,
    /// What is done to the feed's rows first, in order: a transformer's plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The transformer that the plan is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformer: Option<Name>,
    /// Which rows or groups of the feed count at all; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
    /// What a cell is keyed by, in order.
    pub keys: Vec<KeyField>,
    /// What a cell keeps.
    pub measures: Vec<Measure>,
    /// What is taken from another dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowed: Option<BorrowedColumn>,
    /// What readers see.
    pub outputs: Vec<Output>,
    /// Where attributes are looked up.
    pub join: Option<DimensionJoin>,
    /// The columns that the dataset's own view is grouped by: key fields or attributes of the dimension.
    pub group_by: Vec<Name>,
    /// What its figures mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Box<KpiCatalogue>>,
}

impl DatasetDefinition {
    /// Decimal places of averages and percentages.
    pub const RATIO_SCALE: u32 = 6;

    /// A dataset whose rows come ready.
    #[must_use]
    pub fn of_rows(name: Name, rows: ReadyRows, catalogue: Option<Box<KpiCatalogue>>) -> Self {
        let fields = rows.fields.iter();
        let keys = fields.map(|field| KeyField {
            field: field.name.clone(),
            field_type: field.field_type,
        });
        Self {
            name,
            keys: keys.collect(),
            group_by: rows.fields.iter().map(|field| field.name.clone()).collect(),
            feed: Feed::Rows(Box::new(rows)),
            steps: Vec::new(),
            transformer: None,
            filter: Vec::new(),
            measures: Vec::new(),
            borrowed: None,
            outputs: Vec::new(),
            join: None,
            catalogue,
        }
    }

    /// Its rows, where they come ready.
    #[must_use]
    pub fn rows(&self) -> Option<&ReadyRows> {
        match &self.feed {
            Feed::Rows(rows) => Some(rows),
            Feed::Event(_) | Feed::Dataset(_) => None,
        }
    }

    /// Its table, where its rows come ready: they are kept as a dimension's are, but that there may be no key.
    #[must_use]
    pub fn as_dimension(&self) -> Option<DimensionDefinition> {
        self.rows().map(|rows| DimensionDefinition {
            name: self.name.clone(),
            fields: rows.fields.clone(),
            key: rows.key.clone(),
            csv: rows.csv.clone(),
        })
    }

    /// The event whose files make its cells; none where it is computed from another dataset, or not at all.
    #[must_use]
    pub fn event(&self) -> Option<&Name> {
        match &self.feed {
            Feed::Event(event) => Some(event),
            Feed::Dataset(_) | Feed::Rows(_) => None,
        }
    }

    /// The datasets that it is computed from.
    pub fn datasets(&self) -> impl Iterator<Item = &Name> {
        let feed = match &self.feed {
            Feed::Event(_) | Feed::Rows(_) => None,
            Feed::Dataset(dataset) => Some(dataset),
        };
        feed.into_iter()
            .chain(self.borrowed.as_ref().map(|borrowed| &borrowed.dataset))
    }

    /// The type of an output's values.
    #[must_use]
    pub fn output_type(&self, formula: &Formula) -> FieldType {
        Self::type_of(formula, &self.measures, self.borrowed.as_ref())
    }

    /// The type of the values of a formula over these measures.
    #[must_use]
    pub fn type_of(formula: &Formula, measures: &[Measure], borrowed: Option<&BorrowedColumn>) -> FieldType {
        match formula {
            Formula::Sum { measure } | Formula::Min { measure } | Formula::Max { measure } => {
                let measure = measures.get(*measure);
                measure.map_or(FieldType::Decimal, |measure| measure.field_type)
            }
            Formula::Count { .. } | Formula::DistinctCount { .. } => FieldType::Integer,
            Formula::Avg { .. } | Formula::Percentage { .. } => FieldType::Decimal,
            Formula::Borrowed => borrowed.map_or(FieldType::Decimal, |borrowed| borrowed.field_type),
        }
    }
}
