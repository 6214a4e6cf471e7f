//! Reading datasets and dimensions: KPI queries, keyset pages, what waits for a dimension.

use millrace_core::definition::Feed;
use millrace_core::failure::Failure;
use millrace_core::field::FieldType;
use millrace_core::name::Name;
use serde::{Deserialize, Serialize};

use crate::selection::{Grouping, OutputColumn, Selection, SelectionError};
use crate::tables::{DatasetTable, DimensionTable};
use crate::{Statement, Store, Value};

/// A KPI query.
#[derive(Debug, Clone, Default)]
pub struct KpiQuery {
    /// What the answer is grouped by.
    pub grouping: Grouping,
    /// Columns and the values that they may have, an empty one where they may have none; a column is named once.
    pub filters: Vec<(Name, Vec<String>)>,
    /// First day (`YYYY-MM-DD`), inclusive.
    pub from: Option<String>,
    /// Last day, exclusive.
    pub to: Option<String>,
    /// The group of this or another grouping that is asked for: its values, in that one's order; a null is a value.
    pub within: Option<(Grouping, Vec<Option<String>>)>,
    /// The row key after which the page starts.
    pub after: Option<String>,
    /// The most rows.
    pub limit: u32,
}

/// A page of an answer. Values are exact texts, or none for null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The columns.
    pub columns: Vec<OutputColumn>,
    /// The rows, each with its row key.
    pub rows: Vec<(String, Vec<Option<String>>)>,
}

/// Cells that wait for rows of their dimension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// How many dimension keys are missing.
    pub keys: u64,
    /// How many cells wait for them.
    pub cells: u64,
    /// How many rows those were made from.
    pub rows: u64,
    /// The first ten of the keys.
    pub examples: Vec<String>,
}

/// A dimension's key that cells wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingKey {
    /// The key; none for cells without one.
    pub key: Option<String>,
    /// How many cells wait for it.
    pub cells: u64,
    /// How many rows those were made from.
    pub rows: u64,
}

impl Waiting {
    /// Adds what waits elsewhere.
    fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.cells += other.cells;
        self.rows += other.rows;
        self.examples.extend(other.examples);
        self.examples.truncate(10);
    }
}

/// Why a reading failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The question does not fit the dataset.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The database.
    #[error("the database could not answer")]
    Database(#[source] Failure),
}

impl Store {
    /// A page of KPI figures.
    ///
    /// # Errors
    /// [`ReadError`] when the query does not fit the dataset or the database fails.
    pub async fn query_kpi(
        &self,
        cells: &DatasetTable,
        dimension: Option<&DimensionTable>,
        query: &KpiQuery,
    ) -> Result<Answer, ReadError> {
        let selection = Selection::new(cells, dimension)?;
        let (conditions, bound) = conditions(&selection, query)?;
        let columns = selection.columns(&query.grouping)?;
        let statement = Statement::new(selection.page(&query.grouping, &conditions)?)
            .bind("after", query.after.clone())
            .bind("limit", query.limit);
        let statement = bind_all(statement, bound);
        let rows = self.rows(statement).await.map_err(ReadError::Database)?;
        Ok(Answer {
            columns,
            rows: keyed_rows(rows.rows),
        })
    }

    /// The keys of the cells that a question is answered from, in their order, after a key; none where the dataset has
    /// no cells, since it is computed from another.
    ///
    /// # Errors
    /// [`ReadError`] when the query does not fit the dataset or the database fails.
    pub async fn list_cell_keys(
        &self,
        cells: &DatasetTable,
        dimension: Option<&DimensionTable>,
        query: &KpiQuery,
    ) -> Result<Option<Vec<String>>, ReadError> {
        let selection = Selection::new(cells, dimension)?;
        let (conditions, bound) = conditions(&selection, query)?;
        let Some(text) = selection.cell_keys(&conditions)? else {
            return Ok(None);
        };
        let statement = Statement::new(text)
            .bind("after", query.after.clone())
            .bind("limit", query.limit);
        let rows = self.rows(bind_all(statement, bound)).await;
        let rows = rows.map_err(ReadError::Database)?.rows;
        Ok(Some(keyed_rows(rows).into_iter().map(|(key, _)| key).collect()))
    }

    /// What waits for rows of a dimension: the dataset's own, and those of what it is computed from.
    ///
    /// # Errors
    /// [`ReadError`] when the dimension is missing or the database fails.
    pub async fn waiting(
        &self,
        cells: &DatasetTable,
        dimension: Option<&DimensionTable>,
    ) -> Result<Waiting, ReadError> {
        let mut waiting = self.own_waiting(cells, dimension).await?;
        let mut feed = cells.definition.feed.clone();
        // A dataset is fed by one that was there before it, so this ends.
        while let Feed::Dataset(name) = feed {
            let found = self.dataset_table(name.as_str()).await;
            let Some((cells, _)) = found.map_err(ReadError::Database)? else {
                break;
            };
            let dimension = match &cells.definition.join {
                Some(join) => self.dimension_table(join.dimension.as_str()).await,
                None => Ok(None),
            };
            let dimension = dimension.map_err(ReadError::Database)?;
            waiting.add(self.own_waiting(&cells, dimension.as_ref()).await?);
            feed = cells.definition.feed;
        }
        Ok(waiting)
    }

    async fn own_waiting(
        &self,
        cells: &DatasetTable,
        dimension: Option<&DimensionTable>,
    ) -> Result<Waiting, ReadError> {
        let Some(text) = Selection::new(cells, dimension)?.waiting()? else {
            return Ok(Waiting::default());
        };
        let waiting = self.json(Statement::new(text)).await;
        Ok(waiting.map_err(ReadError::Database)?.unwrap_or_default())
    }

    /// A page of the keys that the dataset's own cells wait for, in their order, after one.
    ///
    /// # Errors
    /// [`ReadError`] when the dimension is missing or the database fails.
    pub async fn list_waiting_keys(
        &self,
        cells: &DatasetTable,
        dimension: Option<&DimensionTable>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<WaitingKey>, ReadError> {
        let Some(text) = Selection::new(cells, dimension)?.waiting_keys()? else {
            return Ok(Vec::new());
        };
        let statement = Statement::new(text).bind("after", after).bind("limit", limit);
        self.json_list(statement).await.map_err(ReadError::Database)
    }

    /// A page of a dimension's visible rows, in the order of their keys.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_dimension_rows(
        &self,
        dimension: &DimensionTable,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Answer, Failure> {
        let fields = &dimension.definition.fields;
        let texts: Vec<String> = (1..=fields.len())
            .map(|number| format!("c{number}::text"))
            .collect();
        let text = format!(
            "select row_key, {} from {} where is_visible \
             and (cast(:after as text) is null or row_key > cast(:after as text)) \
             order by row_key limit cast(:limit as integer)",
            texts.join(", "),
            dimension.table()
        );
        let rows = self
            .rows(Statement::new(text).bind("after", after).bind("limit", limit))
            .await?;
        Ok(Answer {
            columns: dimension_columns(dimension),
            rows: keyed_rows(rows.rows),
        })
    }
}

type Bound = Vec<(String, Value)>;

/// The conditions of a question, and what is bound in them.
fn conditions(selection: &Selection<'_>, query: &KpiQuery) -> Result<(Vec<String>, Bound), ReadError> {
    let mut conditions = Vec::new();
    let mut bound: Bound = Vec::new();
    for (at, (name, values)) in query.filters.iter().enumerate() {
        let (expression, field_type) = selection.column(name)?;
        let is_value = |value: &&String| field_type == FieldType::Text || !value.is_empty();
        let listed: Vec<&String> = values.iter().filter(is_value).collect();
        let or_none = match values.iter().any(String::is_empty) {
            true => format!(" or {expression} is null"),
            false => String::new(),
        };
        conditions.push(format!(
            "({expression} in (select v::{} from jsonb_array_elements_text(cast(:filter{at} as jsonb)) as x (v)){or_none})",
            field_type.sql_type()
        ));
        bound.push((
            format!("filter{at}"),
            serde_json::json!(listed).to_string().into(),
        ));
    }
    for (name, operator, day) in [("from_day", ">=", &query.from), ("to_day", "<", &query.to)] {
        if let Some(day) = day {
            conditions.push(format!(
                "{} {operator} cast(:{name} as date)",
                selection.date_column()?
            ));
            bound.push((name.to_owned(), day.as_str().into()));
        }
    }
    if let Some((grouping, key)) = &query.within {
        conditions.extend(selection.key_conditions(grouping)?);
        let values = key.iter().enumerate();
        bound.extend(values.map(|(at, value)| (format!("key{at}"), value.clone().into())));
    }
    Ok((conditions, bound))
}

fn bind_all(statement: Statement, bound: Bound) -> Statement {
    bound
        .into_iter()
        .fold(statement, |statement, (name, value)| statement.bind(name, value))
}

fn dimension_columns(dimension: &DimensionTable) -> Vec<OutputColumn> {
    let fields = dimension.definition.fields.iter();
    let columns = fields.map(|field| OutputColumn {
        name: field.name.clone(),
        field_type: field.field_type,
    });
    columns.collect()
}

fn keyed_rows(rows: Vec<Vec<Value>>) -> Vec<(String, Vec<Option<String>>)> {
    let text = |value: Value| match value {
        Value::Null => None,
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Long(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
    };
    let keyed = rows.into_iter().map(|row| {
        let mut values = row.into_iter().map(text);
        let key = values.next().flatten().unwrap_or_default();
        (key, values.collect())
    });
    keyed.collect()
}
