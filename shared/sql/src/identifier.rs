//! Quotes identifiers: the only way in which a name that comes from a spec gets into SQL text.

use std::fmt;

#[cfg(test)]
mod tests;

/// PostgreSQL cuts longer identifiers silently (`NAMEDATALEN - 1`, in bytes); two long names would then be one.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// An identifier in double quotes, safe to put into SQL text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotedIdentifier(String);

impl QuotedIdentifier {
    /// The quoted text, with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QuotedIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for QuotedIdentifier {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a name cannot be an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// `""` is no identifier in PostgreSQL.
    #[error("the identifier is empty")]
    Empty,
    /// PostgreSQL would cut it.
    #[error("the identifier has {bytes} bytes, more than {IDENTIFIER_BYTES_MAX}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// PostgreSQL cannot hold U+0000.
    #[error("the identifier contains a NUL character")]
    Nul,
}

impl IdentifierError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "identifier_empty",
            Self::TooLong { .. } => "identifier_too_long",
            Self::Nul => "identifier_nul",
        }
    }
}

/// Puts `name` in double quotes and doubles those inside it. The name is taken as it is: case is kept.
///
/// # Errors
/// [`IdentifierError`]: empty, longer than [`IDENTIFIER_BYTES_MAX`], or with a NUL.
pub fn quote(name: &str) -> Result<QuotedIdentifier, IdentifierError> {
    if name.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if name.len() > IDENTIFIER_BYTES_MAX {
        return Err(IdentifierError::TooLong { bytes: name.len() });
    }
    if name.contains('\0') {
        return Err(IdentifierError::Nul);
    }
    Ok(QuotedIdentifier(format!("\"{}\"", name.replace('"', "\"\""))))
}
