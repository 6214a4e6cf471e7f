//! External sources: where files are listed, and what becomes of them.

use serde::{Deserialize, Serialize};

use crate::definition::SpecKind;
use crate::name::Name;

/// How a source lists its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceList {
    /// Links of an HTML page.
    Html {
        /// Where the page is.
        url: String,
        /// A regular expression over the links' whole addresses, with a group `date` and, if need be, one `name`.
        pattern: String,
        /// How the date is written.
        date_format: String,
    },
    /// Items of a JSON document.
    Json {
        /// Where the document is.
        url: String,
        /// JSON pointer to the array of items.
        items: String,
        /// In an item: pointer to its address, absolute or relative to the list's.
        item_url: String,
        /// In an item: pointer to its name; the last part of the address without one.
        item_name: Option<String>,
        /// In an item: pointer to its date.
        item_date: String,
        /// How the date is written; a time behind it is not looked at.
        date_format: String,
    },
}

impl SourceList {
    /// Where the list is.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Html { url, .. } | Self::Json { url, .. } => url,
        }
    }
}

/// What a source's files are files of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTarget {
    /// Dimension or event, or dataset whose rows come ready.
    pub ingestion_type: SpecKind,
    /// The name of its spec.
    pub ingestion_name: Name,
}

/// What a body has to be to be taken for a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRule {
    /// Media types of which one has to be announced; any but a page's where there are none.
    pub types: Vec<String>,
    /// What the text has to begin with.
    pub begins_with: Option<String>,
}

/// Where the source stands, from where we are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEnvironment {
    /// Whether it may be called at private addresses, if the deployment allows them too.
    pub private_addresses: bool,
    /// Whether it may be called without TLS.
    pub plain_http: bool,
}

/// An external source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDefinition {
    /// The source's name.
    pub name: Name,
    /// How it lists its files.
    pub list: SourceList,
    /// What the files are files of.
    pub target: SourceTarget,
    /// Hosts that may be called, for the list, the files and every redirect.
    pub allowed_hosts: Vec<String>,
    /// The largest file that is taken.
    pub max_file_bytes: u64,
    /// What a body has to be.
    pub content: ContentRule,
    /// Where the source stands.
    pub environment: SourceEnvironment,
}
