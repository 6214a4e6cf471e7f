//! Rows of datasets and dimensions, a page at a time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_store::datasets::{Answer as Rows, KpiQuery, ReadError};
use millrace_store::selection::Grouping;
use millrace_store::tables::{DatasetTable, DimensionTable};

use crate::deps::Deps;
use crate::dto::answer::{RowPage, decode_cursor, row_page};
use crate::dto::specs::PageQuery;
use crate::extract::{NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::fitting::PageSize;

/// Lists a dataset's rows, grouped as its spec says.
#[utoipa::path(get, path = "/datasets/{name}/rows", operation_id = "list_dataset_rows", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"), PageQuery),
    responses((status = 200, description = "A page.", body = RowPage, example = json!({"columns": [
        {"name": "date", "type": "date"}, {"name": "school_id", "type": "text"},
        {"name": "sum_total_students", "type": "integer"}, {"name": "percentage", "type": "decimal"}],
        "rows": [["2023-01-08", "1000000001", 1035, "80"]], "version": 3, "next": null}))))]
pub(crate) async fn list_dataset_rows(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<RowPage>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    let query = KpiQuery {
        grouping: Grouping::columns(&found.cells.definition.group_by),
        after: decode_cursor(page.cursor)?,
        ..KpiQuery::default()
    };
    let (rows, limit) = query_page(&deps, &found, query, page.limit).await?;
    Ok(Json(row_page(rows, limit, Some(found.version))))
}

/// Lists a dimension's rows, by key.
#[utoipa::path(get, path = "/dimensions/{name}/rows", operation_id = "list_dimension_rows", tag = "datasets",
    params(("name" = String, Path, description = "The dimension", example = "dimension_school"), PageQuery),
    responses((status = 200, description = "A page.", body = RowPage, example = json!({"columns": [
        {"name": "school_id", "type": "text"}, {"name": "latitude", "type": "decimal"}],
        "rows": [["1000000001", "15.81"]], "next": null}))))]
pub(crate) async fn list_dimension_rows(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<RowPage>> {
    let table = deps.store.dimension_table(name.as_str()).await?;
    let table = table.ok_or_else(|| Problem::not_found(format!("there is no dimension {name}")))?;
    let after = decode_cursor(page.cursor)?;
    let mut size = PageSize::of_rows(page.limit, table.definition.fields.len());
    let rows = loop {
        let rows = deps
            .store
            .list_dimension_rows(&table, after.as_deref(), size.items() + 1)
            .await;
        if let Some(rows) = size.take(rows) {
            break rows;
        }
    };
    Ok(Json(row_page(rows?, size.items(), None)))
}

/// A dataset as it is read.
pub(crate) struct Found {
    pub(crate) cells: DatasetTable,
    pub(crate) version: i64,
    pub(crate) dimension: Option<DimensionTable>,
}

/// The dataset of a name, with the dimension that it looks attributes up in.
pub(crate) async fn load_dataset(deps: &Deps, name: &str) -> Answer<Found> {
    let found = deps.store.dataset_table(name).await?;
    let (cells, version) = found.ok_or_else(|| Problem::not_found(format!("there is no dataset {name}")))?;
    if cells.is_building {
        let detail = "the dataset is being filled from files that were there before it; it is shown once all of them count";
        return Err(Problem::conflict("dataset_building", detail));
    }
    let dimension = match &cells.definition.join {
        Some(join) => deps.store.dimension_table(join.dimension.as_str()).await?,
        None => None,
    };
    Ok(Found {
        cells,
        version,
        dimension,
    })
}

/// Asks for one row more than the page may have, to know whether there is a next one; answers the page's size with
/// the rows.
pub(crate) async fn query_page(
    deps: &Deps,
    found: &Found,
    mut query: KpiQuery,
    limit: u32,
) -> Answer<(Rows, u32)> {
    let columns = query.grouping.columns.len() + found.cells.definition.outputs.len();
    let mut size = PageSize::of_rows(limit, columns);
    loop {
        query.limit = size.items() + 1;
        let rows = deps
            .store
            .query_kpi(&found.cells, found.dimension.as_ref(), &query)
            .await;
        if let Some(rows) = size.take(rows) {
            return rows.map(|rows| (rows, size.items())).map_err(read_problem);
        }
    }
}

/// A question that does not fit is the caller's; a value that the database cannot cast is too.
pub(crate) fn read_problem(error: ReadError) -> Problem {
    match error {
        ReadError::Selection(error) => Problem::invalid("bad_selection", error.to_string()),
        ReadError::Database(failure) if failure.is_response_too_large() => {
            let detail = "a row of the answer is larger than 64 KiB: group by fewer or shorter columns";
            Problem::invalid("row_too_large", detail)
        }
        ReadError::Database(failure)
            if failure
                .detail
                .as_deref()
                .is_some_and(|detail| detail.starts_with("22")) =>
        {
            Problem::invalid("bad_filter_value", "a value does not fit the type of its column")
        }
        ReadError::Database(failure) => failure.into(),
    }
}
