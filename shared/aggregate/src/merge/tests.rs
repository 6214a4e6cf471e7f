use millrace_core::Decimal;
use millrace_core::row_error::Rule;
use proptest::prelude::*;

use crate::builder::PartialError;
use crate::partial::Partial;
use crate::sample::{Row, any_rows, fees_plan, partial};

proptest! {
    #[test]
    fn two_are_one_of_all_rows(one in any_rows(), other in any_rows()) {
        let all = [one.as_slice(), other.as_slice()].concat();
        let merged = partial(&one, 7).merged(partial(&other, 7)).unwrap();
        prop_assert_eq!(merged, partial(&all, 7));
    }
}

#[test]
fn nothing_adds_nothing() {
    let rows = [Row {
        marked: Some(3),
        ..Row::default()
    }];
    let nothing = || Partial::empty(fees_plan().layout().clone());
    let some = partial(&rows, 10);
    assert_eq!(some.clone().merged(nothing()), Ok(some.clone()));
    assert_eq!(nothing().merged(some.clone()), Ok(some));
    assert_eq!(nothing().merged(nothing()), Ok(nothing()));
}

#[test]
fn a_sum_that_does_not_fit_refuses_the_file() {
    let mut large = partial(
        &[Row {
            marked: Some(1),
            ..Row::default()
        }],
        10,
    );
    let (layout, mut entries) = large.into_entries();
    entries[0].measures[0].sum = Decimal::new(i128::MAX / 2 + 1, 0).unwrap();
    large = Partial::from_ascending(layout, entries);
    match large.clone().merged(large) {
        Err(PartialError::File(error)) => {
            assert_eq!(error.rule, Rule::SumOverflow);
            assert_eq!(error.column.as_deref(), Some("marked"));
        }
        other => panic!("{other:?}"),
    }
}
