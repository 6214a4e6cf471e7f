//! What is wrong with a spec, as values.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pointer::Pointer;

/// The most errors that a check reports; what is beyond is told by a last one with the code `too_many_errors`.
pub const MAX_ERRORS: usize = 100;

/// The most characters of a found text that a message repeats.
const MAX_QUOTED_CHARS: usize = 100;

/// One broken rule of a spec body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecError {
    /// JSON pointer (RFC 6901) of the offending member.
    pub pointer: String,
    /// The rule, stable.
    pub code: String,
    /// What is wrong, in words.
    pub message: String,
}

/// Everything that is wrong with a spec body; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecErrors(Vec<SpecError>);

impl SpecErrors {
    /// The errors, in the order of the body as far as a single pass finds them; at least one.
    #[must_use]
    pub fn errors(&self) -> &[SpecError] {
        &self.0
    }

    /// A single error.
    pub(crate) fn one(pointer: &str, code: &str, message: &str) -> Self {
        Self(vec![SpecError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        }])
    }

    /// The errors, taken out.
    #[must_use]
    pub fn into_errors(self) -> Vec<SpecError> {
        self.0
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.0[0];
        write!(
            formatter,
            "{} at {:?}: {}",
            first.code, first.pointer, first.message
        )?;
        match self.0.len() {
            1 => Ok(()),
            more => write!(formatter, " (and {} more)", more - 1),
        }
    }
}

impl std::error::Error for SpecErrors {}

/// Collects errors while a check goes on.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    errors: Vec<SpecError>,
    beyond: usize,
}

impl Problems {
    /// Notes an error.
    pub(crate) fn add(&mut self, pointer: &Pointer, code: &str, message: impl Into<String>) {
        if self.errors.len() == MAX_ERRORS {
            self.beyond += 1;
            return;
        }
        self.errors.push(SpecError {
            pointer: pointer.to_string(),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors, if there are any.
    pub(crate) fn into_result(mut self) -> Result<(), SpecErrors> {
        if self.errors.is_empty() {
            return Ok(());
        }
        if self.beyond > 0 {
            self.errors.push(SpecError {
                pointer: String::new(),
                code: "too_many_errors".to_owned(),
                message: format!("{} more errors are not listed", self.beyond),
            });
        }
        Err(SpecErrors(self.errors))
    }

    /// The errors as a refusal.
    pub(crate) fn refuse<T>(self, value: Option<T>) -> Result<T, SpecErrors> {
        self.into_result()?;
        value.ok_or_else(|| {
            SpecErrors(vec![SpecError {
                pointer: String::new(),
                code: "invalid_spec".to_owned(),
                message: "the spec cannot be read".to_owned(),
            }])
        })
    }
}

/// A found text for a message: quoted, control characters escaped, cut.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
