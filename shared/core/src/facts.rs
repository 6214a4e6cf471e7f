//! What is known of a file version, and the status that follows from it.
//!
//! Workers write facts; nobody writes a status. [`status`] is a pure function, so the same facts always show the
//! same status, and what is still to be done for a file ([`FileFacts::open_steps`]) follows from them too.

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::row_error::{FileError, RowCounts, Rule};

/// How a file version changes the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The first version of a new file.
    New,
    /// The first version of another new file, whatever files there are under its name: asked for, and registered as new.
    Append,
    /// A version that takes the place of those before it.
    Replace,
    /// A version without content: it takes back those before it.
    Delete,
    /// What was kept of the version before, and its rejected rows as somebody has mended them.
    Repair,
    /// What was kept of the version before, and its rejected rows checked against the newest version of the spec.
    Replay,
}

impl Mode {
    /// The mode as it is written in the tracker.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Repair => "repair",
            Self::Replay => "replay",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::New,
            Self::Append,
            Self::Replace,
            Self::Delete,
            Self::Repair,
            Self::Replay,
        ];
        all.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// How a file version's object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentFormat {
    /// A CSV file, in the format that its spec declares; or a zip archive of such files.
    #[default]
    Csv,
    /// A line a row, each of them a JSON object: a batch.
    JsonRows,
}

impl ContentFormat {
    /// The format as it is written in the tracker.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonRows => "json_rows",
        }
    }
}

/// Where a file version's contribution to one dataset (or to its dimension) stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// The dataset, or the dimension that the file loads.
    pub dataset: Name,
    /// Whether the contribution is settled: applied, refused, or in no need of applying since a later version had been.
    pub applied: bool,
    /// Whether it waits for a run of a pipeline: nobody drives it on before that.
    #[serde(default)]
    pub held: bool,
    /// Whether the dataset refused the file, for the reason that the file's error is.
    #[serde(default)]
    pub refused: bool,
}

/// The facts of one file version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileFacts {
    /// The object has been seen in the landing bucket.
    pub received: bool,
    /// Every chunk has been validated.
    pub validated: bool,
    /// The row counts, final once validated.
    pub counts: RowCounts,
    /// What it feeds; known once validated.
    pub datasets: Vec<DatasetFacts>,
    /// Why the file as a whole is refused.
    pub error: Option<FileError>,
    /// The bytes are those of a file that is there already: nothing was changed.
    pub unchanged: bool,
    /// The object has been moved to the archive.
    pub archived: bool,
    /// Why the object could not be moved; nobody tries it again before the file is driven on.
    #[serde(default)]
    pub move_error: Option<FileError>,
}

/// What is shown of a file version, in the order of its road; the error is beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FileStatus {
    /// The tracker knows it, the object has not been seen.
    #[serde(rename = "Upload_in_progress")]
    UploadInProgress,
    /// The object is there.
    Uploaded,
    /// Validated; no dataset has it yet.
    Processing,
    /// Some datasets have it, others do not yet.
    Completed,
    /// Everything it feeds has it.
    #[serde(rename = "Ready_to_archive")]
    ReadyToArchive,
    /// Moved to the archive.
    Archived,
    /// Refused, with a reason.
    Error,
}

impl FileStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::UploadInProgress,
        Self::Uploaded,
        Self::Processing,
        Self::Completed,
        Self::ReadyToArchive,
        Self::Archived,
        Self::Error,
    ];

    /// The status as the seed writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UploadInProgress => "Upload_in_progress",
            Self::Uploaded => "Uploaded",
            Self::Processing => "Processing",
            Self::Completed => "Completed",
            Self::ReadyToArchive => "Ready_to_archive",
            Self::Archived => "Archived",
            Self::Error => "Error",
        }
    }

    /// Whether nothing more is to be done for the file version.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::ReadyToArchive | Self::Archived | Self::Error)
    }
}

/// The status that follows from the facts.
#[must_use]
pub fn status(facts: &FileFacts) -> FileStatus {
    if facts.error.is_some() {
        return FileStatus::Error;
    }
    if facts.archived {
        return FileStatus::Archived;
    }
    if !facts.received {
        return FileStatus::UploadInProgress;
    }
    if !facts.validated {
        return FileStatus::Uploaded;
    }
    if facts.unchanged || facts.datasets.iter().all(|dataset| dataset.applied) {
        return FileStatus::ReadyToArchive;
    }
    if facts.datasets.iter().any(|dataset| dataset.applied) {
        return FileStatus::Completed;
    }
    FileStatus::Processing
}

/// A step that is still to be done for a file version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenStep {
    /// Look whether the object has arrived, and validate it if so.
    Ingest,
    /// Bring it into a dataset or dimension.
    Apply(Name),
}

impl FileFacts {
    /// Whether nobody waits for its bytes any more. Should they come after all, they are taken.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        let rule = self.error.as_ref().map(|error| error.rule);
        !self.received && matches!(rule, Some(Rule::NeverReceived | Rule::UploadAborted))
    }

    /// Whether it waits for nothing but a run of a pipeline.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut open = self.datasets.iter().filter(|dataset| !dataset.applied).peekable();
        !status(self).is_final() && open.peek().is_some() && open.all(|dataset| dataset.held)
    }

    /// What is still to be done, from the facts alone; whoever drives on a version that was given up has it looked for
    /// once more.
    #[must_use]
    pub fn open_steps(&self) -> Vec<OpenStep> {
        if self.is_given_up() {
            return vec![OpenStep::Ingest];
        }
        if status(self).is_final() {
            return Vec::new();
        }
        if !self.validated {
            return vec![OpenStep::Ingest];
        }
        let open = self
            .datasets
            .iter()
            .filter(|dataset| !dataset.applied && !dataset.held);
        open.map(|dataset| OpenStep::Apply(dataset.dataset.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{DatasetFacts, FileFacts, FileStatus, OpenStep, status};
    use crate::name::Name;
    use crate::row_error::{FileError, Rule};

    fn dataset(name: &str, applied: bool) -> DatasetFacts {
        DatasetFacts {
            dataset: Name::parse(name).unwrap(),
            applied,
            held: false,
            refused: false,
        }
    }

    #[test]
    fn the_status_walks_the_seeds_road() {
        let mut facts = FileFacts::default();
        assert_eq!(status(&facts), FileStatus::UploadInProgress);
        facts.received = true;
        assert_eq!(status(&facts), FileStatus::Uploaded);
        facts.validated = true;
        facts.datasets = vec![dataset("a", false), dataset("b", false)];
        assert_eq!(status(&facts), FileStatus::Processing);
        facts.datasets[0].applied = true;
        assert_eq!(status(&facts), FileStatus::Completed);
        assert_eq!(facts.open_steps(), [OpenStep::Apply(Name::parse("b").unwrap())]);
        facts.datasets[1].applied = true;
        assert_eq!(status(&facts), FileStatus::ReadyToArchive);
        facts.archived = true;
        assert_eq!(status(&facts), FileStatus::Archived);
        assert_eq!(facts.open_steps(), []);
    }

    #[test]
    fn what_is_held_is_not_driven_on() {
        let mut facts = FileFacts {
            received: true,
            validated: true,
            datasets: vec![dataset("a", true), dataset("b", false)],
            ..FileFacts::default()
        };
        assert!(!facts.is_held());
        facts.datasets[1].held = true;
        assert_eq!((status(&facts), facts.is_held()), (FileStatus::Completed, true));
        assert_eq!(facts.open_steps(), []);
        facts.datasets.push(dataset("c", false));
        assert!(!facts.is_held());
        assert_eq!(facts.open_steps(), [OpenStep::Apply(Name::parse("c").unwrap())]);
    }

    #[test]
    fn an_error_is_final_wherever_it_strikes() {
        let error = Some(FileError::of_file(Rule::EmptyFile, "no rows"));
        let facts = FileFacts {
            received: true,
            error,
            ..FileFacts::default()
        };
        assert_eq!(status(&facts), FileStatus::Error);
        assert_eq!(facts.open_steps(), []);
    }

    #[test]
    fn a_version_that_was_given_up_is_refused_and_may_be_looked_for() {
        let error = Some(FileError::of_file(Rule::NeverReceived, "nothing came"));
        let facts = FileFacts {
            error,
            ..FileFacts::default()
        };
        assert_eq!(status(&facts), FileStatus::Error);
        assert_eq!(facts.open_steps(), [OpenStep::Ingest]);
    }

    #[test]
    fn a_file_that_feeds_nothing_is_done_once_validated() {
        let facts = FileFacts {
            received: true,
            validated: true,
            ..FileFacts::default()
        };
        assert_eq!(status(&facts), FileStatus::ReadyToArchive);
    }
}
