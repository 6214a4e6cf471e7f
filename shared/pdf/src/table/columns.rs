//! How wide the columns are, in which type, on which paper.

use crate::font::Weight;
use crate::model::Alignment;
use crate::page::{Color, PageSize, Style, narrow, wide};
use crate::prepared::{PreparedColumn, PreparedTable};
use crate::render::RenderError;

/// Where a column stands.
pub(crate) struct Slot {
    pub(crate) left: f32,
    pub(crate) width: f32,
    pub(crate) alignment: Alignment,
    /// Where its numbers have their decimal mark.
    pub(crate) mark: f32,
    /// Whether there is room to align them there.
    pub(crate) is_aligned: bool,
}

/// How the table stands on its pages.
pub(crate) struct Layout {
    pub(crate) page: PageSize,
    pub(crate) cell: Style,
    pub(crate) heading: Style,
    pub(crate) slots: Vec<Slot>,
}

impl Layout {
    fn new(page: PageSize, size: f32) -> Self {
        Self {
            page,
            cell: Style::new(Weight::Regular, size, Color::INK),
            heading: Style::new(Weight::SemiBold, size, Color::INK),
            slots: Vec::new(),
        }
    }

    /// Left and right of a cell.
    pub(crate) fn pad_x(&self) -> f32 {
        self.cell.size * 0.5
    }

    /// Above and below a cell.
    pub(crate) fn pad_y(&self) -> f32 {
        self.cell.size * 0.25
    }

    /// The width of the table.
    pub(crate) fn width(&self) -> f32 {
        self.slots
            .last()
            .map_or(0.0, |slot| slot.left + slot.width - PageSize::SIDE)
    }

    /// What columns of some thousandths take.
    fn points(&self, thousandths: &[u32]) -> f32 {
        thousandths
            .iter()
            .map(|&width| self.cell.points(width) + 2.0 * self.pad_x() + SLACK)
            .sum()
    }
}

impl Slot {
    /// The room for text, in thousandths of the type size.
    pub(crate) fn inner_thousandths(&self, layout: &Layout) -> u32 {
        layout.cell.thousandths(self.width - 2.0 * layout.pad_x())
    }
}

/// So that a text of exactly the width of its column is not broken by rounding.
const SLACK: f32 = 0.05;
/// What text columns are given where there is room for all, in thousandths of the type size.
const COMFORT: u32 = 18_000;
/// What they are given where there is not; a longer word is broken.
const TIGHT: u32 = 7_000;
/// What numbers never go beyond: 38 digits with sign and mark.
const LONGEST_NUMBER: u32 = 24_000;
/// Beyond this a text column does not ask for more.
const FULL: u32 = 60_000;
/// What a column gets at most when there is room left.
const EXTRA: f32 = 40.0;

/// How generous a layout is.
#[derive(Clone, Copy, PartialEq)]
enum Room {
    Comfortable,
    Tight,
}

/// What is tried in turn.
const TRIES: [(PageSize, f32, Room); 7] = [
    (PageSize::PORTRAIT, 9.0, Room::Comfortable),
    (PageSize::PORTRAIT, 8.0, Room::Comfortable),
    (PageSize::LANDSCAPE, 9.0, Room::Comfortable),
    (PageSize::LANDSCAPE, 8.0, Room::Comfortable),
    (PageSize::LANDSCAPE, 7.0, Room::Comfortable),
    (PageSize::LANDSCAPE, 7.0, Room::Tight),
    (PageSize::LANDSCAPE, 6.0, Room::Tight),
];

/// Chooses paper, type and widths.
///
/// # Errors
/// [`RenderError::TooWide`] when the columns fit nothing.
pub(crate) fn layout(table: &PreparedTable<'_>) -> Result<Layout, RenderError> {
    let mut needed = 0.0;
    for (page, size, room) in TRIES {
        let mut layout = Layout::new(page, size);
        let least: Vec<u32> = table.columns.iter().map(|column| least(column, room)).collect();
        needed = layout.points(&least);
        if needed <= page.content_width() {
            place(&mut layout, table, &least);
            return Ok(layout);
        }
    }
    Err(RenderError::TooWide {
        columns: table.columns.len(),
        needed_pt: narrow(needed.ceil()),
        available_pt: narrow(PageSize::LANDSCAPE.content_width()),
    })
}

/// What a column needs, in thousandths.
fn least(column: &PreparedColumn<'_>, room: Room) -> u32 {
    let numbers = column.whole + column.fraction;
    let (text, heading) = (column.extent, column.heading_extent);
    let needed = match (column.alignment, room) {
        (Alignment::Text, Room::Comfortable) => text.line.max(heading.line).min(COMFORT),
        (Alignment::Text, Room::Tight) => text.piece.max(heading.piece).min(TIGHT),
        (Alignment::Number, Room::Comfortable) => {
            let others = text
                .line
                .max(heading.piece.max(heading.line / 2))
                .min(COMFORT / 2);
            numbers.min(LONGEST_NUMBER).max(others)
        }
        (Alignment::Number, Room::Tight) => numbers.min(LONGEST_NUMBER).max(heading.piece.min(TIGHT)),
    };
    needed.max(1_000)
}

/// What a column would like, in thousandths.
fn natural(column: &PreparedColumn<'_>) -> u32 {
    let numbers = (column.whole + column.fraction).min(LONGEST_NUMBER);
    column
        .extent
        .line
        .max(column.heading_extent.line)
        .min(FULL)
        .max(numbers)
}

/// Gives each column what it needs, and what is left to those that would like more.
fn place(layout: &mut Layout, table: &PreparedTable<'_>, least: &[u32]) {
    let spare = (layout.page.content_width() - layout.points(least)).max(0.0);
    let wishes = table.columns.iter().zip(least);
    let wishes: Vec<u32> = wishes
        .map(|(column, &least)| natural(column).saturating_sub(least))
        .collect();
    let wished: f32 = wishes.iter().map(|&wish| layout.cell.points(wish)).sum();
    let share = if wished > 0.0 {
        (spare / wished).min(1.0)
    } else {
        0.0
    };
    let count = wide(u32::try_from(least.len()).unwrap_or(1)).max(1.0);
    let extra = ((spare - wished * share) / count).clamp(0.0, EXTRA);

    let mut left = PageSize::SIDE;
    for ((column, &least), &wish) in table.columns.iter().zip(least).zip(&wishes) {
        let inner = layout.cell.points(least) + layout.cell.points(wish) * share + extra + SLACK;
        let width = inner + 2.0 * layout.pad_x();
        layout.slots.push(Slot {
            left,
            width,
            alignment: column.alignment,
            mark: left + width - layout.pad_x() - layout.cell.points(column.fraction),
            is_aligned: layout.cell.points(column.whole + column.fraction) <= inner,
        });
        left += width;
    }
}
