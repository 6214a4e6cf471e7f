use proptest::prelude::*;

use super::*;

fn cleaned(text: &str) -> (String, u64) {
    let mut cleaner = Cleaner::new(Faces::read().unwrap());
    let shown = cleaner.lines(text).into_owned();
    (shown, cleaner.missing)
}

fn lines(text: &str, width: u32) -> Vec<String> {
    let mut lines = Vec::new();
    wrapped(face(), text, width, |line| lines.push(line.to_owned()));
    lines
}

fn face() -> &'static Face {
    Faces::read().unwrap().of(Weight::Regular)
}

#[test]
fn text_is_composed_and_freed_of_what_is_never_drawn() {
    for (text, shown, missing) in [
        ("plain", "plain", 0),
        ("e\u{301}te\u{301} ő", "été ő", 0),
        ("Ελληνικά Русский", "Ελληνικά Русский", 0),
        ("a\u{200B}b\u{200D}c\u{AD}d\u{FEFF}\u{202E}e", "abcde", 0),
        ("a\r\nb\rc\nd\u{2028}e", "a\nb\nc\nd\ne", 0),
        ("a\tb", "a b", 0),
        ("a\u{0}b\u{1B}[31m\u{9B}", "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}", 3),
        ("שלום", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}", 4),
        ("नमस्ते", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}", 6),
        ("👩\u{200D}💻", "\u{FFFD}\u{FFFD}", 2),
        ("x\u{302}\u{302}", "x\u{302}\u{302}", 0),
        ("end\n\n", "end", 0),
        ("", "", 0),
    ] {
        assert_eq!(cleaned(text), (shown.to_owned(), missing), "{text:?}");
    }
}

#[test]
fn a_line_has_no_breaks() {
    let mut cleaner = Cleaner::new(Faces::read().unwrap());
    assert_eq!(cleaner.line("a\r\nb\nc"), "a b c");
}

#[test]
fn lines_are_broken_behind_blanks_and_hyphens_and_in_words_that_are_too_long() {
    // A digit is 572 wide, a blank 260, a hyphen 322.
    assert_eq!(lines("11 22 33", 2 * 572), ["11", "22", "33"]);
    assert_eq!(lines("11 22 33", 4 * 572 + 260), ["11 22", "33"]);
    assert_eq!(lines("11-22", 3 * 572), ["11-", "22"]);
    assert_eq!(lines("1111111", 3 * 572), ["111", "111", "1"]);
    assert_eq!(lines("1 2222222", 3 * 572), ["1", "222", "222", "2"]);
    assert_eq!(lines("1\n\n2", 3 * 572), ["1", "", "2"]);
    assert_eq!(lines("", 572), [""]);
    assert_eq!(lines("11", 1), ["1", "1"]);
    assert_eq!(lines("1     2", 572), ["1", "2"]);
    assert_eq!(
        lines("x\u{302}\u{302}x\u{302}", 600),
        ["x\u{302}\u{302}", "x\u{302}"]
    );
}

#[test]
fn long_text_ends_in_an_ellipsis() {
    assert_eq!(shortened(face(), "11111", 5 * 572), "11111");
    let short = shortened(face(), "11111", 5 * 572 - 1);
    assert_eq!(short, "111…");
    assert_eq!(shortened(face(), "11111", 0), "…");
}

#[test]
fn an_extent_is_that_of_the_longest_line_and_piece() {
    let found = extent(face(), "11 222\n3333");
    assert_eq!(
        found,
        Extent {
            line: 5 * 572 + 260,
            piece: 4 * 572
        }
    );
    assert_eq!(extent(face(), "11-222").piece, 3 * 572);
}

proptest! {
    #[test]
    fn wrapping_loses_nothing_but_blanks(text in "[a-c éő\n-]{0,60}", width in 1_u32..5_000) {
        let (text, _) = cleaned(&text);
        let lines = lines(&text, width);
        let solid = |text: &str| text.chars().filter(|one| !one.is_whitespace()).collect::<String>();
        prop_assert_eq!(solid(&lines.concat()), solid(&text));
        for line in lines {
            let is_single = line.chars().count() == 1;
            prop_assert!(is_single || face().text_width(&line) <= width, "{:?}", line);
        }
    }

    #[test]
    fn cleaned_text_can_be_written_and_stays_as_it_is(text in any::<String>()) {
        let (shown, _) = cleaned(&text);
        let face = Faces::read().unwrap();
        for character in shown.chars() {
            for weight in Weight::ALL {
                prop_assert!(character == '\n' || face.of(weight).has(character), "{:?}", character);
            }
        }
        prop_assert_eq!(cleaned(&shown), (shown.clone(), 0));
    }
}
