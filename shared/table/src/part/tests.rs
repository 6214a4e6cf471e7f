mod ends;
mod members;

use millrace_core::definition::SpecKind;
use millrace_core::field::{DateFormat, Field, FieldRules, FieldType};
use millrace_core::{Decimal, Name};
use proptest::prelude::*;

use super::{PartError, PartPieces, PartReader, PartSpec, PartWriter};
use crate::block::{Block, Column, ColumnData, PartSchema};
use crate::builder::ColumnBuilder;

const TYPES: [(&str, FieldType); 6] = [
    ("text", FieldType::Text),
    ("integer", FieldType::Integer),
    ("decimal", FieldType::Decimal),
    ("boolean", FieldType::Boolean),
    ("date", FieldType::Date),
    ("timestamp", FieldType::Timestamp),
];

fn schema() -> PartSchema {
    let field = |(name, field_type): (&str, FieldType)| (Name::parse(name).unwrap(), field_type);
    PartSchema {
        fields: TYPES.map(field).to_vec(),
    }
}

fn spec() -> PartSpec {
    PartSpec {
        kind: SpecKind::Event,
        name: Name::parse("attendance").unwrap(),
        version: 3,
    }
}

/// One row: gaps to the record and line before, and a cell for each type.
type Row = (
    u64,
    u64,
    Option<String>,
    Option<i64>,
    Option<(i128, u8)>,
    Option<bool>,
    Option<i32>,
    Option<i64>,
);

fn block(first: u64, rows: &[Row]) -> Block {
    let mut builders = TYPES.map(|(_, field_type)| ColumnBuilder::new(field_type));
    let mut block = Block::default();
    let (mut record, mut line) = (first, first);
    for (row, (record_gap, line_gap, text, integer, decimal, boolean, date, timestamp)) in
        rows.iter().enumerate()
    {
        record += record_gap;
        line += line_gap;
        block.records.push(record);
        block.lines.push(line);
        let [texts, integers, decimals, booleans, dates, timestamps] = &mut builders;
        push(texts, row, text.as_ref());
        push(integers, row, integer.as_ref());
        let decimal = decimal.map(|(units, scale)| Decimal::new(units, scale).unwrap());
        push(decimals, row, decimal.as_ref());
        push(booleans, row, boolean.as_ref());
        push(dates, row, date.as_ref());
        push(timestamps, row, timestamp.as_ref());
    }
    block.columns = builders
        .map(|mut builder| builder.take(rows.len()))
        .into_iter()
        .collect();
    block
}

fn push<T: Append>(builder: &mut ColumnBuilder, row: usize, value: Option<&T>) {
    match value {
        Some(value) => {
            value.append(&mut builder.values);
            builder.set_valid(row);
        }
        None => builder.push_null(row),
    }
}

trait Append {
    fn append(&self, column: &mut Column);
}

macro_rules! append {
    ($($type:ty => $($variant:ident)|+),+) => {
        $(impl Append for $type {
            fn append(&self, column: &mut Column) {
                match column {
                    $(Column::$variant(values) => values.push(*self),)+
                    other => panic!("{other:?}"),
                }
            }
        })+
    };
}
append!(i64 => Integer | Timestamp, Decimal => Decimal, bool => Boolean, i32 => Date);

impl Append for String {
    fn append(&self, column: &mut Column) {
        let Column::Text { offsets, bytes } = column else {
            panic!("{column:?}");
        };
        bytes.extend_from_slice(self.as_bytes());
        offsets.push(u32::try_from(bytes.len()).unwrap());
    }
}

fn write(blocks: &[Block]) -> Vec<u8> {
    let mut writer = PartWriter::new(&schema(), Some(spec())).unwrap();
    let mut bytes = Vec::new();
    for block in blocks {
        writer.push_block(block).unwrap();
        bytes.extend(writer.take_bytes());
    }
    writer.finish().unwrap();
    bytes.extend(writer.take_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Block>, PartError> {
    let mut reader = PartReader::new(bytes)?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push(block);
    }
    Ok(blocks)
}

/// The same from pieces of some size; a frame is read once it is whole, and not before.
fn read_pieces(bytes: &[u8], size: usize) -> Result<Vec<Block>, PartError> {
    let mut pieces = bytes.chunks(size);
    let mut source = PartPieces::default();
    while !source.has_header() {
        let Some(piece) = pieces.next() else { break };
        source.push(piece);
    }
    let mut reader = PartReader::new(source)?;
    let mut blocks = Vec::new();
    loop {
        while !reader.source_mut().has_frame() {
            let Some(piece) = pieces.next() else { break };
            reader.source_mut().push(piece);
        }
        match reader.next_block()? {
            Some(block) => blocks.push(block),
            None => return Ok(blocks),
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let decimal = prop_oneof![
        4 => (-1_000_000_i128..1_000_000, 0_u8..4),
        1 => (-9_999_999_999_999_999_999_999_999_999_i128..=9_999_999_999_999_999_999_999_999_999, 0_u8..=18),
    ];
    (
        1_u64..3,
        1_u64..3,
        proptest::option::of(prop_oneof!["[a-c]{0,2}", "\\PC{0,9}"]),
        proptest::option::of(prop_oneof![Just(7), -200_i64..200, any::<i64>()]),
        proptest::option::of(decimal),
        any::<Option<bool>>(),
        any::<Option<i32>>(),
        any::<Option<i64>>(),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        first in 0_u64..1_000_000_000_000,
        rows in proptest::collection::vec(row(), 1..80),
        repeat in 1_usize..30,
    ) {
        let rows = vec![rows; repeat].concat();
        let (left, right) = rows.split_at(rows.len() / 2);
        let mut blocks = vec![block(first, left), block(first + 10_000_000, right)];
        let bytes = write(&blocks);
        prop_assert_eq!(&write(&blocks), &bytes);
        blocks.retain(|block| block.rows() > 0);
        prop_assert_eq!(read(&bytes).unwrap(), blocks);
    }

    #[test]
    fn any_damage_is_noticed(
        rows in proptest::collection::vec(row(), 1..20),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let bytes = write(&[block(0, &rows)]);
        let cut = place.index(bytes.len());
        prop_assert!(read(&bytes[..cut]).is_err());
        let mut damaged = bytes.clone();
        damaged[cut] ^= flip;
        prop_assert!(read(&damaged).is_err());
    }

    /// With checksums made right again, so that the decoder itself has to hold.
    #[test]
    fn a_damaged_block_never_panics(
        rows in proptest::collection::vec(row(), 1..20),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = write(&[block(0, &rows)]);
        let header_length = u32::from_le_bytes(bytes[6..10].try_into().unwrap()) as usize;
        let frame = 10 + header_length + 4;
        let length = u32::from_le_bytes(bytes[frame + 5..frame + 9].try_into().unwrap()) as usize;
        let payload = frame + 13..frame + 13 + length;
        for (place, byte) in changes {
            let place = payload.start + place.index(length);
            bytes[place] = byte;
        }
        let mut checked = bytes[frame + 1..frame + 9].to_vec();
        checked.extend_from_slice(&bytes[payload]);
        let crc = crc32fast::hash(&checked).to_le_bytes();
        bytes[frame + 9..frame + 13].copy_from_slice(&crc);
        let _ = PartReader::new(&bytes[..]).unwrap().next_block();
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), has_magic in any::<bool>()) {
        let mut text = if has_magic { b"MRPT\x01\0".to_vec() } else { Vec::new() };
        text.extend(bytes);
        prop_assert!(read(&text).is_err());
    }
}

fn row_kind(index: u64) -> usize {
    usize::try_from(index % 3).unwrap()
}

fn sample() -> Vec<Block> {
    let row = |index: u64| -> Row {
        let number = i64::try_from(index).unwrap();
        (
            1 + u64::from(index == 4),
            1 + u64::from(index.is_multiple_of(7)),
            (!index.is_multiple_of(5)).then(|| ["half day", "परीक्षा", ""][row_kind(index)].to_owned()),
            (index != 9).then_some(100_000 + number * 3),
            Some((i128::from(number) * 125 - 1_000, 3)),
            Some(index.is_multiple_of(2)),
            (index > 2).then_some(19_000 - i32::try_from(number).unwrap()),
            Some(1_700_000_000_000_000 + number * 1_000_001),
        )
    };
    let first: Vec<_> = (0..40).map(row).collect();
    let mut second: Vec<_> = (40..43).map(row).collect();
    second[1].4 = Some((i128::pow(10, 27), 18));
    vec![block(0, &first), block(1_000, &second)]
}

#[test]
fn a_part_reads_the_same_in_pieces_of_any_size() {
    let bytes = write(&sample());
    for size in [1, 2, 7, 100, 4_096, bytes.len()] {
        assert_eq!(read_pieces(&bytes, size).unwrap(), sample(), "{size}");
        for end in [0, 3, 9, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(read_pieces(&bytes[..end], size).is_err(), "{size}, cut at {end}");
        }
        let more = [bytes.as_slice(), b"x"].concat();
        assert!(read_pieces(&more, size).is_err(), "{size}, bytes behind the end");
    }
}

/// Parts are permanent. When this fails, a reader of old parts has been broken: bring it back, never the file.
#[test]
fn a_part_of_version_1_reads_as_ever() {
    let golden = include_bytes!("../../testdata/part-v1.mrp");
    assert_eq!(read(golden).unwrap(), sample());
    let reader = PartReader::new(&golden[..]).unwrap();
    assert_eq!(reader.spec(), Some(&spec()));
    assert_eq!(reader.schema(), &schema());
}

#[test]
fn columns_that_are_not_asked_for_are_absent() {
    let bytes = write(&sample());
    let whole = read(&bytes).unwrap();
    let mut reader = PartReader::new(&bytes[..]).unwrap().with_columns(&[1, 4]);
    let block = reader.next_block().unwrap().unwrap();
    assert_eq!(block.records, whole[0].records);
    for (index, column) in block.columns.iter().enumerate() {
        if [1, 4].contains(&index) {
            assert_eq!(*column, whole[0].columns[index]);
        } else {
            assert_eq!(column.values, Column::Absent);
        }
    }
    assert!(reader.next_block().unwrap().is_some());
    assert!(reader.next_block().unwrap().is_none());
    assert!(reader.next_block().unwrap().is_none());
    assert_eq!(reader.rows(), 43);
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let mut bytes = write(&sample());
    bytes[4] = 3;
    assert!(matches!(
        PartReader::new(&bytes[..]),
        Err(PartError::UnknownVersion(3))
    ));
    assert!(matches!(PartReader::new(&b"MRP"[..]), Err(PartError::NotAPart)));
}

#[test]
fn bytes_behind_the_end_and_blocks_left_out_are_noticed() {
    let mut bytes = write(&sample());
    bytes.push(0);
    assert!(matches!(read(&bytes), Err(PartError::Damaged(_))));
    let (one, both) = (write(&sample()[..1]), write(&sample()));
    let end = 17;
    let spliced = [&one[..one.len() - end], &both[both.len() - end..]].concat();
    assert!(matches!(read(&spliced), Err(PartError::Damaged(_))));
}

#[test]
fn a_block_that_does_not_fit_is_refused_and_nothing_is_written() {
    let mut writer = PartWriter::new(&schema(), None).unwrap();
    let _ = writer.take_bytes();
    let good = sample().remove(0);
    let mut refuse = |change: fn(&mut Block)| {
        let mut block = good.clone();
        change(&mut block);
        assert!(matches!(writer.push_block(&block), Err(PartError::BadBlock(_))));
        assert!(writer.take_bytes().is_empty());
    };
    refuse(|block| block.records.swap(0, 1));
    refuse(|block| block.lines[3] = block.lines[2]);
    refuse(|block| {
        block.lines.pop();
    });
    refuse(|block| block.columns.swap(0, 1));
    refuse(|block| {
        block.columns.pop();
    });
    refuse(|block| block.columns[1] = ColumnData::nulls(FieldType::Integer, 3));
    refuse(|block| {
        block.columns[0].values = Column::Text {
            offsets: vec![1; 41],
            bytes: vec![0],
        };
    });
    writer.push_block(&good).unwrap();
    assert!(matches!(writer.push_block(&good), Err(PartError::BadBlock(_))));
    writer.finish().unwrap();
    assert!(matches!(writer.push_block(&good), Err(PartError::Finished)));
    assert!(matches!(writer.finish(), Err(PartError::Finished)));
}

#[test]
fn fields_that_came_later_are_null_and_those_that_are_there_stay() {
    let field = |name: &str, field_type| Field {
        name: Name::parse(name).unwrap(),
        field_type,
        required: false,
        header: None,
        date_format: DateFormat::default(),
        time_zone: None,
        number_format: None,
        rules: FieldRules::default(),
    };
    let later = TYPES.map(|(name, field_type)| field(&format!("later_{name}"), field_type));
    let bytes = write(&sample());
    let fields = [&[field("integer", FieldType::Text)], &later[..]].concat();
    let mut reader = PartReader::new(&bytes[..]).unwrap().with_later_fields(&fields);
    assert_eq!(reader.schema().fields.len(), 12);
    assert_eq!(reader.schema().fields[1].1, FieldType::Integer);
    for expected in sample() {
        let block = reader.next_block().unwrap().unwrap();
        assert_eq!(block.columns[..6], expected.columns[..]);
        for ((_, field_type), column) in TYPES.iter().zip(&block.columns[6..]) {
            assert_eq!(*column, ColumnData::nulls(*field_type, expected.rows()));
        }
    }
    assert!(reader.next_block().unwrap().is_none());
    let reader = PartReader::new(&bytes[..]).unwrap().with_later_fields(&later);
    let block = reader.with_columns(&[0, 7]).next_block().unwrap().unwrap();
    let absent: Vec<bool> = block
        .columns
        .iter()
        .map(|column| column.values == Column::Absent)
        .collect();
    assert_eq!(
        (absent.len(), absent.iter().position(|absent| *absent)),
        (12, Some(1))
    );
    assert_eq!(block.columns[7].values, Column::Integer(vec![0; block.rows()]));
    assert_eq!(block.columns[8].values, Column::Absent);
}
