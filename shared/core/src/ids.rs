//! Ids of files and contributions. Time and random bytes are arguments, so that tests are repeatable.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id (`UUIDv7`) from the time in milliseconds since 1970 and ten random bytes.
            #[must_use]
            pub fn from_time_and_random(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }

            /// The id as a UUID.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A file that a provider sends, through all its versions.
    FileId
);
uuid_id!(
    /// One file version's contribution to one dataset.
    ContributionId
);

uuid_id!(
    /// One load of a dimension file version.
    LoadId
);

uuid_id!(
    /// A document that is asked for, through all its makings.
    DocumentId
);

uuid_id!(
    /// One run of a source or a pipeline.
    RunId
);

impl RunId {
    /// Makes the id that follows from bytes (`UUIDv8`): the same trigger begins the same run, however often it comes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// A version of a file; the first is 1, and the tracker, not S3, numbers them.
pub type Version = u32;

/// One version of one file: what a queue message, a part and a contribution refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileVersion {
    /// The file.
    pub file_id: FileId,
    /// Its version, from 1.
    pub version: Version,
}

impl fmt::Display for FileVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} v{}", self.file_id, self.version)
    }
}
