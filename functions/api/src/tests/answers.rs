use millrace_core::Name;
use millrace_core::field::FieldType;
use millrace_store::datasets::Answer;
use millrace_store::selection::OutputColumn;

use crate::dto::answer::{decode_cursor, row_page};

#[test]
fn a_page_is_cut_below_what_the_gateway_takes() {
    let rows = (0..100)
        .map(|i| (format!("{i:03}"), vec![Some("x".repeat(60_000))]))
        .collect();
    let column = OutputColumn {
        name: Name::parse("a").unwrap(),
        field_type: FieldType::Text,
    };
    let page = row_page(
        Answer {
            columns: vec![column],
            rows,
        },
        1_000,
        None,
    );
    assert_eq!(page.rows.len(), 69);
    assert_eq!(decode_cursor(page.next).unwrap().as_deref(), Some("068"));
    assert!(serde_json::to_vec(&page.rows).unwrap().len() < crate::gateway::MAX_RESPONSE_BYTES);
}

#[test]
fn a_row_that_is_larger_than_a_page_is_still_shown() {
    let rows = vec![
        ("a".to_owned(), vec![Some("x".repeat(4_300_000))]),
        ("b".to_owned(), vec![None]),
    ];
    let column = OutputColumn {
        name: Name::parse("a").unwrap(),
        field_type: FieldType::Text,
    };
    let page = row_page(
        Answer {
            columns: vec![column],
            rows,
        },
        10,
        None,
    );
    assert_eq!((page.rows.len(), page.next.is_some()), (1, true));
}
