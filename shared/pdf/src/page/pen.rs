//! The text section of a page.

use printpdf::{FontId, Op, PdfFontHandle, Pt, TextItem, TextMatrix};

use super::{Color, Style};
use crate::font::{Faces, LEVELS, Script, Weight};

/// Which level of each cut a document needs: by weight, then by script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Levels([[Option<usize>; 3]; 2]);

impl Levels {
    fn need(&mut self, weight: Weight, script: Script, level: usize) {
        let known = &mut self.0[weight.index()][script.index()];
        *known = (*known).max(Some(level.min(LEVELS - 1)));
    }

    /// Takes in what another page needs.
    fn add(&mut self, other: Self) {
        for weight in Weight::ALL {
            for script in Script::ALL {
                if let Some(level) = other.0[weight.index()][script.index()] {
                    self.need(weight, script, level);
                }
            }
        }
    }

    /// The cuts, in a fixed order.
    pub(crate) fn cuts(self) -> impl Iterator<Item = (Weight, Script, usize)> {
        let all = Weight::ALL
            .into_iter()
            .flat_map(|weight| Script::ALL.map(|script| (weight, script)));
        all.filter_map(move |(weight, script)| {
            let level = self.0[weight.index()][script.index()]?;
            Some((weight, script, level))
        })
    }
}

/// The name of a weight and script in the file.
pub(crate) fn font_id(weight: Weight, script: Script) -> FontId {
    const NAMES: [[&str; 3]; 2] = [["RL", "RG", "RC"], ["SL", "SG", "SC"]];
    FontId(NAMES[weight.index()][script.index()].to_owned())
}

/// What the viewer's text state is.
#[derive(Clone, Copy, PartialEq)]
struct State {
    weight: Weight,
    script: Script,
    size: f32,
}

/// Writes text operations: a line is one show operation, with the gaps between its cells as numbers in it.
#[derive(Default)]
pub(crate) struct Pen {
    ops: Vec<Op>,
    items: Vec<TextItem>,
    state: Option<State>,
    color: Option<Color>,
    /// Where the viewer's pen stands.
    at: Option<(f32, f32)>,
    levels: Levels,
    /// Pieces of text that were written.
    runs: usize,
}

impl Pen {
    /// How many pieces of text were written: what a page needs of memory.
    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// Writes a line of text; `y` is counted from the bottom of the page.
    pub(super) fn write(&mut self, faces: Faces, style: Style, x: f32, y: f32, text: &str) {
        if text.is_empty() {
            return;
        }
        let face = faces.of(style.weight);
        let mut rest = text;
        let mut x = x;
        let mut script = Script::Latin;
        while let Some((run, level, behind)) = next_run(rest, &mut script) {
            self.levels.need(style.weight, script, level);
            self.set(style, script);
            self.move_to(style.size, x, y);
            let width = style.points(face.text_width(run));
            self.items.push(TextItem::Text(run.to_owned()));
            self.runs += 1;
            self.at = self.at.map(|(pen, line)| (pen + width, line));
            x += width;
            rest = behind;
        }
    }

    fn set(&mut self, style: Style, script: Script) {
        if self.color != Some(style.color) {
            self.show();
            self.color = Some(style.color);
            self.ops.push(Op::SetFillColor {
                col: style.color.pdf(),
            });
        }
        let state = State {
            weight: style.weight,
            script,
            size: style.size,
        };
        if self.state != Some(state) {
            self.show();
            self.state = Some(state);
            self.ops.push(Op::SetFont {
                font: PdfFontHandle::External(font_id(style.weight, script)),
                size: Pt(style.size),
            });
        }
    }

    fn move_to(&mut self, size: f32, x: f32, y: f32) {
        match self.at {
            Some((pen, line)) if line.to_bits() == y.to_bits() => {
                // Thousandths of the type size, to the left; whole ones are a hundredth of a point.
                let gap = ((pen - x) * 1000.0 / size).round();
                if gap.abs() >= 1.0 {
                    self.items.push(TextItem::Offset(gap));
                    self.at = Some((pen - gap * size / 1000.0, y));
                }
            }
            _ => {
                self.show();
                let x = super::hundredths(x);
                self.ops.push(Op::SetTextMatrix {
                    matrix: TextMatrix::Translate(Pt(x), Pt(y)),
                });
                self.at = Some((x, y));
            }
        }
    }

    fn show(&mut self) {
        if !self.items.is_empty() {
            // A copy of the exact size, and the buffer for the next line.
            let items = self.items.drain(..).collect();
            self.ops.push(Op::ShowText { items });
        }
    }

    pub(super) fn finish(mut self, ops: &mut Vec<Op>, levels: &mut Levels) {
        self.show();
        levels.add(self.levels);
        if !self.ops.is_empty() {
            ops.push(Op::StartTextSection);
            ops.append(&mut self.ops);
            ops.push(Op::EndTextSection);
        }
    }
}

/// The longest start of `text` that one cut can write, its level, and what is behind it. A run goes on in the script it
/// is in as long as that has the characters.
fn next_run<'a>(text: &'a str, script: &mut Script) -> Option<(&'a str, usize, &'a str)> {
    let first = text.chars().next()?;
    if script.level(first).is_none() {
        *script = Script::home(first)?;
    }
    if *script == Script::Latin && text.is_ascii() {
        return Some((text, 0, ""));
    }
    let mut highest = 0;
    for (index, character) in text.char_indices() {
        match script.level(character) {
            Some(level) => highest = highest.max(level),
            None => return Some((&text[..index], highest, &text[index..])),
        }
    }
    Some((text, highest, ""))
}
