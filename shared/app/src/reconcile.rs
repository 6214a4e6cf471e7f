//! Whether it all adds up: what was received, what was kept, what was reduced, what the cells hold.
//!
//! Every hop keeps its counts. This compares them, file by file and dataset by dataset, over tables and buckets, and
//! names what is missing or doubled. It changes nothing.

mod objects;

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_store::Store;
use millrace_store::reconciliation::{FileCounts, TargetCounts};

use self::objects::{partials, parts};
use crate::ports::ObjectStore;

/// Items of a kind that a call looks at.
const PAGE: u32 = 100;
/// What has waited for so long was forgotten: reminders come long before.
const WAITING_SECONDS: u32 = 900;
/// The same of files: a message whose worker died may stay unseen for an hour and a half, and its next one as well.
const SILENT_SECONDS: u32 = 3 * 3_600;
/// Datasets and dimensions that a call looks at: their tables are read.
const TARGETS: u32 = 10;

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, stable.
    pub rule: &'static str,
    /// The dataset or dimension, where it is about one.
    pub dataset: Option<String>,
    /// The file version, where it is about one.
    pub file: Option<FileVersion>,
    /// What it is and what it should be, in words.
    pub message: String,
}

/// A part of the whole that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// How many files, datasets, dimensions, partials, parts or queues were looked at.
    pub checked: usize,
    /// What does not add up.
    pub findings: Vec<Finding>,
    /// Where the next call goes on; none at the end.
    pub next: Option<String>,
}

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The cursor is none that a call gave out.
    #[error("the cursor is not one that a page gave out")]
    BadCursor,
    /// A bucket or the database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Where a call begins: each stage goes from its beginning to its end, then comes the next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    Files(i64),
    Targets(String),
    Partials(String, Option<FileVersion>),
    Parts(Option<FileVersion>, u32),
    Silent(i64),
    Outbox,
}

impl Position {
    fn parse(cursor: &str) -> Option<Self> {
        let (stage, rest) = cursor.split_once(':')?;
        let version = |text: &str| -> Option<FileVersion> {
            let (file_id, version) = text.split_once('.')?;
            Some(FileVersion {
                file_id: file_id.parse().ok()?,
                version: version.parse().ok()?,
            })
        };
        Some(match stage {
            "files" => Self::Files(rest.parse().ok()?),
            // As it was called before there were dimensions among them: runs may stand there.
            "targets" | "cells" => Self::Targets(rest.to_owned()),
            "partials" if rest.is_empty() => Self::Partials(String::new(), None),
            "partials" => {
                let (file, dataset) = rest.split_once('/')?;
                Self::Partials(dataset.to_owned(), Some(version(file)?))
            }
            "parts" if rest.is_empty() => Self::Parts(None, 0),
            "parts" => {
                let (file, chunk) = rest.split_once('/')?;
                Self::Parts(Some(version(file)?), chunk.parse().ok()?)
            }
            "silent" => Self::Silent(rest.parse().ok()?),
            "outbox" => Self::Outbox,
            _ => return None,
        })
    }

    fn cursor(&self) -> String {
        let version = |file: &FileVersion| format!("{}.{}", file.file_id, file.version);
        match self {
            Self::Files(after) => format!("files:{after}"),
            Self::Targets(after) => format!("targets:{after}"),
            Self::Partials(dataset, Some(file)) => format!("partials:{}/{dataset}", version(file)),
            Self::Partials(_, None) => "partials:".to_owned(),
            Self::Parts(Some(file), chunk) => format!("parts:{}/{chunk}", version(file)),
            Self::Parts(None, _) => "parts:".to_owned(),
            Self::Silent(after) => format!("silent:{after}"),
            Self::Outbox => "outbox:".to_owned(),
        }
    }
}

/// Looks at the next part of the whole.
///
/// # Errors
/// [`ReconcileError`] for a foreign cursor, or when a bucket or the database fails.
pub async fn reconcile(
    store: &Store,
    collections: &dyn ObjectStore,
    cursor: Option<&str>,
) -> Result<Reconciled, ReconcileError> {
    let position = match cursor {
        None => Position::Files(0),
        Some(cursor) => Position::parse(cursor).ok_or(ReconcileError::BadCursor)?,
    };
    let mut found = Reconciled::default();
    let next = match position {
        Position::Files(after) => files(store, after, &mut found).await?,
        Position::Targets(after) => targets(store, &after, &mut found).await?,
        Position::Partials(dataset, file) => {
            let after = (dataset.as_str(), file.map(|file| file.file_id));
            let page = store.list_counting_partials(after, PAGE).await?;
            partials(collections, &page, &mut found).await?
        }
        Position::Parts(file, chunk) => {
            let page = store.list_counting_parts((file, chunk), PAGE).await?;
            parts(collections, &page, &mut found).await?
        }
        Position::Silent(after) => silent(store, after, &mut found).await?,
        Position::Outbox => outbox(store, &mut found).await?,
    };
    found.next = next.map(|next| next.cursor());
    Ok(found)
}

async fn files(store: &Store, after: i64, found: &mut Reconciled) -> Result<Option<Position>, Failure> {
    let page = store.list_file_counts(after, PAGE).await?;
    found.checked = page.len();
    found.findings = page.iter().filter_map(file_finding).collect();
    let last = page.last().filter(|_| page.len() == PAGE as usize);
    Ok(Some(match last {
        Some(last) => Position::Files(last.sequence),
        None => Position::Targets(String::new()),
    }))
}

fn file_finding(counts: &FileCounts) -> Option<Finding> {
    let finding = |rule, message| {
        Some(Finding {
            rule,
            dataset: None,
            file: Some(counts.file),
            message,
        })
    };
    let expected = counts.chunks_expected.unwrap_or_default();
    if counts.chunks != expected {
        let message = format!("{} of {expected} chunks are there", counts.chunks);
        return finding("chunks_differ", message);
    }
    let [rows, kept, rejected] = counts.counted;
    if counts.counted != counts.added || rows != kept + rejected {
        let [in_rows, in_kept, in_rejected] = counts.added;
        let message = format!(
            "{rows} rows, {kept} kept and {rejected} rejected; the chunks have {in_rows}, {in_kept} and {in_rejected}"
        );
        return finding("rows_differ", message);
    }
    let error = counts.move_error.clone()?;
    finding(error.rule.code(), error.message)
}

async fn targets(store: &Store, after: &str, found: &mut Reconciled) -> Result<Option<Position>, Failure> {
    let page = store.list_targets(after, TARGETS).await?;
    for name in &page {
        let dataset = match store.dataset_table(name).await? {
            Some((table, _)) => store.count_dataset(&table).await?,
            None => None,
        };
        let dimension = match store.dimension_table(name).await? {
            Some(table) => store.count_dimension(&table).await?,
            None => None,
        };
        for (counts, rule, what) in [
            (dataset, "cells_differ", "cells"),
            (dimension, "dimension_differs", "dimension's tables"),
        ] {
            let Some(counts) = counts else { continue };
            found.checked += 1;
            found.findings.extend(target_findings(name, &counts, rule, what));
        }
    }
    let last = page.last().filter(|_| page.len() == TARGETS as usize);
    Ok(Some(match last {
        Some(last) => Position::Targets(last.clone()),
        None => Position::Partials(String::new(), None),
    }))
}

fn target_findings(name: &str, counts: &TargetCounts, rule: &'static str, what: &str) -> Vec<Finding> {
    let finding = |rule, file, message: String| Finding {
        rule,
        dataset: Some(name.to_owned()),
        file,
        message,
    };
    let mut findings = Vec::new();
    let TargetCounts {
        held, contributed, ..
    } = counts;
    if held != contributed {
        let message = format!("the {what} hold {held} rows, the files that count brought {contributed}");
        findings.push(finding(rule, None, message));
    }
    if counts.unseen > 0 {
        let message = format!("of {} keys not just one row is visible", counts.unseen);
        findings.push(finding("visible_rows_differ", None, message));
    }
    let doubled = counts
        .doubled
        .iter()
        .map(|file| ("files_doubled", file, "the file counts twice"));
    let missing = counts
        .missing
        .iter()
        .map(|file| ("files_missing", file, "the file neither counts nor waits to"));
    let files = doubled.chain(missing);
    findings.extend(files.map(|(rule, file, message)| finding(rule, Some(*file), message.to_owned())));
    findings
}

/// What waits without anybody at work: its message was lost, or failed until it was put away.
async fn silent(store: &Store, after: i64, found: &mut Reconciled) -> Result<Option<Position>, Failure> {
    let page = store.list_silent_files(after, SILENT_SECONDS, PAGE).await?;
    found.checked = page.len();
    found.findings.extend(page.iter().map(|silent| Finding {
        rule: "file_waits",
        dataset: None,
        file: Some(silent.file),
        message: format!("nothing was heard of it since {}: drive it on", silent.since),
    }));
    let last = page.last().filter(|_| page.len() == PAGE as usize);
    Ok(Some(match last {
        Some(last) => Position::Silent(last.sequence),
        None => Position::Outbox,
    }))
}

async fn outbox(store: &Store, found: &mut Reconciled) -> Result<Option<Position>, Failure> {
    found.checked = 1;
    let waiting = store.count_waiting_messages(WAITING_SECONDS).await?;
    if waiting > 0 {
        found.findings.push(Finding {
            rule: "messages_wait",
            dataset: None,
            file: None,
            message: format!(
                "{waiting} messages were not sent for {WAITING_SECONDS} seconds: drive the files on"
            ),
        });
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let file = "01859000-0000-7000-8000-000000000000.3";
        for cursor in [
            "files:17".to_owned(),
            "targets:".to_owned(),
            "targets:by_school".to_owned(),
            "silent:5".to_owned(),
            "partials:".to_owned(),
            format!("partials:{file}/by_school"),
            "parts:".to_owned(),
            format!("parts:{file}/4"),
            "outbox:".to_owned(),
        ] {
            assert_eq!(
                Position::parse(&cursor).map(|position| position.cursor()),
                Some(cursor)
            );
        }
        for foreign in ["", "files:", "files:x", "partials:x", "parts:x/1", "else:1"] {
            assert_eq!(Position::parse(foreign), None, "{foreign}");
        }
    }
}
