//! `read_pdf.py`, where the environment says that its packages are installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// A folder with a Python that has `pypdfium2` and `pikepdf`.
const CHECK_BIN: &str = "MILLRACE_TEST_CHECK_BIN";

/// A document as others read it.
#[derive(Debug, Deserialize)]
pub(super) struct ReadBack {
    /// What `qpdf` objects to.
    pub(super) problems: Vec<String>,
    pub(super) language: String,
    pub(super) title: String,
    /// The names of what the file says of itself.
    pub(super) info: Vec<String>,
    /// Whether each font is embedded.
    pub(super) fonts: BTreeMap<String, bool>,
    pub(super) pages: Vec<ReadPage>,
}

/// A page of it.
#[derive(Debug, Deserialize)]
pub(super) struct ReadPage {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) text: String,
    /// The share of pixels that are not white.
    pub(super) painted: f64,
    /// The size of the page as a PNG.
    pub(super) png_bytes: usize,
}

/// Reads a file; nothing, and a message, where the packages are not installed.
pub(super) fn read_back(bytes: &[u8]) -> Option<ReadBack> {
    let python = python()?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.pdf");
    std::fs::write(&file, bytes).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../localstack/python/read_pdf.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests learn from the environment which tools are installed"
)]
fn python() -> Option<PathBuf> {
    let folder = std::env::var(CHECK_BIN).ok().filter(|value| !value.is_empty());
    if folder.is_none() {
        println!("skipped: {CHECK_BIN} is not set");
    }
    folder.map(|folder| Path::new(&folder).join("python"))
}
