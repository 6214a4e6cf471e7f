//! The end of an archive, and its directory.

use std::collections::HashSet;

use millrace_core::row_error::{FileError, Rule};

use super::{ArchiveLimits, bad, in_member, number, too_large};
use crate::limits::found;

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";
const END_64_LOCATOR_BYTES: usize = 20;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_BYTES: usize = 56;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// The extra field that holds numbers too large for their places.
const EXTRA_64: u64 = 1;

/// Where an archive's directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Offset of the directory's first byte.
    pub directory_offset: u64,
    /// Offset behind its last byte.
    pub directory_end: u64,
    members: u64,
    archive_bytes: u64,
}

impl End {
    /// The bytes at the end of an archive that tell where its directory is: the longest end there can be.
    pub const TAIL_BYTES: u64 = (END_BYTES + 0xFFFF + END_64_LOCATOR_BYTES + END_64_BYTES) as u64;

    /// Reads an archive's last bytes: [`Self::TAIL_BYTES`], or all where it has fewer.
    ///
    /// # Errors
    /// [`FileError`] for an archive that is cut off, damaged, split, or larger than its limits.
    pub fn read(tail: &[u8], archive_bytes: u64, limits: &ArchiveLimits) -> Result<Self, FileError> {
        if archive_bytes > limits.archive_bytes {
            return Err(too_large(format!(
                "the zip archive has {archive_bytes} bytes; at most {} are taken: send its members, each a file of its own",
                limits.archive_bytes
            )));
        }
        let at = find(tail)
            .ok_or_else(|| bad("the zip archive has no end: it is cut off, or something follows it"))?;
        let end = Fields::of_end(tail, at).ok_or_else(damaged)?;
        if end.disks.iter().any(|disk| *disk != 0) {
            return Err(bad("the zip archive is one of several parts"));
        }
        let tail_offset = archive_bytes.saturating_sub(tail.len() as u64);
        let directory_end = end.offset.checked_add(end.bytes).ok_or_else(damaged)?;
        if directory_end > tail_offset + at as u64 {
            return Err(damaged());
        }
        if end.members > limits.members || end.bytes > limits.directory_bytes {
            return Err(too_large(format!(
                "the zip archive has {} members; at most {} are taken",
                end.members, limits.members
            )));
        }
        Ok(Self {
            directory_offset: end.offset,
            directory_end,
            members: end.members,
            archive_bytes,
        })
    }
}

fn damaged() -> FileError {
    bad("the zip archive's directory is damaged")
}

/// Where the end record stands: the last one whose comment reaches to the last byte.
fn find(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_BYTES)?;
    (0..=last).rev().find(|&at| {
        let comment = number::<2>(tail, at + 20);
        tail[at..].starts_with(END)
            && comment.is_some_and(|bytes| at as u64 + END_BYTES as u64 + bytes == tail.len() as u64)
    })
}

/// What both kinds of end record say.
struct Fields {
    disks: [u64; 2],
    members: u64,
    bytes: u64,
    offset: u64,
}

impl Fields {
    fn of_end(tail: &[u8], at: usize) -> Option<Self> {
        let fields = Self {
            disks: [number::<2>(tail, at + 4)?, number::<2>(tail, at + 6)?],
            members: number::<2>(tail, at + 10)?,
            bytes: number::<4>(tail, at + 12)?,
            offset: number::<4>(tail, at + 16)?,
        };
        let is_full = fields.members == 0xFFFF || fields.bytes == 0xFFFF_FFFF || fields.offset == 0xFFFF_FFFF;
        let locator = at.checked_sub(END_64_LOCATOR_BYTES);
        let locator = locator.filter(|locator| tail[*locator..].starts_with(END_64_LOCATOR));
        match locator {
            // The record lies right before its locator.
            Some(locator) if is_full => Self::of_end_64(tail, locator.checked_sub(END_64_BYTES)?),
            _ => Some(fields),
        }
    }

    fn of_end_64(tail: &[u8], at: usize) -> Option<Self> {
        if !tail[at..].starts_with(END_64) {
            return None;
        }
        Some(Self {
            disks: [number::<4>(tail, at + 16)?, number::<4>(tail, at + 20)?],
            members: number::<8>(tail, at + 32)?,
            bytes: number::<8>(tail, at + 40)?,
            offset: number::<8>(tail, at + 48)?,
        })
    }
}

/// A member of an archive, as the directory declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, which is only shown.
    pub name: String,
    /// Offset of its local header.
    pub offset: u64,
    pub(super) is_deflated: bool,
    pub(super) compressed_bytes: u64,
    pub(super) bytes: u64,
    pub(super) crc32: u64,
}

impl Member {
    /// How many bytes it has once inflated.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The members of an archive that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The members, in the directory's order; never empty.
    pub members: Vec<Member>,
}

impl Directory {
    /// Reads the bytes between [`End::directory_offset`] and [`End::directory_end`]. Folders, and what desktops put beside
    /// the files, are passed over.
    ///
    /// # Errors
    /// [`FileError`] for a directory that is damaged, or whose members are encrypted, compressed by a method that is not
    /// taken, larger than the limits, or none.
    pub fn read(bytes: &[u8], end: &End, limits: &ArchiveLimits) -> Result<Self, FileError> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        let (mut at, mut seen) = (0, 0);
        while at < bytes.len() {
            let (entry, next) = Entry::read(bytes, at).ok_or_else(damaged)?;
            (at, seen) = (next, seen + 1);
            if entry.name.is_empty() || (entry.is_folder() && entry.bytes > 0) {
                return Err(damaged());
            }
            if entry.is_passed_over() {
                continue;
            }
            let member = entry.member()?;
            if !names.insert(member.name.clone()) {
                return Err(in_member(
                    &member.name,
                    bad("the zip archive has two of the name"),
                ));
            }
            members.push(member);
        }
        if seen != end.members {
            return Err(damaged());
        }
        check_sizes(&members, end, limits)?;
        if members.is_empty() {
            let message = "there is no CSV file in the zip archive";
            return Err(FileError::of_file(Rule::NotCsv, message));
        }
        Ok(Self { members })
    }
}

/// Bounds what is to be inflated, by what is declared.
fn check_sizes(members: &[Member], end: &End, limits: &ArchiveLimits) -> Result<(), FileError> {
    let sum = |part: fn(&Member) -> u64| {
        members
            .iter()
            .try_fold(0_u64, |sum, member| sum.checked_add(part(member)))
    };
    let compressed = sum(|member| member.compressed_bytes).ok_or_else(damaged)?;
    if compressed > end.directory_offset || members.iter().any(|member| member.offset >= end.directory_offset)
    {
        return Err(bad("members of the zip archive overlap, or lie outside of it"));
    }
    let inflated = sum(|member| member.bytes).ok_or_else(damaged)?;
    let ratio = inflated / end.archive_bytes.max(1);
    if inflated > limits.inflated_bytes {
        return Err(too_large(format!(
            "the zip archive holds {inflated} bytes; at most {} are taken: send its members, each a file of its own",
            limits.inflated_bytes
        )));
    }
    if inflated > limits.ratio_from_bytes && ratio > limits.ratio {
        return Err(too_large(format!(
            "the zip archive holds {inflated} bytes, {ratio} times its own size; at most {} times are taken",
            limits.ratio
        )));
    }
    Ok(())
}

/// An entry of the directory, as it stands there.
struct Entry<'a> {
    name: &'a [u8],
    flags: u64,
    method: u64,
    crc32: u64,
    compressed_bytes: u64,
    bytes: u64,
    offset: u64,
}

impl<'a> Entry<'a> {
    /// The entry, and where the next one begins.
    fn read(bytes: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let entry = bytes.get(at..)?;
        if !entry.starts_with(ENTRY) {
            return None;
        }
        let length = |at| number::<2>(entry, at).and_then(|bytes| usize::try_from(bytes).ok());
        let name_end = ENTRY_BYTES + length(28)?;
        let extra_end = name_end + length(30)?;
        let mut read = Self {
            name: entry.get(ENTRY_BYTES..name_end)?,
            flags: number::<2>(entry, 8)?,
            method: number::<2>(entry, 10)?,
            crc32: number::<4>(entry, 16)?,
            compressed_bytes: number::<4>(entry, 20)?,
            bytes: number::<4>(entry, 24)?,
            offset: number::<4>(entry, 42)?,
        };
        read.take_extra(entry.get(name_end..extra_end)?)?;
        let next = at + extra_end + length(32)?;
        (next <= bytes.len()).then_some((read, next))
    }

    /// Numbers that are too large for their places stand in an extra field, in this order, if they are.
    fn take_extra(&mut self, mut extra: &[u8]) -> Option<()> {
        while extra.len() >= 4 {
            let (id, length) = (
                number::<2>(extra, 0)?,
                usize::try_from(number::<2>(extra, 2)?).ok()?,
            );
            let field = extra.get(4..4 + length)?;
            if id == EXTRA_64 {
                let mut at = 0;
                for place in [&mut self.bytes, &mut self.compressed_bytes, &mut self.offset] {
                    if *place == 0xFFFF_FFFF {
                        *place = number::<8>(field, at)?;
                        at += 8;
                    }
                }
            }
            extra = extra.get(4 + length..)?;
        }
        Some(())
    }

    fn is_folder(&self) -> bool {
        matches!(self.name.last(), Some(b'/' | b'\\'))
    }

    fn is_passed_over(&self) -> bool {
        let mut steps = self.name.split(|byte| matches!(byte, b'/' | b'\\'));
        self.is_folder() || steps.any(|step| matches!(step, b"__MACOSX" | b".DS_Store" | b"Thumbs.db"))
    }

    fn member(self) -> Result<Member, FileError> {
        let name = String::from_utf8_lossy(self.name).into_owned();
        // Encrypted, strongly encrypted, or with a directory that hides what it declares.
        if self.flags & (1 | 1 << 6 | 1 << 13) != 0 || self.method == 99 {
            return Err(in_member(&name, bad("is encrypted")));
        }
        if name == "[Content_Types].xml" {
            let message = "the file is a spreadsheet or another document of an office program, not CSV";
            return Err(FileError::of_file(Rule::NotCsv, message));
        }
        if !matches!(self.method, 0 | 8) {
            let message = format!(
                "is compressed by {}; stored and deflated members are taken",
                method_name(self.method)
            );
            return Err(in_member(&name, bad(message)));
        }
        Ok(Member {
            name: found(name.as_bytes()),
            offset: self.offset,
            is_deflated: self.method == 8,
            compressed_bytes: self.compressed_bytes,
            bytes: self.bytes,
            crc32: self.crc32,
        })
    }
}

fn method_name(method: u64) -> String {
    let known = match method {
        9 => "deflate64",
        12 => "bzip2",
        14 => "LZMA",
        93 => "zstd",
        95 => "xz",
        _ => return format!("method {method}"),
    };
    format!("{known} (method {method})")
}
