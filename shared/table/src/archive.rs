//! Zip archives of CSV files (APPNOTE 6.3): the end says where the directory is, the directory where the members are, and
//! each member comes out piece by piece. Nothing is written to a disk, so a name is only a name.
//!
//! What an archive may ask of us is bounded before anything is inflated, by what its directory declares; and a member
//! that holds more or other bytes than declared is refused as soon as that shows. Only the directory is believed: local
//! headers say nothing but where the bytes begin.

mod directory;
mod inflater;
mod member;
mod points;

use millrace_core::row_error::{FileError, Rule};

pub use directory::{Directory, End, Member};
pub use member::MemberReader;

use crate::limits::found;

/// What an archive may ask of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// The most bytes of the archive itself.
    pub archive_bytes: u64,
    /// The most members, whatever they are.
    pub members: u64,
    /// The most bytes of the directory.
    pub directory_bytes: u64,
    /// The most bytes that all members have together once inflated.
    pub inflated_bytes: u64,
    /// How many times larger than the archive that may be, …
    pub ratio: u64,
    /// … where it is more than so many bytes.
    pub ratio_from_bytes: u64,
}

impl Default for ArchiveLimits {
    /// 2 GiB, 10 GiB inflated and not above 200 times what came; 1,000 members. A member without
    /// access points is inflated from its beginning by whoever checks its end, within its time.
    fn default() -> Self {
        Self {
            archive_bytes: 2 << 30,
            members: 1_000,
            directory_bytes: 4 << 20,
            inflated_bytes: 10 << 30,
            ratio: 200,
            ratio_from_bytes: 64 << 20,
        }
    }
}

/// Whether bytes are the beginning of a zip archive, with members or without; four are enough.
#[must_use]
pub fn is_archive(beginning: &[u8]) -> bool {
    [&b"PK\x03\x04"[..], b"PK\x05\x06", b"PK\x07\x08"]
        .iter()
        .any(|magic| beginning.starts_with(magic))
}

/// An archive that cannot be read, or not be believed.
fn bad(message: impl Into<String>) -> FileError {
    FileError::of_file(Rule::BadArchive, message)
}

fn too_large(message: impl Into<String>) -> FileError {
    FileError::of_file(Rule::ArchiveTooLarge, message)
}

/// A file error of a member, which its message names.
#[must_use]
pub fn in_member(name: &str, error: FileError) -> FileError {
    FileError {
        message: format!("member `{}`: {}", found(name.as_bytes()), error.message),
        ..error
    }
}

/// A little-endian number; none where the bytes end before it does.
fn number<const BYTES: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let part: &[u8; BYTES] = bytes.get(at..at.checked_add(BYTES)?)?.first_chunk()?;
    Some(
        part.iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod point_tests;
#[cfg(test)]
mod tests;
