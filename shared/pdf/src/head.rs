//! What is around the figures: title, facts, notes, footers.

use crate::flow::Flow;
use crate::font::Weight;
use crate::page::{Color, PageSize, Style};
use crate::prepared::Prepared;
use crate::render::{Note, RenderError};
use crate::text::{shortened, wrapped};

const TITLE: Style = Style::new(Weight::SemiBold, 17.0, Color::INK);
const LABEL: Style = Style::new(Weight::Regular, 8.5, Color::MUTED);
const VALUE: Style = Style::new(Weight::Regular, 8.5, Color::INK);
const NOTE: Style = Style::new(Weight::Regular, 8.0, Color::MUTED);
const FOOTER: Style = Style::new(Weight::Regular, 7.5, Color::MUTED);
/// Between two parts of the document.
const GAP: f32 = 14.0;
/// The most that labels take of the width.
const LABEL_SHARE: f32 = 0.3;

/// Draws the title and the facts.
pub(crate) fn draw(flow: &mut Flow, prepared: &Prepared<'_>) -> Result<(), RenderError> {
    let width = flow.size().content_width();
    if !prepared.title.is_empty() {
        paragraph(flow, TITLE, PageSize::SIDE, width, &prepared.title)?;
        flow.rule(
            Color::ACCENT,
            1.5,
            (PageSize::SIDE, 4.0),
            (PageSize::SIDE + width, 4.0),
        );
        flow.skip(GAP);
    }
    let face = flow.faces().of(LABEL.weight);
    let labels = prepared.facts.iter().map(|(label, _)| face.text_width(label));
    let label_width = LABEL.points(labels.max().unwrap_or(0)).min(width * LABEL_SHARE);
    let value_x = PageSize::SIDE + label_width + 14.0;
    let value_width = VALUE.thousandths(PageSize::SIDE + width - value_x);
    for (label, value) in &prepared.facts {
        flow.need(VALUE.leading())?;
        let label = shortened(face, label, LABEL.thousandths(label_width + 0.01));
        flow.write(LABEL, PageSize::SIDE, 0.0, &label);
        let mut lines = Vec::new();
        wrapped(flow.faces().of(VALUE.weight), value, value_width, |line| {
            lines.push(line)
        });
        for line in lines {
            flow.need(VALUE.leading())?;
            flow.write(VALUE, value_x, 0.0, line);
            flow.skip(VALUE.leading());
        }
        flow.skip(1.0);
    }
    if !prepared.facts.is_empty() {
        flow.skip(GAP);
    }
    Ok(())
}

/// Says what is not shown as it was given.
pub(crate) fn draw_notes(flow: &mut Flow, notes: &[Note]) -> Result<(), RenderError> {
    flow.skip(6.0);
    for note in notes {
        let width = flow.size().content_width();
        paragraph(flow, NOTE, PageSize::SIDE, width, &format!("Note: {note}"))?;
    }
    Ok(())
}

fn paragraph(flow: &mut Flow, style: Style, x: f32, width: f32, text: &str) -> Result<(), RenderError> {
    let mut lines = Vec::new();
    let face = flow.faces().of(style.weight);
    wrapped(face, text, style.thousandths(width), |line| lines.push(line));
    for line in lines {
        flow.need(style.leading())?;
        flow.write(style, x, 0.0, line);
        flow.skip(style.leading());
    }
    Ok(())
}

/// Writes the title and "Page n of m" at the foot of each page.
pub(crate) fn draw_footers(flow: &mut Flow, title: &str) {
    let (faces, size) = (flow.faces(), flow.size());
    let face = faces.of(FOOTER.weight);
    let right = size.width - PageSize::SIDE;
    let title = shortened(face, title, FOOTER.thousandths(size.content_width() - 90.0));
    let (rule, line) = (size.height - 40.0, size.height - 28.0);
    let count = flow.pages_mut().len();
    for (page, number) in flow.pages_mut().iter_mut().zip(1..) {
        page.rule(Color::GRID, 0.5, (PageSize::SIDE, rule), (right, rule));
        page.write(faces, FOOTER, PageSize::SIDE, line, &title);
        let number = format!("Page {number} of {count}");
        let x = right - FOOTER.points(face.text_width(&number));
        page.write(faces, FOOTER, x, line, &number);
    }
}
