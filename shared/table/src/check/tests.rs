mod formats;
mod quotes;
mod stray;
mod zones;

use std::path::Path;

use millrace_core::field::Field;
use millrace_core::row_error::{FileError, RowCounts, RowError, Rule};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{CheckError, FileCheck};
use crate::block::{Block, Column};
use crate::decode::Decoder;
use crate::header::{FileFormat, Header, HeaderRead, Start};
use crate::limits::Limits;
use crate::part::PartReader;
use crate::rejected::{RejectedRow, read_rejected};
use crate::scan::{Dialect, Extent, Scanner};

/// What a golden case expects.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Expected {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_error: Option<FileError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<RowCounts>,
    #[serde(default)]
    kept: Vec<Kept>,
    #[serde(default)]
    errors: Vec<RowError>,
}

/// A row that was kept; values in the spec's order, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    record: u64,
    line: u64,
    values: Vec<serde_json::Value>,
}

fn value(column: &Column, row: usize) -> serde_json::Value {
    match column {
        Column::Absent => panic!("every column was asked for"),
        Column::Text { .. } => std::str::from_utf8(column.text(row).unwrap()).unwrap().into(),
        Column::Integer(values) | Column::Timestamp(values) => values[row].into(),
        Column::Decimal(values) => values[row].to_string().into(),
        Column::Boolean(values) => values[row].into(),
        Column::Date(values) => values[row].into(),
    }
}

fn kept_rows(block: &Block) -> impl Iterator<Item = Kept> {
    (0..block.rows()).map(|row| Kept {
        record: block.records[row],
        line: block.lines[row],
        values: block
            .columns
            .iter()
            .map(|column| {
                if column.validity.is_valid(row) {
                    value(&column.values, row)
                } else {
                    serde_json::Value::Null
                }
            })
            .collect(),
    })
}

/// The outcome of a check whose bytes come in pieces of a size.
fn check(fields: &[Field], bytes: &[u8], piece: usize, limits: Limits) -> (Expected, Vec<RejectedRow>) {
    check_as(FileFormat::plain(fields), bytes, piece, limits)
}

/// The same for files of another format.
fn check_as(
    format: FileFormat<'_>,
    bytes: &[u8],
    piece: usize,
    limits: Limits,
) -> (Expected, Vec<RejectedRow>) {
    let mut decoder = Decoder::begin(bytes, format.csv.encoding);
    let mut bytes = decoder.decode(bytes.to_vec());
    bytes.extend(decoder.finish());
    let header = match Header::read(&bytes, Extent::Whole, format, &limits) {
        Ok(HeaderRead::Done(header)) => header,
        Ok(HeaderRead::NeedMore) => panic!("the file is whole"),
        Err(errors) => return (failed(errors.into_file_error()), Vec::new()),
    };
    let mut check = FileCheck::new(format, &header, header.start(), limits).unwrap();
    let body = &bytes[usize::try_from(header.bytes_used).unwrap()..];
    let (mut part, mut row_errors) = (Vec::new(), Vec::new());
    for piece in body.chunks(piece) {
        check.push(piece).unwrap();
        part.extend(check.take_part_bytes());
        row_errors.extend(check.take_row_error_bytes());
    }
    let summary = check.finish().unwrap();
    part.extend(check.take_part_bytes());
    row_errors.extend(check.take_row_error_bytes());
    if summary.is_empty() {
        return (failed(super::CheckSummary::empty_file()), Vec::new());
    }
    let mut reader = PartReader::new(&part[..]).unwrap();
    let mut kept = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        kept.extend(kept_rows(&block));
    }
    let (rejected, consumed) = read_rejected(&row_errors);
    assert_eq!(consumed, row_errors.len());
    let counts = summary.counts;
    assert_eq!(counts.rows, counts.kept + counts.rejected);
    assert_eq!(
        (kept.len() as u64, rejected.len() as u64),
        (counts.kept, counts.rejected)
    );
    assert_eq!(
        (summary.part_rows, summary.last_record),
        (counts.kept, counts.rows)
    );
    assert_eq!(summary.bytes, body.len() as u64);
    let outcome = Expected {
        file_error: None,
        counts: Some(counts),
        kept,
        errors: rejected.iter().flat_map(|row| row.errors.clone()).collect(),
    };
    (outcome, rejected)
}

fn failed(error: FileError) -> Expected {
    Expected {
        file_error: Some(error),
        counts: None,
        kept: Vec::new(),
        errors: Vec::new(),
    }
}

/// Small limits, so that the cases stay small.
const CASE_LIMITS: Limits = Limits {
    record_bytes: 400,
    cell_bytes: 300,
    columns: 12,
    raw_bytes: 64,
};

#[test]
fn the_golden_cases_come_out_as_written() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut names: Vec<_> = std::fs::read_dir(&cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    names.sort();
    assert!(names.len() >= 15, "the cases are not there");
    for case in names {
        let text = |name: &str| std::fs::read_to_string(case.join(name)).unwrap();
        let fields: Vec<Field> = serde_json::from_str(&text("spec.json")).unwrap();
        let input = std::fs::read(case.join("input.csv")).unwrap();
        let expected: Expected = serde_json::from_str(&text("expected.json")).unwrap();
        for piece in [usize::MAX, 1, 7] {
            let (outcome, _) = check(&fields, &input, piece, CASE_LIMITS);
            assert_eq!(outcome, expected, "{} in pieces of {piece}", case.display());
        }
    }
}

fn fields() -> Vec<Field> {
    serde_json::from_str(
        r#"[{"name":"day","type":"date","required":true},
            {"name":"n","type":"integer","required":false,"rules":{"minimum":"0"}},
            {"name":"d","type":"decimal","required":false},
            {"name":"t","type":"text","required":false,"rules":{"max_length":3}},
            {"name":"gone","type":"text","required":false}]"#,
    )
    .unwrap()
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![
        4 => "20[0-9]{2}-0[1-3]-[0-3][0-9]".prop_map(String::into_bytes),
        4 => "-?[0-9]{0,3}(\\.[0-9])?".prop_map(String::into_bytes),
        2 => "[aé\"\n ]{0,4}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    let end = prop_oneof![8 => Just(b','), 3 => Just(b'\n'), 1 => Just(b'\r')];
    proptest::collection::vec((cell, end), 0..80).prop_map(|cells| {
        let bytes = cells
            .into_iter()
            .flat_map(|(cell, end)| cell.into_iter().chain([end]));
        b"day,n,d,t\n".iter().copied().chain(bytes).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_pieces_make_no_difference(bytes in noise(), piece in 1_usize..40) {
        let whole = check(&fields(), &bytes, usize::MAX, CASE_LIMITS);
        prop_assert_eq!(check(&fields(), &bytes, piece, CASE_LIMITS), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut text = b"day,n,d,t\n".to_vec();
        text.extend(bytes);
        let (outcome, _) = check(&fields(), &text, 13, CASE_LIMITS);
        prop_assert!(outcome.counts.is_some() || outcome.file_error.is_some());
    }

    /// What is rejected is there as it came, so nothing can be lost between the outputs.
    #[test]
    fn rejected_records_are_kept_as_they_came(bytes in noise()) {
        let (_, rejected) = check(&fields(), &bytes, usize::MAX, Limits::default());
        let mut from = 0;
        for row in rejected {
            let rest = &bytes[from..];
            let found = rest.windows(row.raw.len().max(1)).position(|window| window == row.raw);
            prop_assert!(found.is_some());
            prop_assert!(!row.errors.is_empty());
            prop_assert!(row.errors.iter().all(|error| (error.record, error.line) == (row.record, row.line)));
            from += found.unwrap_or(0) + row.raw.len();
        }
    }
}

#[test]
fn a_line_of_ten_megabytes_is_one_rejected_row_in_bounded_memory() {
    let header = Header {
        columns: vec![Some(0), Some(1), Some(2), Some(3)],
        free_cells: 0,
        dialect: Dialect::default(),
        bytes_used: 10,
        lines_used: 1,
    };
    let mut check = FileCheck::new(
        FileFormat::plain(&fields()),
        &header,
        header.start(),
        Limits::default(),
    )
    .unwrap();
    let piece = vec![b'x'; 100_000];
    let mut row_errors = Vec::new();
    for _ in 0..100 {
        check.push(&piece).unwrap();
        assert!(check.scanner.data().len() <= Limits::RECORD_BYTES + 2 * Scanner::PIECE_BYTES);
        row_errors.extend(check.take_row_error_bytes());
    }
    check.push(b"\r\n2023-01-08,1,2,abc\n").unwrap();
    let counts = check.finish().unwrap().counts;
    assert_eq!((counts.kept, counts.rejected), (1, 1));
    row_errors.extend(check.take_row_error_bytes());
    let (rejected, _) = read_rejected(&row_errors);
    assert_eq!(rejected[0].raw.len(), Limits::RAW_BYTES);
    assert!(rejected[0].raw_is_cut);
    assert_eq!(rejected[0].errors[0].rule, Rule::TooLong);
    assert_eq!(rejected[0].errors[0].found.len(), 200);
}

#[test]
fn blocks_follow_each_other_and_keep_their_order() {
    let mut text = b"day,n,d,t\n".to_vec();
    for row in 0..40_000 {
        let day = if row % 100 == 99 { "never" } else { "2023-01-08" };
        text.extend(format!("{day},{row},{row}.5,a\n").into_bytes());
    }
    let (outcome, rejected) = check(&fields(), &text, 10_000, Limits::default());
    assert_eq!(rejected.len(), 400);
    for (row, kept) in (0..40_000_u64).filter(|row| row % 100 != 99).zip(&outcome.kept) {
        assert_eq!((kept.record, kept.line), (row + 1, row + 2));
        assert_eq!(kept.values[1], row);
        assert_eq!(kept.values[4], serde_json::Value::Null);
    }
}

#[test]
fn what_cannot_be_used_is_said_before_the_first_row() {
    let mut fields = fields();
    let header = Header {
        columns: vec![Some(0), Some(9)],
        free_cells: 0,
        dialect: Dialect::default(),
        bytes_used: 0,
        lines_used: 0,
    };
    let start = Start {
        offset: 0,
        record: 1,
        line: 1,
    };
    let foreign = FileCheck::new(FileFormat::plain(&fields), &header, start, Limits::default());
    assert!(matches!(foreign, Err(CheckError::ForeignHeader)));
    let header = Header {
        columns: vec![Some(3)],
        free_cells: 0,
        dialect: Dialect::default(),
        ..header
    };
    for pattern in ["(", "(?:\\w{100}){100}"] {
        fields[3].rules.pattern = Some(pattern.to_owned());
        let bad = FileCheck::new(FileFormat::plain(&fields), &header, start, Limits::default());
        assert!(matches!(bad, Err(CheckError::BadPattern { .. })), "{pattern}");
    }
}

#[test]
fn a_line_that_is_cut_is_left_for_the_next_reading() {
    let (_, rejected) = check(&fields(), b"day,n,d,t\nx,1,1,1\ny,1,1,1\n", 5, CASE_LIMITS);
    let mut bytes = Vec::new();
    for row in &rejected {
        row.write(&mut bytes).unwrap();
    }
    let (all, consumed) = read_rejected(&bytes);
    assert_eq!((&all, consumed), (&rejected, bytes.len()));
    let (one, consumed) = read_rejected(&bytes[..bytes.len() - 1]);
    assert_eq!(one, rejected[..1]);
    assert_eq!(read_rejected(&bytes[consumed..]).0, rejected[1..]);
    assert_eq!(read_rejected(b"{}\n"), (Vec::new(), 0));
}

/// The outputs are stored between pushes, so a check is held across awaits.
#[test]
fn a_check_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<FileCheck>();
    is_send::<crate::plan::Planner>();
    is_send::<PartReader<std::fs::File>>();
}

#[test]
fn a_row_alone_that_falls_into_several_lines_is_one_row_also_at_the_end() {
    let fields: Vec<Field> =
        serde_json::from_str(r#"[{"name":"n","type":"integer","required":true}]"#).unwrap();
    let format = FileFormat::plain(&fields);
    let Ok(HeaderRead::Done(header)) = Header::read(b"n\n", Extent::Whole, format, &Limits::default()) else {
        panic!("the header does not fit");
    };
    let mut check = FileCheck::new(format, &header, header.start(), Limits::default()).unwrap();
    check.push_row(3, 4, b"1\n2").unwrap();
    check.push_row(7, 9, b"5\n6\n").unwrap();
    let counts = check.finish().unwrap().counts;
    assert_eq!((counts.rows, counts.kept, counts.rejected), (2, 0, 2));
    let (rejected, _) = read_rejected(&check.take_row_error_bytes());
    let told: Vec<_> = rejected
        .iter()
        .map(|row| {
            (
                row.record,
                row.line,
                row.errors[0].rule,
                row.errors[0].found.as_str(),
            )
        })
        .collect();
    let rule = Rule::BadQuoting;
    assert_eq!(told, [(3, 4, rule, "2 lines"), (7, 9, rule, "2 lines")]);
}
