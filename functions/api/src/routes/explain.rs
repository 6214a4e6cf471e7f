//! Where a figure comes from: formula, versions, files, lines.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use millrace_app::explain::{Asked, ExplainError, explain_files, explain_lines, filter_words};
use millrace_core::FileId;
use millrace_core::definition::Feed;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;

use crate::deps::Deps;
use crate::dto::answer::{RowPage, decode_cursor, row_page};
use crate::dto::explain::{
    ExplainQuery, Explanation, FileParameter, FileShareDetail, KeyParameter, LinePage, LinesQuery, formulas,
    line_page, measures,
};
use crate::dto::kpi::KpiParameters;
use crate::extract::query::bad_member;
use crate::extract::{NameInPath, Query};
use crate::problem::{Answer, Problem};
use crate::routes::datasets::{Found, load_dataset, query_page, read_problem};
use crate::routes::kpis::{check_filters, question};

/// Explains a figure: how it is made, and of which files.
///
/// The figure is the group `key` of the answer to the question. The files' shares add up to it; each file's lines, at
/// `explain/lines`, add up to its share. A dataset that is computed from another one answers with the groups of that
/// one instead: ask there for their files.
#[utoipa::path(get, path = "/kpis/{name}/explain", operation_id = "explain_kpi", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"), KpiParameters,
        KeyParameter),
    responses((status = 200, description = "The figure and a page of what made it.", body = Explanation, example = json!({
        "figure": {"columns": [{"name": "date", "type": "date"}, {"name": "school_id", "type": "text"},
            {"name": "percentage", "type": "decimal"}], "rows": [["2023-01-08", "1000000001", "80"]], "version": 3,
            "next": null},
        "spec_version": 1,
        "formulas": [{"output": "percentage", "formula": "100 × sum(students_attendance_marked) ÷ sum(total_students)"}],
        "measures": [{"field": "students_attendance_marked", "filter": null}, {"field": "total_students", "filter": null}],
        "filter": null, "computed_from": "event_students_attendance", "cells": 1,
        "files": [{"file_id": "01859000-0000-7000-8000-000000000000", "version": 1,
            "file_name": "attendance-2023-01.csv", "spec_version": 1, "rows": 24,
            "measures": [{"count": 24, "sum": "828"}, {"count": 24, "sum": "1035"}]}],
        "groups": null, "next": null}))))]
pub(crate) async fn explain(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(query): Query<ExplainQuery>,
) -> Answer<Json<Explanation>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    let limit = query.question.limit;
    let cursor = query.question.cursor.clone();
    let asked = figure(&found, query)?;
    let definition = &found.cells.definition;
    let (rows, _) = query_page(&deps, &found, asked.clone(), 1).await?;
    let mut explanation = Explanation {
        figure: RowPage {
            next: None,
            ..row_page(rows, 1, Some(found.version))
        },
        spec_version: found.cells.spec_version,
        formulas: formulas(definition),
        measures: measures(definition),
        filter: (!definition.filter.is_empty()).then(|| filter_words(&definition.filter)),
        computed_from: match &definition.feed {
            Feed::Event(name) | Feed::Dataset(name) => name.to_string(),
            Feed::Rows(_) => definition.name.to_string(),
        },
        cells: None,
        files: Vec::new(),
        groups: None,
        next: None,
    };
    if let Feed::Dataset(_) = definition.feed {
        let groups = groups(&deps, &found, asked, cursor, limit).await?;
        explanation.next.clone_from(&groups.next);
        explanation.groups = Some(groups);
        return Ok(Json(explanation));
    }
    let after = cursor.map(|cursor| cursor.parse::<FileId>().map_err(|_| not_a_cursor()));
    let shares = explain_files(
        &deps.store,
        deps.collections.as_ref(),
        of(&found, &asked),
        after.transpose()?,
    );
    let shares = shares.await.map_err(problem)?;
    explanation.cells = Some(shares.cells as u64);
    let files = shares.files.into_iter();
    explanation.files = files.map(|file| FileShareDetail::new(definition, file)).collect();
    explanation.next = shares.next.map(|file| file.to_string());
    Ok(Json(explanation))
}

/// Lists the lines of a file that count in a figure.
///
/// Their values of a measure add up to the file's share of it. A page may be empty and still have a `next`.
#[utoipa::path(get, path = "/kpis/{name}/explain/lines", operation_id = "explain_kpi_lines", tag = "datasets",
    params(("name" = String, Path, description = "The dataset", example = "SAC_stds_atd_cmp_by_school"), KpiParameters,
        KeyParameter, FileParameter),
    responses((status = 200, description = "A page.", body = LinePage, example = json!({
        "file_id": "01859000-0000-7000-8000-000000000000", "version": 1, "keys": ["date", "school_id"],
        "measures": [{"field": "total_students", "filter": null}],
        "items": [{"record": 1, "line": 2, "keys": ["2023-01-08", "1000000001"], "measures": ["45"]}],
        "next": null}))))]
pub(crate) async fn explain_file(
    State(deps): State<Arc<Deps>>,
    NameInPath(name): NameInPath,
    Query(query): Query<LinesQuery>,
) -> Answer<Json<LinePage>> {
    let found = load_dataset(&deps, name.as_str()).await?;
    let limit = query.figure.question.limit;
    let cursor = query.figure.question.cursor.clone();
    let asked = figure(&found, query.figure)?;
    let lines = explain_lines(
        &deps.store,
        deps.collections.as_ref(),
        of(&found, &asked),
        query.file.file_id,
        cursor.as_deref(),
        limit,
    );
    let lines = lines.await.map_err(problem)?;
    Ok(Json(line_page(&found.cells.definition, lines)))
}

fn of<'a>(found: &'a Found, query: &'a KpiQuery) -> Asked<'a> {
    Asked {
        cells: &found.cells,
        dimension: found.dimension.as_ref(),
        query,
    }
}

/// The figure that is asked for.
fn figure(found: &Found, query: ExplainQuery) -> Answer<KpiQuery> {
    if found.cells.definition.rows().is_some() {
        let detail = "the rows of the dataset come ready: nothing is computed that could be explained";
        return Err(Problem::invalid("ready_rows", detail));
    }
    check_filters(found, &query.question.filter)?;
    let asked = KpiParameters {
        cursor: None,
        ..query.question
    };
    let mut figure = question(found, asked)?;
    match query.key.key {
        Some(key) if key.len() != figure.grouping.columns.len() => {
            let message = format!("has {} values, not one for each of the columns", key.len());
            Err(bad_member("key", message))
        }
        Some(key) => {
            figure.within = Some((figure.grouping.clone(), key));
            Ok(figure)
        }
        // Everything is one group.
        None => {
            figure.grouping = Grouping::default();
            Ok(figure)
        }
    }
}

/// The other dataset's groups behind a figure.
async fn groups(
    deps: &Deps,
    found: &Found,
    figure: KpiQuery,
    cursor: Option<String>,
    limit: u32,
) -> Answer<RowPage> {
    let keys = found.cells.definition.keys.iter().map(|key| key.field.clone());
    let query = KpiQuery {
        grouping: Grouping {
            columns: keys.collect(),
            grain: None,
        },
        after: decode_cursor(cursor)?,
        ..figure
    };
    let (rows, limit) = query_page(deps, found, query, limit).await?;
    Ok(row_page(rows, limit, None))
}

fn not_a_cursor() -> Problem {
    bad_member("cursor", "has to be the next of a page")
}

pub(crate) fn problem(error: ExplainError) -> Problem {
    let message = error.to_string();
    match error {
        ExplainError::Read(error) => read_problem(error),
        ExplainError::TooManyCells => Problem::invalid("too_many_cells", message),
        ExplainError::NoCells(_) => Problem::invalid("no_files", message),
        ExplainError::BadCursor => not_a_cursor(),
        ExplainError::NoSuchFile => Problem::not_found(message),
        ExplainError::Failed(failure) => failure.into(),
    }
}
