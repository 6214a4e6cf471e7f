//! JSON numbers, read exactly.

use millrace_core::Decimal;
use serde_json::Number;

/// The most places that an exponent may move the point.
const MAX_EXPONENT: usize = 40;

/// The exact decimal that a JSON number writes; `None` when it does not fit one.
///
/// The number's text is taken, with an exponent written out; there is no arithmetic on floats.
pub(crate) fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    let plain = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => written_out(mantissa, exponent.parse().ok()?)?,
        None => text,
    };
    plain.parse().ok()
}

fn written_out(mantissa: &str, exponent: i32) -> Option<String> {
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = usize::try_from(exponent.unsigned_abs()).ok()?;
    if places > MAX_EXPONENT {
        return None;
    }
    let zeros = "0".repeat(places);
    let (digits, point) = if exponent < 0 {
        (format!("{zeros}{whole}{fraction}"), whole.len())
    } else {
        (format!("{whole}{fraction}{zeros}"), whole.len() + places)
    };
    let (whole, fraction) = digits.split_at_checked(point)?;
    Some(format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_keep_every_digit_that_json_wrote() {
        for (text, expected) in [
            ("0.1", "0.1"),
            ("-0.000001", "-0.000001"),
            ("1e-7", "0.0000001"),
            ("12.5e3", "12500"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("1e20", "100000000000000000000"),
            ("-2.50", "-2.5"),
        ] {
            let number: serde_json::Number = serde_json::from_str(text).unwrap();
            assert_eq!(
                decimal(&number).map(|found| found.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["1e300", "1e-300", "1e41", "1e-19"] {
            let number: serde_json::Number = serde_json::from_str(text).unwrap();
            assert_eq!(decimal(&number), None, "{text}");
        }
    }
}
