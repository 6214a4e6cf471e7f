use std::sync::LazyLock;

use millrace_core::csv::Encoding;
use millrace_core::field::Field;
use millrace_core::message::ChunkRange;
use proptest::prelude::*;

use super::{PlannedText, Planner};
use crate::block::Block;
use crate::check::FileCheck;
use crate::decode::{Decoder, encoded_bytes};
use crate::header::{FileFormat, Header, HeaderRead, Start};
use crate::limits::Limits;
use crate::part::PartReader;
use crate::rejected::{RejectedRow, read_rejected};
use crate::scan::{Dialect, Extent};

const LIMITS: Limits = Limits {
    record_bytes: 40,
    cell_bytes: 30,
    columns: 10,
    raw_bytes: 20,
};

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    serde_json::from_str(
        r#"[{"name":"a","type":"text","required":true},{"name":"b","type":"integer","required":false}]"#,
    )
    .unwrap()
});

fn format() -> FileFormat<'static> {
    FileFormat::plain(&FIELDS)
}

/// The outcome of a check: record, line and `a` of each row that was kept, and the rejected rows.
type Outcome = (Vec<(u64, u64, String)>, Vec<RejectedRow>);

fn check(header: &Header, start: Start, bytes: &[u8]) -> Outcome {
    let mut check = FileCheck::new(format(), header, start, LIMITS).unwrap();
    check.push(bytes).unwrap();
    let summary = check.finish().unwrap();
    assert_eq!(summary.counts.rows, summary.counts.kept + summary.counts.rejected);
    let errors = check.take_row_error_bytes();
    let (rejected, consumed) = read_rejected(&errors);
    assert_eq!(consumed, errors.len());
    let part = check.take_part_bytes();
    let mut reader = PartReader::new(&part[..]).unwrap();
    let mut kept = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        kept.extend(rows(&block));
    }
    assert_eq!(kept.len() as u64, summary.part_rows);
    assert_eq!(rejected.len() as u64, summary.counts.rejected);
    (kept, rejected)
}

fn rows(block: &Block) -> Vec<(u64, u64, String)> {
    let text = |row| String::from_utf8(block.columns[0].values.text(row).unwrap().to_vec()).unwrap();
    (0..block.rows())
        .map(|row| (block.records[row], block.lines[row], text(row)))
        .collect()
}

fn plan(text: &PlannedText<'_>, bytes: &[u8], chunk_bytes: u64, piece: usize) -> Vec<ChunkRange> {
    let mut planner = Planner::new(chunk_bytes, text, 0, &LIMITS).unwrap();
    let mut chunks = Vec::new();
    for piece in bytes.chunks(piece) {
        chunks.extend(planner.push(piece));
    }
    chunks.extend(planner.end_text());
    let (last, count) = planner.finish();
    chunks.extend(last);
    assert_eq!(count as usize, chunks.len());
    chunks
}

fn planned(header: &Header) -> PlannedText<'_> {
    PlannedText {
        format: format(),
        header,
        encoding: Encoding::Utf8,
        start: header.start(),
        member: 0,
    }
}

fn header_of(bytes: &[u8]) -> Header {
    let read = Header::read(bytes, Extent::Whole, format(), &LIMITS).unwrap();
    let HeaderRead::Done(header) = read else {
        panic!("the header is whole")
    };
    header
}

/// A file of an encoding, with its mark of byte order where it has one.
fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    let utf16 =
        |order: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(order).collect();
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => utf16(u16::to_le_bytes),
        Encoding::Utf16Be => utf16(u16::to_be_bytes),
        Encoding::Windows1252 => text
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
            .collect(),
    }
}

fn decoded(mut decoder: Decoder, bytes: &[u8]) -> Vec<u8> {
    let mut text = decoder.decode(bytes.to_vec());
    text.extend(decoder.finish());
    text
}

fn at(bytes: &[u8], start: u64, end: u64) -> &[u8] {
    &bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap().min(bytes.len())]
}

/// Lines of which most are records and some are damaged.
fn file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => "[a-z]{1,5},[0-9]{0,3}",
        2 => "\"[a-z,\n]{0,6}\",[0-9]",
        1 => "[a\",\n]{0,12}",
        // Quotes that may open a cell some lines before others close it.
        2 => "\"?[a-z]{1,3}\"?,\"?[0-9]\"?",
        1 => "[a]{30,60}(,1)?",
        1 => Just("\"x\"\"y\n\",7".to_owned()),
        1 => Just(String::new()),
        1 => Just("a,\0".to_owned()),
    ];
    let end = prop_oneof![4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    proptest::collection::vec((line, end), 0..30).prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|(line, end)| [line, end.to_owned()])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn chunks_checked_alone_give_what_the_whole_file_gives(
        body in file(),
        chunk_bytes in 1_u64..120,
        piece in 1_usize..64,
    ) {
        let text = format!("a,b\r\n{body}");
        let bytes = text.as_bytes();
        let header = header_of(bytes);
        let body = &bytes[usize::try_from(header.bytes_used).unwrap()..];
        let (kept, rejected) = check(&header, header.start(), body);
        let chunks = plan(&planned(&header), body, chunk_bytes, piece);
        prop_assert_eq!(&chunks, &plan(&planned(&header), body, chunk_bytes, usize::MAX));
        let (mut chunk_kept, mut chunk_rejected) = (Vec::new(), Vec::new());
        for (index, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(chunk.chunk as usize, index);
            let end = chunks.get(index + 1).map_or(bytes.len() as u64, |next| next.start);
            prop_assert_eq!(chunk.end, end);
            let range = usize::try_from(chunk.start).unwrap()..usize::try_from(chunk.end).unwrap();
            let (more_kept, more_rejected) = check(&header, (*chunk).into(), &bytes[range]);
            let first_record = more_kept.iter().map(|row| (row.0, row.1));
            let first_rejected = more_rejected.iter().map(|row| (row.record, row.line));
            let first = first_record.chain(first_rejected).min();
            prop_assert_eq!(first, Some((chunk.first_record, chunk.first_line)));
            chunk_kept.extend(more_kept);
            chunk_rejected.extend(more_rejected);
        }
        prop_assert_eq!(chunk_kept, kept);
        prop_assert_eq!(chunk_rejected, rejected);
    }

    #[test]
    fn chunks_of_any_encoding_are_ranges_of_the_file(
        body in file(),
        more in "[a-zäöü€\u{1f600},\n]{0,40}",
        encoding in prop_oneof![Just(Encoding::Utf16Le), Just(Encoding::Utf16Be), Just(Encoding::Windows1252)],
        damage in proptest::collection::vec((0_usize..400, prop_oneof![Just(0xD8_u8), Just(0xDC), any::<u8>()]), 0..4),
        is_cut in any::<bool>(),
        chunk_bytes in 1_u64..200,
        piece in 1_usize..64,
    ) {
        let head = "a,b\r\n";
        let mut bytes = encoded(&format!("{head}{body}{more}"), encoding);
        // Surrogates alone, half a unit at the end, anything, but in the header.
        let header_bytes = encoded(head, encoding).len();
        for (at, byte) in damage {
            if let Some(there) = bytes.get_mut(header_bytes + at) {
                *there = byte;
            }
        }
        if is_cut && bytes.len() > header_bytes {
            bytes.pop();
        }
        let decoder = Decoder::begin(&bytes, encoding);
        let text = decoded(decoder, &bytes);
        let header = header_of(&text);
        let (head, body) = text.split_at(usize::try_from(header.bytes_used).unwrap());
        let (kept, rejected) = check(&header, header.start(), body);
        let mark = Encoding::marked(&bytes).map_or(0, |(_, mark)| mark as u64);
        let start = Start { offset: mark + encoded_bytes(encoding, head), ..header.start() };
        let chunks = plan(&PlannedText { encoding, start, ..planned(&header) }, body, chunk_bytes, piece);
        let (mut chunk_kept, mut chunk_rejected) = (Vec::new(), Vec::new());
        for chunk in &chunks {
            let text = decoded(Decoder::within(encoding), at(&bytes, chunk.start, chunk.end));
            let (more_kept, more_rejected) = check(&header, (*chunk).into(), &text);
            chunk_kept.extend(more_kept);
            chunk_rejected.extend(more_rejected);
        }
        prop_assert_eq!(chunk_kept, kept);
        prop_assert_eq!(chunk_rejected, rejected);
        // Half a unit at the end counts for a whole one, and behind a surrogate for none.
        let end = chunks.last().map_or(bytes.len() as u64, |chunk| chunk.end);
        prop_assert!(end.abs_diff(bytes.len() as u64) <= 1);
    }

    #[test]
    fn a_plan_that_goes_on_at_any_chunk_finds_the_same_ones(
        body in file(),
        chunk_bytes in 1_u64..60,
        stops_after in 0_usize..8,
    ) {
        let text = format!("a,b\r\n{body}");
        let bytes = text.as_bytes();
        let header = header_of(bytes);
        let body = &bytes[usize::try_from(header.bytes_used).unwrap()..];
        let all = plan(&planned(&header), body, chunk_bytes, 7);
        let mut planner = Planner::new(chunk_bytes, &planned(&header), 0, &LIMITS).unwrap();
        let mut found = Vec::new();
        for piece in body.chunks(7) {
            found.extend(planner.push(piece));
            if found.len() > stops_after {
                break;
            }
        }
        if let Some((chunks, member, start)) = planner.open_chunk() {
            prop_assert_eq!((chunks as usize, member), (found.len(), 0));
            let text = PlannedText { start, ..planned(&header) };
            let mut planner = Planner::new(chunk_bytes, &text, chunks, &LIMITS).unwrap();
            for piece in at(bytes, start.offset, bytes.len() as u64).chunks(5) {
                found.extend(planner.push(piece));
            }
            found.extend(planner.end_text());
            let (last, count) = planner.finish();
            found.extend(last);
            prop_assert_eq!(count as usize, all.len());
            prop_assert_eq!(found, all);
        }
    }

    #[test]
    fn chunks_of_an_archive_cover_its_members(
        bodies in proptest::collection::vec(file(), 1..5),
        chunk_bytes in 1_u64..200,
        stops_after in 0_usize..6,
    ) {
        let texts: Vec<String> = bodies.iter().map(|body| format!("a,b\n{body}")).collect();
        let whole = archive_plan(&texts, chunk_bytes, None).0;
        let (mut found, stopped) = archive_plan(&texts, chunk_bytes, Some(stops_after));
        if let Some((chunks, member, start)) = stopped {
            let rest = archive_plan_from(&texts, chunk_bytes, None, (chunks, member, Some(start))).0;
            found.extend(rest);
            prop_assert_eq!(&found, &whole);
        }
        // Every record is in one chunk, under one number.
        let mut record = 1;
        for chunk in &whole {
            prop_assert_eq!(chunk.first_record, record);
            for member in chunk.member..=chunk.last_member {
                let bytes = texts[member as usize].as_bytes();
                let header = header_of(bytes);
                let own = header.start();
                let start = if member == chunk.member { chunk.start } else { own.offset };
                let end = if member == chunk.last_member { chunk.end } else { bytes.len() as u64 };
                let line = if member == chunk.member { chunk.first_line } else { own.line };
                let start = Start { offset: start, record, line };
                let (kept, rejected) = check(&header, start, at(bytes, start.offset, end.max(start.offset)));
                record += (kept.len() + rejected.len()) as u64;
            }
        }
        let all: u64 = texts.iter().map(|text| {
            let header = header_of(text.as_bytes());
            let body = &text.as_bytes()[usize::try_from(header.bytes_used).unwrap()..];
            let (kept, rejected) = check(&header, header.start(), body);
            (kept.len() + rejected.len()) as u64
        }).sum();
        prop_assert_eq!(record - 1, all);
    }
}

type Stopped = Option<(u32, u32, Start)>;

/// The chunks of an archive's members; up to where it was when there were so many.
fn archive_plan(
    texts: &[String],
    chunk_bytes: u64,
    stops_after: Option<usize>,
) -> (Vec<ChunkRange>, Stopped) {
    archive_plan_from(texts, chunk_bytes, stops_after, (0, 0, None))
}

fn archive_plan_from(
    texts: &[String],
    chunk_bytes: u64,
    stops_after: Option<usize>,
    (chunks, first, start): (u32, u32, Option<Start>),
) -> (Vec<ChunkRange>, Stopped) {
    let mut found = Vec::new();
    let mut planner: Option<Planner> = None;
    for (member, text) in (0..).zip(texts).skip(first as usize) {
        let header = header_of(text.as_bytes());
        let start = start
            .filter(|_| member == first)
            .unwrap_or_else(|| header.start());
        let planned = PlannedText {
            start,
            member,
            ..planned(&header)
        };
        let planner = match &mut planner {
            Some(planner) => {
                found.extend(planner.begin_member(&planned, &LIMITS).unwrap());
                planner
            }
            None => planner.insert(Planner::new(chunk_bytes, &planned, chunks, &LIMITS).unwrap()),
        };
        for piece in at(text.as_bytes(), start.offset, text.len() as u64).chunks(9) {
            found.extend(planner.push(piece));
            if stops_after.is_some_and(|count| found.len() > count)
                && let Some(open) = planner.open_chunk()
            {
                return (found, Some(open));
            }
        }
        found.extend(planner.end_text());
    }
    found.extend(planner.unwrap().finish().0);
    (found, None)
}

#[test]
fn a_file_without_records_has_no_chunks() {
    let header = Header {
        columns: vec![Some(0), Some(1)],
        free_cells: 0,
        dialect: Dialect::default(),
        bytes_used: 4,
        lines_used: 1,
    };
    assert_eq!(plan(&planned(&header), b"\n\r\n\n", 1, 1), []);
}

#[test]
fn a_chunk_that_the_last_record_begins_is_known_when_its_text_ends() {
    let text = "a\n1\n2\n3";
    let header = header_of(text.as_bytes());
    let mut planner = Planner::new(4, &planned(&header), 0, &LIMITS).unwrap();
    assert_eq!(planner.push(&text.as_bytes()[2..]), []);
    assert_eq!(planner.end_text().len(), 1);
    let (chunk, member, start) = planner.open_chunk().unwrap();
    assert_eq!(
        (chunk, member, start.offset, start.record, start.line),
        (1, 0, 6, 3, 4)
    );
}
