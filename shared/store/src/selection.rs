//! The SQL of datasets: tables of cells, and one SELECT that serves the views, the KPI queries and the listings.
//!
//! A dataset that is fed by an event is stored as cells keyed by the event's own fields; one that is fed by a dataset
//! reads that one's view. Every reading of either (its own view, a KPI query by any level and grain, a page of rows) is
//! the same SELECT, joined with the dimension where one is declared. Cells without a row in that dimension are not
//! shown: they wait, are counted, and appear by themselves once the row is there.

mod feed;
mod outputs;
mod waiting;

use std::fmt::Write as _;

use millrace_core::definition::DatasetDefinition;
use millrace_core::field::FieldType;
use millrace_core::name::Name;
use millrace_sql::identifier::{QuotedIdentifier, quote};
use serde::{Deserialize, Serialize};

use crate::tables::{DatasetTable, DimensionTable};

/// The period that dates are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// `2023-01-08`.
    Day,
    /// ISO week, `2023-W01`.
    Week,
    /// `2023-01`.
    Month,
    /// `2023`.
    Year,
}

impl Grain {
    /// Reads `day`, `week`, `month` or `year`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }

    /// The grain as [`Self::parse`] reads it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Day => "YYYY-MM-DD",
            Self::Week => "IYYY-\"W\"IW",
            Self::Month => "YYYY-MM",
            Self::Year => "YYYY",
        }
    }
}

/// What a selection is grouped by.
#[derive(Debug, Clone, Default)]
pub struct Grouping {
    /// Key fields of the dataset, or attributes of its dimension.
    pub columns: Vec<Name>,
    /// The period that date columns are grouped by; they stay as they are without one.
    pub grain: Option<Grain>,
}

impl Grouping {
    /// Grouped by columns as they are.
    #[must_use]
    pub fn columns(columns: &[Name]) -> Self {
        Self {
            columns: columns.to_vec(),
            grain: None,
        }
    }
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: Name,
    /// The type of its values; periods are text.
    pub field_type: FieldType,
}

/// Why a selection cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Neither a key field of the dataset nor an attribute of its dimension.
    #[error("{0} is neither a key of the dataset nor an attribute of its dimension")]
    UnknownColumn(String),
    /// The dataset has no date to take periods from.
    #[error("no column that is grouped by is a date, so there is no period to group by")]
    NoDate,
    /// The dataset has no date to limit.
    #[error("the dataset has no date column")]
    NoDateColumn,
    /// The dataset's dimension is not there.
    #[error("the dataset's dimension {0} does not exist")]
    NoDimension(String),
    /// The dataset's rows come ready, and are not grouped.
    #[error(
        "the rows of the dataset come ready and are served as they came: to group them, compute a dataset from it"
    )]
    ReadyRows,
    /// A name that cannot be an identifier.
    #[error("{0} cannot be used as an identifier")]
    BadIdentifier(String),
}

/// Where a column comes from.
#[derive(Debug, Clone)]
struct Source {
    expression: String,
    field_type: FieldType,
}

/// A dataset's cells, joined with its dimension.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    cells: &'a DatasetTable,
    dimension: Option<&'a DimensionTable>,
}

impl<'a> Selection<'a> {
    /// Cells with the dimension that they are declared with.
    ///
    /// # Errors
    /// [`SelectionError::NoDimension`] when one is declared and not given.
    pub fn new(
        cells: &'a DatasetTable,
        dimension: Option<&'a DimensionTable>,
    ) -> Result<Self, SelectionError> {
        match (&cells.definition.join, dimension) {
            (Some(join), None) => Err(SelectionError::NoDimension(join.dimension.to_string())),
            (None, _) => Ok(Self {
                cells,
                dimension: None,
            }),
            (Some(_), Some(dimension)) => Ok(Self {
                cells,
                dimension: Some(dimension),
            }),
        }
    }

    fn definition(&self) -> &DatasetDefinition {
        &self.cells.definition
    }

    /// What is read, joined with the dimension's visible rows.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub fn from_clause(&self) -> Result<String, SelectionError> {
        let feed = self.feed()?;
        Ok(match (self.dimension, self.join_condition("c")?) {
            (Some(dimension), Some(condition)) => {
                format!(
                    "{feed} c join {} d on d.is_visible and {condition}",
                    dimension.table()
                )
            }
            _ => format!("{feed} c"),
        })
    }

    fn joined_key(&self) -> Option<usize> {
        let join = self.definition().join.as_ref()?;
        self.definition()
            .keys
            .iter()
            .position(|key| key.field == join.field)
    }

    fn join_condition(&self, alias: &str) -> Result<Option<String>, SelectionError> {
        let join = self.definition().join.as_ref();
        let column = join.and_then(|join| self.dimension?.column_no(&join.field));
        Ok(match (column, self.joined_key()) {
            (Some(column), Some(key)) => Some(format!("d.c{column} = {}", self.key(alias, key)?)),
            _ => None,
        })
    }

    fn source(&self, name: &Name) -> Result<Source, SelectionError> {
        let keys = &self.definition().keys;
        if let Some(at) = keys.iter().position(|key| &key.field == name) {
            return Ok(Source {
                expression: self.key("c", at)?,
                field_type: keys[at].field_type,
            });
        }
        let attribute = self.dimension.and_then(|dimension| {
            let number = dimension.column_no(name)?;
            let field_type = dimension.definition.fields[number - 1].field_type;
            Some(Source {
                expression: format!("d.c{number}"),
                field_type,
            })
        });
        attribute.ok_or_else(|| SelectionError::UnknownColumn(name.to_string()))
    }

    /// The SQL expression and the type of a column that can be grouped or filtered by.
    ///
    /// # Errors
    /// [`SelectionError::UnknownColumn`].
    pub fn column(&self, name: &Name) -> Result<(String, FieldType), SelectionError> {
        self.source(name)
            .map(|source| (source.expression, source.field_type))
    }

    /// The expression of the dataset's (first) date or timestamp key.
    ///
    /// # Errors
    /// [`SelectionError::NoDateColumn`].
    pub fn date_column(&self) -> Result<String, SelectionError> {
        let is_date = |field_type| matches!(field_type, FieldType::Date | FieldType::Timestamp);
        let at = self
            .definition()
            .keys
            .iter()
            .position(|key| is_date(key.field_type));
        self.key("c", at.ok_or(SelectionError::NoDateColumn)?)
    }

    /// The grouped columns: expression and shown type of each.
    fn groups(&self, grouping: &Grouping) -> Result<Vec<(String, OutputColumn)>, SelectionError> {
        let own = &self.definition().group_by;
        if self.definition().rows().is_some() && (grouping.grain.is_some() || grouping.columns != *own) {
            return Err(SelectionError::ReadyRows);
        }
        let mut groups = Vec::new();
        let mut has_date = false;
        for name in &grouping.columns {
            let source = self.source(name)?;
            let is_date = matches!(source.field_type, FieldType::Date | FieldType::Timestamp);
            has_date |= is_date;
            let (expression, field_type) = match grouping.grain {
                Some(grain) if is_date => (
                    format!("to_char({}, '{}')", source.expression, grain.format()),
                    FieldType::Text,
                ),
                _ => (source.expression, source.field_type),
            };
            groups.push((
                expression,
                OutputColumn {
                    name: name.clone(),
                    field_type,
                },
            ));
        }
        match grouping.grain {
            Some(_) if !has_date => Err(SelectionError::NoDate),
            _ => Ok(groups),
        }
    }

    /// The conditions that a group has these values, in the order of the grouping; `:key0` and so on are bound by the
    /// caller.
    ///
    /// # Errors
    /// [`SelectionError`] when the grouping does not fit the dataset.
    pub fn key_conditions(&self, grouping: &Grouping) -> Result<Vec<String>, SelectionError> {
        let groups = self.groups(grouping)?.into_iter().enumerate();
        let condition = |(at, (expression, _)): (usize, (String, OutputColumn))| {
            format!("({expression})::text is not distinct from cast(:key{at} as text)")
        };
        Ok(groups.map(condition).collect())
    }

    /// The columns of an answer, in order: what is grouped by, then the outputs.
    ///
    /// # Errors
    /// [`SelectionError`] when the grouping does not fit the dataset.
    pub fn columns(&self, grouping: &Grouping) -> Result<Vec<OutputColumn>, SelectionError> {
        let groups = self.groups(grouping)?;
        Ok(groups
            .into_iter()
            .chain(self.outputs()?)
            .map(|(_, column)| column)
            .collect())
    }

    /// A page: the row key, then every column as text, in the order of the row keys; of ready rows, the rows as they
    /// are.
    ///
    /// `conditions` are SQL conditions over the cells (`c`) and the dimension (`d`); `:after` and `:limit` are bound
    /// by the caller. The row key is the JSON array of the grouped values, compared byte by byte.
    ///
    /// # Errors
    /// [`SelectionError`] when the grouping does not fit the dataset.
    pub fn page(&self, grouping: &Grouping, conditions: &[String]) -> Result<String, SelectionError> {
        let groups = self.groups(grouping)?;
        let outputs = self.outputs()?;
        let is_ready = self.definition().rows().is_some();
        let texts = groups.iter().chain(&outputs).map(|(expression, _)| expression);
        let mut columns = String::new();
        for (at, expression) in texts.enumerate() {
            let _ = write!(columns, ", ({expression})::text as o{at}");
        }
        let keys: Vec<String> = groups
            .iter()
            .map(|(expression, _)| format!("({expression})::text"))
            .collect();
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!("where {}", conditions.join(" and ")),
        };
        // Ready rows have keys of their own: two may be alike.
        let (key, group_clause) = match is_ready {
            true => ("c.row_key".to_owned(), String::new()),
            false => (
                format!("jsonb_build_array({})::text collate \"C\"", keys.join(", ")),
                self.group_clause(&groups),
            ),
        };
        Ok(format!(
            "select * from (select {key} as row_key{columns} from {} {filter} \
             {group_clause}) page where cast(:after as text) is null or row_key > cast(:after as text) \
             order by row_key limit cast(:limit as integer)",
            self.from_clause()?,
        ))
    }

    /// One group even of nothing is no row.
    fn group_clause(&self, groups: &[(String, OutputColumn)]) -> String {
        let list: Vec<&str> = groups.iter().map(|(expression, _)| expression.as_str()).collect();
        format!("group by ({}) having {}", list.join(", "), self.group_condition())
    }

    /// The statement that creates the dataset's view under its own name.
    ///
    /// # Errors
    /// [`SelectionError`] when the grouping does not fit the dataset.
    pub fn view(&self, grouping: &Grouping) -> Result<String, SelectionError> {
        Ok(format!("create {}", self.view_definition(grouping)?))
    }

    /// The statement that makes the dataset's view anew where outputs have come behind those that it has.
    ///
    /// # Errors
    /// [`SelectionError`] when the grouping does not fit the dataset.
    pub fn new_view(&self, grouping: &Grouping) -> Result<String, SelectionError> {
        Ok(format!("create or replace {}", self.view_definition(grouping)?))
    }

    fn view_definition(&self, grouping: &Grouping) -> Result<String, SelectionError> {
        let groups = self.groups(grouping)?;
        let mut columns = Vec::new();
        for (expression, column) in groups.iter().chain(&self.outputs()?) {
            columns.push(format!("{expression} as {}", identifier(&column.name)?));
        }
        Ok(format!(
            "view ingestion.{} as select {} from {} {}",
            identifier(&self.definition().name)?,
            columns.join(", "),
            self.from_clause()?,
            self.group_clause(&groups),
        ))
    }
}

fn identifier(name: &Name) -> Result<QuotedIdentifier, SelectionError> {
    quote(name.as_str()).map_err(|_| SelectionError::BadIdentifier(name.to_string()))
}
