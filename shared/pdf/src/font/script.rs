//! Which script a character belongs to, and how rare it is there.

/// The scripts that are cut on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Latin letters, and all digits, signs and symbols.
    Latin,
    /// Greek letters.
    Greek,
    /// Cyrillic letters.
    Cyrillic,
}

/// How many cuts of growing size a script has.
pub(crate) const LEVELS: usize = 5;
const WHOLE: usize = LEVELS - 1;

/// Signs of Windows code page 1252, with those that every European text uses.
const WESTERN_SIGNS: &str = "‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ€ ";

impl Script {
    /// All, in the order of [`Self::index`].
    pub(crate) const ALL: [Self; 3] = [Self::Latin, Self::Greek, Self::Cyrillic];

    /// The position in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Latin => 0,
            Self::Greek => 1,
            Self::Cyrillic => 2,
        }
    }

    /// The script a character belongs to; none for those that would have to be shaped (Devanagari is in the font) and
    /// those that are never drawn.
    pub(crate) fn home(character: char) -> Option<Self> {
        match u32::from(character) {
            0..=0x1F | 0x7F..=0x9F | 0xAD => None,
            0x0900..=0x097F | 0x1CD0..=0x1CFF | 0xA830..=0xA8FF => None,
            0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F | 0xFEFF => None,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Some(Self::Greek),
            0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => Some(Self::Cyrillic),
            _ => Some(Self::Latin),
        }
    }

    /// The smallest level of this script's cuts that holds the character, so that a run need not be broken for it;
    /// `None` when no cut of this script does.
    pub(crate) fn level(self, character: char) -> Option<usize> {
        let code = u32::from(character);
        match self {
            Self::Latin => (Self::home(character)? == self).then(|| Self::latin_level(character)),
            Self::Greek | Self::Cyrillic if is_shared(code) => Some(0),
            Self::Greek => match code {
                0x0370..=0x03FF => Some(0),
                0x1F00..=0x1FFF | 0x0300..=0x036F => Some(WHOLE),
                _ => None,
            },
            Self::Cyrillic => match code {
                0x0400..=0x045F | 0x0490..=0x0493 => Some(0),
                _ if Self::home(character) == Some(self) => Some(WHOLE),
                0x0300..=0x036F => Some(WHOLE),
                _ => None,
            },
        }
    }

    fn latin_level(character: char) -> usize {
        match u32::from(character) {
            0x20..=0x7E | 0x2013 | 0x2026 | 0x2212 | 0xFFFD => 0,
            0xA0..=0xFF => 1,
            _ if WESTERN_SIGNS.contains(character) => 1,
            0x0100..=0x017F | 0x0218..=0x021B | 0x2000..=0x206F | 0x20A0..=0x20CF | 0xFB00..=0xFB06 => 2,
            0x0180..=0x024F | 0x0300..=0x036F | 0x1E00..=0x1EFF | 0x2070..=0x2BFF => 3,
            _ => WHOLE,
        }
    }
}

/// What stands between words of every script.
fn is_shared(code: u32) -> bool {
    matches!(code, 0x20..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E | 0xA0 | 0xAB | 0xB7 | 0xBB | 0x2010..=0x201F | 0x2026)
}
