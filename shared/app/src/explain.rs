//! Where a figure comes from: the files that make it, and their lines.
//!
//! The database knows the cells behind a figure, the files' partials what each file adds to them, the parts the lines.
//! Adding a file's lines again gives what it adds; adding the files gives the figure.

mod share;
mod waiting;
mod words;

use std::collections::BTreeSet;
use std::io::Cursor;

pub use share::MeasureShare;
pub use waiting::{KeyLines, list_key_lines};
pub use words::{filter_words, formula_words};

use millrace_aggregate::{AggregationPlan, CellKey, PartialError, PartialReader, RowTracer};
use millrace_core::Decimal;
use millrace_core::definition::DatasetDefinition;
use millrace_core::failure::Failure;
use millrace_core::ids::{FileId, FileVersion};
use millrace_store::Store;
use millrace_store::datasets::{KpiQuery, ReadError};
use millrace_store::shares::Share;
use millrace_store::tables::{DatasetTable, DimensionTable};
use millrace_table::block::Block;

use crate::parts::{PartStream, Parts};
use crate::ports::{ObjectStore, read_all};

/// The most cells behind a figure that is explained.
pub const MAX_CELLS: usize = 50_000;
/// Keys that the database is asked for at a time.
const KEYS_PAGE: u32 = 5_000;
/// Files whose partials a call reads.
const FILES_PAGE: u32 = 20;
/// Rows that a call looks through before it leaves the rest to the next one.
const MAX_SCANNED_ROWS: u64 = 5_000_000;

/// Why nothing was explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The question does not fit the dataset, or the database failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The figure is made of more cells than are looked through.
    #[error("the figure is made of more than {MAX_CELLS} cells: ask for a narrower one")]
    TooManyCells,
    /// The dataset is computed from another, which has the files.
    #[error("the dataset has no files of its own: it is computed from {0}")]
    NoCells(String),
    /// The cursor is none that a page gave out.
    #[error("the cursor is not one that a page gave out")]
    BadCursor,
    /// The file does not count in the dataset.
    #[error("the file does not count in the dataset")]
    NoSuchFile,
    /// A bucket or the database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What a file adds to a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileShare {
    /// The file.
    pub share: Share,
    /// How many of its rows count in the figure's cells.
    pub rows: u64,
    /// What they add, by measure.
    pub measures: Vec<MeasureShare>,
}

/// A page of the files that make a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileShares {
    /// How many cells the figure is made of.
    pub cells: usize,
    /// The files.
    pub files: Vec<FileShare>,
    /// The file after which the next page begins.
    pub next: Option<FileId>,
}

/// A line that counts in a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedLine {
    /// Its record, from 1.
    pub record: u64,
    /// The physical line on which it starts.
    pub line: u64,
    /// The member of the archive that it stands in, where the file is one; the line is the member's.
    pub member: Option<String>,
    /// Its value of each of the dataset's key fields.
    pub keys: Vec<Option<String>>,
    /// Its value of each measure; none where it is not part of it.
    pub measures: Vec<Option<String>>,
}

/// A page of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedLines {
    /// The file version that counts.
    pub file: FileVersion,
    /// The lines, in the order of the file.
    pub lines: Vec<TracedLine>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A dataset and what is asked of it: one figure, by its group's key or by filters.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The dataset.
    pub cells: &'a DatasetTable,
    /// Its dimension.
    pub dimension: Option<&'a DimensionTable>,
    /// The figure.
    pub query: &'a KpiQuery,
}

impl Asked<'_> {
    fn definition(&self) -> &DatasetDefinition {
        &self.cells.definition
    }

    /// The keys of the cells that the figure is made of.
    async fn cell_keys(&self, store: &Store) -> Result<BTreeSet<CellKey>, ExplainError> {
        let mut keys = BTreeSet::new();
        let mut query = KpiQuery {
            limit: KEYS_PAGE,
            after: None,
            ..self.query.clone()
        };
        loop {
            let page = match store.list_cell_keys(self.cells, self.dimension, &query).await {
                Err(ReadError::Database(failure)) if failure.is_response_too_large() && query.limit > 1 => {
                    query.limit /= 4;
                    continue;
                }
                page => page?,
            };
            let Some(page) = page else {
                let of: Vec<&str> = self.definition().datasets().map(|name| name.as_str()).collect();
                return Err(ExplainError::NoCells(of.join(", ")));
            };
            let is_last = page.len() < query.limit as usize;
            query.after = page.last().cloned();
            for key in &page {
                keys.insert(CellKey::parse(key).map_err(defect)?);
            }
            if keys.len() > MAX_CELLS {
                return Err(ExplainError::TooManyCells);
            }
            if is_last {
                return Ok(keys);
            }
        }
    }
}

/// The files that make a figure, by page, with what each adds.
///
/// # Errors
/// [`ExplainError`].
pub async fn explain_files(
    store: &Store,
    collections: &dyn ObjectStore,
    asked: Asked<'_>,
    after: Option<FileId>,
) -> Result<FileShares, ExplainError> {
    let keys = asked.cell_keys(store).await?;
    let mut shares = FileShares {
        cells: keys.len(),
        files: Vec::new(),
        next: None,
    };
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return Ok(shares);
    };
    let between = (first.as_str(), last.as_str());
    let page = store
        .list_shares(&asked.definition().name, between, after, FILES_PAGE)
        .await?;
    if page.len() == FILES_PAGE as usize {
        shares.next = page.last().map(|share| share.file.file_id);
    }
    for share in page {
        let bytes = read_all(collections, &share.partial_key).await?;
        let file = add_up(share, &bytes, &keys, asked.definition().measures.len())?;
        shares.files.extend(file);
    }
    Ok(shares)
}

/// What a partial adds to these cells; none when it has none of them.
fn add_up(
    share: Share,
    partial: &[u8],
    keys: &BTreeSet<CellKey>,
    measures: usize,
) -> Result<Option<FileShare>, Failure> {
    let mut file = FileShare {
        share,
        rows: 0,
        measures: vec![
            MeasureShare {
                count: 0,
                sum: Decimal::ZERO,
                bounds: None,
            };
            measures
        ],
    };
    for entry in PartialReader::new(Cursor::new(partial)).map_err(defect)? {
        let entry = entry.map_err(defect)?;
        if !keys.contains(&entry.key) {
            continue;
        }
        file.rows += entry.rows;
        for (total, measure) in file.measures.iter_mut().zip(&entry.measures) {
            total.count += measure.count;
            total.sum = total.sum.checked_add(measure.sum).map_err(defect)?;
            let bounds = measure.bounds.as_deref().copied();
            total.bounds = match (total.bounds, bounds) {
                (Some(one), Some(other)) => Some(one.merged(other)),
                (one, other) => one.or(other),
            };
        }
    }
    Ok((file.rows > 0).then_some(file))
}

/// Where a page of lines begins: behind a record of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    part: usize,
    record: u64,
}

impl Position {
    fn parse(cursor: Option<&str>) -> Result<Self, ExplainError> {
        let Some(cursor) = cursor else {
            return Ok(Self::default());
        };
        let parsed = cursor.split_once('-').and_then(|(part, record)| {
            Some(Self {
                part: part.parse().ok()?,
                record: record.parse().ok()?,
            })
        });
        parsed.ok_or(ExplainError::BadCursor)
    }
}

/// The lines of a file that count in a figure, by page. A page may be empty and still have a next one: a call looks
/// through so many rows and no more.
///
/// # Errors
/// [`ExplainError`].
pub async fn explain_lines(
    store: &Store,
    collections: &dyn ObjectStore,
    asked: Asked<'_>,
    file: FileId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<TracedLines, ExplainError> {
    let position = Position::parse(cursor)?;
    let keys = asked.cell_keys(store).await?;
    let share = store.load_share(&asked.definition().name, file).await?;
    let share = share.ok_or(ExplainError::NoSuchFile)?;
    let mut page = Page {
        lines: Vec::new(),
        limit: limit as usize,
        scanned_rows: 0,
    };
    let parts = store.list_parts(share.file).await?;
    let mut opened = Parts::new(store, asked.definition());
    for (part, key) in parts.iter().enumerate().skip(position.part) {
        let behind = if part == position.part { position.record } else { 0 };
        let (stream, plan) = opened.open(collections, key).await?;
        if let Some(record) = page.add_part(stream, &plan, &keys, behind).await? {
            return Ok(page.ends(share.file, Some(format!("{part}-{record}"))));
        }
    }
    Ok(page.ends(share.file, None))
}

struct Page {
    lines: Vec<TracedLine>,
    limit: usize,
    scanned_rows: u64,
}

impl Page {
    fn ends(self, file: FileVersion, next: Option<String>) -> TracedLines {
        TracedLines {
            file,
            lines: self.lines,
            next,
        }
    }

    /// Adds the lines of a part behind a record; where the page ends in it, the last record that was looked at.
    async fn add_part(
        &mut self,
        mut stream: PartStream,
        plan: &AggregationPlan,
        keys: &BTreeSet<CellKey>,
        behind: u64,
    ) -> Result<Option<u64>, Failure> {
        let columns = Columns {
            keys: plan.key_columns().to_vec(),
            measures: plan.measure_columns().to_vec(),
        };
        let mut tracer = RowTracer::new(plan.clone(), keys);
        while let Some(block) = stream.next_block().await? {
            let Some(last) = block.records.last().copied().filter(|last| *last > behind) else {
                continue;
            };
            self.scanned_rows += block.rows() as u64;
            let block = plan.transform(&block).map_err(foreign)?;
            for traced in tracer.trace(&block).map_err(foreign)? {
                let record = block.records[traced.row];
                if record <= behind {
                    continue;
                }
                // A record that was made into several rows stays on one page.
                let is_next = self.lines.last().is_none_or(|line| line.record != record);
                if self.lines.len() >= self.limit && is_next {
                    return Ok(Some(record - 1));
                }
                let member = stream.member().map(str::to_owned);
                self.lines
                    .push(columns.line(&block, member, traced.row, &traced.counts)?);
            }
            if self.scanned_rows >= MAX_SCANNED_ROWS {
                return Ok(Some(last));
            }
        }
        Ok(None)
    }
}

/// Where keys and measures lie in a part.
struct Columns {
    keys: Vec<usize>,
    measures: Vec<usize>,
}

impl Columns {
    fn line(
        &self,
        block: &Block,
        member: Option<String>,
        row: usize,
        counts: &[bool],
    ) -> Result<TracedLine, Failure> {
        let text = |position: &usize| block.columns[*position].text_at(row).map_err(defect);
        let measure = |(position, counts): (&usize, &bool)| match counts {
            true => text(position),
            false => Ok(None),
        };
        Ok(TracedLine {
            record: block.records[row],
            line: block.lines[row],
            member,
            keys: self.keys.iter().map(text).collect::<Result<_, _>>()?,
            measures: self
                .measures
                .iter()
                .zip(counts)
                .map(measure)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn foreign(error: PartialError) -> Failure {
    match error {
        PartialError::File(error) => Failure::invalid("explain", error.message),
        other @ PartialError::BlockMismatch(_) => defect(other),
    }
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("explain", error.to_string())
}
