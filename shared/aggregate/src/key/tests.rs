use millrace_core::Decimal;
use proptest::prelude::*;

use super::{CellKey, KeyError, KeyWriter};

#[test]
fn writes_every_type_in_its_canonical_form() {
    let mut writer = KeyWriter::default();
    writer.push_date(19_365).unwrap();
    writer.push_text("1000000001").unwrap();
    writer.push_null();
    writer.push_integer(-7).unwrap();
    writer.push_decimal(Decimal::new(12_500, 3).unwrap()).unwrap();
    writer.push_boolean(true).unwrap();
    writer.push_instant(1_673_170_200_000_000).unwrap();
    assert_eq!(
        writer.finish().unwrap().as_str(),
        r#"["2023-01-08","1000000001",null,"-7","12.5","true","2023-01-08T09:30:00Z"]"#
    );
    assert_eq!(KeyWriter::default().finish().unwrap().as_str(), "[]");
}

#[test]
fn refuses_what_postgresql_could_not_hold() {
    assert_eq!(CellKey::of(&[Some("a\0b")]), Err(KeyError::NulCharacter));
    assert_eq!(
        KeyWriter::default().push_date(i32::MAX),
        Err(KeyError::OutOfCalendar)
    );
    assert_eq!(
        KeyWriter::default().push_instant(i64::MIN),
        Err(KeyError::OutOfCalendar)
    );
    let longest = "x".repeat(CellKey::MAX_BYTES - 4);
    assert_eq!(
        CellKey::of(&[Some(&longest)]).unwrap().as_bytes().len(),
        CellKey::MAX_BYTES
    );
    let longer = format!("{longest}x");
    assert_eq!(
        CellKey::of(&[Some(&longer)]),
        Err(KeyError::TooLong(CellKey::MAX_BYTES + 1))
    );
    assert_eq!(
        CellKey::of(&[Some(&"x".repeat(70_000))]),
        Err(KeyError::TooLong(70_000))
    );
}

#[test]
fn takes_back_only_what_it_would_write() {
    for text in [
        r#"[ "a"]"#,
        r#"["\u0061"]"#,
        r#"["\/"]"#,
        r#"[1]"#,
        r#"{"a":1}"#,
        "",
        "[",
        "null",
    ] {
        assert_eq!(CellKey::parse(text), Err(KeyError::NotCanonical), "{text}");
    }
    assert_eq!(CellKey::parse(r#"["\u0000"]"#), Err(KeyError::NulCharacter));
}

#[test]
fn is_ordered_by_bytes() {
    let mut keys: Vec<CellKey> = [Some("b"), None, Some("a"), Some("é"), Some(""), Some("B")]
        .iter()
        .map(|part| CellKey::of(&[*part]).unwrap())
        .collect();
    keys.sort();
    let texts: Vec<&str> = keys.iter().map(CellKey::as_str).collect();
    assert_eq!(
        texts,
        [
            r#"[""]"#,
            r#"["B"]"#,
            r#"["a"]"#,
            r#"["b"]"#,
            r#"["é"]"#,
            "[null]"
        ]
    );
}

proptest! {
    #[test]
    fn reads_back_what_serde_json_would_write(
        parts in proptest::collection::vec(proptest::option::of("[^\\x00]{0,8}"), 0..5),
    ) {
        let borrowed: Vec<Option<&str>> = parts.iter().map(Option::as_deref).collect();
        let key = CellKey::of(&borrowed).unwrap();
        prop_assert_eq!(key.as_str(), serde_json::to_string(&parts).unwrap());
        prop_assert_eq!(CellKey::parse(key.as_str()).unwrap(), key.clone());
        prop_assert_eq!(key.parts().unwrap(), parts);
    }
}
