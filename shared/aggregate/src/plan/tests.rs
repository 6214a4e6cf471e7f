use millrace_core::field::FieldType;

use super::{AggregationPlan, PlanError};
use crate::sample::{dataset, fees_plan, key, measure, name, schema};

#[test]
fn finds_columns_by_name_whatever_their_order() {
    let plan = fees_plan();
    assert_eq!(plan.key_columns(), [4, 1]);
    assert_eq!(plan.measure_columns(), [0, 3, 0]);
    assert_eq!(plan.columns(), [0, 1, 3, 4]);
    assert_eq!(plan.layout().dataset.as_str(), "fees_by_day_and_school");
}

#[test]
fn says_which_column_does_not_fit() {
    let part = schema(&[("day", FieldType::Date), ("school", FieldType::Text)]);
    let plan = |keys, measures| AggregationPlan::new(&dataset(keys, measures), &part).unwrap_err();
    assert_eq!(
        plan(vec![key("district", FieldType::Text)], Vec::new()),
        PlanError::MissingColumn(name("district"))
    );
    assert_eq!(
        plan(vec![key("day", FieldType::Text)], Vec::new()),
        PlanError::WrongType {
            field: name("day"),
            expected: FieldType::Text,
            found: FieldType::Date,
        }
    );
    assert_eq!(
        plan(Vec::new(), vec![measure("school", FieldType::Integer, false)]).code(),
        "wrong_type"
    );
}
