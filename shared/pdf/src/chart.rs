//! The bar chart: label, value and bar of each row, over a common axis.

use millrace_core::Decimal;

use crate::axis::{Axis, approximate};
use crate::flow::Flow;
use crate::font::{Face, Weight};
use crate::number;
use crate::page::{Color, PageSize, Style, wide};
use crate::prepared::PreparedChart;
use crate::render::RenderError;
use crate::text::{shortened, wrapped};

const CAPTION: Style = Style::new(Weight::SemiBold, 10.5, Color::INK);
const LABEL: Style = Style::new(Weight::Regular, 8.0, Color::INK);
const TICK: Style = Style::new(Weight::Regular, 7.0, Color::MUTED);
const GAP: f32 = 10.0;
/// The most that labels and values take of the width.
const LABEL_SHARE: f32 = 0.3;
const VALUE_SHARE: f32 = 0.36;
/// A few bars stand wider apart than many.
const FEW: usize = 12;
/// How much of its row a bar fills.
const THICKNESS: f32 = 0.64;

/// A value as it is written beside its bar.
struct Value {
    text: String,
    number: f64,
    /// In front of the decimal mark, and from there on, in thousandths of the type size.
    whole: u32,
    fraction: u32,
}

impl Value {
    fn new(face: &Face, value: Decimal) -> Self {
        let text = value.to_string();
        let mark = number::mark(&text).unwrap_or(text.len());
        Self {
            number: approximate(value),
            whole: face.text_width(&text[..mark]),
            fraction: face.text_width(&text[mark..]),
            text,
        }
    }
}

/// Where the parts of the chart stand.
struct Frame {
    /// The most a label may take.
    label: f32,
    /// Where the values have their decimal mark.
    mark: f32,
    plot_left: f32,
    plot_width: f32,
    pitch: f32,
}

impl Frame {
    fn new(face: &Face, chart: &PreparedChart<'_>, values: &[Value], width: f32) -> Self {
        let longest = chart.bars.iter().map(|(label, _)| face.text_width(label)).max();
        let label = LABEL.points(longest.unwrap_or(0)).min(width * LABEL_SHARE) + 0.01;
        let whole = LABEL.points(values.iter().map(|value| value.whole).max().unwrap_or(0));
        let fraction = LABEL.points(values.iter().map(|value| value.fraction).max().unwrap_or(0));
        let value_left = PageSize::SIDE + label + GAP;
        let plot_left = value_left + (whole + fraction).min(width * VALUE_SHARE) + GAP;
        Self {
            label,
            mark: value_left + whole,
            plot_left,
            plot_width: PageSize::SIDE + width - plot_left,
            pitch: if chart.bars.len() <= FEW { 16.0 } else { 12.5 },
        }
    }

    fn x(&self, place: f32) -> f32 {
        self.plot_left + place * self.plot_width
    }
}

/// Draws the chart; it is never broken over two pages.
pub(crate) fn draw(flow: &mut Flow, chart: &PreparedChart<'_>) -> Result<(), RenderError> {
    let face = flow.faces().of(LABEL.weight);
    let values: Vec<Value> = chart
        .bars
        .iter()
        .map(|(_, value)| Value::new(face, *value))
        .collect();
    let frame = Frame::new(face, chart, &values, flow.size().content_width());
    let rows = u32::try_from(values.len()).unwrap_or(0);
    let height = wide(rows) * frame.pitch;
    draw_caption(flow, chart, height + 2.0 * TICK.leading())?;
    if values.is_empty() {
        flow.write(LABEL, PageSize::SIDE, 0.0, "No values.");
        flow.skip(LABEL.leading() + GAP);
        return Ok(());
    }
    let axis = Axis::new(values.iter().map(|value| value.number));
    draw_axis(flow, &frame, &axis, height);
    for ((label, _), value) in chart.bars.iter().zip(&values) {
        draw_bar(flow, &frame, &axis, label, value);
        flow.skip(frame.pitch);
    }
    let zero = frame.x(axis.place_of_tick(0));
    flow.bar(Color::INK, zero - 0.4, -height, 0.8, height + 2.5);
    flow.skip(TICK.leading() + GAP + 6.0);
    Ok(())
}

fn draw_caption(flow: &mut Flow, chart: &PreparedChart<'_>, below: f32) -> Result<(), RenderError> {
    let (shown, of) = (chart.bars.len(), chart.of);
    let mut caption = chart.caption.clone().into_owned();
    if shown < of {
        let gap = if caption.is_empty() { "" } else { " " };
        caption.push_str(&format!("{gap}(first {shown} of {of})"));
    }
    let mut lines = Vec::new();
    let width = CAPTION.thousandths(flow.size().content_width());
    wrapped(flow.faces().of(CAPTION.weight), &caption, width, |line| {
        lines.push(line)
    });
    let count = wide(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    flow.need(below + CAPTION.leading() * count)?;
    for line in lines {
        flow.need(CAPTION.leading())?;
        flow.write(CAPTION, PageSize::SIDE, 0.0, line);
        flow.skip(CAPTION.leading());
    }
    flow.need(below)?;
    flow.skip(4.0);
    Ok(())
}

fn draw_axis(flow: &mut Flow, frame: &Frame, axis: &Axis, height: f32) {
    let face = flow.faces().of(TICK.weight);
    let right = frame.plot_left + frame.plot_width;
    for tick in axis.first..=axis.last {
        let x = frame.x(axis.place_of_tick(tick));
        flow.rule(Color::GRID, 0.5, (x, 0.0), (x, height + 2.5));
        let label = axis.label(tick);
        let width = TICK.points(face.text_width(&label));
        let left = (x - width / 2.0).min(right - width);
        flow.write(TICK, left, height + 3.0, &label);
    }
}

fn draw_bar(flow: &mut Flow, frame: &Frame, axis: &Axis, label: &str, value: &Value) {
    let face = flow.faces().of(LABEL.weight);
    let below = (frame.pitch - LABEL.leading()) / 2.0;
    let label = shortened(face, label, LABEL.thousandths(frame.label));
    flow.write(LABEL, PageSize::SIDE, below, &label);
    let x = frame.mark - LABEL.points(value.whole);
    let room = LABEL.thousandths(frame.plot_left - GAP / 2.0 - x);
    flow.write(LABEL, x, below, &shortened(face, &value.text, room));

    let (zero, end) = (frame.x(axis.place_of_tick(0)), frame.x(axis.place(value.number)));
    let thickness = frame.pitch * THICKNESS;
    let color = if value.number < 0.0 {
        Color::BELOW_ZERO
    } else {
        Color::ACCENT
    };
    let (left, width) = (zero.min(end), (end - zero).abs());
    if width > 0.0 {
        flow.bar(color, left, (frame.pitch - thickness) / 2.0, width, thickness);
    }
}
