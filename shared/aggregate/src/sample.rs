//! Rows, blocks and partials for the tests: a fee event keyed by day and school.

use millrace_core::definition::{DatasetDefinition, Feed, KeyField, Measure};
use millrace_core::field::FieldType;
use millrace_core::{Decimal, Name};
use millrace_table::block::{Block, Column, ColumnData, PartSchema, Validity};
use proptest::prelude::*;

use crate::builder::PartialBuilder;
use crate::partial::Partial;
use crate::plan::AggregationPlan;

/// Decimal places of [`Row::fee`].
pub(crate) const FEE_SCALE: u8 = 4;

/// A row as the naive model sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// Days after 2023-01-01.
    pub(crate) day: Option<i32>,
    pub(crate) school: Option<String>,
    pub(crate) marked: Option<i64>,
    /// In ten-thousandths.
    pub(crate) fee: Option<i64>,
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn key(field: &str, field_type: FieldType) -> KeyField {
    KeyField {
        field: name(field),
        field_type,
    }
}

pub(crate) fn measure(field: &str, field_type: FieldType, extremes: bool) -> Measure {
    Measure {
        field: name(field),
        field_type,
        extremes,
        filter: Vec::new(),
    }
}

pub(crate) fn dataset(keys: Vec<KeyField>, measures: Vec<Measure>) -> DatasetDefinition {
    DatasetDefinition {
        name: name("fees_by_day_and_school"),
        feed: Feed::Event(name("fees")),
        steps: Vec::new(),
        transformer: None,
        filter: Vec::new(),
        keys,
        measures,
        borrowed: None,
        outputs: Vec::new(),
        join: None,
        group_by: Vec::new(),
        catalogue: None,
    }
}

/// Both measures with extremes, and `marked` once more without.
pub(crate) fn fees() -> DatasetDefinition {
    dataset(
        vec![key("day", FieldType::Date), key("school", FieldType::Text)],
        vec![
            measure("marked", FieldType::Integer, true),
            measure("fee", FieldType::Decimal, true),
            measure("marked", FieldType::Integer, false),
        ],
    )
}

pub(crate) fn schema(fields: &[(&str, FieldType)]) -> PartSchema {
    PartSchema {
        fields: fields
            .iter()
            .map(|(field, field_type)| (name(field), *field_type))
            .collect(),
    }
}

/// The fields of the fee event's parts.
pub(crate) const FEES_FIELDS: [(&str, FieldType); 5] = [
    ("marked", FieldType::Integer),
    ("school", FieldType::Text),
    ("unused", FieldType::Boolean),
    ("fee", FieldType::Decimal),
    ("day", FieldType::Date),
];

pub(crate) fn fees_plan() -> AggregationPlan {
    AggregationPlan::new(&fees(), &schema(&FEES_FIELDS)).unwrap()
}

/// A column from optional values.
pub(crate) fn column<T>(values: &[Option<T>], make: impl FnOnce(&[Option<T>]) -> Column) -> ColumnData {
    let validity = if values.iter().all(Option::is_some) {
        Validity::All
    } else {
        let mut words = vec![0_u64; values.len().div_ceil(64)];
        for (row, _) in values.iter().enumerate().filter(|(_, value)| value.is_some()) {
            words[row / 64] |= 1 << (row % 64);
        }
        Validity::Bitmap(words)
    };
    ColumnData {
        validity,
        values: make(values),
    }
}

pub(crate) fn text_column(values: &[Option<&str>]) -> ColumnData {
    column(values, |values| {
        let mut offsets = vec![0];
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
            offsets.push(u32::try_from(bytes.len()).unwrap());
        }
        Column::Text { offsets, bytes }
    })
}

pub(crate) fn integer_column(values: &[Option<i64>]) -> ColumnData {
    column(values, |values| {
        Column::Integer(values.iter().map(|value| value.unwrap_or_default()).collect())
    })
}

pub(crate) fn decimal_column(values: &[Option<Decimal>]) -> ColumnData {
    column(values, |values| {
        Column::Decimal(
            values
                .iter()
                .map(|value| value.unwrap_or(Decimal::ZERO))
                .collect(),
        )
    })
}

pub(crate) fn block_of(columns: Vec<ColumnData>) -> Block {
    let rows = columns
        .iter()
        .map(|column| column.values.len())
        .max()
        .unwrap_or(0) as u64;
    Block {
        records: (1..=rows).collect(),
        lines: (2..rows + 2).collect(),
        columns,
    }
}

pub(crate) fn block(rows: &[Row]) -> Block {
    let days: Vec<_> = rows.iter().map(|row| row.day.map(|day| 19_358 + day)).collect();
    let schools: Vec<_> = rows.iter().map(|row| row.school.as_deref()).collect();
    let marked: Vec<_> = rows.iter().map(|row| row.marked).collect();
    let fees: Vec<_> = rows
        .iter()
        .map(|row| {
            row.fee
                .map(|fee| Decimal::new(i128::from(fee), FEE_SCALE).unwrap())
        })
        .collect();
    let absent = ColumnData {
        validity: Validity::All,
        values: Column::Absent,
    };
    let days = column(&days, |days| {
        Column::Date(days.iter().map(|day| day.unwrap_or_default()).collect())
    });
    block_of(vec![
        integer_column(&marked),
        text_column(&schools),
        absent,
        decimal_column(&fees),
        days,
    ])
}

/// The partial of rows that come in blocks of `block_rows`.
pub(crate) fn partial(rows: &[Row], block_rows: usize) -> Partial {
    let mut builder = PartialBuilder::new(fees_plan());
    for rows in rows.chunks(block_rows.max(1)) {
        builder.add_block(&block(rows)).unwrap();
    }
    builder.finish().unwrap()
}

pub(crate) fn any_row() -> impl Strategy<Value = Row> {
    let school = prop_oneof![
        4 => "[ab]",
        1 => Just("\"quoted\"\\\n\u{1}é".to_owned()),
    ];
    let number = prop_oneof![4 => -20..20_i64, 1 => any::<i64>()];
    (
        proptest::option::of(0..3_i32),
        proptest::option::of(school),
        proptest::option::of(number.clone()),
        proptest::option::of(number),
    )
        .prop_map(|(day, school, marked, fee)| Row {
            day,
            school,
            marked,
            fee,
        })
}

pub(crate) fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(any_row(), 0..14)
}
