//! The document: what is to be shown, without a word on how.

use millrace_core::Decimal;

/// A document: a title, facts about it, a chart if there is one, and a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The heading of the first page, repeated in the footer of each; may be empty.
    pub title: String,
    /// What the reader must know of the figures: filters, as-of, source versions.
    pub facts: Vec<Fact>,
    /// The chart above the table.
    pub chart: Option<BarChart>,
    /// The figures.
    pub table: Table,
    /// The language of the text (BCP 47), `en` so far; written into the file for screen readers.
    pub language: String,
}

/// A line of the block below the title: "as of", "2026-11-21 04:00 UTC".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value; a line break in it starts a new line.
    pub value: String,
}

/// Bars of one measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarChart {
    /// What the bars show, and their unit.
    pub caption: String,
    /// The bars, from the top down.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its label.
    pub label: String,
    /// Its value; may be negative.
    pub value: Decimal,
}

/// Columns and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns, from the left.
    pub columns: Vec<Column>,
    /// The rows, from the top: a cell for each column; `None` = no value, shown as "–".
    pub rows: Vec<Vec<Option<String>>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading, repeated on each page.
    pub heading: String,
    /// How its cells stand.
    pub alignment: Alignment,
}

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// From the left, broken into lines where the column is too narrow.
    Text,
    /// With the decimal marks below each other; a cell that is no number stands at the right.
    Number,
}
