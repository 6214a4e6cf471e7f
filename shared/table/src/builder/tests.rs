use millrace_core::field::FieldType;
use proptest::prelude::*;

use super::ColumnBuilder;
use crate::block::{Column, Validity};

proptest! {
    /// Cells are pushed and taken back; the column holds just what was left standing.
    #[test]
    fn what_is_taken_back_leaves_no_trace(
        steps in proptest::collection::vec((proptest::option::of(any::<i64>()), 0_u8..5), 0..400),
    ) {
        let mut builder = ColumnBuilder::new(FieldType::Integer);
        let mut model = Vec::new();
        for (cell, step) in steps {
            match (cell, &mut builder.values) {
                (Some(value), Column::Integer(values)) => {
                    values.push(value);
                    builder.set_valid(model.len());
                }
                _ => builder.push_null(model.len()),
            }
            if step == 0 {
                builder.truncate(model.len());
            } else {
                model.push(cell);
            }
        }
        let column = builder.take(model.len());
        prop_assert_eq!(matches!(column.validity, Validity::All), model.iter().all(Option::is_some));
        let Column::Integer(values) = column.values else { panic!("an integer column") };
        let seen: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(row, value)| column.validity.is_valid(row).then_some(*value))
            .collect();
        prop_assert_eq!(seen, model);
    }
}
