//! The files that a source lists, oldest first.

use std::collections::BTreeSet;

use millrace_core::source::SourceList;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::problem::{FetchProblem, FetchRule};

mod html;
mod json;

/// The largest list that is read.
pub const MAX_LIST_BYTES: u64 = 8 * 1024 * 1024;
/// The most files of a list.
pub const MAX_LISTED_FILES: usize = 10_000;
/// The longest file name, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// A file as a list names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// Its name; unique in the list.
    pub file_name: String,
    /// Where it is.
    pub url: String,
    /// Its date, `YYYY-MM-DD`; none where it cannot be read.
    pub date: Option<String>,
    /// Why it cannot be fetched, known from the list alone.
    pub problem: Option<FetchProblem>,
}

/// A file before it is checked.
#[derive(Debug)]
struct Found {
    url: Url,
    name: Option<String>,
    date: Result<String, String>,
}

/// Reads a list that was fetched from an address.
///
/// Nothing is left out in silence: a file whose date or name cannot be read is there with its problem. Two addresses
/// that end in one name are told apart by their whole paths; one address that is listed twice is one file.
///
/// # Errors
/// The list cannot be read, or names no file at all, or too many.
pub fn read(list: &SourceList, base: &Url, bytes: &[u8]) -> Result<Vec<ListedFile>, FetchProblem> {
    let found = match list {
        SourceList::Html { .. } => html::find(list, base, bytes)?,
        SourceList::Json { .. } => json::find(list, base, bytes)?,
    };
    if found.is_empty() {
        let message = "the list names no file that fits the spec: most likely its page has changed";
        return Err(FetchProblem::new(FetchRule::NothingListed, message));
    }
    if found.len() > MAX_LISTED_FILES {
        let message = format!("the list names more than {MAX_LISTED_FILES} files");
        return Err(FetchProblem::new(FetchRule::BadList, message));
    }
    let mut files: Vec<ListedFile> = found.into_iter().map(listed).collect();
    files.sort_by(|left, right| left.url.cmp(&right.url));
    files.dedup_by(|later, earlier| later.url == earlier.url);
    tell_apart(&mut files);
    files.sort_by(|left, right| (&left.date, &left.file_name).cmp(&(&right.date, &right.file_name)));
    Ok(files)
}

fn listed(found: Found) -> ListedFile {
    let written = found.name.unwrap_or_else(|| last_segment(&found.url));
    let name_problem = name_problem(&written);
    let (date, date_problem) = match found.date {
        Ok(date) => (Some(date), None),
        Err(text) => {
            let message = format!("{text:?} is not a date in the spec's format");
            (None, Some(FetchProblem::new(FetchRule::BadDate, message)))
        }
    };
    let file_name = match &name_problem {
        // What it is called by in the registry then: unique, and without what made it unfit.
        Some(_) => shown(found.url.as_str()),
        None => written,
    };
    ListedFile {
        file_name,
        url: found.url.into(),
        date,
        problem: name_problem.or(date_problem),
    }
}

/// The last part of an address's path, unescaped.
fn last_segment(url: &Url) -> String {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(last.len());
    let mut rest = last.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn name_problem(name: &str) -> Option<FetchProblem> {
    let message = if name.is_empty() {
        "the file has no name"
    } else if name.len() > MAX_NAME_BYTES {
        "the file's name is too long"
    } else if name
        .chars()
        .any(|character| character.is_control() || character == '/' || character == '\\')
    {
        "the file's name holds a control character or a slash"
    } else {
        return None;
    };
    Some(FetchProblem::new(FetchRule::BadName, message))
}

/// An address as a name in the registry; a long one is cut, and told from others by a sum (FNV-1a) over all of it.
fn shown(address: &str) -> String {
    if address.len() <= MAX_NAME_BYTES {
        return address.to_owned();
    }
    let sum = address.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut cut = address.to_owned();
    while cut.len() > MAX_NAME_BYTES - 17 {
        cut.pop();
    }
    format!("{cut}~{sum:016x}")
}

/// Names that several addresses share become the addresses' paths; what those share, the whole addresses.
fn tell_apart(files: &mut [ListedFile]) {
    let path = |file: &ListedFile| {
        let parts = file.url.split_once("://");
        shown(parts.map_or(file.url.as_str(), |(_, rest)| rest))
    };
    rename_shared(files, path);
    rename_shared(files, |file| shown(&file.url));
}

/// Gives files whose name is not theirs alone another one.
fn rename_shared(files: &mut [ListedFile], name: impl Fn(&ListedFile) -> String) {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for file in files.iter() {
        if !seen.insert(file.file_name.as_str()) {
            shared.insert(file.file_name.clone());
        }
    }
    for file in files.iter_mut().filter(|file| shared.contains(&file.file_name)) {
        file.file_name = name(file);
    }
}

#[cfg(test)]
mod tests;
