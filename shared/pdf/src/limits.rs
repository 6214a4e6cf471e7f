//! What a document may hold; beyond it is refused, so that time and memory are bounded.

use crate::model::Document;
use crate::render::{Place, RenderError};

/// The cells of the table, the facts and the bars together.
pub const MAX_CELLS: usize = 500_000;
/// The bytes of a single text (UTF-8).
pub const MAX_TEXT_BYTES: usize = 20_000;
/// The bytes of all texts together.
pub const MAX_TOTAL_BYTES: usize = 16 * 1024 * 1024;
/// The pages.
pub const MAX_PAGES: usize = 4_000;
/// The pieces of text: one a line of a cell, more where its script changes. Each takes some hundred bytes of memory while
/// a document is made.
pub const MAX_RUNS: usize = 600_000;
/// The bars that a chart shows; of more, the first ones are shown and the caption says so.
pub const MAX_BARS: usize = 25;

/// Checks a document before anything is made of it.
pub(crate) fn check(document: &Document) -> Result<(), RenderError> {
    if document.language != "en" {
        return Err(RenderError::UnknownLanguage);
    }
    let columns = document.table.columns.len();
    if columns == 0 {
        return Err(RenderError::NoColumns);
    }
    let bars = document.chart.as_ref().map_or(0, |chart| chart.bars.len());
    let cells = document.table.rows.len().saturating_mul(columns);
    let cells = cells
        .saturating_add(columns)
        .saturating_add(document.facts.len())
        .saturating_add(bars);
    if cells > MAX_CELLS {
        return Err(RenderError::TooManyCells { cells });
    }
    let mut total = 0;
    let mut take = |text: &str, place: Place| {
        total += text.len();
        match text.len() {
            bytes if bytes > MAX_TEXT_BYTES => Err(RenderError::TextTooLong { place, bytes }),
            _ if total > MAX_TOTAL_BYTES => Err(RenderError::TooMuchText),
            _ => Ok(()),
        }
    };
    take(&document.title, Place::Title)?;
    for (fact, index) in document.facts.iter().zip(1..) {
        take(&fact.label, Place::Fact(index))?;
        take(&fact.value, Place::Fact(index))?;
    }
    if let Some(chart) = &document.chart {
        take(&chart.caption, Place::Caption)?;
        for (bar, index) in chart.bars.iter().zip(1..) {
            take(&bar.label, Place::Bar(index))?;
        }
    }
    for (column, index) in document.table.columns.iter().zip(1..) {
        take(&column.heading, Place::Heading(index))?;
    }
    for (row, number) in document.table.rows.iter().zip(1..) {
        if row.len() != columns {
            return Err(RenderError::RaggedRow {
                row: number,
                cells: row.len(),
                columns,
            });
        }
        for (cell, column) in row.iter().zip(1..) {
            take(
                cell.as_deref().unwrap_or_default(),
                Place::Cell { row: number, column },
            )?;
        }
    }
    Ok(())
}
