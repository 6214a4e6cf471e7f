use std::io::{self, Read};

use proptest::prelude::*;

use super::varint::{Cursor, write_decimal, write_varint};
use super::{PartialFormatError, PartialReader, PartialSummary, decode, encode};
use crate::partial::Partial;
use crate::sample::{Row, any_rows, fees_plan, partial};
use millrace_core::Decimal;

/// Written by version 1; readers of every later build must understand it.
const GOLDEN: &[u8] = include_bytes!("../../testdata/version-1.mrdp");

fn golden_rows() -> Vec<Row> {
    let school = |school: &str, marked, fee| Row {
        day: Some(7),
        school: Some(school.to_owned()),
        marked,
        fee,
    };
    vec![
        school("1000000001", Some(828), Some(125_000)),
        school("1000000001", Some(-1), None),
        school("1000000002", None, Some(i64::MIN)),
        school("\"é\"\n", Some(i64::MAX), Some(1)),
        Row::default(),
    ]
}

#[test]
fn version_1_is_read_for_ever() {
    let expected = partial(&golden_rows(), 2);
    assert_eq!(decode(GOLDEN).unwrap(), expected);
    // What zstd makes of a block may differ from release to release; what is before the first block may not.
    let layout_at = 28 + usize::from(GOLDEN[6]) + usize::from(GOLDEN[8]) + 4;
    let layout_length = u32::from_le_bytes(GOLDEN[layout_at..layout_at + 4].try_into().unwrap());
    let head = layout_at + 4 + layout_length as usize + 4;
    assert_eq!(encode(&expected).unwrap()[..head], GOLDEN[..head]);
    let json = std::str::from_utf8(&GOLDEN[layout_at + 4..head - 4]).unwrap();
    assert!(
        json.starts_with(
            r#"{"dataset":"fees_by_day_and_school","keys":[{"field":"day","field_type":"date"}"#
        )
    );
}

/// A partial of more than one block.
fn large() -> Partial {
    let row = |number: i64| Row {
        school: Some(format!(
            "{:x}",
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())
        )),
        marked: Some(number),
        ..Row::default()
    };
    partial(&(0..30_000).map(row).collect::<Vec<_>>(), 1_000)
}

#[test]
fn a_partial_of_many_blocks_streams_in_order() {
    let large = large();
    let object = encode(&large).unwrap();
    let reader = PartialReader::new(&object[..]).unwrap();
    assert_eq!(reader.layout(), large.layout());
    assert_eq!(reader.summary().entries, 30_000);
    assert_eq!(reader.summary().rows, 30_000);
    for (read, written) in reader.zip(large.entries()) {
        assert_eq!(&read.unwrap(), written);
    }
    assert_eq!(decode(&object).unwrap(), large);
}

#[test]
fn the_first_kibibyte_tells_the_bounds_however_long_the_keys_are() {
    let long = |letter: &str| Row {
        school: Some(letter.repeat(1_900)),
        ..Row::default()
    };
    let object = encode(&partial(&[long("a"), long("c"), long("b")], 9)).unwrap();
    let summary = PartialSummary::parse(&object[..PartialSummary::BYTES.min(object.len())]).unwrap();
    assert_eq!((summary.entries, summary.rows), (3, 3));
    let whole = decode(&object).unwrap();
    assert!(summary.first_bound.as_slice() <= whole.first_key().unwrap().as_bytes());
    assert!(summary.last_bound.as_slice() > whole.last_key().unwrap().as_bytes());
    assert_eq!((summary.first_bound.len(), summary.last_bound.len()), (400, 401));
    let short = partial(&golden_rows(), 9);
    let summary = PartialSummary::parse(&encode(&short).unwrap()).unwrap();
    assert_eq!(summary.first_bound, short.first_key().unwrap().as_bytes());
    assert_eq!(summary.last_bound, short.last_key().unwrap().as_bytes());
}

#[test]
fn an_empty_partial_is_a_partial() {
    let empty = Partial::empty(fees_plan().layout().clone());
    assert_eq!(decode(&encode(&empty).unwrap()).unwrap(), empty);
}

#[test]
fn says_what_is_wrong() {
    let code = |bytes: &[u8]| decode(bytes).unwrap_err().code();
    assert_eq!(code(b""), "not_a_partial");
    assert_eq!(code(b"MRP1 and so on"), "not_a_partial");
    let mut later = GOLDEN.to_vec();
    later[4] = 2;
    assert!(matches!(
        decode(&later),
        Err(PartialFormatError::UnknownVersion(2))
    ));
    assert_eq!(code(&[GOLDEN, b"x"].concat()), "damaged");
    for length in 4..GOLDEN.len() {
        assert_eq!(code(&GOLDEN[..length]), "cut_short", "{length} bytes");
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    for at in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut bytes = GOLDEN.to_vec();
            bytes[at] ^= 1 << bit;
            assert!(decode(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_failing_source_is_not_damage() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut reader = PartialReader::new(GOLDEN[..GOLDEN.len() - 9].chain(Failing)).unwrap();
    assert!(matches!(reader.next(), Some(Err(PartialFormatError::Read(_)))));
    assert!(reader.next().is_none(), "ends after an error");
    assert!(matches!(
        PartialReader::new(Failing),
        Err(PartialFormatError::Read(_))
    ));
}

/// An object with valid checksums around any bytes: what only the reader's own checks stand against.
fn sealed(entries: u64, rows: u64, first: &[u8], last: &[u8], layout: &[u8], block: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let mut object = b"MRDP\x01\0".to_vec();
    object.extend_from_slice(&length(first)[..2]);
    object.extend_from_slice(&length(last)[..2]);
    object.extend_from_slice(&[0, 0]);
    object.extend_from_slice(&entries.to_le_bytes());
    object.extend_from_slice(&rows.to_le_bytes());
    object.extend_from_slice(&[first, last].concat());
    object.extend_from_slice(&crc32fast::hash(&object).to_le_bytes());
    object.extend_from_slice(&[&length(layout), layout, &crc32fast::hash(layout).to_le_bytes()].concat());
    let compressed = zstd::bulk::compress(block, 1).unwrap();
    let entries = u32::try_from(entries).unwrap_or(1).to_le_bytes();
    let checksum = crc32fast::hash(&compressed).to_le_bytes();
    object.extend_from_slice(
        &[
            &length(&compressed),
            &length(block),
            &entries,
            &checksum,
            &compressed[..],
        ]
        .concat(),
    );
    object
}

const NO_MEASURES: &[u8] = br#"{"dataset":"d","keys":[],"measures":[]}"#;
const ONE_MEASURE: &[u8] =
    br#"{"dataset":"d","keys":[],"measures":[{"field":"m","field_type":"integer","extremes":true}]}"#;

/// One entry of one row with key `[]`.
fn one(layout: &[u8], block: &[u8]) -> Result<Partial, PartialFormatError> {
    decode(&sealed(1, 1, b"[]", b"[]", layout, block))
}

/// Two entries of one row each with keys `a` and `b`.
fn two(block: &[u8]) -> Result<Partial, PartialFormatError> {
    decode(&sealed(2, 2, b"a", b"b", NO_MEASURES, block))
}

fn assert_damaged(why: &str, result: &Result<Partial, PartialFormatError>) {
    assert!(
        matches!(result, Err(PartialFormatError::Damaged(_))),
        "{why}: {result:?}"
    );
}

#[test]
fn checksums_do_not_excuse_broken_entries() {
    assert!(one(NO_MEASURES, b"\0\x02[]\x01").is_ok());
    assert!(one(ONE_MEASURE, b"\0\x02[]\x01\0").is_ok());
    assert!(one(ONE_MEASURE, b"\0\x02[]\x01\x01\0\x02\0\x02\0\x02").is_ok());
    for (why, layout, block) in [
        ("no rows", NO_MEASURES, &b"\0\x02[]\0"[..]),
        ("bytes after the entry", NO_MEASURES, b"\0\x02[]\x01\0"),
        ("shared bytes at the start", NO_MEASURES, b"\x01\x02[]\x01"),
        ("key beyond the block", NO_MEASURES, b"\0\x20[]\x01"),
        (
            "huge length",
            NO_MEASURES,
            b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01[]\x01",
        ),
        ("endless number", NO_MEASURES, &[0xff; 40]),
        (
            "more filled than rows",
            ONE_MEASURE,
            b"\0\x02[]\x01\x02\0\x02\0\x02\0\x02",
        ),
        (
            "least above greatest",
            ONE_MEASURE,
            b"\0\x02[]\x01\x01\0\x02\0\x04\0\x02",
        ),
        ("scale 19", ONE_MEASURE, b"\0\x02[]\x01\x01\x13\x02\0\x02\0\x02"),
        ("a layout that is none", b"{}", b"\0\x02[]\x01"),
    ] {
        assert_damaged(why, &one(layout, block));
    }
}

#[test]
fn checksums_do_not_excuse_a_wrong_order_or_prologue() {
    assert!(two(b"\0\x01a\x01\0\x01b\x01").is_ok());
    let descending = b"\0\x01b\x01\0\x01a\x01";
    for (why, result) in [
        (
            "another last key than announced",
            one(NO_MEASURES, b"\0\x02[[\x01"),
        ),
        ("another first key than announced", two(b"\0\x01Z\x01\0\x01b\x01")),
        ("more rows than announced", one(NO_MEASURES, b"\0\x02[]\x02")),
        (
            "keys that repeat",
            decode(&sealed(2, 2, b"a", b"a", NO_MEASURES, b"\0\x01a\x01\x01\0\x01")),
        ),
        (
            "keys that descend",
            decode(&sealed(2, 2, b"b", b"a", NO_MEASURES, descending)),
        ),
        (
            "no UTF-8",
            decode(&sealed(1, 1, b"\xff", b"\xff", NO_MEASURES, b"\0\x01\xff\x01")),
        ),
        (
            "empty key",
            decode(&sealed(1, 1, b"", b"", NO_MEASURES, b"\0\0\x01")),
        ),
        (
            "no entries but rows",
            decode(&sealed(0, 1, b"", b"", NO_MEASURES, b"")),
        ),
        (
            "too many entries",
            decode(&sealed(1_000_001, 1, b"", b"", NO_MEASURES, b"")),
        ),
        (
            "more entries than the block",
            decode(&sealed(9, 9, b"a", b"b", NO_MEASURES, b"\0\x01a\x01")),
        ),
        ("a block too long", one(NO_MEASURES, &vec![0; (1 << 20) + 1])),
    ] {
        assert_damaged(why, &result);
    }
}

#[test]
fn the_extremes_of_numbers_read_back() {
    for units in [0, 1, -1, i128::MAX, -i128::MAX] {
        for scale in [0, 18] {
            let decimal = Decimal::new(units, scale).unwrap();
            let mut bytes = Vec::new();
            write_decimal(decimal, &mut bytes);
            let mut cursor = Cursor { rest: &bytes };
            assert_eq!(cursor.decimal().unwrap(), decimal);
            assert!(cursor.rest.is_empty());
        }
    }
    let mut bytes = vec![0];
    write_varint(u128::MAX, &mut bytes);
    assert!(
        Cursor { rest: &bytes }.decimal().is_err(),
        "the least i128 has no negative"
    );
    let mut bytes = Vec::new();
    write_varint(u128::from(i64::MAX.unsigned_abs()) + 1, &mut bytes);
    assert!(Cursor { rest: &bytes }.count().is_err());
}

proptest! {
    #[test]
    fn reads_what_it_wrote(rows in any_rows()) {
        let written = partial(&rows, 5);
        prop_assert_eq!(decode(&encode(&written).unwrap()).unwrap(), written);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let _ = decode(&[b"MRDP\x01\0", &bytes[..]].concat());
        let _ = PartialSummary::parse(&bytes);
    }

    #[test]
    fn sealed_garbage_never_panics(
        entries in 0..4_u64,
        block in proptest::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..60),
    ) {
        let _ = decode(&sealed(entries, entries, b"", b"", ONE_MEASURE, &block));
    }
}
