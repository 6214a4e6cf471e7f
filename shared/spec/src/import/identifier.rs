//! Names that other systems give, made into ours.

use std::fmt::Write as _;

use millrace_core::Name;
use sha2::{Digest as _, Sha256};

/// Bytes of the hash, in hexadecimal, and of the `_` before it.
const HASH_DIGITS: usize = 8;
const SUFFIX_BYTES: usize = HASH_DIGITS + 1;

/// Makes a text a [`Name`], always the same from the same text.
///
/// Letters, digits and `_` stay, `%` becomes the word `percent`, and blanks, `-`, `.`, `/` and brackets become one `_`. Where any
/// other character had to go, or the result is longer than a name, it ends in `_` and eight digits of the text's SHA-256, so that
/// what was lost still tells names apart. A leading digit gets a `_`.
pub(crate) fn identifier(text: &str) -> String {
    identifier_within(text, Name::MAX_BYTES)
}

/// The same of fewer bytes, for names that others are put before.
pub(crate) fn identifier_within(text: &str, most_bytes: usize) -> String {
    let (mut name, is_whole) = fold(text);
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if is_whole && !name.is_empty() && name.len() <= most_bytes {
        return name;
    }
    // All that is left is ASCII.
    name.truncate(most_bytes.saturating_sub(SUFFIX_BYTES));
    name.push('_');
    name.push_str(&short_hash(text));
    name
}

/// A name with a kind's prefix, unless it begins with it.
pub(crate) fn prefixed(prefix: &str, text: &str) -> String {
    match text.starts_with(prefix) {
        true => identifier(text),
        false => identifier(&format!("{prefix}{text}")),
    }
}

/// The spelling by which names that mean the same are found: folded, in lower case.
pub(crate) fn spelling(text: &str) -> String {
    fold(text).0.to_ascii_lowercase()
}

/// The text as far as names can hold it, and whether nothing had to go.
fn fold(text: &str) -> (String, bool) {
    let mut name = String::with_capacity(text.len());
    let mut is_whole = true;
    let mut is_apart = false;
    for character in text.trim().chars() {
        let is_word = character == '%';
        if is_word || is_apart && character.is_ascii_alphanumeric() {
            part(&mut name);
        }
        is_apart = match character {
            '%' => {
                name.push_str("percent");
                true
            }
            kept if kept == '_' || kept.is_ascii_alphanumeric() => {
                name.push(kept);
                false
            }
            ' ' | '-' | '.' | '/' | '(' | ')' => true,
            _ => {
                is_whole = false;
                true
            }
        };
    }
    (name, is_whole)
}

/// Parts what comes from what is there.
fn part(name: &mut String) {
    if !name.is_empty() && !name.ends_with('_') {
        name.push('_');
    }
}

fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest
        .iter()
        .take(HASH_DIGITS / 2)
        .fold(String::new(), |mut hash, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
            hash
        })
}

#[cfg(test)]
mod tests {
    use millrace_core::Name;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{identifier, prefixed, spelling};

    #[test]
    fn names_of_the_samples_stay_readable() {
        for (text, expected) in [
            ("school_id", "school_id"),
            ("diksha_etb_coverage-status", "diksha_etb_coverage_status"),
            ("State Code", "State_Code"),
            ("etb_coverage_%", "etb_coverage_percent"),
            ("certification%", "certification_percent"),
            ("%_schools having toilet", "percent_schools_having_toilet"),
            ("% schools having toilet", "percent_schools_having_toilet"),
            ("dcr_completed/uploaded", "dcr_completed_uploaded"),
            ("Textbooks (State)", "Textbooks_State"),
            ("2023 total", "_2023_total"),
            ("a__b", "a__b"),
            (" padded ", "padded"),
        ] {
            assert_eq!(identifier(text), expected, "{text}");
        }
        assert_eq!(prefixed("dimension_", "school"), "dimension_school");
        assert_eq!(prefixed("dimension_", "dimension_school"), "dimension_school");
        assert_eq!(spelling("State Code"), "state_code");
    }

    #[test]
    fn what_is_lost_or_cut_still_tells_names_apart() {
        let long = "x".repeat(200);
        let longer = "x".repeat(201);
        for (left, right) in [
            (long.as_str(), longer.as_str()),
            ("विद्यालय", "शिक्षक"),
            ("a\"b", "a'b"),
            ("a;drop table", "a:drop table"),
            ("", "\u{1}"),
            ("é", "e\u{301}"),
        ] {
            let names = [identifier(left), identifier(right)];
            assert_ne!(names[0], names[1]);
            assert_eq!(names[0], identifier(left));
            assert!(names.iter().all(|name| Name::parse(name).is_ok()), "{names:?}");
        }
        // Known for good: another spelling would be another spec.
        assert_eq!(identifier("é"), "_4a99557e");
        assert_eq!(identifier(&long), format!("{}_aa20c23e", "x".repeat(54)));
        // These mean the same to the eye, so they are one name; whoever posts both is told.
        assert_eq!(identifier("a-b"), identifier("a b"));
    }

    proptest! {
        #[test]
        fn any_text_makes_a_name(text in "\\PC{0,300}") {
            let name = identifier(&text);
            prop_assert!(Name::parse(&name).is_ok(), "{name}");
            prop_assert_eq!(&name, &identifier(&text));
        }

        #[test]
        fn a_name_stays_as_it_is(name in "[A-Za-z_][A-Za-z0-9_]{0,62}") {
            prop_assert_eq!(identifier(&name), name);
        }
    }
}
