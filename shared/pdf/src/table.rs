//! The table: rows over as many pages as they need, with the headings on each.

mod columns;

use crate::flow::Flow;
use crate::model::Alignment;
use crate::page::{Color, PageSize, narrow, wide};
use crate::prepared::{Cell, PreparedTable};
use crate::render::RenderError;
use crate::text::wrapped;

use columns::Slot;
pub(crate) use columns::{Layout, layout};

/// Headings have no more lines than this; what is beyond is cut.
const MAX_HEADING_LINES: usize = 8;

/// A table that is being drawn.
struct Drawing<'a, 'l> {
    flow: &'a mut Flow,
    layout: &'l Layout,
    headings: Vec<Vec<String>>,
    heading_lines: u32,
    /// Where the headings of this page start.
    top: f32,
}

/// Draws the table.
pub(crate) fn draw(flow: &mut Flow, table: &PreparedTable<'_>, layout: &Layout) -> Result<(), RenderError> {
    let headings = headings(flow, table, layout);
    let heading_lines = headings.iter().map(Vec::len).max().unwrap_or(1);
    let mut drawing = Drawing {
        flow,
        layout,
        headings,
        heading_lines: u32::try_from(heading_lines).unwrap_or(1),
        top: 0.0,
    };
    // The headings never stand alone at the foot of a page.
    let start = drawing.heading_height() + 2.0 * drawing.height(1);
    drawing.flow.need(start)?;
    drawing.start();
    if table.cells.is_empty() {
        drawing.say_empty();
    }
    for row in table.rows() {
        drawing.row(row)?;
    }
    drawing.end();
    Ok(())
}

fn headings(flow: &Flow, table: &PreparedTable<'_>, layout: &Layout) -> Vec<Vec<String>> {
    let face = flow.faces().of(layout.heading.weight);
    let columns = table.columns.iter().zip(&layout.slots);
    let broken = columns.map(|(column, slot)| {
        let mut lines = Vec::new();
        wrapped(face, &column.heading, slot.inner_thousandths(layout), |line| {
            if lines.len() < MAX_HEADING_LINES {
                lines.push(line.to_owned());
            } else if let Some(last) = lines.last_mut()
                && !last.ends_with('…')
            {
                last.pop();
                last.push('…');
            }
        });
        lines
    });
    broken.collect()
}

impl Drawing<'_, '_> {
    /// The height of a row of so many lines.
    fn height(&self, lines: u32) -> f32 {
        wide(lines) * self.layout.cell.leading() + 2.0 * self.layout.pad_y()
    }

    fn heading_height(&self) -> f32 {
        wide(self.heading_lines) * self.layout.heading.leading() + 2.0 * self.layout.pad_y() + 1.0
    }

    /// How many lines of a row are left on the page.
    fn room(&self) -> u32 {
        narrow(((self.flow.rest() - 2.0 * self.layout.pad_y()) / self.layout.cell.leading()).max(0.0))
    }

    /// How many lines of a row fit a page that has nothing but the headings on it.
    fn room_of_page(&self) -> u32 {
        let size = self.flow.size();
        let body = size.bottom() - size.top() - self.heading_height() - 2.0 * self.layout.pad_y();
        narrow((body / self.layout.cell.leading()).max(1.0))
    }

    /// Draws the headings.
    fn start(&mut self) {
        let (style, height) = (self.layout.heading, self.heading_height());
        self.top = self.flow.y();
        self.flow
            .band(Color::BAND, PageSize::SIDE, 0.0, self.layout.width(), height);
        let face = self.flow.faces().of(style.weight);
        for line in 0..self.heading_lines {
            let below = self.layout.pad_y() + wide(line) * style.leading();
            for (heading, slot) in self.headings.iter().zip(&self.layout.slots) {
                // Short headings stand at the bottom.
                let missing = self.heading_lines as usize - heading.len();
                let text = (line as usize)
                    .checked_sub(missing)
                    .and_then(|line| heading.get(line));
                if let Some(text) = text {
                    let width = style.points(face.text_width(text));
                    self.flow
                        .write(style, slot.start(self.layout, width), below, text);
                }
            }
        }
        self.flow.skip(height);
        let right = PageSize::SIDE + self.layout.width();
        self.flow
            .rule(Color::MUTED, 0.9, (PageSize::SIDE, 0.0), (right, 0.0));
    }

    /// Draws what separates the columns.
    fn end(&mut self) {
        let above = self.top - self.flow.y();
        let last = self.layout.width() + PageSize::SIDE;
        let lefts = self.layout.slots.iter().map(|slot| slot.left);
        for x in lefts.chain([last]) {
            self.flow.rule(Color::GRID, 0.5, (x, above), (x, 0.0));
        }
    }

    fn turn(&mut self) -> Result<(), RenderError> {
        self.end();
        self.flow.turn()?;
        self.start();
        Ok(())
    }

    fn row(&mut self, row: &[Cell<'_>]) -> Result<(), RenderError> {
        let is_plain =
            |(cell, slot): (&Cell<'_>, &Slot)| slot.takes(self.layout, cell) && !cell.text.contains('\n');
        if row.iter().zip(&self.layout.slots).all(is_plain) {
            if self.room() < 1 {
                self.turn()?;
            }
            self.plain_row(row);
            return Ok(());
        }
        self.broken_row(row)
    }

    /// A row of one line.
    fn plain_row(&mut self, row: &[Cell<'_>]) {
        let (style, below) = (self.layout.cell, self.layout.pad_y());
        for (cell, slot) in row.iter().zip(&self.layout.slots) {
            let x = match cell.whole {
                Some(whole) if slot.is_aligned => slot.mark - style.points(whole),
                _ => slot.start(self.layout, style.points(cell.line)),
            };
            self.flow.write(style, x, below, &cell.text);
        }
        self.close_row(1);
    }

    /// A row of several lines: not broken over two pages if it fits one.
    fn broken_row(&mut self, row: &[Cell<'_>]) -> Result<(), RenderError> {
        let face = self.flow.faces().of(self.layout.cell.weight);
        let cells = row.iter().zip(&self.layout.slots).map(|(cell, slot)| {
            let mut lines = Vec::new();
            wrapped(face, &cell.text, slot.inner_thousandths(self.layout), |line| {
                lines.push(line)
            });
            lines
        });
        let cells: Vec<Vec<&str>> = cells.collect();
        let count = cells.iter().map(Vec::len).max().unwrap_or(1);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count > self.room() && count <= self.room_of_page() {
            self.turn()?;
        }
        let mut first = 0;
        while first < count {
            if self.room() < 1 {
                self.turn()?;
            }
            let lines = (count - first).min(self.room().max(1));
            self.broken_lines(row, &cells, first, lines);
            first += lines;
        }
        Ok(())
    }

    fn broken_lines(&mut self, row: &[Cell<'_>], cells: &[Vec<&str>], first: u32, lines: u32) {
        let style = self.layout.cell;
        let face = self.flow.faces().of(style.weight);
        for line in 0..lines {
            let below = self.layout.pad_y() + wide(line) * style.leading();
            for ((cell, broken), slot) in row.iter().zip(cells).zip(&self.layout.slots) {
                let Some(text) = broken.get((first + line) as usize) else {
                    continue;
                };
                let x = match cell.whole {
                    Some(whole) if slot.is_aligned => slot.mark - style.points(whole),
                    _ => slot.start(self.layout, style.points(face.text_width(text))),
                };
                self.flow.write(style, x, below, text);
            }
        }
        self.close_row(lines);
    }

    fn close_row(&mut self, lines: u32) {
        self.flow.skip(self.height(lines));
        let right = PageSize::SIDE + self.layout.width();
        self.flow
            .rule(Color::GRID, 0.5, (PageSize::SIDE, 0.0), (right, 0.0));
    }

    fn say_empty(&mut self) {
        let mut style = self.layout.cell;
        style.color = Color::MUTED;
        let left = PageSize::SIDE + self.layout.pad_x();
        self.flow.write(style, left, self.layout.pad_y(), "No rows.");
        self.close_row(1);
    }
}

impl Slot {
    /// Whether the cell fits on one line.
    fn takes(&self, layout: &Layout, cell: &Cell<'_>) -> bool {
        cell.line <= self.inner_thousandths(layout)
    }

    /// Where a line of a width starts.
    fn start(&self, layout: &Layout, width: f32) -> f32 {
        match self.alignment {
            Alignment::Text => self.left + layout.pad_x(),
            Alignment::Number => self.left + self.width - layout.pad_x() - width,
        }
    }
}
