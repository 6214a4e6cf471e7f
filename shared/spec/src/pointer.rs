//! JSON pointers (RFC 6901).

use std::fmt;

/// The place of a member in a spec body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pointer(String);

impl Pointer {
    /// A pointer from members that need no escaping, such as the fixed ones of a spec body.
    pub(crate) fn of(members: &[&str]) -> Self {
        members
            .iter()
            .fold(Self::default(), |pointer, member| pointer.member(member))
    }

    /// A pointer that is written already.
    pub(crate) fn written(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// One level down, to a member of an object.
    pub(crate) fn member(&self, name: &str) -> Self {
        Self(format!(
            "{}/{}",
            self.0,
            name.replace('~', "~0").replace('/', "~1")
        ))
    }

    /// One level down, to an item of an array.
    pub(crate) fn item(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
