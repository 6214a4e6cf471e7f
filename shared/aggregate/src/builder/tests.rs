use millrace_core::Decimal;
use millrace_core::field::FieldType;
use millrace_core::row_error::Rule;
use millrace_table::block::{Column, PartSchema};
use millrace_table::part::{PartReader, PartWriter};

use proptest::prelude::*;

use super::{PartialBuilder, PartialError};
use crate::format::{decode, encode};
use crate::partial::{Partial, bound_text};
use crate::plan::AggregationPlan;
use crate::sample::{
    FEES_FIELDS, Row, any_rows, block, block_of, column, dataset, decimal_column, fees_plan, integer_column,
    key, measure, name, partial, schema, text_column,
};

fn plan(key_type: FieldType, measure_type: FieldType) -> AggregationPlan {
    let dataset = dataset(
        vec![key("group", key_type)],
        vec![measure("value", measure_type, true)],
    );
    let schema = schema(&[("group", key_type), ("value", measure_type)]);
    AggregationPlan::new(&dataset, &schema).unwrap()
}

fn refused(result: Result<(), PartialError>) -> (Rule, Option<String>, Option<u64>) {
    match result.unwrap_err() {
        PartialError::File(error) => (error.rule, error.column, error.line),
        other @ PartialError::BlockMismatch(_) => panic!("{other}"),
    }
}

#[test]
fn an_empty_cell_is_not_zero() {
    let row = |marked| Row {
        marked,
        ..Row::default()
    };
    let reduced = partial(&[row(None), row(Some(-3)), row(None), row(Some(8))], 3);
    let [entry] = reduced.entries() else {
        panic!("one group");
    };
    assert_eq!((entry.key.as_str(), entry.rows), ("[null,null]", 4));
    let marked = &entry.measures[0];
    let bounds = marked.bounds.as_deref().unwrap();
    assert_eq!((marked.count, marked.sum), (2, Decimal::from(5)));
    assert_eq!((bounds.min, bounds.max), (Decimal::from(-3), Decimal::from(8)));
    let fee = &entry.measures[1];
    assert_eq!((fee.count, fee.sum, &fee.bounds), (0, Decimal::ZERO, &None));
    assert_eq!(
        entry.measures[2].bounds, None,
        "no extremes where none are asked for"
    );
}

#[test]
fn whole_numbers_never_overflow_on_the_way() {
    let row = |marked| Row {
        marked: Some(marked),
        ..Row::default()
    };
    let reduced = partial(&[row(i64::MAX), row(i64::MAX), row(i64::MIN)], 2);
    assert_eq!(reduced.entries()[0].measures[0].sum, Decimal::from(i64::MAX - 1));
}

#[test]
fn nulls_empty_texts_and_shifted_texts_are_different_groups() {
    let dataset = dataset(
        vec![key("a", FieldType::Text), key("b", FieldType::Text)],
        Vec::new(),
    );
    let schema = schema(&[("a", FieldType::Text), ("b", FieldType::Text)]);
    let mut builder = PartialBuilder::new(AggregationPlan::new(&dataset, &schema).unwrap());
    let a = [
        Some("x"),
        Some("xy"),
        None,
        Some(""),
        Some("x"),
        Some("x\u{1}y"),
        Some("x"),
    ];
    let b = [
        Some("yz"),
        Some("z"),
        Some(""),
        None,
        Some("yz"),
        Some("z"),
        Some("y\u{1}z"),
    ];
    builder
        .add_block(&block_of(vec![text_column(&a), text_column(&b)]))
        .unwrap();
    let reduced = builder.finish().unwrap();
    let groups: Vec<(&str, u64)> = reduced
        .entries()
        .iter()
        .map(|entry| (entry.key.as_str(), entry.rows))
        .collect();
    let expected = [
        (r#"["",null]"#, 1),
        (r#"["x","y\u0001z"]"#, 1),
        (r#"["x","yz"]"#, 2),
        (r#"["x\u0001y","z"]"#, 1),
        (r#"["xy","z"]"#, 1),
        (r#"[null,""]"#, 1),
    ];
    assert_eq!(groups, expected);
}

#[test]
fn equal_decimals_are_one_group_and_a_dataset_may_have_no_key() {
    let mut builder = PartialBuilder::new(plan(FieldType::Decimal, FieldType::Decimal));
    let values = ["1.50", "1.5", "01.500", "15"].map(|text| Some(text.parse::<Decimal>().unwrap()));
    let both = block_of(vec![decimal_column(&values), decimal_column(&values)]);
    builder.add_block(&both).unwrap();
    let reduced = builder.finish().unwrap();
    assert_eq!(reduced.first_key().unwrap().as_str(), r#"["1.5"]"#);
    assert_eq!(reduced.last_key().unwrap().as_str(), r#"["15"]"#);
    assert_eq!(reduced.entries()[0].measures[0].sum, "4.5".parse().unwrap());

    let total = dataset(Vec::new(), Vec::new());
    let mut builder = PartialBuilder::new(AggregationPlan::new(&total, &schema(&[])).unwrap());
    builder
        .add_block(&block(&[Row::default(), Row::default()]))
        .unwrap();
    let reduced = builder.finish().unwrap();
    assert_eq!((reduced.entries().len(), reduced.rows()), (1, 2));
    assert_eq!(reduced.first_key().unwrap().as_str(), "[]");
}

#[test]
fn refuses_a_file_with_too_many_groups() {
    let mut builder = PartialBuilder::new(plan(FieldType::Integer, FieldType::Integer));
    let mut groups: Vec<Option<i64>> = (0..1_000_000).map(Some).collect();
    builder
        .add_block(&block_of(vec![integer_column(&groups), integer_column(&groups)]))
        .unwrap();
    groups.truncate(1);
    let known = block_of(vec![integer_column(&groups), integer_column(&groups)]);
    assert_eq!(builder.add_block(&known), Ok(()), "a known group still fits");
    let one_more = [Some(-1)];
    let block = block_of(vec![integer_column(&one_more), integer_column(&one_more)]);
    assert_eq!(
        refused(builder.add_block(&block)),
        (Rule::TooManyGroups, None, None)
    );
}

#[test]
fn refuses_a_sum_that_does_not_fit_and_names_the_measure() {
    let mut builder = PartialBuilder::new(plan(FieldType::Integer, FieldType::Decimal));
    let large = Decimal::new(i128::MAX, 0).unwrap();
    let rows = |value| block_of(vec![integer_column(&[Some(1)]), decimal_column(&[Some(value)])]);
    builder.add_block(&rows(large)).unwrap();
    let (rule, column, _) = refused(builder.add_block(&rows(large)));
    assert_eq!((rule, column.as_deref()), (Rule::SumOverflow, Some("value")));

    let mut builder = PartialBuilder::new(plan(FieldType::Integer, FieldType::Decimal));
    for text in ["9999999999999999999999999999", "0.000000000000000001"] {
        builder.add_block(&rows(text.parse().unwrap())).unwrap();
    }
    let (rule, column, _) = refused(builder.finish().map(|_| ()));
    assert_eq!((rule, column.as_deref()), (Rule::SumOverflow, Some("value")));
}

#[test]
fn refuses_a_key_that_the_database_could_not_hold_and_names_the_line() {
    let long = "x".repeat(Partial::MAX_ENTRIES / 400);
    for (text, rule) in [("a\0", Rule::NulByte), (long.as_str(), Rule::TooLong)] {
        let mut builder = PartialBuilder::new(plan(FieldType::Text, FieldType::Integer));
        let texts = [Some("fine"), Some(text)];
        let block = block_of(vec![text_column(&texts), integer_column(&[Some(1), None])]);
        assert_eq!(
            refused(builder.add_block(&block)),
            (rule, Some("group".to_owned()), Some(3))
        );
    }
    let mut builder = PartialBuilder::new(plan(FieldType::Date, FieldType::Integer));
    let days = column(&[Some(i32::MAX)], |_| Column::Date(vec![i32::MAX]));
    let (rule, ..) = refused(builder.add_block(&block_of(vec![days, integer_column(&[None])])));
    assert_eq!(rule, Rule::OutOfRange);
}

#[test]
fn a_foreign_block_is_a_defect_not_a_panic() {
    let mismatch = |block: &millrace_table::block::Block| PartialBuilder::new(fees_plan()).add_block(block);
    let good = block(&[Row::default(), Row::default()]);
    for at in [0, 1, 3, 4] {
        let mut bad = good.clone();
        bad.columns[at].values = Column::Absent;
        assert!(
            matches!(mismatch(&bad), Err(PartialError::BlockMismatch(_))),
            "column {at} left out"
        );
        bad.columns[at].values = Column::Boolean(vec![true; 2]);
        assert!(
            matches!(mismatch(&bad), Err(PartialError::BlockMismatch(_))),
            "column {at} of another type"
        );
    }
    let mut short = good.clone();
    short.records.push(3);
    assert_eq!(mismatch(&short), Err(PartialError::BlockMismatch(name("day"))));
    let mut few = good.clone();
    few.columns.truncate(2);
    assert!(mismatch(&few).is_err());
    let mut offsets = block(&[Row {
        school: Some("a".to_owned()),
        ..Row::default()
    }]);
    offsets.columns[1].values = Column::Text {
        offsets: vec![0, 9],
        bytes: Vec::new(),
    };
    assert_eq!(
        mismatch(&offsets),
        Err(PartialError::BlockMismatch(name("school")))
    );
}

#[test]
fn a_part_read_by_the_plans_columns_gives_the_same_partial() {
    let rows: Vec<Row> = (0..200)
        .map(|number| Row {
            day: (number % 7 > 0).then_some(number % 3),
            school: (number % 5 > 0).then(|| format!("school {}", number % 4)),
            marked: (number % 2 > 0).then_some(i64::from(number)),
            fee: (number % 3 > 0).then_some(i64::from(number) * -12_345),
        })
        .collect();
    let schema: PartSchema = schema(&FEES_FIELDS);
    let mut writer = PartWriter::new(&schema, None).unwrap();
    for (at, rows) in (0_u64..).zip(rows.chunks(70)) {
        let mut block = block(rows);
        block.columns[2].values = Column::Boolean(vec![true; rows.len()]);
        block.records.iter_mut().for_each(|record| *record += at * 70);
        block.lines.iter_mut().for_each(|line| *line += at * 70);
        writer.push_block(&block).unwrap();
    }
    writer.finish().unwrap();
    let part = writer.take_bytes();

    let plan = fees_plan();
    let mut reader = PartReader::new(&part[..]).unwrap().with_columns(&plan.columns());
    let mut builder = PartialBuilder::new(plan);
    while let Some(block) = reader.next_block().unwrap() {
        assert_eq!(
            block.columns[2].values,
            Column::Absent,
            "what is not aggregated is not read"
        );
        builder.add_block(&block).unwrap();
    }
    assert_eq!(builder.finish().unwrap(), partial(&rows, 13));
}

proptest! {
    #[test]
    fn days_have_bounds_and_no_sum(rows in any_rows(), block_rows in 1..5_usize) {
        let dataset = dataset(
            vec![key("school", FieldType::Text)],
            vec![measure("day", FieldType::Date, true), measure("day", FieldType::Date, false)],
        );
        let plan = AggregationPlan::new(&dataset, &schema(&FEES_FIELDS)).unwrap();
        let mut builder = PartialBuilder::new(plan);
        for rows in rows.chunks(block_rows) {
            builder.add_block(&block(rows)).unwrap();
        }
        let partial = builder.finish().unwrap();
        prop_assert_eq!(&decode(&encode(&partial).unwrap()).unwrap(), &partial);
        for entry in partial.entries() {
            let school = entry.key.parts().unwrap().remove(0);
            let of_school = rows.iter().filter(|row| row.school == school);
            let days: Vec<i64> = of_school.filter_map(|row| row.day).map(|day| 19_358 + i64::from(day)).collect();
            let [kept, counted] = &entry.measures[..] else { panic!("two measures") };
            prop_assert_eq!((kept.count, counted.count), (days.len() as u64, days.len() as u64));
            prop_assert_eq!((kept.sum, counted.sum), (Decimal::ZERO, Decimal::ZERO));
            let bounds = kept.bounds.as_deref().map(|bounds| (bounds.min, bounds.max));
            let expected = days.iter().min().zip(days.iter().max());
            prop_assert_eq!(bounds, expected.map(|(min, max)| (Decimal::from(*min), Decimal::from(*max))));
            prop_assert!(counted.bounds.is_none());
        }
    }
}

#[test]
fn bounds_are_written_as_values_of_their_type() {
    let written = |number: i64, field_type| bound_text(number.into(), field_type);
    assert_eq!(written(19_365, FieldType::Date).as_deref(), Some("2023-01-08"));
    assert_eq!(
        written(1_673_136_000_500_000, FieldType::Timestamp).as_deref(),
        Some("2023-01-08T00:00:00.500000Z")
    );
    assert_eq!(written(-7, FieldType::Integer).as_deref(), Some("-7"));
    assert_eq!(written(7, FieldType::Text), None);
    assert_eq!(written(i64::MAX, FieldType::Date), None);
}

#[test]
fn a_key_that_is_too_long_as_a_whole_names_its_longest_part() {
    let dataset = dataset(
        vec![
            key("a", FieldType::Text),
            key("b", FieldType::Text),
            key("n", FieldType::Integer),
        ],
        vec![measure("n", FieldType::Integer, false)],
    );
    let fields = [
        ("a", FieldType::Text),
        ("b", FieldType::Text),
        ("n", FieldType::Integer),
    ];
    let refused_by = |a: usize, b: usize| {
        let mut builder = PartialBuilder::new(AggregationPlan::new(&dataset, &schema(&fields)).unwrap());
        let (a, b) = ("a".repeat(a), "b".repeat(b));
        let block = block_of(vec![
            text_column(&[Some("x"), Some(a.as_str())]),
            text_column(&[Some("y"), Some(b.as_str())]),
            integer_column(&[Some(1), Some(2)]),
        ]);
        refused(builder.add_block(&block))
    };
    let line = Some(3);
    assert_eq!(
        refused_by(1_000, 1_100),
        (Rule::TooLong, Some("b".to_owned()), line)
    );
    assert_eq!(
        refused_by(1_100, 1_000),
        (Rule::TooLong, Some("a".to_owned()), line)
    );
    assert_eq!(
        refused_by(1_050, 1_050),
        (Rule::TooLong, Some("a".to_owned()), line)
    );
    assert_eq!(refused_by(10, 3_000), (Rule::TooLong, Some("b".to_owned()), line));
}
