//! From the document to the bytes.

use std::fmt;

use crate::file::{About, file};
use crate::flow::Flow;
use crate::font::Faces;
use crate::limits;
use crate::model::Document;
use crate::prepared::Prepared;
use crate::text::Cleaner;
use crate::{chart, head, table};

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The PDF file.
    pub bytes: Vec<u8>,
    /// Its pages.
    pub pages: u32,
    /// What the document does not show as it was given; the document says so too.
    pub notes: Vec<Note>,
}

/// Something that the document does not show as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// So many characters have no glyph in the fonts and are shown as "�".
    MissingGlyphs(u64),
    /// The chart shows only the first bars.
    BarsLeftOut {
        /// The bars in the chart.
        shown: usize,
        /// The bars of the document.
        of: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingGlyphs(1) => write!(
                formatter,
                "One character has no glyph in the fonts and is shown as \u{FFFD}."
            ),
            Self::MissingGlyphs(count) => {
                write!(
                    formatter,
                    "{count} characters have no glyph in the fonts and are shown as \u{FFFD}."
                )
            }
            Self::BarsLeftOut { shown, of } => {
                write!(formatter, "The chart shows the first {shown} of {of} bars.")
            }
        }
    }
}

/// A text of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The title.
    Title,
    /// A fact, counted from 1.
    Fact(usize),
    /// The caption of the chart.
    Caption,
    /// A bar's label, counted from 1.
    Bar(usize),
    /// A column's heading, counted from 1.
    Heading(usize),
    /// A cell of the table, counted from 1.
    Cell {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => formatter.write_str("the title"),
            Self::Fact(index) => write!(formatter, "fact {index}"),
            Self::Caption => formatter.write_str("the caption of the chart"),
            Self::Bar(index) => write!(formatter, "the label of bar {index}"),
            Self::Heading(index) => write!(formatter, "the heading of column {index}"),
            Self::Cell { row, column } => write!(formatter, "the cell in row {row}, column {column}"),
        }
    }
}

/// Why a document could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The words that documents add ("page 1 of 3") exist in English only.
    #[error("the document's language is not en")]
    UnknownLanguage,
    /// The table has no column.
    #[error("the table has no columns")]
    NoColumns,
    /// A row has more or fewer cells than there are columns.
    #[error("row {row} has {cells} cells for {columns} columns")]
    RaggedRow {
        /// The row, from 1.
        row: usize,
        /// Its cells.
        cells: usize,
        /// The table's columns.
        columns: usize,
    },
    /// More than [`limits::MAX_CELLS`] cells, facts and bars.
    #[error("{cells} cells are more than {}", limits::MAX_CELLS)]
    TooManyCells {
        /// How many there are.
        cells: usize,
    },
    /// A text of more than [`limits::MAX_TEXT_BYTES`].
    #[error("{place} has {bytes} bytes, more than {}", limits::MAX_TEXT_BYTES)]
    TextTooLong {
        /// Where it is.
        place: Place,
        /// How long it is.
        bytes: usize,
    },
    /// More than [`limits::MAX_TOTAL_BYTES`] of text.
    #[error("the texts have more than {} bytes", limits::MAX_TOTAL_BYTES)]
    TooMuchText,
    /// The columns do not fit a landscape page, even in the smallest type.
    #[error("{columns} columns need {needed_pt} points, a landscape page has {available_pt}")]
    TooWide {
        /// The table's columns.
        columns: usize,
        /// The least width they need in the smallest type, in points.
        needed_pt: u32,
        /// The width of a landscape page between its margins, in points.
        available_pt: u32,
    },
    /// More than [`limits::MAX_PAGES`] pages.
    #[error("the document has more than {} pages", limits::MAX_PAGES)]
    TooManyPages,
    /// More than [`limits::MAX_RUNS`] pieces of text.
    #[error(
        "the text is in more than {} pieces (lines of cells, changes of script)",
        limits::MAX_RUNS
    )]
    TooManyRuns,
    /// The fonts that are built in could not be read: a defect.
    #[error("the built-in fonts cannot be used")]
    Font,
    /// The objects of the file are not as they should be: a defect.
    #[error("the file cannot be written")]
    File,
}

impl RenderError {
    /// A stable code for the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownLanguage => "document_language_unknown",
            Self::NoColumns => "document_no_columns",
            Self::RaggedRow { .. } => "document_ragged_row",
            Self::TooManyCells { .. } => "document_too_many_cells",
            Self::TextTooLong { .. } => "document_text_too_long",
            Self::TooMuchText => "document_too_much_text",
            Self::TooWide { .. } => "document_too_wide",
            Self::TooManyPages => "document_too_many_pages",
            Self::TooManyRuns => "document_too_many_runs",
            Self::Font => "document_font",
            Self::File => "document_file",
        }
    }
}

/// Renders a document; the bytes depend on nothing but the document.
///
/// # Errors
/// [`RenderError`] says what is wrong with the document, or which limit it passes.
pub fn render(document: &Document) -> Result<Rendered, RenderError> {
    limits::check(document)?;
    let faces = Faces::read()?;
    let mut cleaner = Cleaner::new(faces);
    let prepared = Prepared::new(&mut cleaner, document);
    let notes = prepared.notes(cleaner.missing);

    let layout = table::layout(&prepared.table)?;
    let mut flow = Flow::new(faces, layout.page);
    head::draw(&mut flow, &prepared)?;
    if let Some(chart) = &prepared.chart {
        chart::draw(&mut flow, chart)?;
    }
    table::draw(&mut flow, &prepared.table, &layout)?;
    head::draw_notes(&mut flow, &notes)?;
    head::draw_footers(&mut flow, &prepared.title);

    let about = About {
        title: &prepared.title,
        language: &document.language,
    };
    let (pages, levels) = flow.finish();
    let count = u32::try_from(pages.len()).map_err(|_| RenderError::TooManyPages)?;
    Ok(Rendered {
        bytes: file(&about, pages, levels)?,
        pages: count,
        notes,
    })
}

#[cfg(test)]
mod tests;
