use proptest::prelude::*;

use super::array::elements;

#[test]
fn arrays_of_more_dimensions_have_no_elements() {
    assert_eq!(elements("{{1,2},{3,4}}"), None);
    assert_eq!(elements("{\"{1}\"}"), Some(vec![Some("{1}".to_owned())]));
    assert_eq!(elements("no array"), None);
}

/// As PostgreSQL writes an array: quoted wherever that could matter.
fn written(elements: &[Option<String>]) -> String {
    let one = |element: &Option<String>| match element {
        None => "NULL".to_owned(),
        Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    format!("{{{}}}", elements.iter().map(one).collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn an_array_is_read_as_it_was_written(wanted in prop::collection::vec(any::<Option<String>>(), 0..8)) {
        prop_assert_eq!(elements(&written(&wanted)), Some(wanted));
    }

    #[test]
    fn never_panics(text in "[{}\\[\\]=,\"\\\\aNULé]{0,40}") {
        let _ = elements(&text);
    }
}
