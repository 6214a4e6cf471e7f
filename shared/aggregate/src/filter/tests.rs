use std::collections::BTreeMap;

use millrace_core::Decimal;
use millrace_core::condition::{Condition, Operator};
use millrace_core::field::FieldType;
use proptest::prelude::*;

use crate::builder::PartialBuilder;
use crate::plan::{AggregationPlan, PlanError};
use crate::sample::{FEE_SCALE, FEES_FIELDS, Row, any_row, block, dataset, key, measure, name, schema};

fn condition(field: &str, field_type: FieldType, operator: Operator, value: &str) -> Condition {
    Condition {
        field: name(field),
        field_type,
        operator,
        value: value.to_owned(),
    }
}

/// Rows of schools other than "b", by day: all marks, those of fees of at least 0.5, and the schools counted.
fn filtered() -> AggregationPlan {
    let mut marked = measure("marked", FieldType::Integer, true);
    marked.filter = vec![condition(
        "fee",
        FieldType::Decimal,
        Operator::GreaterOrEqual,
        "0.5",
    )];
    let mut dataset = dataset(
        vec![key("day", FieldType::Date)],
        vec![
            measure("marked", FieldType::Integer, false),
            marked,
            measure("school", FieldType::Text, false),
        ],
    );
    dataset.filter = vec![condition("school", FieldType::Text, Operator::NotEqual, "b")];
    AggregationPlan::new(&dataset, &schema(&FEES_FIELDS)).unwrap()
}

/// By plain arithmetic: per day the rows, then count and sum of each measure.
type Cells = BTreeMap<Option<i32>, (u64, [(u64, i64); 3])>;

fn naive(rows: &[Row]) -> Cells {
    let mut cells = Cells::new();
    for row in rows {
        if row.school.as_deref().is_none_or(|school| school == "b") {
            continue;
        }
        let (count, figures) = cells.entry(row.day).or_default();
        *count += 1;
        let half = 5 * 10_i64.pow(u32::from(FEE_SCALE) - 1);
        let marked = row.marked.map(|marked| marked % 1_000_000);
        let counted = [
            marked,
            marked.filter(|_| row.fee.is_some_and(|fee| fee >= half)),
            row.school.as_ref().map(|_| 0),
        ];
        for (figure, value) in figures.iter_mut().zip(counted) {
            figure.0 += u64::from(value.is_some());
            figure.1 += value.unwrap_or_default();
        }
    }
    cells
}

proptest! {
    #[test]
    fn rows_that_do_not_meet_the_conditions_leave_no_trace(
        rows in proptest::collection::vec(any_row(), 0..150), block_rows in 1..80_usize
    ) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| Row { marked: row.marked.map(|marked| marked % 1_000_000), ..row })
            .collect();
        let mut builder = PartialBuilder::new(filtered());
        for rows in rows.chunks(block_rows) {
            builder.add_block(&block(rows)).unwrap();
        }
        let partial = builder.finish().unwrap();
        let expected = naive(&rows);
        prop_assert_eq!(partial.entries().len(), expected.len());
        for entry in partial.entries() {
            let day = entry.key.parts().unwrap()[0].as_ref().map(|day| day[8..].parse::<i32>().unwrap() - 1);
            let (count, figures) = expected[&day];
            prop_assert_eq!(entry.rows, count);
            for (measure, (count, sum)) in entry.measures.iter().zip(figures) {
                prop_assert_eq!((measure.count, measure.sum), (count, Decimal::from(sum)));
            }
        }
    }
}

#[test]
fn a_condition_names_a_column_of_its_type_and_a_value_of_it() {
    let plan = |condition| {
        let mut dataset = dataset(Vec::new(), vec![measure("marked", FieldType::Integer, false)]);
        dataset.filter = vec![condition];
        AggregationPlan::new(&dataset, &schema(&FEES_FIELDS)).map(|plan| plan.columns())
    };
    let equal = |field, field_type, value| condition(field, field_type, Operator::Equal, value);
    let refused = |found: Result<Vec<usize>, PlanError>| found.unwrap_err().code();
    assert_eq!(plan(equal("day", FieldType::Date, "2023-01-08")), Ok(vec![0, 4]));
    assert_eq!(
        refused(plan(equal("day", FieldType::Date, "8 January"))),
        "bad_value"
    );
    assert_eq!(refused(plan(equal("day", FieldType::Text, "x"))), "wrong_type");
    assert_eq!(
        refused(plan(equal("grade", FieldType::Text, "x"))),
        "missing_column"
    );
}
