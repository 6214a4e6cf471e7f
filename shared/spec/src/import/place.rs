//! Where something stands in what was posted, and what is wrong there.

use serde::Serialize;

use crate::problem::{SpecError, SpecErrors};

/// A place: a member of the request, a member of a JSON file, or a cell of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// The file, as it is named in the request; none where the place is in the request itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The physical line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column's number, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// JSON pointer (RFC 6901) into the file, or into the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Place {
    /// A file as a whole.
    pub(crate) fn of_file(name: &str) -> Self {
        Self {
            file: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// A member of the request.
    pub(crate) fn of_request(pointer: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            ..Self::default()
        }
    }

    /// A line of this file.
    pub(crate) fn at_line(&self, line: u64) -> Self {
        Self {
            line: Some(u32::try_from(line).unwrap_or(u32::MAX)),
            ..self.clone()
        }
    }

    /// A cell of this line; columns are counted from 0 here.
    pub(crate) fn at_column(&self, index: usize) -> Self {
        Self {
            column: u32::try_from(index + 1).ok(),
            ..self.clone()
        }
    }

    /// A member below this one.
    pub(crate) fn member(&self, name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.below(&format!("/{name}"))
    }

    /// An item below this one.
    pub(crate) fn item(&self, index: usize) -> Self {
        self.below(&format!("/{index}"))
    }

    fn below(&self, rest: &str) -> Self {
        let base = self.pointer.as_deref().unwrap_or_default();
        Self {
            pointer: Some(format!("{base}{rest}")),
            ..self.clone()
        }
    }
}

/// What was found at a place: why something was not translated, or what was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// The rule, stable.
    pub rule: String,
    /// What is wrong, or what became of it, in words.
    pub reason: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(place: Place, rule: &str, reason: impl Into<String>) -> Self {
        Self {
            place,
            rule: rule.to_owned(),
            reason: reason.into(),
        }
    }
}

/// From the members of a body that was made to the places that they were made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origins {
    whole: Place,
    parts: Vec<(String, Place)>,
}

impl Origins {
    /// Everything comes from one place.
    pub(crate) fn of(whole: Place) -> Self {
        Self {
            whole,
            parts: Vec::new(),
        }
    }

    /// A member, with all that is below it, comes from a place of its own.
    pub(crate) fn add(&mut self, pointer: String, place: Place) {
        self.parts.push((pointer, place));
    }

    /// Where the member of a body came from: by the longest pointer that is known.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let below = |(known, place): &'_ (String, Place)| {
            let rest = pointer.strip_prefix(known.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (known.len(), place.clone(), rest.to_owned()))
        };
        let found = self
            .parts
            .iter()
            .filter_map(below)
            .max_by_key(|(length, ..)| *length);
        match found {
            // Cells have no members.
            Some((_, place, rest)) if place.pointer.is_some() => place.below(&rest),
            Some((_, place, _)) => place,
            None => self.whole.clone(),
        }
    }

    /// What a check found wrong with the body, at the places that it was made from.
    pub(crate) fn findings(&self, errors: SpecErrors) -> Vec<Finding> {
        let finding = |error: SpecError| Finding {
            place: self.place(&error.pointer),
            rule: error.code,
            reason: error.message,
        };
        errors.into_errors().into_iter().map(finding).collect()
    }
}
