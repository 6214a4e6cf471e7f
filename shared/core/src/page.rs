//! Keyset pages: how many items, and where the next page starts.

use serde::{Deserialize, Serialize};

/// The most items on a page.
pub const MAX_PAGE_ITEMS: u32 = 10_000;
/// The items on a page when the caller does not say.
pub const DEFAULT_PAGE_ITEMS: u32 = 1_000;

/// A page and the cursor of the next one; no cursor means that this is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the order of the listing.
    pub items: Vec<T>,
    /// Hand this back to get the next page.
    pub next: Option<String>,
}
