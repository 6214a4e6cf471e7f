//! Exact decimals: from the CSV cell to the KPI without a float in between.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact decimal: `units × 10^-scale`.
///
/// Values that come in have at most [`Decimal::MAX_DIGITS`] significant digits and [`Decimal::MAX_SCALE`] decimal
/// places, so that a sum of ten billion of them still fits into the 38 digits of `units`; every operation that would
/// not fit says so instead of rounding. Equal numbers are equal whatever their scale, and print without trailing
/// zeros.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    units: i128,
    scale: u8,
}

/// Why a text is not a [`Decimal`], or a result does not fit one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number in the form `-12.5`; no exponent, no grouping, no blanks.
    #[error("not a decimal number")]
    NotANumber,
    /// More digits than [`Decimal::MAX_DIGITS`], or more places than [`Decimal::MAX_SCALE`].
    #[error("more than 28 digits or more than 18 decimal places")]
    TooPrecise,
    /// The result needs more than 38 digits.
    #[error("the sum has more than 38 digits")]
    Overflow,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };
    /// The most significant digits of a value that comes in.
    pub const MAX_DIGITS: usize = 28;
    /// The most decimal places of a value that comes in.
    pub const MAX_SCALE: u8 = 18;

    /// A decimal from its units and its scale, without trailing zeros.
    ///
    /// # Errors
    /// [`DecimalError::TooPrecise`] when `scale` is above [`Self::MAX_SCALE`].
    pub fn new(units: i128, scale: u8) -> Result<Self, DecimalError> {
        if scale > Self::MAX_SCALE {
            return Err(DecimalError::TooPrecise);
        }
        Ok(Self { units, scale }.normalized())
    }

    /// The units: the number times ten to the power of the scale.
    #[must_use]
    pub fn units(self) -> i128 {
        self.units
    }

    /// The number of decimal places.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Reads `-?digits(.digits)?` exactly; a leading `+` and a bare `.5` are taken too.
    ///
    /// # Errors
    /// [`DecimalError`] says which rule the text breaks; nothing is ever rounded.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let mut parser = DigitParser::default();
        for &byte in digits {
            parser.push(byte)?;
        }
        parser.finish(negative)
    }

    fn normalized(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }

    fn rescaled(self, scale: u8) -> Option<i128> {
        let factor = 10_i128.checked_pow(u32::from(scale.checked_sub(self.scale)?))?;
        self.units.checked_mul(factor)
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Some((self.rescaled(scale)?, other.rescaled(scale)?, scale))
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it needs more than 38 digits.
    pub fn checked_add(self, other: Self) -> Result<Self, DecimalError> {
        let (left, right, scale) = self.aligned(other).ok_or(DecimalError::Overflow)?;
        let units = left.checked_add(right).ok_or(DecimalError::Overflow)?;
        Ok(Self { units, scale }.normalized())
    }

    /// The exact difference.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it needs more than 38 digits.
    pub fn checked_sub(self, other: Self) -> Result<Self, DecimalError> {
        self.checked_add(Self {
            units: other.units.checked_neg().ok_or(DecimalError::Overflow)?,
            ..other
        })
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] when it needs more than 38 digits or [`Self::MAX_SCALE`] places.
    pub fn checked_mul(self, other: Self) -> Result<Self, DecimalError> {
        let units = self
            .units
            .checked_mul(other.units)
            .ok_or(DecimalError::Overflow)?;
        let scale = self.scale + other.scale;
        if units == 0 {
            return Ok(Self::ZERO);
        }
        let (mut units, mut scale) = (units, scale);
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        if scale > Self::MAX_SCALE {
            return Err(DecimalError::Overflow);
        }
        Self::new(units, scale)
    }

    /// The number with its sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            units: -self.units,
            ..self
        }
    }

    /// Whether the number is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.units == 0
    }
}

#[derive(Default)]
struct DigitParser {
    units: i128,
    scale: u8,
    significant: usize,
    digits_seen: bool,
    point_seen: bool,
}

impl DigitParser {
    fn push(&mut self, byte: u8) -> Result<(), DecimalError> {
        match byte {
            b'0'..=b'9' => self.push_digit(byte - b'0'),
            b'.' if !self.point_seen => {
                self.point_seen = true;
                Ok(())
            }
            _ => Err(DecimalError::NotANumber),
        }
    }

    fn push_digit(&mut self, digit: u8) -> Result<(), DecimalError> {
        self.digits_seen = true;
        if self.significant > 0 || digit != 0 {
            self.significant += 1;
        }
        if self.point_seen {
            self.scale = self.scale.saturating_add(1);
        }
        // 36 digits always fit an i128; what is too long is told from what is no number at the end.
        if self.significant <= 36 {
            self.units = self.units * 10 + i128::from(digit);
        }
        Ok(())
    }

    fn finish(self, negative: bool) -> Result<Decimal, DecimalError> {
        if !self.digits_seen {
            return Err(DecimalError::NotANumber);
        }
        if self.significant > 36 {
            return Err(DecimalError::TooPrecise);
        }
        let units = if negative { -self.units } else { self.units };
        let plain = Decimal {
            units,
            scale: self.scale,
        }
        .normalized();
        let digits = plain
            .units
            .unsigned_abs()
            .checked_ilog10()
            .map_or(1, |log| log as usize + 1);
        if digits > Decimal::MAX_DIGITS || plain.scale > Decimal::MAX_SCALE {
            return Err(DecimalError::TooPrecise);
        }
        Ok(plain)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self {
            units: i128::from(value),
            scale: 0,
        }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse_bytes(text.as_bytes())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.normalized();
        let scale = usize::from(plain.scale);
        let digits = plain.units.unsigned_abs().to_string();
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if plain.units < 0 { "-" } else { "" };
        if fraction.is_empty() {
            write!(formatter, "{sign}{whole}")
        } else {
            write!(formatter, "{sign}{whole}.{fraction}")
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(*other) {
            Some((left, right, _)) => left.cmp(&right),
            // One side does not fit when scaled up: then its whole part alone decides.
            None => {
                let whole = |decimal: &Self| decimal.units / 10_i128.pow(u32::from(decimal.scale));
                whole(self).cmp(&whole(other))
            }
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_sum(&text).map_err(serde::de::Error::custom)
    }
}

impl Decimal {
    /// Reads a sum that was printed before: up to 38 digits, otherwise as [`Self::parse_bytes`].
    ///
    /// # Errors
    /// [`DecimalError`] when it is not a number or does not fit.
    pub fn parse_sum(text: &str) -> Result<Self, DecimalError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u8::try_from(fraction.len()).map_err(|_| DecimalError::TooPrecise)?;
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole.strip_prefix('-').unwrap_or(whole)) || !is_digits(fraction) {
            return Err(DecimalError::NotANumber);
        }
        let units = format!("{whole}{fraction}")
            .parse::<i128>()
            .map_err(|_| DecimalError::NotANumber)?;
        Self::new(units, scale)
    }
}

#[cfg(test)]
mod tests;
