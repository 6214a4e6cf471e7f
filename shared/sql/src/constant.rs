//! Constants, for the statements that take no parameters: those that create views.

use std::fmt::Write as _;

/// A value as a constant of a type, whatever characters it has. `sql_type` is one of ours.
///
/// A colon or a quote in a text would be read as one by some who rewrite statements, so anything but letters, digits
/// and a few harmless signs goes as its bytes.
#[must_use]
pub fn constant(value: &str, sql_type: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _-+.".contains(&byte);
    if value.bytes().all(is_plain) {
        return format!("'{value}'::{sql_type}");
    }
    let mut hex = String::with_capacity(2 * value.len());
    for byte in value.bytes() {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    format!("convert_from(decode('{hex}', 'hex'), 'UTF8')::{sql_type}")
}

#[cfg(test)]
mod tests {
    use super::constant;

    #[test]
    fn plain_values_are_readable_and_others_are_bytes() {
        assert_eq!(constant("50.5", "numeric"), "'50.5'::numeric");
        assert_eq!(constant("", "text"), "''::text");
        assert_eq!(
            constant("it's :x", "text"),
            "convert_from(decode('69742773203a78', 'hex'), 'UTF8')::text"
        );
        assert_eq!(
            constant("\\", "text"),
            "convert_from(decode('5c', 'hex'), 'UTF8')::text"
        );
    }
}
