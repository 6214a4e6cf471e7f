//! The figures of a KPI query, with what they were made from, in one consistent reading.

use millrace_core::failure::Failure;
use millrace_core::field::FieldType;
use millrace_core::name::Name;
use millrace_store::datasets::{KpiQuery, ReadError, Waiting};
use millrace_store::documents::{DocumentError, DocumentQuery, Sources};
use millrace_store::selection::{Grouping, OutputColumn};
use millrace_store::tables::{DatasetTable, DimensionTable};
use millrace_store::{Store, selection};

/// The most rows of a document's table.
pub const MAX_ROWS: usize = 10_000;
/// The most bytes of its cells.
pub const MAX_CELL_BYTES: usize = 8 * 1024 * 1024;
/// The most groups that a chart looks at.
const MAX_CHART_ROWS: u32 = 1_000;
/// Rows that are asked for at once.
const PAGE_ROWS: u32 = 1_000;

/// A row of cells; exact texts, or none for null.
pub type Row = Vec<Option<String>>;

/// Figures that were read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The columns: what is grouped by, then the measures.
    pub columns: Vec<OutputColumn>,
    /// The rows, in the order of their keys.
    pub rows: Vec<Row>,
    /// The first measure over the first column that is grouped by, and whether there is more of it.
    pub chart: Option<ChartFigures>,
    /// What is not counted, since the dimension lacks its keys.
    pub waiting: Waiting,
    /// What the figures were made from.
    pub sources: Sources,
    /// The dimension that the dataset is joined with.
    pub dimension: Option<Name>,
}

/// The figures of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFigures {
    /// The column.
    pub column: Name,
    /// The measure.
    pub measure: Name,
    /// Its value for each value of the column.
    pub rows: Vec<(Option<String>, Option<String>)>,
    /// Whether the column has more values than were read.
    pub has_more: bool,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// There never will be: the reason.
    #[error("{}", .0.message)]
    Refused(DocumentError),
    /// They could not be read.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A refusal with its stable code.
pub(crate) fn refused(code: &str, message: impl Into<String>) -> FiguresError {
    FiguresError::Refused(DocumentError {
        code: code.to_owned(),
        message: message.into(),
    })
}

/// Reads the figures of a query, all as of the same instant.
///
/// # Errors
/// [`FiguresError`]: what does not fit the dataset or is too much is refused.
pub async fn read_figures(store: &Store, query: &DocumentQuery) -> Result<Figures, FiguresError> {
    let mut page_rows = PAGE_ROWS;
    loop {
        let snapshot = store.open_snapshot().await?;
        let read = read_within(snapshot.store(), query, page_rows).await;
        snapshot.close().await;
        match read {
            // An answer that is too large may end the transaction, so the whole is read anew in smaller pages.
            Err(FiguresError::Failed(failure)) if failure.is_response_too_large() => {
                if page_rows == 1 {
                    return Err(too_large_a_row());
                }
                page_rows = (page_rows / 8).max(1);
            }
            read => return read,
        }
    }
}

async fn read_within(store: &Store, query: &DocumentQuery, page_rows: u32) -> Result<Figures, FiguresError> {
    let reading = Reading::begin(store, query, page_rows).await?;
    let sources = store.dataset_sources(&query.dataset).await?;
    let sources = sources.ok_or_else(|| gone(&query.dataset))?;
    let (columns, rows) = reading.rows().await?;
    let chart = reading.chart().await?;
    let waiting = store.waiting(&reading.cells, reading.dimension.as_ref()).await;
    Ok(Figures {
        columns,
        rows,
        chart,
        waiting: waiting.map_err(unreadable)?,
        sources,
        dimension: reading.cells.definition.join.map(|join| join.dimension),
    })
}

/// A row holds what it is grouped by twice: as its key and in its columns.
fn too_large_a_row() -> FiguresError {
    let message = "a row of the figures is larger than the 64 KiB that the database answers: \
         group them by fewer or shorter columns";
    refused("too_much_text", message)
}

fn gone(dataset: &Name) -> FiguresError {
    refused("unknown_dataset", format!("there is no dataset {dataset}"))
}

/// A question that does not fit is refused; so is a value that the database cannot cast.
fn unreadable(error: ReadError) -> FiguresError {
    match error {
        ReadError::Selection(error) => refused("bad_selection", error.to_string()),
        ReadError::Database(failure)
            if failure
                .detail
                .as_deref()
                .is_some_and(|detail| detail.starts_with("22")) =>
        {
            refused("bad_filter_value", "a value does not fit the type of its column")
        }
        ReadError::Database(failure) => failure.into(),
    }
}

/// A query over its tables.
struct Reading<'a> {
    store: &'a Store,
    query: &'a DocumentQuery,
    cells: DatasetTable,
    dimension: Option<DimensionTable>,
    page_rows: u32,
}

impl<'a> Reading<'a> {
    async fn begin(store: &'a Store, query: &'a DocumentQuery, page_rows: u32) -> Result<Self, FiguresError> {
        let found = store.dataset_table(query.dataset.as_str()).await?;
        let (cells, _) = found.ok_or_else(|| gone(&query.dataset))?;
        if cells.is_building {
            let message = "the dataset is being filled from files that were there before it";
            return Err(refused("dataset_building", message));
        }
        let dimension = match &cells.definition.join {
            Some(join) => store.dimension_table(join.dimension.as_str()).await?,
            None => None,
        };
        Ok(Self {
            store,
            query,
            cells,
            dimension,
            page_rows,
        })
    }

    fn question(&self, grouping: Grouping) -> KpiQuery {
        KpiQuery {
            grouping,
            filters: self.query.filters.clone(),
            from: self.query.from.clone(),
            to: self.query.to.clone(),
            within: None,
            after: None,
            limit: self.page_rows,
        }
    }

    async fn rows(&self) -> Result<(Vec<OutputColumn>, Vec<Row>), FiguresError> {
        let groups = self.query.group_by.len();
        let mut question = self.question(Grouping {
            columns: self.query.group_by.clone(),
            grain: self.query.grain,
        });
        let (mut rows, mut size_bytes) = (Vec::new(), 0);
        loop {
            let page = self
                .store
                .query_kpi(&self.cells, self.dimension.as_ref(), &question)
                .await
                .map_err(unreadable)?;
            let shown = self.shown(&page.columns, groups)?;
            let is_last = page.rows.len() < self.page_rows as usize;
            for (key, cells) in page.rows {
                question.after = Some(key);
                let row = pick(&cells, &shown);
                size_bytes += row.iter().flatten().map(String::len).sum::<usize>();
                rows.push(row);
            }
            limit(rows.len(), size_bytes)?;
            if is_last {
                return Ok((pick(&page.columns, &shown), rows));
            }
        }
    }

    /// The places of the columns that are shown.
    fn shown(&self, columns: &[OutputColumn], groups: usize) -> Result<Vec<usize>, FiguresError> {
        let Some(measures) = &self.query.measures else {
            return Ok((0..columns.len()).collect());
        };
        let place = |name: &Name| {
            let outputs = columns.iter().enumerate().skip(groups);
            let mut named = outputs.filter(|(_, column)| &column.name == name);
            let unknown = || refused("unknown_measure", format!("{name} is no measure of the dataset"));
            named.next().map(|(at, _)| at).ok_or_else(unknown)
        };
        let measures: Result<Vec<usize>, FiguresError> = measures.iter().map(place).collect();
        Ok((0..groups).chain(measures?).collect())
    }

    /// A question of its own: sums of rows are right for no average, percentage or extreme.
    async fn chart(&self) -> Result<Option<ChartFigures>, FiguresError> {
        // Ready rows are not grouped.
        let is_grouped = self.cells.definition.rows().is_none();
        let Some(column) = self.query.group_by.first().filter(|_| is_grouped) else {
            return Ok(None);
        };
        let selection = selection::Selection::new(&self.cells, self.dimension.as_ref());
        let of_column = selection.and_then(|selection| selection.column(column));
        let (_, field_type) = of_column.map_err(|error| unreadable(error.into()))?;
        let is_date = matches!(field_type, FieldType::Date | FieldType::Timestamp);
        let mut question = self.question(Grouping {
            columns: vec![column.clone()],
            grain: self.query.grain.filter(|_| is_date),
        });
        question.limit = self.page_rows.min(MAX_CHART_ROWS);
        let page = self
            .store
            .query_kpi(&self.cells, self.dimension.as_ref(), &question)
            .await
            .map_err(unreadable)?;
        let shown = self.shown(&page.columns, 1)?;
        let Some(measure) = shown.get(1).map(|at| page.columns[*at].name.clone()) else {
            return Ok(None);
        };
        let has_more = page.rows.len() >= question.limit as usize;
        let pairs = page
            .rows
            .into_iter()
            .map(|(_, cells)| (cells[0].clone(), cells[shown[1]].clone()));
        Ok(Some(ChartFigures {
            column: column.clone(),
            measure,
            rows: pairs.collect(),
            has_more,
        }))
    }
}

fn pick<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|at| all.get(*at)).cloned().collect()
}

fn limit(rows: usize, size_bytes: usize) -> Result<(), FiguresError> {
    if rows > MAX_ROWS {
        let message = format!("the query has more than {MAX_ROWS} rows; group it by less, or filter it");
        return Err(refused("too_many_rows", message));
    }
    if size_bytes > MAX_CELL_BYTES {
        let message =
            format!("the figures have more than {MAX_CELL_BYTES} bytes; group them by less, or filter them");
        return Err(refused("too_much_text", message));
    }
    Ok(())
}
