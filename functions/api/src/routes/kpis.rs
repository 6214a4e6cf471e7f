//! KPI figures: by any level, filter and period.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::fmt::temporal::Pieces;
use millrace_core::field::FieldType;
use millrace_core::{Decimal, Name};
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::{Grouping, Selection};
use millrace_store::specs::KpiFilter;

use crate::deps::Deps;
use crate::dto::answer::{decode_cursor, row_page};
use crate::dto::kpi::{KpiPage, KpiParameters, parse_day};
use crate::dto::kpi_catalogue::{KpiListPage, KpiListQuery};
use crate::extract::{NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::datasets::{Found, load_dataset, query_page, read_problem};

/// The most datasets on a page of the catalogue: each brings its dimension's fields.
const MOST_LISTED: u32 = 200;

/// Lists datasets with what their figures mean, what they can be grouped by and what they serve, by name.
#[utoipa::path(get, path = "/kpis", operation_id = "list_kpis", tag = "datasets", params(KpiListQuery),
    responses((status = 200, description = "A page.", body = KpiListPage, example = json!({"items": [{
        "name": "SAC_stds_atd_cmp_by_school", "version": 1,
        "catalogue": {"category": "attendance", "indicator": "students present", "visualisation": "map",
            "levels": ["district_id", "school_id"], "unit": "%", "direction": "higher_is_better"},
        "groups": [{"name": "date", "type": "date"}, {"name": "school_id", "type": "text"},
            {"name": "district_id", "type": "text"}],
        "outputs": [{"name": "percentage", "type": "decimal"}]}], "next": null}))))]
pub(crate) async fn list(
    State(deps): State<Arc<Deps>>,
    Query(asked): Query<KpiListQuery>,
) -> Answer<Json<KpiListPage>> {
    let filter = KpiFilter {
        category: asked.category.as_deref(),
        after: asked.cursor.as_deref(),
        limit: asked.limit.min(MOST_LISTED),
    };
    let records = deps.store.list_kpis(&filter).await?;
    Ok(Json(KpiListPage::new(records, filter.limit)))
}

/// Queries a dataset's figures.
#[utoipa::path(get, path = "/kpis/{name}", operation_id = "query_kpi", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"), KpiParameters),
    responses((status = 200, description = "A page.", body = KpiPage, example = json!({"columns": [
        {"name": "date", "type": "text"}, {"name": "district_id", "type": "text"},
        {"name": "sum_total_students", "type": "integer"}, {"name": "percentage", "type": "decimal"}],
        "rows": [["2023-01", "105", 51069, "81.217569"]], "version": 3,
        "waiting": {"keys": 0, "cells": 0, "rows": 0, "examples": []}, "next": null}))))]
pub(crate) async fn query(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(asked): Query<KpiParameters>,
) -> Answer<Json<KpiPage>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    check_filters(&found, &asked.filter)?;
    let limit = asked.limit;
    let question = question(&found, asked)?;
    let (rows, limit) = query_page(&deps, &found, question, limit).await?;
    let waiting = deps
        .store
        .waiting(&found.cells, found.dimension.as_ref())
        .await
        .map_err(read_problem)?;
    let page = row_page(rows, limit, Some(found.version));
    Ok(Json(KpiPage {
        page,
        waiting: waiting.into(),
    }))
}

pub(crate) fn question(found: &Found, asked: KpiParameters) -> Answer<KpiQuery> {
    let own_columns = || found.cells.definition.group_by.clone();
    Ok(KpiQuery {
        grouping: Grouping {
            columns: asked.group_by.unwrap_or_else(own_columns),
            grain: asked.grain,
        },
        filters: asked.filter,
        from: asked.from.map(|day| day.to_string()),
        to: asked.to.map(|day| day.to_string()),
        within: None,
        after: decode_cursor(asked.cursor)?,
        limit: 0,
    })
}

/// Values are checked against their column's type here, so that the database never has to refuse one.
pub(crate) fn check_filters(found: &Found, filters: &[(Name, Vec<String>)]) -> Answer<()> {
    let selection =
        Selection::new(&found.cells, found.dimension.as_ref()).map_err(|error| read_problem(error.into()))?;
    for (name, values) in filters {
        let (_, field_type) = selection
            .column(name)
            .map_err(|error| read_problem(error.into()))?;
        if !values
            .iter()
            .all(|value| value.is_empty() || is_of(field_type, value))
        {
            let message = format!("a value of {name} is not of its type");
            let problem = Problem::invalid("bad_filter_value", message.clone());
            return Err(problem.at("/query/filter", "bad_filter_value", message));
        }
    }
    Ok(())
}

fn is_of(field_type: FieldType, value: &str) -> bool {
    match field_type {
        FieldType::Text => true,
        FieldType::Integer => value.parse::<i64>().is_ok(),
        FieldType::Decimal => Decimal::from_str(value).is_ok(),
        FieldType::Boolean => matches!(value, "true" | "false"),
        FieldType::Date => parse_day(value).is_some(),
        FieldType::Timestamp => is_instant(value),
    }
}

/// An instant with its offset, in RFC 3339's form or as answers show it, of the years that files may have.
///
/// Taken apart and not made into an instant of the library, which ends a day before the year 9999 does.
fn is_instant(value: &str) -> bool {
    Pieces::parse(value).is_ok_and(|pieces| {
        let is_plain = pieces.time().is_some() && pieces.time_zone_annotation().is_none();
        is_plain && pieces.offset().is_some() && (1..=9999).contains(&pieces.date().year())
    })
}

#[cfg(test)]
mod tests {
    use super::is_instant;

    #[test]
    fn every_instant_that_an_answer_shows_can_be_asked_for() {
        for value in [
            "0001-01-01 00:00:00+00",
            "2023-01-08T05:30:00.5+05:30",
            "9999-12-30T22:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31 23:59:59.999999+00",
        ] {
            assert!(is_instant(value), "{value}");
        }
        for value in [
            "2023-01-08",
            "2023-01-08T05:30:00",
            "2023-01-08T05:30:00+00:00[UTC]",
            "-000001-01-01T00:00:00Z",
            "0000-12-31T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "noon",
            "",
        ] {
            assert!(!is_instant(value), "{value}");
        }
    }
}
