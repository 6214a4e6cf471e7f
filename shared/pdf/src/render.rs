//! From the document to the bytes.

use crate::model::Document;

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The PDF file.
    pub bytes: Vec<u8>,
    /// Its pages.
    pub pages: u32,
    /// What the document does not show as it was given; said on its last page too.
    pub notes: Vec<Note>,
}

/// Something that the document does not show as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// So many characters have no glyph in the fonts and are shown as a box.
    MissingGlyphs(u64),
}

/// Why a document could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
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
}

impl RenderError {
    /// A stable code for the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoColumns => "document_no_columns",
            Self::RaggedRow { .. } => "document_ragged_row",
        }
    }
}

/// Renders a document; the bytes depend on nothing but the document.
///
/// # Errors
/// [`RenderError`] says what is wrong with the document, or which limit it passes.
pub fn render(document: &Document) -> Result<Rendered, RenderError> {
    if document.table.columns.is_empty() {
        return Err(RenderError::NoColumns);
    }
    Ok(Rendered {
        bytes: b"%PDF-1.4\n%%EOF\n".to_vec(),
        pages: 0,
        notes: Vec::new(),
    })
}
