//! Names that a spec gives: of specs, fields and datasets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name from a spec: 1 to 63 bytes, letters, digits and `_`, not starting with a digit.
///
/// The limit is PostgreSQL's identifier length, so that a name is never cut in silence. Case is kept (the seed's
/// datasets are called `SAC_…`), and two names that differ only in case are refused by the stores that hold them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than 63 bytes.
    #[error("a name has at most 63 bytes, this one has {0}")]
    TooLong(usize),
    /// A character outside `[A-Za-z0-9_]`, or a leading digit.
    #[error("a name holds letters, digits and _, and does not start with a digit")]
    BadCharacter,
}

impl Name {
    /// The most bytes that a name may have.
    pub const MAX_BYTES: usize = 63;

    /// Checks a text and makes it a name.
    ///
    /// # Errors
    /// [`NameError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        let bad = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'_');
        if text.bytes().any(bad) || text.as_bytes()[0].is_ascii_digit() {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, NameError};

    #[test]
    fn takes_the_seeds_names_and_refuses_hostile_ones() {
        assert!(Name::parse("SAC_stds_atd_cmp_by_school").is_ok());
        assert_eq!(Name::parse(""), Err(NameError::Empty));
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::TooLong(64)));
        assert!(Name::parse(&"a".repeat(63)).is_ok());
        for hostile in ["1a", "a b", "a\"b", "a;b", "é", "a.b", "a-b"] {
            assert_eq!(Name::parse(hostile), Err(NameError::BadCharacter), "{hostile}");
        }
    }
}
