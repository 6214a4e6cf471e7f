//! A page that is being drawn: fills, rules, and one text section.
//!
//! Everything is laid out from the top left corner in points and turned round here. A line of text is one show
//! operation, whatever its cells; a grid is one path.

mod pen;

use printpdf::{
    Color as PdfColor, LinePoint, Op, PaintMode, PdfPage, Point, Polygon, PolygonRing, Pt, Rect, Rgb,
    WindingOrder,
};

use crate::font::{Faces, Weight};

pub(crate) use pen::{Levels, Pen, font_id};

/// A colour, as parts of 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Color {
    /// What is read.
    pub(crate) const INK: Self = Self(0x1B, 0x24, 0x2E);
    /// Labels and notes.
    pub(crate) const MUTED: Self = Self(0x5B, 0x66, 0x73);
    /// Behind the headings.
    pub(crate) const BAND: Self = Self(0xE9, 0xEE, 0xF3);
    /// The grid.
    pub(crate) const GRID: Self = Self(0xD5, 0xDB, 0xE1);
    /// The bars, and the line below the title.
    pub(crate) const ACCENT: Self = Self(0x1F, 0x5F, 0x8B);
    /// The bars below zero.
    pub(crate) const BELOW_ZERO: Self = Self(0xC4, 0x6A, 0x1C);

    fn pdf(self) -> PdfColor {
        // Three decimals tell 255 steps apart.
        let part = |byte: u8| hundredths(f32::from(byte) * 10.0 / 255.0) / 10.0;
        PdfColor::Rgb(Rgb {
            r: part(self.0),
            g: part(self.1),
            b: part(self.2),
            icc_profile: None,
        })
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    /// The type size in points.
    pub(crate) size: f32,
    pub(crate) color: Color,
}

impl Style {
    pub(crate) const fn new(weight: Weight, size: f32, color: Color) -> Self {
        Self { weight, size, color }
    }

    /// The distance of two base lines.
    pub(crate) fn leading(self) -> f32 {
        self.size * 1.32
    }

    /// From the top of a line to its base line.
    pub(crate) fn ascent(self) -> f32 {
        self.size * 1.02
    }

    /// Thousandths of the type size in points.
    pub(crate) fn points(self, thousandths: u32) -> f32 {
        wide(thousandths) * self.size / 1000.0
    }

    /// Points in thousandths of the type size.
    pub(crate) fn thousandths(self, points: f32) -> u32 {
        narrow(points.max(0.0) * 1000.0 / self.size)
    }
}

/// A whole number as a float; what is beyond 16 million stays large.
#[expect(
    clippy::cast_precision_loss,
    reason = "a length of that size is cut or broken into lines"
)]
pub(crate) fn wide(number: u32) -> f32 {
    number as f32
}

/// A length without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and lengths are positive"
)]
pub(crate) fn narrow(length: f32) -> u32 {
    length as u32
}

/// To a hundredth: what the file says of a coordinate.
fn hundredths(length: f32) -> f32 {
    (length * 100.0).round() / 100.0
}

/// The size of the pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PageSize {
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl PageSize {
    /// A4, upright.
    pub(crate) const PORTRAIT: Self = Self {
        width: 595.28,
        height: 841.89,
    };
    /// A4, lying.
    pub(crate) const LANDSCAPE: Self = Self {
        width: 841.89,
        height: 595.28,
    };
    /// Left and right.
    pub(crate) const SIDE: f32 = 42.0;
    const TOP: f32 = 44.0;
    const BOTTOM: f32 = 54.0;

    /// What is between the margins.
    pub(crate) fn content_width(self) -> f32 {
        self.width - 2.0 * Self::SIDE
    }

    /// Where the content starts.
    pub(crate) fn top(self) -> f32 {
        Self::TOP
    }

    /// Where it ends.
    pub(crate) fn bottom(self) -> f32 {
        self.height - Self::BOTTOM
    }
}

/// A page.
pub(crate) struct Page {
    size: PageSize,
    bands: Vec<(Color, Polygon)>,
    rules: Vec<(Color, f32, Polygon)>,
    bars: Vec<(Color, Polygon)>,
    pen: Pen,
}

impl Page {
    pub(crate) fn new(size: PageSize) -> Self {
        Self {
            size,
            bands: Vec::new(),
            rules: Vec::new(),
            bars: Vec::new(),
            pen: Pen::default(),
        }
    }

    /// How many pieces of text are on the page.
    pub(crate) fn runs(&self) -> usize {
        self.pen.runs()
    }

    /// Fills a rectangle behind the rules.
    pub(crate) fn band(&mut self, color: Color, left: f32, top: f32, width: f32, height: f32) {
        let ring = self.rectangle(left, top, width, height);
        fill(&mut self.bands, color, ring);
    }

    /// Fills a rectangle in front of the rules.
    pub(crate) fn bar(&mut self, color: Color, left: f32, top: f32, width: f32, height: f32) {
        let ring = self.rectangle(left, top, width, height);
        fill(&mut self.bars, color, ring);
    }

    /// Draws a straight line.
    pub(crate) fn rule(&mut self, color: Color, thickness: f32, from: (f32, f32), to: (f32, f32)) {
        let ring = self.ring(&[from, to]);
        let mut rules = self.rules.iter_mut();
        match rules.find(|rule| rule.0 == color && rule.1.to_bits() == thickness.to_bits()) {
            Some((_, _, path)) => path.rings.push(ring),
            None => self.rules.push((color, thickness, path(PaintMode::Stroke, ring))),
        }
    }

    /// Writes a line of cleaned text with its base line at `y`.
    pub(crate) fn write(&mut self, faces: Faces, style: Style, x: f32, y: f32, text: &str) {
        self.pen
            .write(faces, style, x, hundredths(self.size.height - y), text);
    }

    fn rectangle(&self, left: f32, top: f32, width: f32, height: f32) -> PolygonRing {
        let (right, bottom) = (left + width, top + height);
        self.ring(&[(left, top), (right, top), (right, bottom), (left, bottom)])
    }

    fn ring(&self, corners: &[(f32, f32)]) -> PolygonRing {
        let point = |&(x, y): &(f32, f32)| LinePoint {
            p: Point {
                x: Pt(hundredths(x)),
                y: Pt(hundredths(self.size.height - y)),
            },
            bezier: false,
        };
        PolygonRing {
            points: corners.iter().map(point).collect(),
        }
    }

    /// The page as `printpdf` takes it; which characters it uses is noted in `levels`.
    pub(crate) fn finish(self, levels: &mut Levels) -> PdfPage {
        let mut ops = Vec::new();
        draw_filled(&mut ops, self.bands);
        for (color, thickness, polygon) in self.rules {
            ops.push(Op::SetOutlineColor { col: color.pdf() });
            ops.push(Op::SetOutlineThickness { pt: Pt(thickness) });
            ops.push(Op::DrawPolygon { polygon });
        }
        draw_filled(&mut ops, self.bars);
        self.pen.finish(&mut ops, levels);
        let sheet = || Rect::from_wh(Pt(self.size.width), Pt(self.size.height));
        PdfPage {
            media_box: sheet(),
            trim_box: sheet(),
            crop_box: sheet(),
            ops,
        }
    }
}

/// Adds to the path of a color: one operation draws all of it.
fn fill(paths: &mut Vec<(Color, Polygon)>, color: Color, ring: PolygonRing) {
    match paths.iter_mut().find(|(known, _)| *known == color) {
        Some((_, path)) => path.rings.push(ring),
        None => paths.push((color, path(PaintMode::Fill, ring))),
    }
}

fn draw_filled(ops: &mut Vec<Op>, paths: Vec<(Color, Polygon)>) {
    for (color, polygon) in paths {
        ops.push(Op::SetFillColor { col: color.pdf() });
        ops.push(Op::DrawPolygon { polygon });
    }
}

fn path(mode: PaintMode, ring: PolygonRing) -> Polygon {
    Polygon {
        rings: vec![ring],
        mode,
        winding_order: WindingOrder::NonZero,
    }
}
