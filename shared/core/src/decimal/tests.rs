use bigdecimal::BigDecimal;
use proptest::prelude::*;

use super::{Decimal, DecimalError};

fn big(text: &str) -> BigDecimal {
    text.parse().unwrap()
}

#[test]
fn prints_what_it_read_without_trailing_zeros() {
    for (read, printed) in [
        ("0", "0"),
        ("-0", "0"),
        ("007", "7"),
        ("12.50", "12.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0.05", "-0.05"),
        ("+3", "3"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
    ] {
        assert_eq!(read.parse::<Decimal>().unwrap().to_string(), printed, "{read}");
    }
}

#[test]
fn refuses_what_is_not_exact() {
    for text in [
        "", "-", ".", "1e3", "1,000", " 1", "1 ", "'4", "12-", "1.2.3", "NaN", "٣",
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(DecimalError::NotANumber), "{text}");
    }
    for text in [
        "99999999999999999999999999999",
        "0.1234567890123456789",
        &"1".repeat(500),
    ] {
        assert_eq!(text.parse::<Decimal>(), Err(DecimalError::TooPrecise), "{text}");
    }
}

#[test]
fn says_when_a_sum_does_not_fit() {
    let large = Decimal::new(i128::MAX, 0).unwrap();
    assert_eq!(large.checked_add(Decimal::from(1)), Err(DecimalError::Overflow));
    assert!(large > "0.5".parse().unwrap());
    assert_eq!(Decimal::parse_sum(&large.to_string()).unwrap(), large);
}

proptest! {
    #[test]
    fn adds_and_compares_like_a_big_decimal(
        left in "-?[0-9]{1,20}(\\.[0-9]{1,8})?",
        right in "-?[0-9]{1,20}(\\.[0-9]{1,8})?",
    ) {
        let (a, b) = (left.parse::<Decimal>().unwrap(), right.parse::<Decimal>().unwrap());
        prop_assert_eq!(big(&a.checked_add(b).unwrap().to_string()), big(&left) + big(&right));
        prop_assert_eq!(big(&a.checked_sub(b).unwrap().to_string()), big(&left) - big(&right));
        prop_assert_eq!(a.cmp(&b), big(&left).cmp(&big(&right)));
        prop_assert_eq!(Decimal::parse_sum(&a.to_string()).unwrap(), a);
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Decimal::parse_bytes(&bytes);
    }
}
