//! What a site holds, and what goes wrong with it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer comes late.
    Slow {
        /// By so much.
        ms: u64,
    },
    /// A byte at a time.
    Trickle {
        /// With such pauses.
        ms: u64,
    },
    /// No answer at all.
    Silent,
    /// The connection is closed without an answer.
    Cut,
    /// The announced length is whole, the body is not.
    Truncated {
        /// Bytes that come.
        after: usize,
    },
    /// A status, with a page.
    Status {
        /// Which.
        status: u16,
    },
    /// Another address.
    Redirect {
        /// Which.
        to: String,
    },
    /// A page that says it is one, with status 200.
    Page,
    /// A page that says it is a CSV.
    PageAsCsv,
    /// A body that does not end.
    Endless,
    /// The file itself, without `ETag` and `Last-Modified`.
    NoValidators,
}

/// A fault of a file or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How often; for good when not said.
    #[serde(default)]
    pub times: Option<u32>,
}

/// A file of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFile {
    /// Its name.
    pub name: String,
    /// When it was published (`YYYY-MM-DD`).
    pub published: String,
    /// What it holds.
    pub content: String,
    /// What goes wrong with it.
    #[serde(default)]
    pub fault: Option<Fault>,
}

impl SiteFile {
    /// What its bytes are called.
    #[must_use]
    pub fn etag(&self) -> String {
        let mut hash = DefaultHasher::new();
        self.content.hash(&mut hash);
        format!("\"{:016x}\"", hash.finish())
    }
}

/// A request that a site was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The path behind the site's.
    pub path: String,
    /// The status that was answered; 0 for a connection that was cut.
    pub status: u16,
    /// Whether it had conditions.
    pub conditional: bool,
}

/// A site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its files.
    pub files: Vec<SiteFile>,
    /// What goes wrong with its lists.
    #[serde(default)]
    pub list_fault: Option<Fault>,
    /// What it was asked for.
    #[serde(default)]
    pub asked: Vec<Asked>,
}

impl Site {
    /// The list as a page, the newest file first.
    #[must_use]
    pub fn page(&self) -> String {
        let mut links = String::new();
        for file in self.files.iter().rev() {
            links.push_str(&format!(
                "<li><a href=\"files/{}\">{} of {}</a></li>\n",
                file.name, file.name, file.published
            ));
        }
        format!(
            "<!doctype html><html><head><title>Files</title></head><body><ul>\n{links}</ul></body></html>\n"
        )
    }

    /// The list as JSON, the newest file first.
    #[must_use]
    pub fn json(&self) -> String {
        let files: Vec<serde_json::Value> = self
            .files
            .iter()
            .rev()
            .map(|file| {
                let href = format!("files/{}", file.name);
                serde_json::json!({"href": href, "name": file.name, "published": format!("{}T06:00:00Z", file.published)})
            })
            .collect();
        serde_json::json!({ "files": files }).to_string()
    }
}

/// Takes a fault for one request.
pub(crate) fn take(fault: &mut Option<Fault>) -> Option<FaultKind> {
    let found = fault.as_mut()?;
    let kind = found.kind.clone();
    match &mut found.times {
        Some(0) => return None,
        Some(times) => *times -= 1,
        None => {}
    }
    Some(kind)
}
