//! The canonical text of a group key: what a cell is called in partials, in the staging and in the database.
//!
//! A JSON array of strings and nulls, one per key field, without blanks and with as little escaping as JSON allows:
//! `["2023-01-08","1000000001",null]`. Integers and decimals are printed without leading or trailing zeros, dates as
//! ISO 8601, booleans as `true`/`false`, timestamps as RFC 3339 in UTC. `(cell_key::jsonb ->> i)::type` gives the
//! value back in PostgreSQL. Equal keys have equal texts and the other way round; order is by bytes (collation "C").

use std::fmt;

use millrace_core::Decimal;

use crate::calendar;

/// The canonical text of a group key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey(Box<str>);

/// Why something is not a [`CellKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Longer than [`CellKey::MAX_BYTES`].
    #[error("a group key has at most 2048 bytes, this one has {0}")]
    TooLong(usize),
    /// A text with a NUL character, which PostgreSQL does not take.
    #[error("a group key holds a NUL character")]
    NulCharacter,
    /// A date or timestamp outside the years 1 to 9999.
    #[error("a date in a group key lies outside the years 1 to 9999")]
    OutOfCalendar,
    /// Not a JSON array of strings and nulls in its canonical form.
    #[error("not the canonical text of a group key")]
    NotCanonical,
}

impl CellKey {
    /// The most bytes of a key: with the dataset's id it must fit a third of a PostgreSQL index page (2,704 bytes).
    pub const MAX_BYTES: usize = 2_048;

    /// The key of these parts, which must be in canonical form themselves.
    ///
    /// # Errors
    /// [`KeyError`] when it is too long or holds a NUL.
    pub fn of(parts: &[Option<&str>]) -> Result<Self, KeyError> {
        let mut writer = KeyWriter::default();
        for part in parts {
            match part {
                Some(text) => writer.push_text(text)?,
                None => writer.push_null(),
            }
        }
        writer.finish()
    }

    /// Reads a key's text back, as the database holds it.
    ///
    /// # Errors
    /// [`KeyError`] when the text is not exactly what this crate writes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let parts: Vec<Option<String>> = serde_json::from_str(text).map_err(|_| KeyError::NotCanonical)?;
        let parts: Vec<Option<&str>> = parts.iter().map(Option::as_deref).collect();
        let key = Self::of(&parts)?;
        if key.as_str() == text {
            Ok(key)
        } else {
            Err(KeyError::NotCanonical)
        }
    }

    /// A key from a partial's bytes, whose checksum vouches for the form.
    pub(crate) fn from_checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The parts in order; `None` is null.
    ///
    /// # Errors
    /// [`KeyError::NotCanonical`] when the key came from a partial that another program wrote.
    pub fn parts(&self) -> Result<Vec<Option<String>>, KeyError> {
        serde_json::from_str(&self.0).map_err(|_| KeyError::NotCanonical)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes, by which keys are ordered.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Writes a key part by part.
#[derive(Default)]
pub(crate) struct KeyWriter {
    text: String,
}

impl KeyWriter {
    fn begin_part(&mut self) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
    }

    pub(crate) fn push_null(&mut self) {
        self.begin_part();
        self.text.push_str("null");
    }

    pub(crate) fn push_text(&mut self, value: &str) -> Result<(), KeyError> {
        if value.contains('\0') {
            return Err(KeyError::NulCharacter);
        }
        // Also keeps an enormous cell from being escaped before it is refused.
        if value.len() > CellKey::MAX_BYTES {
            return Err(KeyError::TooLong(value.len()));
        }
        self.begin_part();
        let escaped = serde_json::to_string(value).map_err(|_| KeyError::NotCanonical)?;
        self.text.push_str(&escaped);
        Ok(())
    }

    /// A value whose text needs no escaping.
    fn push_plain(&mut self, value: impl fmt::Display) -> Result<(), KeyError> {
        use fmt::Write;
        self.begin_part();
        write!(self.text, "\"{value}\"").map_err(|_| KeyError::NotCanonical)
    }

    pub(crate) fn push_integer(&mut self, value: i64) -> Result<(), KeyError> {
        self.push_plain(value)
    }

    pub(crate) fn push_decimal(&mut self, value: Decimal) -> Result<(), KeyError> {
        self.push_plain(value)
    }

    pub(crate) fn push_boolean(&mut self, value: bool) -> Result<(), KeyError> {
        self.push_plain(value)
    }

    pub(crate) fn push_date(&mut self, days: i32) -> Result<(), KeyError> {
        let mut date = String::with_capacity(10);
        calendar::write_date(i64::from(days), &mut date).map_err(|_| KeyError::OutOfCalendar)?;
        self.push_plain(date)
    }

    pub(crate) fn push_instant(&mut self, micros: i64) -> Result<(), KeyError> {
        let mut instant = String::with_capacity(27);
        calendar::write_instant(micros, &mut instant).map_err(|_| KeyError::OutOfCalendar)?;
        self.push_plain(instant)
    }

    pub(crate) fn finish(mut self) -> Result<CellKey, KeyError> {
        if self.text.is_empty() {
            self.text.push('[');
        }
        self.text.push(']');
        if self.text.len() > CellKey::MAX_BYTES {
            return Err(KeyError::TooLong(self.text.len()));
        }
        Ok(CellKey(self.text.into_boxed_str()))
    }
}

#[cfg(test)]
mod tests;
