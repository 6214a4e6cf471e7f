//! Cuts: the glyphs of a level of a script, as `printpdf` takes them, and compressed as the file holds them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use printpdf::{ParsedFont, PdfFontMetricsStub};
use subsetter::GlyphRemapper;

use super::{END, Face, LEVELS, NO_GLYPH, Script, Weight};
use crate::file::deflated;
use crate::render::RenderError;

/// A font program of some of the glyphs.
pub(crate) struct Cut {
    /// What `printpdf` is given.
    pub(crate) parsed: ParsedFont,
    /// The program as the file holds it.
    pub(crate) deflated: Vec<u8>,
}

/// The cut of a level, made once a process.
pub(crate) fn cut(weight: Weight, script: Script, level: usize) -> Result<&'static Cut, RenderError> {
    const SLOTS: usize = 2 * 3 * LEVELS;
    static CUTS: [OnceLock<Option<Cut>>; SLOTS] = [const { OnceLock::new() }; SLOTS];
    let slot = (weight.index() * 3 + script.index()) * LEVELS + level;
    let cut = CUTS
        .get(slot)
        .map(|slot| slot.get_or_init(|| make(weight, script, level)));
    cut.and_then(Option::as_ref).ok_or(RenderError::Font)
}

fn make(weight: Weight, script: Script, level: usize) -> Option<Cut> {
    let face = Face::of(weight).ok()?;
    let is_in = |code: u32| {
        let character = char::from_u32(code)?;
        let is_drawn = face.widths[code as usize] != NO_GLYPH;
        (is_drawn && script.level(character)? <= level).then_some(())
    };
    let mut remapper = GlyphRemapper::new();
    let mut glyphs = BTreeMap::new();
    let mut widths = BTreeMap::new();
    for (&code, &glyph) in face.parsed.codepoint_to_glyph.range(..END) {
        if is_in(code).is_some() {
            let new = remapper.remap(glyph);
            glyphs.insert(code, new);
            widths.insert(new, *face.parsed.glyph_widths.get(&glyph)?);
        }
    }
    let program = subsetter::subset(weight.file(), 0, &remapper).ok()?;
    let deflated = deflated(&program);
    let metrics = &face.parsed.pdf_font_metrics;
    let mut parsed = ParsedFont::with_glyph_data(
        program,
        0,
        Some(format!("{}+{}", tag(weight, script, level), weight.name())),
        glyphs,
        widths,
        face.parsed.units_per_em,
        face.parsed.font_metrics.clone(),
    );
    parsed.pdf_font_metrics = PdfFontMetricsStub { ..metrics.clone() };
    Some(Cut { parsed, deflated })
}

/// Six capitals that tell the cuts of a font from each other (ISO 32000-1, 9.6.4).
fn tag(weight: Weight, script: Script, level: usize) -> String {
    let weight = ["R", "S"][weight.index()];
    let script = ["L", "G", "C"][script.index()];
    let level = ["A", "B", "C", "D", "E"].get(level).copied().unwrap_or("Z");
    format!("MR{weight}{script}{level}A")
}
