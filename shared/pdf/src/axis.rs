//! The axis of a chart: round steps that cover the values and zero.

use millrace_core::Decimal;

/// The steps between the ends at most; rounding outwards may add two.
const STEPS: f64 = 5.0;
/// The smallest step is the last decimal place of a [`Decimal`].
const LEAST_EXPONENT: i32 = -18;
const GREATEST_EXPONENT: i32 = 40;
/// Longer labels are written as `5e12`.
const MAX_LABEL: usize = 9;

/// Ticks at whole multiples of `mantissa × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    mantissa: i64,
    exponent: i32,
    step: f64,
    /// The first and the last tick, in steps from zero.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Axis {
    /// An axis for some values.
    pub(crate) fn new(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let span = if high > low { high - low } else { 1.0 };
        let (mantissa, exponent, step) = round_step(span / STEPS);
        let first = whole((low / step).floor());
        // Values that are all zero still get an axis.
        let last = whole((high / step).ceil()).max(first + 1);
        Self {
            mantissa,
            exponent,
            step,
            first,
            last,
        }
    }

    /// Where a value is, from 0 at the first tick to 1 at the last.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a place on paper"
    )]
    pub(crate) fn place(&self, value: f64) -> f32 {
        let place = (value / self.step - self.first as f64) / (self.last - self.first) as f64;
        place.clamp(0.0, 1.0) as f32
    }

    /// Where a tick is.
    #[expect(clippy::cast_precision_loss, reason = "there are at most eight ticks")]
    pub(crate) fn place_of_tick(&self, tick: i64) -> f32 {
        (tick - self.first) as f32 / (self.last - self.first) as f32
    }

    /// What a tick says.
    pub(crate) fn label(&self, tick: i64) -> String {
        let units = tick * self.mantissa;
        let places = u8::try_from(-self.exponent).unwrap_or(0);
        if places > 0 {
            let value = Decimal::new(i128::from(units), places);
            return value.map(|value| value.to_string()).unwrap_or_default();
        }
        let zeros = if units == 0 {
            0
        } else {
            usize::try_from(self.exponent).unwrap_or(0)
        };
        let plain = format!("{units}{:0>zeros$}", "");
        if plain.len() > MAX_LABEL {
            return format!("{units}e{zeros}");
        }
        plain
    }
}

/// A decimal as a float, for drawing.
#[expect(clippy::cast_precision_loss, reason = "a place on paper")]
pub(crate) fn approximate(value: Decimal) -> f64 {
    value.units() as f64 / power_of_ten(i32::from(value.scale()))
}

/// Ten to a power, by multiplication: the same on every machine.
fn power_of_ten(exponent: i32) -> f64 {
    let power = (0..exponent.unsigned_abs()).fold(1.0, |power, _| power * 10.0);
    if exponent < 0 { 1.0 / power } else { power }
}

/// The least of 1, 2, 5, 10, … that is not below `least`.
fn round_step(least: f64) -> (i64, i32, f64) {
    for exponent in LEAST_EXPONENT..GREATEST_EXPONENT {
        for (mantissa, factor) in [(1, 1.0), (2, 2.0), (5, 5.0)] {
            let step = factor * power_of_ten(exponent);
            if step >= least {
                return (mantissa, exponent, step);
            }
        }
    }
    (1, GREATEST_EXPONENT, power_of_ten(GREATEST_EXPONENT))
}

#[expect(clippy::cast_possible_truncation, reason = "at most six steps from zero")]
fn whole(steps: f64) -> i64 {
    steps as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[&str]) -> Vec<String> {
        let values = values.iter().map(|value| approximate(value.parse().unwrap()));
        let axis = Axis::new(values);
        (axis.first..=axis.last).map(|tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values_and_zero() {
        assert_eq!(labels(&["3", "97.5"]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(
            labels(&["-12", "31"]),
            ["-20", "-10", "0", "10", "20", "30", "40"]
        );
        assert_eq!(labels(&["-4", "-3"]), ["-4", "-3", "-2", "-1", "0"]);
        assert_eq!(labels(&["0.07"]), ["0", "0.02", "0.04", "0.06", "0.08"]);
        assert_eq!(labels(&["0", "0"]), ["0", "0.2"]);
        assert_eq!(labels(&[]), ["0", "0.2"]);
        assert_eq!(labels(&["1250000"]), ["0", "500000", "1000000", "1500000"]);
        assert_eq!(labels(&["1250000000"]), ["0", "500000000", "10e8", "15e8"]);
        assert_eq!(labels(&["0.000000000000000001"]), ["0", "0.000000000000000001"]);
    }

    #[test]
    fn places_are_between_the_ends() {
        let axis = Axis::new([-50.0, 150.0].into_iter());
        assert_eq!((axis.first, axis.last), (-1, 3));
        for (value, place) in [(-50.0, 0.0), (0.0, 0.25), (100.0, 0.75), (150.0, 1.0)] {
            assert!((axis.place(value) - place).abs() < 1e-6, "{value}");
        }
        assert!((axis.place_of_tick(0) - axis.place(0.0)).abs() < 1e-6);
    }
}
