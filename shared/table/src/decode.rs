//! From the encoding of a file to the UTF-8 that the scanner reads.

use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use millrace_core::csv::Encoding;

/// What stands where bytes mean nothing in their encoding: no UTF-8, so that the record is rejected for it.
const MEANINGLESS: u8 = 0xFE;

/// Decodes a file, piece after piece. UTF-8 is handed through as it is, its mark of byte order included.
pub struct Decoder {
    encoding: Encoding,
    /// None for UTF-8, and once the file has ended.
    decoder: Option<encoding_rs::Decoder>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Decoder").field(&self.encoding).finish()
    }
}

impl Decoder {
    /// The bytes from which a mark of byte order can be told.
    pub const MARK_BYTES: usize = 3;

    /// A decoder for a file that begins with these bytes: at least [`Self::MARK_BYTES`] where it has as many. A mark of
    /// byte order is believed before the declared encoding.
    #[must_use]
    pub fn begin(beginning: &[u8], declared: Encoding) -> Self {
        let encoding = Encoding::marked(beginning).map_or(declared, |(encoding, _)| encoding);
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
        };
        Self { encoding, decoder }
    }

    /// A decoder for a range of a file, which begins with a whole character.
    #[must_use]
    pub fn within(encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
            Encoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
        };
        Self { encoding, decoder }
    }

    /// What the file is written in.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Decodes the next bytes.
    #[must_use]
    pub fn decode(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.decoder {
            None => bytes,
            Some(decoder) => run(decoder, &bytes, false),
        }
    }

    /// What is left when the file ends: something where it ends within a character.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        self.decoder
            .take()
            .map_or_else(Vec::new, |mut decoder| run(&mut decoder, &[], true))
    }
}

/// How many bytes of a file some decoded bytes have been, its mark of byte order aside. Characters may be cut: their bytes
/// can come in several pieces.
#[must_use]
pub fn encoded_bytes(encoding: Encoding, decoded: &[u8]) -> u64 {
    let count = |is_counted: fn(u8) -> bool| {
        let counted = decoded.iter().filter(|byte| is_counted(**byte));
        counted.count() as u64
    };
    let characters = || count(|byte| byte & 0xC0 != 0x80);
    match encoding {
        Encoding::Utf8 => decoded.len() as u64,
        Encoding::Windows1252 => characters(),
        // Those above U+FFFF take two units; a unit that means nothing is one.
        Encoding::Utf16Le | Encoding::Utf16Be => {
            2 * (characters() + count(|byte| (0xF0..=0xF4).contains(&byte)))
        }
    }
}

fn run(decoder: &mut encoding_rs::Decoder, mut bytes: &[u8], is_last: bool) -> Vec<u8> {
    let most = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut decoded = vec![0; most.unwrap_or(bytes.len()).max(16)];
    let mut length = 0;
    loop {
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(bytes, &mut decoded[length..], is_last);
        bytes = &bytes[read..];
        length += written;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => decoded.resize(decoded.len() * 2, 0),
            DecoderResult::Malformed(..) => {
                decoded.insert(length, MEANINGLESS);
                length += 1;
            }
        }
    }
    decoded.truncate(length);
    decoded
}

#[cfg(test)]
mod tests {
    use millrace_core::csv::Encoding;

    use super::{Decoder, encoded_bytes};

    fn decoded(bytes: &[u8], declared: Encoding, piece: usize) -> Vec<u8> {
        let mut decoder = Decoder::begin(bytes, declared);
        let mut text = Vec::new();
        for piece in bytes.chunks(piece) {
            text.extend(decoder.decode(piece.to_vec()));
        }
        text.extend(decoder.finish());
        text
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn marks_are_believed_and_declared_encodings_follow() {
        let text = "id,name\r\n1,\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} \u{1f600}\r\n";
        for piece in [1, 2, 3, 5, 1000] {
            for (order, encoding) in [
                (u16::to_le_bytes as fn(u16) -> [u8; 2], Encoding::Utf16Le),
                (u16::to_be_bytes, Encoding::Utf16Be),
            ] {
                let marked = utf16(&format!("\u{feff}{text}"), order);
                assert_eq!(
                    decoded(&marked, Encoding::Utf8, piece),
                    text.as_bytes(),
                    "{piece}"
                );
                assert_eq!(decoded(&marked, Encoding::Windows1252, piece), text.as_bytes());
                assert_eq!(decoded(&utf16(text, order), encoding, piece), text.as_bytes());
            }
            assert_eq!(decoded(text.as_bytes(), Encoding::Utf8, piece), text.as_bytes());
            assert_eq!(
                decoded(b"caf\xE9 \x80", Encoding::Windows1252, piece),
                "caf\u{e9} \u{20ac}".as_bytes()
            );
        }
    }

    #[test]
    fn what_means_nothing_is_no_text_and_costs_nothing_else() {
        let mut bytes = utf16("a\n", u16::to_le_bytes);
        bytes.extend([0x00, 0xD8]);
        bytes.extend(utf16("b\nc", u16::to_le_bytes));
        bytes.push(0x41);
        for piece in [1, 2, 3, 1000] {
            assert_eq!(
                decoded(&bytes, Encoding::Utf16Le, piece),
                b"a\n\xFEb\nc\xFE",
                "{piece}"
            );
        }
        // What means nothing has a length, too; of the last character there is half.
        assert_eq!(
            encoded_bytes(Encoding::Utf16Le, b"a\n\xFEb\nc\xFE"),
            bytes.len() as u64 + 1
        );
        assert_eq!(Decoder::begin(b"", Encoding::Utf8).encoding(), Encoding::Utf8);
    }
}
