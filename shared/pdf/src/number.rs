//! Where a number has its decimal mark.

/// The position of the decimal mark in a number, or of what follows its last digit; `None` for what is no number.
///
/// A number is a sign if there is one, digits with or without grouping (comma, blank, apostrophe), a point and digits if
/// there are any, and a percent sign if there is one.
pub(crate) fn mark(text: &str) -> Option<usize> {
    let unsigned = text.trim_start_matches(['-', '+', '\u{2212}']);
    let sign = &text[..text.len() - unsigned.len()];
    let number = unsigned
        .strip_suffix(['%', '‰'])
        .unwrap_or(unsigned)
        .trim_end_matches([' ', '\u{A0}', '\u{202F}']);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_grouped = |character: char| {
        character.is_ascii_digit()
            || matches!(
                character,
                ',' | ' ' | '\'' | '’' | '\u{A0}' | '\u{2009}' | '\u{202F}'
            )
    };
    let is_number = sign.chars().count() <= 1
        && whole.starts_with(|first: char| first.is_ascii_digit())
        && whole.ends_with(|last: char| last.is_ascii_digit())
        && whole.chars().all(is_grouped)
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(sign.len() + whole.len())
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn the_mark_is_the_point_or_what_follows_the_digits() {
        for (text, expected) in [
            ("0", Some(1)),
            ("12.50", Some(2)),
            ("-12.5", Some(3)),
            ("+7", Some(2)),
            ("\u{2212}3.25", Some(4)),
            ("1,234,567.8", Some(9)),
            ("1 234.5", Some(5)),
            ("98.5 %", Some(2)),
            ("98%", Some(2)),
            ("5.", Some(1)),
            ("", None),
            ("-", None),
            ("--5", None),
            (".5", None),
            ("n/a", None),
            ("12 km", None),
            ("1.2.3", None),
            ("2024-01-31", None),
        ] {
            assert_eq!(mark(text), expected, "{text:?}");
        }
    }
}
