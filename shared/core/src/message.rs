//! Versioned payloads of the queues.
//!
//! The ingest queue carries S3's own notifications beside [`IngestMessage`]; every other queue carries one of these.
//! A payload names ids and nothing that could have changed since: who handles it reads the facts. Unknown members
//! are tolerated; an unknown *version* is not read, so it ends in the dead-letter queue, to be sent again to a newer
//! reader.

use serde::{Deserialize, Deserializer, Serialize};

use crate::access_point::AccessPoint;
use crate::ids::{DocumentId, FileVersion, RunId};
use crate::name::Name;
use crate::pipeline::MoveKind;

/// The version of every payload written by this build.
pub const MESSAGE_VERSION: u32 = 1;

/// A payload with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The payload's version, [`MESSAGE_VERSION`]; another one is not read.
    #[serde(deserialize_with = "known_version")]
    pub v: u32,
    /// What is to be done.
    #[serde(flatten)]
    pub message: T,
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        MESSAGE_VERSION => Ok(MESSAGE_VERSION),
        other => Err(serde::de::Error::custom(format!(
            "message version {other} is not known to this build"
        ))),
    }
}

impl<T> Envelope<T> {
    /// Wraps a payload in this build's version.
    pub fn new(message: T) -> Self {
        Self {
            v: MESSAGE_VERSION,
            message,
        }
    }
}

/// The queues that carry work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Objects that have arrived.
    Ingest,
    /// Ranges of large objects.
    Chunk,
    /// Aggregation and loads of rows.
    Perf,
    /// Facts that have changed, and reminders.
    Status,
    /// Documents to be made.
    Pdf,
    /// Runs of external sources.
    Fetch,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 6] = [
        Self::Ingest,
        Self::Chunk,
        Self::Perf,
        Self::Status,
        Self::Pdf,
        Self::Fetch,
    ];

    /// The queue as it is written in the outbox.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Chunk => "chunk",
            Self::Perf => "perf",
            Self::Status => "status",
            Self::Pdf => "pdf",
            Self::Fetch => "fetch",
        }
    }
}

/// Ingest queue, beside S3's own notifications: what is sent when something is driven on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum IngestMessage {
    /// Plan and validate the file version's object.
    IngestFile {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
    },
    /// Look at a dropped object again that was refused, and take it if that can be done by now.
    TakeDrop {
        /// Its place in the order of arrival, which names it.
        drop_id: i64,
    },
}

/// Where the plan of a large object goes on: at the start of a chunk whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCheckpoint {
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// The member of an archive that it starts in, from 0; 0 where the object is none.
    #[serde(default)]
    pub member: u32,
    /// Offset of its first byte.
    pub start: u64,
    /// Number of its first record, from 1.
    pub first_record: u64,
    /// Physical line on which that record starts.
    pub first_line: u64,
    /// How many bytes of the object are in `hash`; none of an archive's.
    pub hashed_bytes: u64,
    /// The state of the SHA-256 behind them, hexadecimal.
    pub hash: String,
    /// Where the archive's member can be inflated on, not behind the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<AccessPoint>,
}

/// A range of an object that starts and ends at record boundaries. Offsets are those of the object, or of the archive's
/// member that they lie in once that is inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRange {
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// The member of an archive that it starts in, from 0; 0 where the object is none.
    #[serde(default)]
    pub member: u32,
    /// The member that it ends in.
    #[serde(default)]
    pub last_member: u32,
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Number of the first record in it, from 1.
    pub first_record: u64,
    /// Physical line on which that record starts.
    pub first_line: u64,
}

/// Chunk queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChunkMessage {
    /// Validate a range of a large object.
    ValidateChunk {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
        /// The range.
        range: ChunkRange,
        /// Where the archive's member that it starts in can be inflated on, not behind its start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        point: Option<AccessPoint>,
    },
    /// Go on with the plan of a large file version's object.
    PlanOn {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
        /// Where.
        at: PlanCheckpoint,
    },
}

/// Perf queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PerfMessage {
    /// Bring a file version's contribution into a dataset.
    Aggregate {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
        /// The dataset.
        dataset: Name,
        /// How many of its parts another message has reduced.
        #[serde(default, skip_serializing_if = "is_zero")]
        parts_done: u32,
    },
    /// Load a file version of a dimension, or of a dataset whose rows come ready, and publish it.
    LoadDimension {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
    },
    /// Move objects out of the landing bucket, a page of them: who handles it sends it again for the next.
    MoveObjects {
        /// Which.
        moves: MoveKind,
        /// Only those that arrived before this one.
        #[serde(default)]
        before: Option<i64>,
    },
    /// Delete objects from the landing bucket that were moved a while ago, a page of them.
    LeaveLanding {
        /// Only those that arrived before this one.
        #[serde(default)]
        before: Option<i64>,
    },
    /// Begin to look whether everything adds up: what the schedule sends.
    ReconcileAll {},
    /// Go on with that, some pages at a time.
    Reconcile {
        /// The run.
        run_id: RunId,
    },
}

/// Status queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StatusMessage {
    /// Facts of the file version have changed: store the status that follows from them.
    FactsChanged {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
    },
    /// Look whether the file version's outbox was sent, and send what was not.
    Reminder {
        /// The file version.
        #[serde(flatten)]
        file: FileVersion,
    },
    /// Send what existing files owe a new dataset, some messages at a time: who handles it sends it again until none is
    /// left. It is its own reminder too: sent late before the dataset's commit, and once more after it.
    DriveDataset {
        /// The dataset.
        dataset: Name,
    },
    /// Send what a pipeline's runs have to be sent, some messages at a time, as [`Self::DriveDataset`].
    DrivePipeline {
        /// The pipeline.
        pipeline: Name,
    },
    /// A schedule has changed: let EventBridge have what its newest version says. Sent late before the commit, and once
    /// more after it.
    ScheduleChanged {
        /// The schedule.
        schedule: Name,
    },
    /// It is time: what EventBridge sends.
    RunSchedule {
        /// The schedule.
        schedule: Name,
    },
}

/// Pdf queue. A document's own message is its reminder: one is sent with a delay before the commit that makes it
/// necessary, one without after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PdfMessage {
    /// Make a document that is not made yet.
    RenderDocument {
        /// The document.
        document_id: DocumentId,
    },
}

/// Fetch queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FetchMessage {
    /// Begin a run of every source: what the schedule sends.
    FetchAll {},
    /// Work on a run of a source.
    FetchSource {
        /// The source.
        source: Name,
        /// The run.
        run_id: RunId,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::{Envelope, PerfMessage};
    use crate::ids::{FileId, FileVersion};
    use crate::name::Name;

    #[test]
    fn a_payload_is_flat_and_versioned() {
        let file = FileVersion {
            file_id: FileId::from_time_and_random(0, [0; 10]),
            version: 3,
        };
        let message = PerfMessage::Aggregate {
            file,
            dataset: Name::parse("d").unwrap(),
            parts_done: 0,
        };
        let text = serde_json::to_string(&Envelope::new(message.clone())).unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"kind":"aggregate","file_id":"00000000-0000-7000-8000-000000000000","version":3,"dataset":"d"}"#
        );
        let with_more = text.replace(r#""version":3"#, r#""version":3,"later":true"#);
        let read: Envelope<PerfMessage> = serde_json::from_str(&with_more).unwrap();
        assert_eq!(read, Envelope::new(message));
        let newer = text.replace(r#""v":1"#, r#""v":2"#);
        assert!(serde_json::from_str::<Envelope<PerfMessage>>(&newer).is_err());
    }
}
