use millrace_core::Decimal;

use super::{CellDifference, DifferenceError, Extremes, difference};
use crate::partial::Partial;
use crate::plan::Layout;
use crate::sample::{Row, fees_plan, name, partial};

fn marked(values: &[i64]) -> Partial {
    let row = |value: &i64| Row {
        marked: Some(*value),
        ..Row::default()
    };
    partial(&values.iter().map(row).collect::<Vec<_>>(), 10)
}

fn only(differences: &[CellDifference]) -> (i64, i64, Decimal, Extremes) {
    let [difference] = differences else {
        panic!("one cell changes: {differences:?}");
    };
    let measure = &difference.measures[0];
    (difference.rows, measure.count, measure.sum, measure.extremes)
}

fn change(old: &[i64], new: &[i64]) -> (i64, i64, Decimal, Extremes) {
    only(&difference(Some(&marked(old)), &marked(new)).unwrap())
}

fn combine(min: Option<i64>, max: Option<i64>) -> Extremes {
    Extremes::Combine {
        min: min.map(Decimal::from),
        max: max.map(Decimal::from),
    }
}

#[test]
fn a_new_file_is_the_difference_to_nothing() {
    let differences = difference(None, &marked(&[3, 5])).unwrap();
    assert_eq!(
        only(&differences),
        (2, 2, Decimal::from(8), combine(Some(3), Some(5)))
    );
    let measures = &differences[0].measures;
    assert_eq!(measures[1].extremes, combine(None, None), "nothing filled");
    assert_eq!(measures[2].extremes, Extremes::None, "none kept");
}

#[test]
fn an_extreme_is_retracted_only_when_it_gets_worse() {
    assert_eq!(
        change(&[3, 5], &[3, 4, 5]),
        (1, 1, Decimal::from(4), combine(None, None))
    );
    assert_eq!(
        change(&[3, 5], &[2, 5]),
        (0, 0, Decimal::from(-1), combine(Some(2), None))
    );
    assert_eq!(
        change(&[3, 5], &[3, 9]),
        (0, 0, Decimal::from(4), combine(None, Some(9)))
    );
    assert_eq!(
        change(&[3, 5], &[4, 5]),
        (0, 0, Decimal::from(1), Extremes::Retracted)
    );
    assert_eq!(
        change(&[3, 5], &[2, 4]),
        (0, 0, Decimal::from(-2), Extremes::Retracted)
    );
    assert_eq!(
        change(&[3, 5], &[]),
        (-2, -2, Decimal::from(-8), Extremes::Retracted)
    );
    // Same count and sum: the extremes alone change.
    assert_eq!(
        change(&[4, 4], &[3, 5]),
        (0, 0, Decimal::ZERO, combine(Some(3), Some(5)))
    );
    assert_eq!(
        change(&[3, 5], &[4, 4]),
        (0, 0, Decimal::ZERO, Extremes::Retracted)
    );
}

#[test]
fn a_sum_or_a_count_alone_is_a_change() {
    assert_eq!(
        change(&[1, 4, 9], &[1, 5, 9]),
        (0, 0, Decimal::from(1), combine(None, None))
    );
    let with_zero = |zero| {
        let row = |marked| Row {
            marked,
            ..Row::default()
        };
        partial(&[row(Some(-1)), row(Some(1)), row(zero)], 10)
    };
    let differences = difference(Some(&with_zero(None)), &with_zero(Some(0))).unwrap();
    assert_eq!(only(&differences), (0, 1, Decimal::ZERO, combine(None, None)));
}

#[test]
fn rows_alone_are_a_change() {
    let empty = |rows: usize| partial(&vec![Row::default(); rows], 10);
    let differences = difference(Some(&empty(1)), &empty(3)).unwrap();
    assert_eq!(only(&differences), (2, 0, Decimal::ZERO, combine(None, None)));
}

#[test]
fn a_delete_is_the_difference_to_an_empty_partial() {
    let old = marked(&[1]);
    let empty = Partial::empty(old.layout().clone());
    assert_eq!(
        difference(Some(&old), &empty),
        difference(Some(&old), &marked(&[]))
    );
    assert_eq!(difference(Some(&empty), &empty), Ok(Vec::new()));
}

#[test]
fn partials_of_different_layouts_have_no_difference() {
    let renamed = Layout {
        dataset: name("other"),
        ..fees_plan().layout().clone()
    };
    let error = difference(Some(&Partial::empty(renamed)), &marked(&[1])).unwrap_err();
    assert_eq!((error.code(), error.file_error()), ("layout_changed", None));
}

#[test]
fn a_change_that_does_not_fit_names_the_measure() {
    let with_sum = |sum: i128| {
        let mut entries = marked(&[1]).entries().to_vec();
        entries[0].measures[0].sum = Decimal::new(sum, 0).unwrap();
        Partial::from_ascending(fees_plan().layout().clone(), entries)
    };
    let error = difference(Some(&with_sum(-i128::MAX)), &with_sum(i128::MAX)).unwrap_err();
    assert_eq!(error, DifferenceError::SumOverflow(name("marked")));
    assert_eq!(error.file_error().unwrap().column.as_deref(), Some("marked"));
    let mut entries = marked(&[1]).entries().to_vec();
    entries[0].rows = u64::MAX;
    let huge = Partial::from_ascending(fees_plan().layout().clone(), entries);
    assert_eq!(difference(None, &huge), Err(DifferenceError::CountOverflow));
}
