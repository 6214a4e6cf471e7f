//! Names of files, as providers choose them.

use std::fmt::Write as _;

use crate::ids::FileId;

/// The most bytes of a file name.
pub const MAX_FILE_NAME_BYTES: usize = 200;

/// What is wrong with a name, if anything: it has to be one that can be shown, stored and put into a header anywhere, so
/// there is no path in it and no control character.
#[must_use]
pub fn file_name_error(name: &str) -> Option<&'static str> {
    let is_bad = |character: char| {
        character.is_control() || matches!(character, '/' | '\\' | char::REPLACEMENT_CHARACTER)
    };
    if name.is_empty() || name.len() > MAX_FILE_NAME_BYTES {
        return Some("has to have 1 to 200 bytes");
    }
    let is_only_dots = name.chars().all(|character| character == '.');
    (is_only_dots || name.chars().any(is_bad))
        .then_some("is a plain name: no slashes, no control characters, UTF-8")
}

/// The name of a file beside those that have a name already: with its id before the extension, and cut where the two are too
/// long.
#[must_use]
pub fn name_beside(name: &str, id: FileId) -> String {
    const MAX_EXTENSION_BYTES: usize = 16;
    let dot = name
        .rfind('.')
        .filter(|at| name.len() - at <= MAX_EXTENSION_BYTES);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let id = format!(" ({id})");
    let room = MAX_FILE_NAME_BYTES - id.len() - extension.len();
    format!("{}{id}{extension}", &stem[..stem.floor_char_boundary(room)])
}

/// A `Content-Disposition` (RFC 6266): the name in ASCII for old readers, and as it is.
#[must_use]
pub fn attachment(file_name: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || " .-_".contains(*character);
    let ascii: String = file_name
        .chars()
        .map(|character| if is_plain(&character) { character } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::{attachment, file_name_error, name_beside};
    use crate::ids::FileId;

    #[test]
    fn a_name_beside_another_is_one() {
        let id: FileId = "01859000-0000-7000-8000-000000000000".parse().unwrap();
        for (name, expected) in [
            ("a.b.csv", format!("a.b ({id}).csv")),
            ("attendance", format!("attendance ({id})")),
            (".csv", format!(" ({id}).csv")),
            (&"\u{e9}".repeat(100), format!("{} ({id})", "\u{e9}".repeat(80))),
            (
                &format!("a.{}", "b".repeat(198)),
                format!("a.{} ({id})", "b".repeat(159)),
            ),
        ] {
            assert_eq!(name_beside(name, id), expected);
            assert_eq!(file_name_error(&expected), None);
        }
    }

    #[test]
    fn a_file_name_stays_one_whatever_it_holds() {
        assert_eq!(
            attachment("Pr\u{e4}senz \"2023\"\r\n.pdf"),
            "attachment; filename=\"Pr_senz _2023___.pdf\"; filename*=UTF-8''Pr%C3%A4senz%20%222023%22%0D%0A.pdf"
        );
    }

    #[test]
    fn a_name_is_plain() {
        for good in ["a.csv", "pr\u{e9}sences 08+09.csv", "..a", &"a".repeat(200)] {
            assert_eq!(file_name_error(good), None, "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a\nb",
            "a\u{fffd}",
            &"a".repeat(201),
        ] {
            assert!(file_name_error(bad).is_some(), "{bad:?}");
        }
    }
}
