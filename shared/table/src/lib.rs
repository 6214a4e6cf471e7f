#![doc = include_str!("../README.md")]

pub mod archive;
pub mod block;
mod builder;
mod cell;
pub mod check;
pub mod decode;
mod gather;
pub mod header;
pub mod limits;
pub mod part;
pub mod plan;
pub mod rejected;
mod render;
pub mod repair;
pub mod scan;

pub use archive::{ArchiveLimits, Directory, End, Member, MemberReader, is_archive};
pub use block::{Block, Column, ColumnData, PartSchema, Validity};
pub use check::json::JsonCheck;
pub use check::{CheckError, CheckSummary, FileCheck};
pub use decode::{Decoder, encoded_bytes};
pub use header::{FileFormat, Header, HeaderErrors, HeaderRead, Start};
pub use limits::Limits;
pub use part::{PartError, PartPieces, PartReader, PartSpec, PartWriter};
pub use plan::{PlannedText, Planner};
pub use rejected::{RejectedRow, read_rejected};
pub use render::OutOfCalendar;
pub use repair::{Mended, RepairFile, RepairWriter, RowLayout, RowsOf};
pub use scan::Extent;
