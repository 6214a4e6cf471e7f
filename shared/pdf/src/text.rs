//! Text as it can be shown: composed, without what is never drawn, with a visible replacement for what has no glyph.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::font::{Face, Faces, REPLACEMENT, Weight};

/// Cleans texts and counts what it had to replace.
pub(crate) struct Cleaner {
    faces: Faces,
    /// Characters that have no glyph.
    pub(crate) missing: u64,
}

impl Cleaner {
    pub(crate) fn new(faces: Faces) -> Self {
        Self { faces, missing: 0 }
    }

    /// The faces that it cleans for.
    pub(crate) fn faces(&self) -> Faces {
        self.faces
    }

    /// The text as it is shown, on lines of its own: the only control character left is `\n`.
    pub(crate) fn lines<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        let mut before = None;
        for character in text.nfc() {
            match character {
                '\n' if before == Some('\r') => {}
                '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
                '\t' => shown.push(' '),
                _ if is_never_drawn(character) => {}
                _ if self.faces.of(Weight::Regular).has(character) => shown.push(character),
                _ => {
                    self.missing += 1;
                    shown.push(REPLACEMENT);
                }
            }
            before = Some(character);
        }
        shown.truncate(shown.trim_end_matches('\n').len());
        Cow::Owned(shown)
    }

    /// The text as it is shown on a single line.
    pub(crate) fn line<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let shown = self.lines(text);
        if shown.contains('\n') {
            return Cow::Owned(shown.replace('\n', " "));
        }
        shown
    }
}

/// Format characters: they tell a renderer how to draw others, and nothing of what was written.
fn is_never_drawn(character: char) -> bool {
    matches!(
        u32::from(character),
        0xAD | 0x061C | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFF9..=0xFFFB | 0xE_0000..=0xE_0FFF
    )
}

/// What a text needs, in thousandths of the type size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its longest line.
    pub(crate) line: u32,
    /// Its longest piece that is not broken where there is room.
    pub(crate) piece: u32,
}

/// Measures a cleaned text.
pub(crate) fn extent(face: &Face, text: &str) -> Extent {
    let mut extent = Extent::default();
    let (mut line, mut piece) = (0, 0);
    for character in text.chars() {
        let width = face.width(character);
        line += width;
        match character {
            '\n' => (line, piece) = (0, 0),
            ' ' => piece = 0,
            _ => piece += width,
        }
        extent.line = extent.line.max(line);
        extent.piece = extent.piece.max(piece);
        if is_break_after(character) {
            piece = 0;
        }
    }
    extent
}

/// Breaks a cleaned text into lines of at most `width`: behind blanks and hyphens, and inside a word that is longer than
/// a line. A line has at least one character.
pub(crate) fn wrapped<'a>(face: &Face, text: &'a str, width: u32, mut line: impl FnMut(&'a str)) {
    for paragraph in text.split('\n') {
        let mut start = 0;
        let mut filled = 0;
        // The last place to break at, and what is filled behind it.
        let mut place = None;
        for (index, character) in paragraph.char_indices() {
            let advance = face.width(character);
            let is_blank = character == ' ';
            while filled + advance > width && !is_blank && advance > 0 && index > start {
                let end = place.map_or(index, |(end, _)| end);
                line(paragraph[start..end].trim_end_matches(' '));
                start = end;
                filled = place.map_or(0, |(_, before): (usize, u32)| filled - before);
                place = None;
            }
            filled += advance;
            if is_blank || is_break_after(character) {
                place = Some((index + character.len_utf8(), filled));
            }
        }
        line(paragraph[start..].trim_end_matches(' '));
    }
}

fn is_break_after(character: char) -> bool {
    matches!(character, '-' | '/' | '_' | ',' | ';' | '\u{2010}' | '–' | '—')
}

/// The text, cut with an ellipsis when it is longer than `width`.
pub(crate) fn shortened<'a>(face: &Face, text: &'a str, width: u32) -> Cow<'a, str> {
    if face.text_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let ellipsis = face.width('…');
    let mut filled = 0;
    let mut end = 0;
    for (index, character) in text.char_indices() {
        filled += face.width(character);
        if filled + ellipsis > width {
            break;
        }
        end = index + character.len_utf8();
    }
    Cow::Owned(format!("{}…", text[..end].trim_end_matches(' ')))
}

#[cfg(test)]
mod tests;
