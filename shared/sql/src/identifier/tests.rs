use super::{IdentifierError, quote};

#[test]
fn quotes_and_doubles() {
    for (name, wanted) in [
        ("school_id", r#""school_id""#),
        ("Mixed Case", r#""Mixed Case""#),
        (r#"a"b"#, r#""a""b""#),
        ("select", r#""select""#),
        ("ಶಾಲೆ", "\"ಶಾಲೆ\""),
        ("; drop table x; --", "\"; drop table x; --\""),
    ] {
        assert_eq!(quote(name).unwrap().as_str(), wanted);
        assert_eq!(quote(name).unwrap().to_string(), wanted);
    }
}

#[test]
fn refuses_what_postgresql_would_change() {
    assert_eq!(quote(""), Err(IdentifierError::Empty));
    assert_eq!(quote("a\0b"), Err(IdentifierError::Nul));
    assert!(quote(&"x".repeat(63)).is_ok());
    assert_eq!(
        quote(&"x".repeat(64)),
        Err(IdentifierError::TooLong { bytes: 64 })
    );
    // bytes, not characters
    assert_eq!(
        quote(&"é".repeat(32)),
        Err(IdentifierError::TooLong { bytes: 64 })
    );
}
