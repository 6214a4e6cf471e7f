//! The fonts: what is in them, how wide it is, and the cuts that documents embed.
//!
//! A document embeds, of each weight and script that it uses, the smallest of a few fixed cuts that holds its
//! characters. Which one that is depends on the document alone; a cut is made once a process, when it is first used.

mod cut;
mod script;

use std::sync::OnceLock;

use printpdf::ParsedFont;

use crate::render::RenderError;

pub(crate) use cut::{Cut, cut};
pub(crate) use script::{LEVELS, Script};

/// What a character is replaced by when the fonts do not have it.
pub(crate) const REPLACEMENT: char = '\u{FFFD}';

/// How strong the letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// For values.
    Regular,
    /// For titles, headings and labels.
    SemiBold,
}

impl Weight {
    /// Both, in the order of [`Self::index`].
    pub(crate) const ALL: [Self; 2] = [Self::Regular, Self::SemiBold];

    /// The position in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        usize::from(self == Self::SemiBold)
    }

    fn file(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../fonts/NotoSans-Regular.ttf"),
            Self::SemiBold => include_bytes!("../fonts/NotoSans-SemiBold.ttf"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Regular => "NotoSans-Regular",
            Self::SemiBold => "NotoSans-SemiBold",
        }
    }
}

/// The width of a character that the font does not have.
const NO_GLYPH: u16 = u16::MAX;
/// Documents are set with characters below this one; the fonts have next to nothing above it.
const END: u32 = 0x1_0000;

/// A font with all its characters.
pub(crate) struct Face {
    parsed: ParsedFont,
    widths: Vec<u16>,
}

impl Face {
    fn read(weight: Weight) -> Option<Self> {
        let parsed = ParsedFont::from_bytes(weight.file(), 0, &mut Vec::new())?;
        let per_em = u32::from(parsed.units_per_em).max(1);
        let mut widths = vec![NO_GLYPH; END as usize];
        for (&code, glyph) in parsed.codepoint_to_glyph.range(..END) {
            let is_ours = char::from_u32(code).is_some_and(|character| Script::home(character).is_some());
            if let Some(&width) = parsed.glyph_widths.get(glyph)
                && is_ours
            {
                // Rounded down, as the widths in the file are.
                widths[code as usize] = u16::try_from(u32::from(width) * 1000 / per_em).unwrap_or(0);
            }
        }
        Some(Self { parsed, widths })
    }

    /// The face of a weight, read once a process.
    pub(crate) fn of(weight: Weight) -> Result<&'static Self, RenderError> {
        static FACES: [OnceLock<Option<Face>>; 2] = [const { OnceLock::new() }; 2];
        let face = FACES[weight.index()].get_or_init(|| Self::read(weight));
        face.as_ref().ok_or(RenderError::Font)
    }

    /// Whether the character can be shown.
    pub(crate) fn has(&self, character: char) -> bool {
        self.width_if_any(character) != NO_GLYPH
    }

    /// The advance of a character in thousandths of the type size; nothing for what cannot be shown.
    pub(crate) fn width(&self, character: char) -> u32 {
        match self.width_if_any(character) {
            NO_GLYPH => 0,
            width => u32::from(width),
        }
    }

    /// The advance of a text of one line.
    pub(crate) fn text_width(&self, text: &str) -> u32 {
        if text.is_ascii() {
            return text.bytes().map(|byte| self.width(char::from(byte))).sum();
        }
        text.chars().map(|character| self.width(character)).sum()
    }

    fn width_if_any(&self, character: char) -> u16 {
        let found = self.widths.get(character as usize);
        found.copied().unwrap_or(NO_GLYPH)
    }
}

/// Both faces.
#[derive(Clone, Copy)]
pub(crate) struct Faces([&'static Face; 2]);

impl Faces {
    /// Reads them, or finds them read.
    pub(crate) fn read() -> Result<Self, RenderError> {
        Ok(Self([Face::of(Weight::Regular)?, Face::of(Weight::SemiBold)?]))
    }

    /// The face of a weight.
    pub(crate) fn of(self, weight: Weight) -> &'static Face {
        self.0[weight.index()]
    }
}

#[cfg(test)]
mod tests;
