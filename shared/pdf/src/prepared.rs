//! The document, cleaned and measured.

use std::borrow::Cow;

use millrace_core::Decimal;

use crate::font::{Face, Faces, Weight};
use crate::limits::MAX_BARS;
use crate::model::{Alignment, BarChart, Document, Table};
use crate::number;
use crate::render::Note;
use crate::text::{Cleaner, Extent, extent};

/// What stands for a cell without a value.
const NO_VALUE: &str = "–";

/// A document that is ready to be laid out.
pub(crate) struct Prepared<'a> {
    pub(crate) title: Cow<'a, str>,
    pub(crate) facts: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) chart: Option<PreparedChart<'a>>,
    pub(crate) table: PreparedTable<'a>,
}

/// A chart with the bars that it shows.
pub(crate) struct PreparedChart<'a> {
    pub(crate) caption: Cow<'a, str>,
    pub(crate) bars: Vec<(Cow<'a, str>, Decimal)>,
    /// How many the document has.
    pub(crate) of: usize,
}

/// A table with its measures.
pub(crate) struct PreparedTable<'a> {
    pub(crate) columns: Vec<PreparedColumn<'a>>,
    /// Row by row.
    pub(crate) cells: Vec<Cell<'a>>,
}

/// A column with its measures, in thousandths of the type size.
pub(crate) struct PreparedColumn<'a> {
    pub(crate) heading: Cow<'a, str>,
    pub(crate) heading_extent: Extent,
    pub(crate) alignment: Alignment,
    /// The longest line and piece of all cells.
    pub(crate) extent: Extent,
    /// What numbers need in front of their decimal mark, and from there on.
    pub(crate) whole: u32,
    pub(crate) fraction: u32,
}

/// A cell.
pub(crate) struct Cell<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Its longest line.
    pub(crate) line: u32,
    /// What is in front of the decimal mark, if it is a number of a number column.
    pub(crate) whole: Option<u32>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(cleaner: &mut Cleaner, document: &'a Document) -> Self {
        let facts = document.facts.iter();
        let title = cleaner.line(&document.title);
        let facts = facts.map(|fact| (cleaner.line(&fact.label), cleaner.lines(&fact.value)));
        let facts = facts.collect();
        let chart = document.chart.as_ref();
        Self {
            title,
            facts,
            chart: chart.map(|chart| PreparedChart::new(cleaner, chart)),
            table: PreparedTable::new(cleaner, &document.table),
        }
    }

    /// What the document does not show as it was given.
    pub(crate) fn notes(&self, missing: u64) -> Vec<Note> {
        let chart = self.chart.as_ref().filter(|chart| chart.of > chart.bars.len());
        let bars = chart.map(|chart| Note::BarsLeftOut {
            shown: chart.bars.len(),
            of: chart.of,
        });
        let glyphs = (missing > 0).then_some(Note::MissingGlyphs(missing));
        bars.into_iter().chain(glyphs).collect()
    }
}

impl<'a> PreparedChart<'a> {
    fn new(cleaner: &mut Cleaner, chart: &'a BarChart) -> Self {
        let shown = chart.bars.iter().take(MAX_BARS);
        Self {
            caption: cleaner.line(&chart.caption),
            bars: shown.map(|bar| (cleaner.line(&bar.label), bar.value)).collect(),
            of: chart.bars.len(),
        }
    }
}

impl<'a> PreparedTable<'a> {
    fn new(cleaner: &mut Cleaner, table: &'a Table) -> Self {
        let faces = cleaner.faces();
        let headings = table.columns.iter().map(|column| {
            let heading = cleaner.lines(&column.heading);
            PreparedColumn {
                heading_extent: extent(faces.of(Weight::SemiBold), &heading),
                heading,
                alignment: column.alignment,
                extent: Extent::default(),
                whole: 0,
                fraction: 0,
            }
        });
        let mut columns: Vec<PreparedColumn<'a>> = headings.collect();
        let mut cells = Vec::with_capacity(table.rows.len() * columns.len());
        for row in &table.rows {
            for (cell, column) in row.iter().zip(&mut columns) {
                let text = cell.as_deref().map(|text| cleaner.lines(text));
                cells.push(column.take(faces, text.unwrap_or(Cow::Borrowed(NO_VALUE))));
            }
        }
        Self { columns, cells }
    }

    /// The rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[Cell<'a>]> {
        self.cells.chunks(self.columns.len().max(1))
    }
}

impl PreparedColumn<'_> {
    fn take<'a>(&mut self, faces: Faces, text: Cow<'a, str>) -> Cell<'a> {
        let face = faces.of(Weight::Regular);
        let whole = match self.alignment {
            Alignment::Number => whole_width(face, &text),
            Alignment::Text => None,
        };
        let extent = match whole {
            Some(whole) => {
                let line = face.text_width(&text);
                self.whole = self.whole.max(whole);
                self.fraction = self.fraction.max(line.saturating_sub(whole));
                Extent { line, piece: line }
            }
            None => extent(face, &text),
        };
        self.extent.line = self.extent.line.max(extent.line);
        self.extent.piece = self.extent.piece.max(extent.piece);
        Cell {
            text,
            line: extent.line,
            whole,
        }
    }
}

/// What a number needs in front of its decimal mark; nothing for what is no number. A missing value stands as a whole
/// number does.
fn whole_width(face: &Face, text: &str) -> Option<u32> {
    if text == NO_VALUE {
        return Some(face.text_width(text));
    }
    number::mark(text).map(|mark| face.text_width(&text[..mark]))
}
