//! The lines behind a dimension's key, whether or not the dimension has it.

use millrace_core::FileId;
use millrace_store::Store;

use super::{Asked, ExplainError, TracedLines, explain_files, explain_lines};
use crate::ports::ObjectStore;

/// Where a page begins: behind a file, or within one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place<'a> {
    Behind(Option<FileId>),
    Within(FileId, &'a str),
}

impl<'a> Place<'a> {
    fn parse(cursor: Option<&'a str>) -> Option<Self> {
        let Some(cursor) = cursor else {
            return Some(Self::Behind(None));
        };
        match cursor.split_once('.') {
            Some((file, rest)) => Some(Self::Within(file.parse().ok()?, rest)),
            None => Some(Self::Behind(Some(cursor.parse().ok()?))),
        }
    }
}

/// A page of lines of one file, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLines {
    /// The file version, its name, and the lines; none where the files that were looked at have none.
    pub file: Option<(String, TracedLines)>,
    /// Where the next page begins, in this or another file.
    pub next: Option<String>,
}

/// The lines that count in the cells of a question, file after file: a page is of one file. It may be empty and still
/// have a next one.
///
/// # Errors
/// [`ExplainError`].
pub async fn list_key_lines(
    store: &Store,
    collections: &dyn ObjectStore,
    asked: Asked<'_>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<KeyLines, ExplainError> {
    let place = Place::parse(cursor).ok_or(ExplainError::BadCursor)?;
    let (file, within) = match place {
        Place::Within(file, rest) => (file, Some(rest)),
        Place::Behind(after) => {
            let shares = explain_files(store, collections, asked, after).await?;
            let Some(first) = shares.files.first() else {
                let next = shares.next.map(|file| file.to_string());
                return Ok(KeyLines { file: None, next });
            };
            (first.share.file.file_id, None)
        }
    };
    let lines = explain_lines(store, collections, asked, file, within, limit).await?;
    let name = store.load_share(&asked.cells.definition.name, file).await?;
    let next = match &lines.next {
        Some(rest) => format!("{file}.{rest}"),
        None => file.to_string(),
    };
    Ok(KeyLines {
        file: name.map(|share| (share.file_name, lines)),
        next: Some(next),
    })
}

#[cfg(test)]
mod tests {
    use super::Place;
    use millrace_core::FileId;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is() {
        let file = FileId::from_time_and_random(1, [7; 10]);
        assert_eq!(Place::parse(None), Some(Place::Behind(None)));
        assert_eq!(
            Place::parse(Some(&file.to_string())),
            Some(Place::Behind(Some(file)))
        );
        assert_eq!(
            Place::parse(Some(&format!("{file}.2-17"))),
            Some(Place::Within(file, "2-17"))
        );
        for other in ["", "x", ".", "x.2-17"] {
            assert_eq!(Place::parse(Some(other)), None, "{other}");
        }
    }
}
