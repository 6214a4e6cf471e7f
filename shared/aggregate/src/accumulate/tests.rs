use millrace_core::Decimal;
use proptest::prelude::*;

use super::{SplitSum, SumOverflow};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn sum(values: &[&str]) -> Result<Decimal, SumOverflow> {
    let mut sum = SplitSum::default();
    for value in values {
        sum.add(decimal(value))?;
    }
    sum.total()
}

#[test]
fn fits_whenever_the_total_does() {
    let large = "9999999999999999999999999999";
    let small = "0.000000000000000001";
    assert_eq!(sum(&[large, small]), Err(SumOverflow));
    assert_eq!(sum(&[large, small, "-0.000000000000000001"]), Ok(decimal(large)));
    assert_eq!(
        sum(&[large, small, "-9999999999999999999999999999"]),
        Ok(decimal(small))
    );
    assert_eq!(sum(&[]), Ok(Decimal::ZERO));
}

#[test]
fn carries_between_the_halves_in_both_signs() {
    assert_eq!(sum(&["0.6", "0.7"]), Ok(decimal("1.3")));
    assert_eq!(sum(&["-0.6", "-0.7"]), Ok(decimal("-1.3")));
    assert_eq!(sum(&["1", "-0.25"]), Ok(decimal("0.75")));
    assert_eq!(sum(&["-1", "0.25"]), Ok(decimal("-0.75")));
    assert_eq!(
        sum(&["1234567890123456789012345.5", "0.5"]),
        Ok(decimal("1234567890123456789012346"))
    );
}

#[test]
fn uses_the_last_of_the_38_digits() {
    for (whole, fraction, total) in [
        (
            "170141183460469231732",
            "-0.312696284115894273",
            "170141183460469231731.687303715884105727",
        ),
        (
            "-170141183460469231732",
            "0.312696284115894273",
            "-170141183460469231731.687303715884105727",
        ),
    ] {
        assert_eq!(sum(&[whole, fraction]), Ok(Decimal::parse_sum(total).unwrap()));
    }
}

#[test]
fn never_gives_a_sum_without_a_negative() {
    let mut sum = SplitSum {
        whole: i128::MIN,
        fraction: 0,
    };
    assert_eq!(sum.total(), Err(SumOverflow));
    assert_eq!(sum.add(decimal("-1")), Err(SumOverflow));
}

proptest! {
    #[test]
    fn adds_like_decimals_do(
        values in proptest::collection::vec((any::<i64>(), 0..=18_u8, 0..=9_u32), 0..20),
    ) {
        let mut split = SplitSum::default();
        let mut plain = Decimal::ZERO;
        for (units, scale, shift) in values {
            // Up to 28 digits, but so that the plain sum fits too.
            let units = i128::from(units) * 10_i128.pow(shift.min(u32::from(scale)));
            let value = Decimal::new(units, scale).unwrap();
            split.add(value).unwrap();
            plain = plain.checked_add(value).unwrap();
        }
        prop_assert_eq!(split.total().unwrap(), plain);
    }
}
