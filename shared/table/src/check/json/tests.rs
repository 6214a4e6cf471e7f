use millrace_core::field::Field;
use millrace_core::row_error::{RowCounts, RowError, Rule};
use proptest::prelude::*;

use super::{JsonCheck, plain_number};
use crate::block::ColumnData;
use crate::header::FileFormat;
use crate::limits::Limits;
use crate::part::PartReader;
use crate::rejected::{RejectedRow, read_rejected};

fn fields() -> Vec<Field> {
    serde_json::from_str(
        r#"[{"name":"day","type":"date","required":true,"header":{"text":"Day","occurrence":1},"date_format":"DD/MM/YY"},
            {"name":"shop","type":"text","required":false,"rules":{"max_length":5}},
            {"name":"amount","type":"decimal","required":false,"number_format":{"group_mark":".","decimal_mark":","}},
            {"name":"sold","type":"integer","required":false,"rules":{"minimum":"0"}},
            {"name":"open","type":"boolean","required":false},
            {"name":"at","type":"timestamp","required":false}]"#,
    )
    .unwrap()
}

struct Outcome {
    counts: RowCounts,
    kept: Vec<(u64, Vec<Option<String>>)>,
    rejected: Vec<RejectedRow>,
}

impl Outcome {
    /// Record, column, rule and what was found, of every error.
    fn errors(&self) -> Vec<(u64, &str, Rule, &str)> {
        let errors = self.rejected.iter().flat_map(|row| &row.errors);
        let named = |error: &RowError| error.record == error.line;
        assert!(errors.clone().all(named));
        errors
            .map(|error| {
                let column = error.column.as_deref().unwrap_or_default();
                (error.record, column, error.rule, error.found.as_str())
            })
            .collect()
    }
}

fn check_as(csv: &str, lines: &str, piece: usize) -> Outcome {
    let (fields, csv) = (fields(), serde_json::from_str(csv).unwrap());
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let mut check = JsonCheck::new(format, Limits::default(), None).unwrap();
    for piece in lines.as_bytes().chunks(piece) {
        check.push(piece).unwrap();
    }
    let summary = check.finish().unwrap();
    assert_eq!(summary.bytes, lines.len() as u64);
    assert_eq!(summary.last_record, summary.counts.rows);
    let part = check.take_part_bytes();
    let mut reader = PartReader::new(&part[..]).unwrap();
    let mut kept = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        assert_eq!(block.records, block.lines);
        for (row, record) in block.records.iter().enumerate() {
            let text = |column: &ColumnData| column.text_at(row).unwrap();
            kept.push((*record, block.columns.iter().map(text).collect()));
        }
    }
    let bytes = check.take_row_error_bytes();
    let (rejected, consumed) = read_rejected(&bytes);
    assert_eq!(consumed, bytes.len());
    let counts = summary.counts;
    assert_eq!(
        (kept.len() as u64, rejected.len() as u64),
        (counts.kept, counts.rejected)
    );
    assert_eq!(counts.rows, counts.kept + counts.rejected);
    Outcome {
        counts,
        kept,
        rejected,
    }
}

fn check(lines: &str) -> Outcome {
    check_as("{}", lines, 1000)
}

#[test]
fn values_are_read_as_the_cells_of_a_file_are() {
    let lines = r#"{"day":"08/01/23","shop":"a,\"b","amount":12.50,"sold":7,"open":true,"at":"2023-01-08T09:30:00Z"}
{"at":null,"open":"no","sold":"8","amount":"1.234,5","shop":"","day":"08/01/23"}
{"day":"08/01/23","amount":1234567890123456789012345678,"sold":9223372036854775807}
{"day":"08/01/23","amount":-1.5e-3,"sold":2.0e1}"#;
    for piece in [1, 7, 1000] {
        let outcome = check_as("{}", lines, piece);
        let texts = |row: &[&str]| -> Vec<Option<String>> {
            let filled = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
            row.iter().map(filled).collect()
        };
        let expected = [
            texts(&["2023-01-08", "a,\"b", "12.5", "7", "true", "2023-01-08T09:30:00Z"]),
            texts(&["2023-01-08", "", "1234.5", "8", "false", ""]),
            texts(&[
                "2023-01-08",
                "",
                "1234567890123456789012345678",
                "9223372036854775807",
                "",
                "",
            ]),
            texts(&["2023-01-08", "", "-0.0015", "20", "", ""]),
        ];
        let expected: Vec<_> = (1..).zip(expected).collect();
        assert_eq!((outcome.kept, outcome.rejected), (expected, vec![]), "{piece}");
    }
}

#[test]
fn what_is_of_the_wrong_type_is_a_row_error_with_its_place() {
    let lines = r#"{"day":"08/01/23","shop":5}
{"day":"08/01/23","shop":{"a":[1,2]},"amount":[1],"sold":{},"open":[],"at":true}
{"day":20230108}
{"day":"08/01/23","sold":true,"open":1,"amount":false}
{"day":"08/01/23","sold":1.5}
{"day":"08/01/23","sold":9223372036854775808,"amount":1e400}
{"day":"08/01/23","amount":1.5,"shop":"fine"}"#;
    let outcome = check(lines);
    let expected = [
        (1, "shop", Rule::WrongType, "5"),
        (2, "shop", Rule::WrongType, r#"{"a":[1,2]}"#),
        (2, "amount", Rule::WrongType, "[1]"),
        (2, "sold", Rule::WrongType, "{}"),
        (2, "open", Rule::WrongType, "[]"),
        (2, "at", Rule::WrongType, "true"),
        (3, "day", Rule::WrongType, "20230108"),
        (4, "sold", Rule::WrongType, "true"),
        (4, "open", Rule::WrongType, "1"),
        (4, "amount", Rule::WrongType, "false"),
        (5, "sold", Rule::WrongType, "1.5"),
        (6, "sold", Rule::WrongType, "9223372036854775808"),
        (6, "amount", Rule::WrongType, "1e400"),
    ];
    assert_eq!(outcome.errors(), expected);
    assert_eq!(outcome.counts.kept, 1);
    let raw: Vec<&str> = lines.lines().collect();
    assert!(
        outcome
            .rejected
            .iter()
            .zip(raw)
            .all(|(row, line)| row.raw == line.as_bytes())
    );
}

#[test]
fn the_rules_and_codes_are_those_of_files() {
    let lines = r#"{"shop":"a"}
{"day":null}
{"day":"31/02/23","shop":"too long","sold":-1}
{"day":"08/01/23","shop":"a\u0000b"}
[1]
"text"
{"day":"08/01/23"
{"day":"08/01/23","Day":"08/01/23","colour":"red"}
{"day":"08/01/23","day":"09/01/23"}
{"day":"08/01/23","shop":"\ud800"}"#;
    let outcome = check(lines);
    let expected = [
        (1, "day", Rule::Required, ""),
        (2, "day", Rule::Required, ""),
        (3, "day", Rule::WrongType, "31/02/23"),
        (3, "shop", Rule::Length, "too long"),
        (3, "sold", Rule::OutOfRange, "-1"),
        (4, "shop", Rule::NulByte, "a\0b"),
        (5, "", Rule::WrongType, "[1]"),
        (6, "", Rule::WrongType, "\"text\""),
        (7, "", Rule::WrongType, "{\"day\":\"08/01/23\""),
        (8, "Day", Rule::UnknownHeader, "\"08/01/23\""),
        (8, "colour", Rule::UnknownHeader, "\"red\""),
        (9, "day", Rule::DuplicateHeader, "\"09/01/23\""),
        (10, "shop", Rule::InvalidUtf8, "\"\\ud800\""),
    ];
    assert_eq!(outcome.errors(), expected);
    let ignoring = check_as(r#"{"unknown_columns":"ignore"}"#, lines, 3);
    assert_eq!(
        ignoring
            .kept
            .iter()
            .map(|(record, _)| *record)
            .collect::<Vec<_>>(),
        [8]
    );
}

#[test]
fn a_row_has_a_longest_length() {
    let long = format!(
        "{{\"day\":\"08/01/23\",\"shop\":\"{}\"}}",
        "x".repeat(Limits::RECORD_BYTES)
    );
    let outcome = check(&format!("{long}\n{{\"day\":\"08/01/23\"}}\n"));
    assert_eq!((outcome.counts.kept, outcome.counts.rejected), (1, 1));
    let row = &outcome.rejected[0];
    assert_eq!((row.errors[0].rule, row.raw_is_cut), (Rule::TooLong, true));
    assert_eq!(row.raw.len(), Limits::RAW_BYTES);
}

#[test]
fn rejected_rows_are_checked_again_under_their_own_numbers() {
    let before = check("{}\n{\"day\":\"08/01/23\",\"sold\":-1}\n{\"day\":\"x\"}\n");
    let mut fields = fields();
    fields[3].rules.minimum = None;
    let mut check = JsonCheck::new(FileFormat::plain(&fields), Limits::default(), None).unwrap();
    check.push_rejected(&before.rejected[0]).unwrap();
    for row in &before.rejected[1..] {
        check.push_row(row.record, &row.raw).unwrap();
    }
    let counts = check.finish().unwrap().counts;
    assert_eq!((counts.rows, counts.kept, counts.rejected), (3, 1, 2));
    let mut reader = PartReader::new(std::io::Cursor::new(check.take_part_bytes())).unwrap();
    assert_eq!(reader.next_block().unwrap().unwrap().records, [2]);
    let (rejected, _) = read_rejected(&check.take_row_error_bytes());
    assert_eq!(rejected, [before.rejected[0].clone(), before.rejected[2].clone()]);
}

#[test]
fn exponents_move_the_point_and_lose_nothing() {
    for (written, plain) in [
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("1.2345e2", "123.45"),
        ("-1.5e-3", "-0.0015"),
        ("12.5e-1", "1.25"),
        ("0e5", "0"),
        ("0.00120e2", "0.12"),
        ("100e-2", "1"),
        ("1.0", "1.0"),
        ("1e101", "1e101"),
        ("1e99999999999", "1e99999999999"),
    ] {
        assert_eq!(plain_number(written), plain, "{written}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_it_panic_and_every_line_is_accounted_for(lines in "[\\[\\]{}\",:0-9a-e\\\\ntru\n ]{0,200}") {
        let expected = lines.lines().count() as u64;
        let outcome = check_as("{}", &lines, 5);
        prop_assert_eq!(outcome.counts.rows, expected);
    }

    #[test]
    fn a_number_with_an_exponent_is_the_number(mantissa in -99999_i64..99999, places in 0_u32..5, exponent in -8_i32..8) {
        // The mantissa as a decimal with so many places, once with its exponent and once shifted by counting places.
        let scale = 10_i64.pow(places);
        let sign = if mantissa < 0 { "-" } else { "" };
        let (whole, rest) = (mantissa.abs() / scale, mantissa.abs() % scale);
        let width = places as usize;
        let fraction = if places == 0 { String::new() } else { format!(".{rest:0width$}") };
        let written = format!("{sign}{whole}{fraction}e{exponent}");
        let shift = exponent - i32::try_from(places).unwrap();
        let units = i128::from(mantissa) * 10_i128.pow(u32::try_from(shift + 13).unwrap());
        let plain = plain_number(&written);
        let read: millrace_core::Decimal = plain.parse().unwrap();
        prop_assert_eq!(read, millrace_core::Decimal::new(units, 13).unwrap(), "{} {}", written, plain);
    }
}
