//! A broken rule in a file, as a value: where, what was expected, what was found.

use serde::{Deserialize, Serialize};

/// The rule that a cell, a row or a file breaks. The snake-case name is the stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The cell is not of the field's type.
    WrongType,
    /// The time never was: the clocks of the field's time zone were put forward over it.
    SkippedTime,
    /// A required cell is empty.
    Required,
    /// A number is below the minimum or above the maximum.
    OutOfRange,
    /// A text does not match the pattern.
    PatternMismatch,
    /// A text is too short or too long.
    Length,
    /// A value is not one of those allowed.
    NotAllowed,
    /// The record has fewer or more cells than the header.
    WrongCellCount,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The record holds a NUL byte.
    NulByte,
    /// A quote opens and never closes, or stands where none may.
    BadQuoting,
    /// A record or a cell is longer than the limit.
    TooLong,
    /// The header names a column that the spec does not have.
    UnknownHeader,
    /// The header lacks a required column.
    MissingHeader,
    /// The header names a column twice.
    DuplicateHeader,
    /// A header cell is empty.
    EmptyHeader,
    /// The file has no bytes, or a header alone.
    EmptyFile,
    /// More columns than the limit.
    TooManyColumns,
    /// The bytes are not a text file (UTF-16, compressed, binary).
    NotCsv,
    /// Rows repeat a key that must be unique.
    RepeatedKey,
    /// More groups than a file may feed into a dataset.
    TooManyGroups,
    /// A sum does not fit 38 digits.
    SumOverflow,
    /// The object is larger than a file may be.
    FileTooLarge,
    /// No bytes came to the address that was handed out for them.
    NeverReceived,
    /// The bytes are not those that their sender said would come.
    NotAsDeclared,
    /// Whoever sent the file broke its upload off.
    UploadAborted,
    /// The zip archive is damaged, cut off, encrypted, or written in a way that is not taken.
    BadArchive,
    /// The zip archive, or what it holds, is larger than taken.
    ArchiveTooLarge,
    /// The object was written again, or removed, before it was read.
    ObjectGone,
    /// The object's key is none that a dropped object may have.
    BadKey,
    /// There is no spec of that kind and name.
    UnknownSpec,
    /// Rows were rejected, and the file asks to count whole or not at all.
    RowsRejected,
    /// A row of a repaired file stands for a line that was not rejected.
    LineNotRejected,
    /// Several rows of a repaired file stand for the same line.
    RepeatedLine,
}

impl Rule {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongType => "wrong_type",
            Self::SkippedTime => "skipped_time",
            Self::Required => "required",
            Self::OutOfRange => "out_of_range",
            Self::PatternMismatch => "pattern_mismatch",
            Self::Length => "length",
            Self::NotAllowed => "not_allowed",
            Self::WrongCellCount => "wrong_cell_count",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NulByte => "nul_byte",
            Self::BadQuoting => "bad_quoting",
            Self::TooLong => "too_long",
            Self::UnknownHeader => "unknown_header",
            Self::MissingHeader => "missing_header",
            Self::DuplicateHeader => "duplicate_header",
            Self::EmptyHeader => "empty_header",
            Self::EmptyFile => "empty_file",
            Self::TooManyColumns => "too_many_columns",
            Self::NotCsv => "not_csv",
            Self::RepeatedKey => "repeated_key",
            Self::TooManyGroups => "too_many_groups",
            Self::SumOverflow => "sum_overflow",
            Self::FileTooLarge => "file_too_large",
            Self::NeverReceived => "never_received",
            Self::NotAsDeclared => "not_as_declared",
            Self::UploadAborted => "upload_aborted",
            Self::BadArchive => "bad_archive",
            Self::ArchiveTooLarge => "archive_too_large",
            Self::ObjectGone => "object_gone",
            Self::BadKey => "bad_key",
            Self::UnknownSpec => "unknown_spec",
            Self::RowsRejected => "rows_rejected",
            Self::LineNotRejected => "line_not_rejected",
            Self::RepeatedLine => "repeated_line",
        }
    }
}

/// One broken rule in one record; a record with three broken rules has three of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// The record, counted from 1 after the header.
    pub record: u64,
    /// The physical line on which the record starts; the header's is 1.
    pub line: u64,
    /// The column's name, where one cell is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The rule.
    pub rule: Rule,
    /// What the rule asks for, in words.
    pub expected: String,
    /// What was found: the cell's text, cut to 200 characters, undecodable bytes replaced.
    pub found: String,
}

/// Why a whole file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileError {
    /// The rule.
    pub rule: Rule,
    /// The physical line, where there is one to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column, where there is one to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong, in words for the one who sent the file.
    pub message: String,
    /// How many rows are concerned, where that is the point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

impl FileError {
    /// A file error that no line or column is to blame for.
    #[must_use]
    pub fn of_file(rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            line: None,
            column: None,
            message: message.into(),
            rows: None,
        }
    }
}

/// The rows of a chunk or a file: `rows = kept + rejected`, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowCounts {
    /// Records after the header.
    pub rows: u64,
    /// Records that kept every rule.
    pub kept: u64,
    /// Records that broke at least one.
    pub rejected: u64,
}
