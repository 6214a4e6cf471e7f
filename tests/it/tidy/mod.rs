//! Rules of the source tree that matter enough to be tests: who may know whom, sizes, docs, what must not be in it.
#![cfg(test)]

mod arrows;
mod migrations;
mod sizes;
mod words;

use std::path::{Path, PathBuf};

use millrace_tests::repository;

/// Folders that are not ours: built, downloaded, or the repository's own records.
const NOT_OURS: [&str; 4] = ["target", ".git", ".local", "__pycache__"];

/// The files below a folder of the repository, as paths from its root, in order.
fn files(folder: &str) -> Vec<String> {
    let root = repository().canonicalize().unwrap();
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    let mut files: Vec<String> = found
        .into_iter()
        .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if NOT_OURS.contains(&name) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The text of a file, none when it is not text.
fn text(file: &str) -> Option<String> {
    let bytes = std::fs::read(repository().join(file)).unwrap();
    String::from_utf8(bytes).ok()
}

fn is_rust(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "rs")
}
