//! Names of files, as providers choose them.

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

#[cfg(test)]
mod tests {
    use super::file_name_error;

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
