//! Whether a text would be taken as a cell of a field.

use millrace_core::field::Field;

use super::CheckError;
use super::column::CheckedColumn;

/// A field's rules, to be asked about one text after the other.
#[derive(Debug)]
pub(crate) struct Probe(CheckedColumn);

impl Probe {
    pub(crate) fn new(field: &Field) -> Result<Self, CheckError> {
        CheckedColumn::new(0, field).map(Self)
    }

    /// Whether the text is a value that keeps every rule; an empty one is none.
    pub(crate) fn takes(&mut self, text: &[u8]) -> bool {
        let is_taken = !text.is_empty() && self.0.push(0, text).is_ok();
        self.0.builder.truncate(0);
        is_taken
    }
}
