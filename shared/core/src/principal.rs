//! Who calls, and what that caller may do.

use serde::{Deserialize, Serialize};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// List and read specs.
    #[serde(rename = "specs:read")]
    SpecsRead,
    /// Create specs.
    #[serde(rename = "specs:write")]
    SpecsWrite,
    /// See files, their status and their row errors.
    #[serde(rename = "files:read")]
    FilesRead,
    /// Send, replace, delete and drive files on.
    #[serde(rename = "files:write")]
    FilesWrite,
    /// Read datasets, dimensions and KPIs.
    #[serde(rename = "datasets:read")]
    DatasetsRead,
    /// See documents and their content.
    #[serde(rename = "documents:read")]
    DocumentsRead,
    /// Have documents made.
    #[serde(rename = "documents:write")]
    DocumentsWrite,
    /// See runs of sources, and the files that came of them.
    #[serde(rename = "sources:read")]
    SourcesRead,
    /// Run sources.
    #[serde(rename = "sources:write")]
    SourcesWrite,
    /// Everything that concerns the whole installation.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 10] = [
        Self::SpecsRead,
        Self::SpecsWrite,
        Self::FilesRead,
        Self::FilesWrite,
        Self::DatasetsRead,
        Self::DocumentsRead,
        Self::DocumentsWrite,
        Self::SourcesRead,
        Self::SourcesWrite,
        Self::Admin,
    ];

    /// The scope as it is written in tokens and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpecsRead => "specs:read",
            Self::SpecsWrite => "specs:write",
            Self::FilesRead => "files:read",
            Self::FilesWrite => "files:write",
            Self::DatasetsRead => "datasets:read",
            Self::DocumentsRead => "documents:read",
            Self::DocumentsWrite => "documents:write",
            Self::SourcesRead => "sources:read",
            Self::SourcesWrite => "sources:write",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The client's public id.
    pub client_id: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// Whether the caller holds a scope; an admin holds all.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}
