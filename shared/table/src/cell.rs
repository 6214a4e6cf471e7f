//! A cell's text: what is left when its quotes are taken away.

use crate::scan::Record;

/// The text of a cell: without enclosing quotes, doubled quotes made single. `scratch` holds it where it had to be
/// copied.
#[inline]
pub(crate) fn text<'a>(cell: &'a [u8], quote: u8, record: &Record, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if cell.first() == Some(&quote) {
        unquoted(cell, quote, record, scratch)
    } else {
        cell
    }
}

fn unquoted<'a>(cell: &'a [u8], quote: u8, record: &Record, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let inner = cell.get(1..cell.len() - 1).unwrap_or_default();
    if !record.has_doubled_quotes {
        return inner;
    }
    scratch.clear();
    let mut rest = inner;
    while let Some(position) = memchr::memchr(quote, rest) {
        scratch.extend_from_slice(&rest[..=position]);
        rest = rest.get(position + 2..).unwrap_or_default();
    }
    scratch.extend_from_slice(rest);
    scratch
}

/// Walks over the cells of a record: `(index, bytes as they stand in the file)`.
pub(crate) fn each<'a>(
    data: &'a [u8],
    record: &Record,
    ends: &[u32],
) -> impl Iterator<Item = (usize, &'a [u8])> {
    let bytes = &data[record.start..record.end];
    let mut start = 0;
    ends.iter().enumerate().map(move |(index, &end)| {
        let end = end as usize;
        let cell = &bytes[start..end];
        start = end + 1;
        (index, cell)
    })
}
