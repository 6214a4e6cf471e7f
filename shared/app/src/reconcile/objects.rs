//! Whether the objects that count are there, and are what the ledger says.

use futures_util::{StreamExt as _, stream};
use millrace_aggregate::PartialSummary;
use millrace_core::failure::Failure;
use millrace_store::reconciliation::{CountingPart, CountingPartial};
use millrace_table::part::PartEnd;

use super::{Finding, PAGE, Position, Reconciled};
use crate::ports::ObjectStore;

/// Objects that are looked at at once.
const AT_ONCE: usize = 16;

pub(super) async fn partials(
    collections: &dyn ObjectStore,
    page: &[CountingPartial],
    found: &mut Reconciled,
) -> Result<Option<Position>, Failure> {
    let looks = page
        .iter()
        .map(async |counting| (counting, partial_finding(collections, counting).await));
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE);
    while let Some((counting, look)) = looks.next().await {
        found.checked += 1;
        if let Some((rule, message)) = look? {
            found.findings.push(Finding {
                rule,
                dataset: Some(counting.dataset.clone()),
                file: Some(counting.file),
                message,
            });
        }
    }
    let last = page.last().filter(|_| page.len() == PAGE as usize);
    Ok(Some(match last {
        Some(last) => Position::Partials(last.dataset.clone(), Some(last.file)),
        None => Position::Parts(None, 0),
    }))
}

async fn partial_finding(
    collections: &dyn ObjectStore,
    counting: &CountingPartial,
) -> Result<Option<(&'static str, String)>, Failure> {
    let key = &counting.partial_key;
    let Some(size_bytes) = collections.size(key).await? else {
        return Ok(Some(("partial_missing", format!("{key} is not there"))));
    };
    let end = size_bytes.min(PartialSummary::BYTES as u64);
    let beginning = read(collections, key, 0, end).await?;
    let Ok(summary) = PartialSummary::parse(&beginning) else {
        return Ok(Some(("partial_damaged", format!("{key} is no partial"))));
    };
    if (summary.entries, summary.rows) != (counting.cells, counting.rows) {
        let message = format!(
            "{key} has {} rows in {} cells, the ledger {} in {}",
            summary.rows, summary.entries, counting.rows, counting.cells
        );
        return Ok(Some(("partial_differs", message)));
    }
    Ok(counting.kept.filter(|kept| *kept != counting.rows).map(|kept| {
        let message = format!("{kept} rows were kept, {} were reduced", counting.rows);
        ("rows_lost", message)
    }))
}

pub(super) async fn parts(
    collections: &dyn ObjectStore,
    page: &[CountingPart],
    found: &mut Reconciled,
) -> Result<Option<Position>, Failure> {
    let looks = page
        .iter()
        .map(async |part| (part, part_finding(collections, part).await));
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE);
    while let Some((part, look)) = looks.next().await {
        found.checked += 1;
        if let Some((rule, message)) = look? {
            found.findings.push(Finding {
                rule,
                dataset: None,
                file: Some(part.file),
                message,
            });
        }
    }
    let last = page.last().filter(|_| page.len() == PAGE as usize);
    Ok(Some(match last {
        Some(last) => Position::Parts(Some(last.file), last.chunk),
        None => Position::Silent(0),
    }))
}

/// Of a part its end is read, which says its rows.
async fn part_finding(
    collections: &dyn ObjectStore,
    part: &CountingPart,
) -> Result<Option<(&'static str, String)>, Failure> {
    let key = &part.part_key;
    let Some(size_bytes) = collections.size(key).await? else {
        return Ok(Some(("part_missing", format!("{key} is not there"))));
    };
    let start = size_bytes.saturating_sub(PartEnd::BYTES as u64);
    let Some(end) = PartEnd::parse(&read(collections, key, start, size_bytes).await?) else {
        return Ok(Some((
            "part_damaged",
            format!("{key} does not end as a part does"),
        )));
    };
    Ok((end.rows != part.kept).then(|| {
        let message = format!("{key} has {} rows, the ledger {}", end.rows, part.kept);
        ("part_differs", message)
    }))
}

async fn read(collections: &dyn ObjectStore, key: &str, start: u64, end: u64) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    if start >= end {
        return Ok(read);
    }
    let mut stream = collections.open(key, start, Some(end)).await?;
    while let Some(bytes) = stream.next().await? {
        read.extend_from_slice(&bytes);
    }
    Ok(read)
}
