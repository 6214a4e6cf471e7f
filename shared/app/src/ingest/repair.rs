//! Versions that try rejected rows again: as somebody has mended them, or against the newest version of the spec.
//!
//! Rows go in the order of the file, one by one, under the numbers and lines that they have had from the beginning; those
//! of an archive member by member. What was kept before is not touched: the version names the same parts.

use millrace_core::csv::{CsvFormat, Encoding};
use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::files::FileRecord;
use millrace_store::repairs::FinishedRepair;
use millrace_table::{Decoder, FileFormat, Mended, RejectedRow, RepairFile, is_archive};

use super::layouts::Layouts;
use super::object::Stopped;
use super::{IngestPorts, format_of};
use crate::Disposition;
use crate::authenticate::sha256_hex;
use crate::chunk_check::ChunkCheck;
use crate::outbox::{send_outbox, send_reminder};
use crate::ports::ObjectReader;
use crate::row_errors::RejectedRows;

/// The largest repaired file that is taken, in MiB: it is sorted in memory.
const MAX_REPAIR_MIB: u64 = 32;
/// The same in bytes.
pub const MAX_REPAIR_BYTES: u64 = MAX_REPAIR_MIB * 1024 * 1024;

/// Tries the rejected rows of a version's base again.
pub(super) async fn check_again(
    ports: &IngestPorts<'_>,
    record: &FileRecord,
) -> Result<Disposition, Stopped> {
    let (Some(base), Some(root)) = (record.base_version, record.root_version) else {
        return Err(Failure::invalid("ingest.check_again", "the version has no base").into());
    };
    let of = |version| FileVersion {
        version,
        ..record.file
    };
    let root = ports.store.load_file(of(root)).await?;
    let root = root.ok_or_else(|| Failure::invalid("ingest.check_again", "the version's root is gone"))?;
    let spec = format_of(ports.store, record).await?;
    let format = spec.as_file_format();
    let repaired = match record.mode {
        Mode::Repair => Some(read_repaired(ports.landing, record, format.csv).await?),
        _ => None,
    };
    let sha256 = repaired.as_ref().map(|repaired| repaired.sha256.as_str());
    if let Some(sha256) = sha256
        && ports.store.is_repeated_repair(record.file, sha256).await?
    {
        return Ok(finish(ports, record.file, None, Some(sha256)).await?);
    }
    let rejected = RejectedRows::of(ports.store, ports.collections, of(base)).await?;
    let mut trying = Trying::begin(ports, record, &root, format, repaired.as_ref()).await?;
    if let Err(stopped) = trying.take_all(rejected).await {
        trying.chunk.abort().await;
        return Err(stopped);
    }
    let checked = trying.chunk.finish().await?;
    let finished = FinishedRepair {
        part_key: checked.part_key.as_deref(),
        row_errors: checked
            .row_errors
            .as_ref()
            .map(|(key, size)| (key.as_str(), *size)),
        counts: checked.counts,
    };
    Ok(finish(ports, record.file, Some(finished), sha256).await?)
}

async fn finish(
    ports: &IngestPorts<'_>,
    file: FileVersion,
    finished: Option<FinishedRepair<'_>>,
    sha256: Option<&str>,
) -> crate::Handled {
    send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
    if ports.store.finish_repair(file, finished, sha256).await? {
        send_outbox(ports.store, ports.sender, file).await?;
    }
    Ok(Disposition::Done)
}

/// A repaired file as it came.
struct Repaired {
    text: Vec<u8>,
    sha256: String,
}

async fn read_repaired(
    landing: &dyn ObjectReader,
    record: &FileRecord,
    csv: &CsvFormat,
) -> Result<Repaired, Stopped> {
    if record.size_bytes > Some(MAX_REPAIR_BYTES) {
        let message = format!(
            "the repaired file has more than {MAX_REPAIR_MIB} MiB: send its rows in several; those that are left out stay \
             rejected"
        );
        return Err(FileError::of_file(Rule::FileTooLarge, message).into());
    }
    let mut stream = landing.open_at(&record.object(), 0, None).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    if is_archive(&bytes) {
        let message = "the file is a zip archive or a spreadsheet, not CSV";
        return Err(FileError::of_file(Rule::NotCsv, message).into());
    }
    let sha256 = sha256_hex(&bytes);
    // The repair file is UTF-8 whatever the file was; a program may have lost the mark that says so.
    let declared = match csv.encoding {
        Encoding::Windows1252 if std::str::from_utf8(&bytes).is_ok() => Encoding::Utf8,
        declared => declared,
    };
    let mut decoder = Decoder::begin(&bytes, declared);
    let mut text = decoder.decode(bytes);
    text.extend(decoder.finish());
    Ok(Repaired { text, sha256 })
}

/// Rejected rows on their way through the check.
struct Trying<'a> {
    chunk: ChunkCheck<'a>,
    format: FileFormat<'a>,
    /// How they are laid out; none where they are a batch's.
    layouts: Option<Layouts<'a>>,
    /// The rows that were sent.
    sent: Option<RepairFile>,
    /// The member of an archive that was gone on with.
    member: Option<String>,
}

impl<'a> Trying<'a> {
    /// Begins with the object that the rows came in, and the first of those that were rejected then: repair files of all
    /// versions since are laid out by it.
    async fn begin(
        ports: &IngestPorts<'a>,
        record: &FileRecord,
        root: &FileRecord,
        format: FileFormat<'a>,
        repaired: Option<&Repaired>,
    ) -> Result<Self, Stopped> {
        let of = |chunk, layouts, sent| Self {
            chunk,
            format,
            layouts,
            sent,
            member: None,
        };
        if record.content_format == ContentFormat::JsonRows {
            let chunk = ChunkCheck::begin_rows(ports.collections, record, format)?;
            return Ok(of(chunk, None, None));
        }
        let mut layouts = Layouts::open(ports.landing, root, format).await?;
        let rows_of = layouts.rows_of();
        let layout = layouts.of_file(ports.store, ports.collections).await?;
        let sent = match repaired {
            Some(repaired) => {
                let rows = layout.rows.clone();
                Some(RepairFile::read(&repaired.text, format.csv, rows, rows_of)?)
            }
            None => None,
        };
        let (header, start) = (&layout.header, layout.header.start());
        let chunk = ChunkCheck::begin(ports.collections, record, format, header, start, 0)?;
        Ok(of(chunk, Some(layouts), sent))
    }

    async fn take_all(&mut self, mut rejected: RejectedRows<'_>) -> Result<(), Stopped> {
        while let Some(rows) = rejected.next_rows().await? {
            for row in rows {
                match self.mended(&row).await? {
                    Mended::No => self.chunk.push_rejected(&row)?,
                    Mended::Line(line) => self.chunk.push_row(row.record, row.line, &line)?,
                }
            }
            self.chunk.drain().await?;
        }
        if let Some(sent) = self.sent.take() {
            for row in sent.into_refused() {
                self.chunk.push_rejected(&row)?;
            }
        }
        Ok(())
    }

    /// What becomes of a row; where it is to be checked, the check has gone on with its member.
    async fn mended(&mut self, row: &RejectedRow) -> Result<Mended, Stopped> {
        let is_tried = match &self.sent {
            Some(sent) => sent.has(row),
            None => !row.raw_is_cut,
        };
        if !is_tried {
            return Ok(Mended::No);
        }
        let as_it_is = || Mended::Line(row.raw.clone());
        let Some(layouts) = &mut self.layouts else {
            return Ok(as_it_is());
        };
        let layout = layouts.of(row).await?;
        if let Some(member) = &row.member
            && self.member.as_ref() != Some(member)
        {
            let (header, line) = (&layout.header, layout.header.start().line);
            self.chunk.begin_member(self.format, header, line, member).await?;
            self.member = Some(member.clone());
        }
        Ok(match &mut self.sent {
            Some(sent) => sent.take(row, &layout.rows),
            None => as_it_is(),
        })
    }
}
