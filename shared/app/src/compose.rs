//! From figures to a document: what a reader must know of them, the chart, the table. Pure.

use std::str::FromStr as _;

use millrace_core::Decimal;
use millrace_core::field::FieldType;
use millrace_pdf::limits::MAX_BARS;
use millrace_pdf::{Alignment, Bar, BarChart, Column, Document, Fact, Table};
use millrace_store::documents::{DocumentQuery, SourceVersion};
use millrace_store::selection::OutputColumn;

use crate::figures::{ChartFigures, Figures};

/// What stands where there is no value.
const NO_VALUE: &str = "–";

/// The document of a query's figures. It depends on nothing but these, so the same data give the same document.
pub(crate) fn compose(title: &str, query: &DocumentQuery, figures: Figures) -> Document {
    Document {
        title: title.to_owned(),
        facts: facts(query, &figures),
        chart: figures.chart.as_ref().and_then(chart),
        table: Table {
            columns: figures.columns.iter().map(column).collect(),
            rows: figures.rows,
        },
        language: "en".to_owned(),
    }
}

fn facts(query: &DocumentQuery, figures: &Figures) -> Vec<Fact> {
    let mut facts = vec![
        fact("Dataset", query.dataset.to_string()),
        fact("Grouped by", grouping(query)),
        fact("Period", period(query)),
        fact("Filters", filters(query)),
        fact("As of", as_of(&figures.sources.as_of)),
        fact(
            "Source versions",
            lines(figures.sources.versions.iter().map(source)),
        ),
    ];
    if let Some(dimension) = &figures.dimension {
        let waiting = &figures.waiting;
        let words = match waiting.cells {
            0 => "none".to_owned(),
            _ => format!(
                "{} rows of the dataset, in {} cells, are not counted: {dimension} lacks {} keys ({})",
                waiting.rows,
                waiting.cells,
                waiting.keys,
                examples(&waiting.examples, waiting.keys)
            ),
        };
        facts.push(fact("Waiting rows", words));
    }
    facts.push(fact("Rows", figures.rows.len().to_string()));
    facts
}

fn fact(label: &str, value: String) -> Fact {
    Fact {
        label: label.to_owned(),
        value,
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn grouping(query: &DocumentQuery) -> String {
    let columns: Vec<&str> = query.group_by.iter().map(|name| name.as_str()).collect();
    match (columns.is_empty(), query.grain) {
        (true, _) => "nothing: one total".to_owned(),
        (false, None) => columns.join(", "),
        (false, Some(grain)) => format!("{}; dates by {}", columns.join(", "), grain.as_str()),
    }
}

fn period(query: &DocumentQuery) -> String {
    match (&query.from, &query.to) {
        (None, None) => "all days".to_owned(),
        (Some(from), None) => format!("from {from} on"),
        (None, Some(to)) => format!("before {to}"),
        (Some(from), Some(to)) => format!("from {from} on, before {to}"),
    }
}

fn filters(query: &DocumentQuery) -> String {
    if query.filters.is_empty() {
        return "none".to_owned();
    }
    let filter =
        |(column, values): &(millrace_core::Name, Vec<String>)| format!("{column}: {}", values.join(" or "));
    lines(query.filters.iter().map(filter))
}

/// `2024-01-19T08:15:03.123Z` as people read it.
fn as_of(instant: &str) -> String {
    match instant.trim_end_matches('Z').split_once('T') {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => instant.to_owned(),
    }
}

fn source(source: &SourceVersion) -> String {
    let files = if source.files == 1 { "file" } else { "files" };
    format!(
        "{} {}: version {}, from {} {files}",
        source.kind, source.name, source.version, source.files
    )
}

fn examples(examples: &[String], keys: u64) -> String {
    let more = keys > examples.len() as u64;
    format!("{}{}", examples.join(", "), if more { ", …" } else { "" })
}

fn column(column: &OutputColumn) -> Column {
    let alignment = match column.field_type {
        FieldType::Integer | FieldType::Decimal => Alignment::Number,
        FieldType::Text | FieldType::Boolean | FieldType::Date | FieldType::Timestamp => Alignment::Text,
    };
    Column {
        heading: column.name.to_string(),
        alignment,
    }
}

/// The chart, of as many bars as fit, with a caption that says when there are more; none where there is nothing to draw, or a figure is beyond what can be drawn.
fn chart(figures: &ChartFigures) -> Option<BarChart> {
    let mut bars = Vec::new();
    for (label, value) in &figures.rows {
        if let Some(value) = value {
            bars.push(Bar {
                label: label.clone().unwrap_or_else(|| NO_VALUE.to_owned()),
                value: Decimal::from_str(value).ok()?,
            });
        }
    }
    let (found, without) = (bars.len(), figures.rows.len() - bars.len());
    bars.truncate(MAX_BARS);
    let mut caption = format!("{} by {}", figures.measure, figures.column);
    match figures.has_more {
        true => caption.push_str(&format!(" (the first {} of more)", bars.len())),
        false if found > bars.len() => {
            caption.push_str(&format!(" (the first {} of {found})", bars.len()));
        }
        false => {}
    }
    if without > 0 && !figures.has_more {
        caption.push_str(&format!("; {without} without a value"));
    }
    (!bars.is_empty()).then_some(BarChart { caption, bars })
}

#[cfg(test)]
mod tests;
