use sha2::{Digest, Sha256};

use super::*;

#[test]
fn the_fonts_are_those_of_the_list() {
    let list = include_str!("../../fonts/SHA256SUMS");
    let files: [(&str, &[u8]); 3] = [
        ("NotoSans-Regular.ttf", Weight::Regular.file()),
        ("NotoSans-SemiBold.ttf", Weight::SemiBold.file()),
        ("OFL.txt", include_bytes!("../../fonts/OFL.txt")),
    ];
    let mut expected = String::new();
    for (name, bytes) in files {
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        expected.push_str(&format!("{hash}  {name}\n"));
    }
    assert_eq!(list, expected);
}

#[test]
fn every_european_letter_has_a_glyph() {
    let faces = Faces::read().unwrap();
    let letters = ('\u{20}'..='\u{7E}')
        .chain('\u{A1}'..='\u{AC}')
        .chain('\u{AE}'..='\u{24F}')
        .chain('\u{386}'..='\u{38A}')
        .chain('\u{38E}'..='\u{3A1}')
        .chain('\u{3A3}'..='\u{3CE}')
        .chain('\u{400}'..='\u{45F}')
        .chain('\u{1EA0}'..='\u{1EF9}')
        .chain("–—…€‰„“”‘’•−\u{FFFD}".chars());
    for letter in letters {
        for weight in Weight::ALL {
            assert!(faces.of(weight).has(letter), "{letter:?} {weight:?}");
        }
    }
}

#[test]
fn no_two_characters_share_a_glyph() {
    for weight in Weight::ALL {
        let face = Face::of(weight).unwrap();
        let mut glyphs: Vec<u16> = face.parsed.codepoint_to_glyph.values().copied().collect();
        let all = glyphs.len();
        glyphs.sort_unstable();
        glyphs.dedup();
        assert_eq!(glyphs.len(), all, "text read back would not be what was meant");
    }
}

#[test]
fn each_character_is_in_the_cut_of_its_level_and_no_smaller_one() {
    let face = Face::of(Weight::Regular).unwrap();
    for script in Script::ALL {
        for level in 0..LEVELS {
            let cut = cut(Weight::Regular, script, level).unwrap();
            for (&code, _) in face.parsed.codepoint_to_glyph.range(..END) {
                let character = char::from_u32(code).unwrap();
                let is_in =
                    face.has(character) && script.level(character).is_some_and(|least| least <= level);
                let found = cut.parsed.lookup_glyph_index(code);
                assert_eq!(found.is_some(), is_in, "{script:?} {level} {character:?}");
                if let Some(glyph) = found {
                    let width = cut.parsed.get_glyph_width(glyph).unwrap();
                    assert_eq!(u32::from(width), face.width(character), "{character:?}");
                }
            }
        }
    }
}

#[test]
fn every_character_that_has_a_glyph_is_in_its_home_cut() {
    let face = Face::of(Weight::SemiBold).unwrap();
    for code in 0..END {
        let Some(character) = char::from_u32(code) else {
            continue;
        };
        if face.has(character) {
            let home = Script::home(character).unwrap();
            assert!(home.level(character).is_some(), "{character:?}");
        }
    }
}

#[test]
fn the_cut_of_plain_text_is_small() {
    let cut = cut(Weight::Regular, Script::Latin, 0).unwrap();
    assert!(cut.deflated.len() < 12_000, "{} bytes", cut.deflated.len());
}
