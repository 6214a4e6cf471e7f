//! `ingestion.ratio`: exact however large, half away from zero, six places.

use super::Bench;

#[tokio::test]
async fn ratios_are_exact_and_rounded_half_away_from_zero() {
    let Some(bench) = Bench::bare() else { return };
    for (numerator, denominator, expected) in [
        ("1", "3", Some("0.333333")),
        ("2", "3", Some("0.666667")),
        ("-2", "3", Some("-0.666667")),
        ("2", "-3", Some("-0.666667")),
        ("-2", "-3", Some("0.666667")),
        ("100 * 828", "1035", Some("80")),
        ("83.45", "2", Some("41.725")),
        ("1", "2000000", Some("0.000001")),
        ("-1", "2000000", Some("-0.000001")),
        ("0.999999", "2000000", Some("0")),
        ("0", "7", Some("0")),
        ("7", "0", None),
        ("null", "7", None),
        ("7", "null", None),
        (
            "99999999999999999999999999999999999999",
            "7",
            Some("14285714285714285714285714285714285714.142857"),
        ),
        (
            "123456789012345678901234567890123456789.5",
            "1",
            Some("123456789012345678901234567890123456789.5"),
        ),
        ("1", "99999999999999999999999999999999999999", Some("0")),
        ("0.000000000000000001", "0.000000000000000003", Some("0.333333")),
        (
            "10000000000000000000000000000.0000005",
            "1",
            Some("10000000000000000000000000000.000001"),
        ),
        (
            "10000000000000000000000000000.0000004999",
            "1",
            Some("10000000000000000000000000000"),
        ),
        (
            "2.5e30",
            "3.3e-9",
            Some("757575757575757575757575757575757575757.575758"),
        ),
    ] {
        let query = format!("select ingestion.ratio({numerator}, {denominator})::text");
        assert_eq!(
            bench.database.value(&query).await.as_deref(),
            expected,
            "{numerator} / {denominator}"
        );
    }
}

/// Long division by hand, as far as six places and a rest.
fn by_hand(numerator: i128, denominator: i128) -> String {
    let (n, d) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let (whole, mut rest) = (n / d, n % d);
    let mut fraction = 0;
    for _ in 0..6 {
        rest *= 10;
        fraction = fraction * 10 + rest / d;
        rest %= d;
    }
    let mut units = whole * 1_000_000 + fraction;
    units += u128::from(2 * rest >= d);
    let text = format!("{}.{:06}", units / 1_000_000, units % 1_000_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let is_negative = units > 0 && (numerator < 0) != (denominator < 0);
    format!("{}{text}", if is_negative { "-" } else { "" })
}

#[tokio::test]
async fn ratios_agree_with_long_division() {
    let Some(bench) = Bench::bare() else { return };
    let seed = millrace_tests::Random::seed(11);
    println!("seed {seed}");
    let mut random = millrace_tests::Random::new(seed);
    let mut pairs = Vec::new();
    for _ in 0..500 {
        let digits = u32::try_from(random.below(28)).unwrap() + 1;
        let value = |random: &mut millrace_tests::Random| {
            let big = (i128::from(random.number() >> 1) << 40) ^ i128::from(random.number() >> 1);
            let value = big % 10_i128.pow(digits);
            if random.happens(300) { -value } else { value }
        };
        let (numerator, denominator) = (value(&mut random), value(&mut random) % 1_000_000_007);
        if denominator != 0 {
            pairs.push((numerator, denominator));
        }
    }
    let values: Vec<String> = pairs
        .iter()
        .enumerate()
        .map(|(at, (n, d))| format!("({at}, {n}::numeric, {d}::numeric)"))
        .collect();
    let query = format!(
        "select ingestion.ratio(n, d)::text from (values {}) as v (at, n, d) order by at",
        values.join(", ")
    );
    let answers = bench.database.query(&query).await;
    for ((numerator, denominator), answer) in pairs.iter().zip(answers) {
        let expected = by_hand(*numerator, *denominator);
        assert_eq!(answer, [Some(expected)], "{numerator} / {denominator}");
    }
}
