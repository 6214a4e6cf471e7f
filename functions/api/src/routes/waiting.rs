//! What waits for rows of a dimension: the missing keys, and the lines behind each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::explain::{Asked, list_key_lines};
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;

use crate::deps::Deps;
use crate::dto::answer::{decode_cursor, encode_cursor};
use crate::dto::specs::PageQuery;
use crate::dto::waiting::{WaitingKeyDetail, WaitingLinePage, WaitingLinesQuery, WaitingPage};
use crate::extract::query::bad_member;
use crate::extract::{NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::datasets::{load_dataset, read_problem};
use crate::routes::explain;
use crate::routes::fitting::PageSize;

/// A key has up to 2 KiB, so a page of keys is short.
const MAX_KEYS: u32 = 1_000;
/// What a cursor begins with, so that one behind the cells without a key is not empty.
const BEHIND: char = '>';

/// Lists the dimension's keys that a dataset's cells wait for, with counts.
///
/// Cells that wait are in no figure; they count by themselves once the dimension has their key. A dataset that is computed
/// from another one lists its own alone: ask there for those of the other.
#[utoipa::path(get, path = "/datasets/{name}/waiting", operation_id = "list_waiting_keys", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"), PageQuery),
    responses((status = 200, description = "A page.", body = WaitingPage, example = json!({
        "dimension": "dimension_school", "field": "school_id",
        "items": [{"key": "1000000001", "cells": 12, "rows": 288}], "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(page): Query<PageQuery>,
) -> Answer<Json<WaitingPage>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    let after = decode_cursor(page.cursor)?;
    let after = after.map(|behind| {
        let key = behind.strip_prefix(BEHIND).map(str::to_owned);
        key.ok_or_else(|| bad_member("cursor", "has to be the next of a page"))
    });
    let after = after.transpose()?;
    let mut size = PageSize::at_most(page.limit.min(MAX_KEYS));
    let mut keys = loop {
        let keys = deps
            .store
            .list_waiting_keys(
                &found.cells,
                found.dimension.as_ref(),
                after.as_deref(),
                size.items() + 1,
            )
            .await;
        if let Some(keys) = size.take(keys) {
            break keys.map_err(read_problem)?;
        }
    };
    let has_more = keys.len() > size.items() as usize;
    keys.truncate(size.items() as usize);
    let last = keys.last().filter(|_| has_more);
    let join = found.cells.definition.join.as_ref();
    Ok(Json(WaitingPage {
        dimension: join.map(|join| join.dimension.to_string()),
        field: join.map(|join| join.field.to_string()),
        // Behind the cells without a key come all keys: the empty text lies before them.
        next: last.map(|last| encode_cursor(&format!("{BEHIND}{}", last.key.as_deref().unwrap_or_default()))),
        items: keys.into_iter().map(WaitingKeyDetail::from).collect(),
    }))
}

/// Lists the lines behind a key of the dimension, file after file.
///
/// A page is of one file; follow `next` for the rest of it and for the other files. The key may have arrived meanwhile.
#[utoipa::path(get, path = "/datasets/{name}/waiting/lines", operation_id = "list_waiting_lines", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"),
        WaitingLinesQuery),
    responses((status = 200, description = "A page.", body = WaitingLinePage, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "file_name": "attendance-2023-01.csv",
        "keys": ["date", "school_id"], "items": [{"record": 1, "line": 2, "keys": ["2023-01-08", "1000000001"],
        "measures": ["45"]}], "next": null}))))]
pub(crate) async fn list_lines(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(query): Query<WaitingLinesQuery>,
) -> Answer<Json<WaitingLinePage>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    let Some(join) = &found.cells.definition.join else {
        let message = "the dataset looks nothing up in a dimension";
        return Err(Problem::invalid("no_dimension", message));
    };
    let grouping = Grouping::columns(std::slice::from_ref(&join.field));
    let asked = KpiQuery {
        grouping: grouping.clone(),
        within: Some((grouping, vec![query.key])),
        ..KpiQuery::default()
    };
    // Looked up in nothing: what waits would not be found.
    let mut cells = found.cells.clone();
    cells.definition.join = None;
    let asked = Asked {
        cells: &cells,
        dimension: None,
        query: &asked,
    };
    let collections = deps.collections.as_ref();
    let lines = list_key_lines(
        &deps.store,
        collections,
        asked,
        query.cursor.as_deref(),
        query.limit,
    )
    .await;
    let lines = lines.map_err(explain::problem)?;
    Ok(Json(WaitingLinePage::new(&found.cells.definition, lines)))
}
