//! JSON numbers that our values hold exactly.

use serde_json::Number;

use super::{Refusal, SYNTAX};

/// Reads a number. A whole one must fit 64 bits; any other must come back as it was written, digit by digit.
pub(super) fn parse(text: &str) -> Result<Number, Refusal> {
    let parts = Parts::of(text).ok_or(NOT_JSON)?;
    let number: Number = serde_json::from_str(text).map_err(|_| NOT_EXACT)?;
    let held = number.to_string();
    match Parts::of(&held) {
        Some(held) if held.canonical() == parts.canonical() => Ok(number),
        _ => Err(NOT_EXACT),
    }
}

/// Checks how a number is written, whatever its digits.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    Parts::of(text).map(|_| ()).ok_or(NOT_JSON)
}

const NOT_JSON: Refusal = (SYNTAX, "a number is not written as JSON asks for");

const NOT_EXACT: Refusal = (
    "number_not_exact",
    "a number has more digits than can be held exactly",
);

/// A number taken apart.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Parts<'a> {
    /// Takes a number apart that keeps JSON's grammar.
    fn of(text: &'a str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_digits(whole) || has_leading_zero || fraction.is_some_and(|fraction| !is_digits(fraction)) {
            return None;
        }
        Some(Self {
            is_negative,
            whole,
            fraction: fraction.unwrap_or_default(),
            exponent: exponent.map_or(Some(0), read_exponent)?,
        })
    }

    /// Sign, significant digits, and the power of ten of the last of them; zero has none.
    fn canonical(&self) -> (bool, String, i64) {
        let digits = format!("{}{}", self.whole, self.fraction);
        let significant = digits.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        if kept.is_empty() {
            return (false, String::new(), 0);
        }
        let moved = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let power = self.exponent - moved(self.fraction.len()) + moved(significant.len() - kept.len());
        (self.is_negative, kept.to_owned(), power)
    }
}

/// An exponent; one with more than nine digits stands for any that no number survives.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let size = if significant.len() > 9 {
        999_999_999
    } else {
        significant.parse().unwrap_or(0)
    };
    Some(if text.starts_with('-') { -size } else { size })
}
