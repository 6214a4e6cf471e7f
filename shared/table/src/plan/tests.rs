use millrace_core::field::Field;
use proptest::prelude::*;

use super::Planner;
use crate::block::Block;
use crate::check::FileCheck;
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

fn fields() -> Vec<Field> {
    serde_json::from_str(
        r#"[{"name":"a","type":"text","required":true},{"name":"b","type":"integer","required":false}]"#,
    )
    .unwrap()
}

/// The outcome of a check: record, line and `a` of each row that was kept, and the rejected rows.
type Outcome = (Vec<(u64, u64, String)>, Vec<RejectedRow>);

fn check(header: &Header, start: Start, bytes: &[u8]) -> Outcome {
    let mut check = FileCheck::new(FileFormat::plain(&fields()), header, start, LIMITS).unwrap();
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

fn plan(
    header: &Header,
    bytes: &[u8],
    chunk_bytes: u64,
    piece: usize,
) -> Vec<millrace_core::message::ChunkRange> {
    let mut planner = Planner::new(chunk_bytes, header, &LIMITS);
    let mut chunks = Vec::new();
    for piece in bytes.chunks(piece) {
        chunks.extend(planner.push(piece));
    }
    let (last, summary) = planner.finish();
    chunks.extend(last);
    assert_eq!(summary.chunks as usize, chunks.len());
    chunks
}

/// Lines of which most are records and some are damaged.
fn file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => "[a-z]{1,5},[0-9]{0,3}",
        2 => "\"[a-z,\n]{0,6}\",[0-9]",
        1 => "[a\",\n]{0,12}",
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
        let read = Header::read(bytes, Extent::Whole, FileFormat::plain(&fields()), &LIMITS).unwrap();
        let HeaderRead::Done(header) = read else { panic!("the header is whole") };
        let body = &bytes[usize::try_from(header.bytes_used).unwrap()..];
        let (kept, rejected) = check(&header, header.start(), body);
        let chunks = plan(&header, body, chunk_bytes, piece);
        prop_assert_eq!(&chunks, &plan(&header, body, chunk_bytes, usize::MAX));
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
    assert_eq!(plan(&header, b"\n\r\n\n", 1, 1), []);
}
