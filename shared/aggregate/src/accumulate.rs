//! Count, exact sum and bounds of one measure, per group.

use millrace_core::Decimal;
use millrace_core::definition::Measure;
use millrace_core::field::FieldType;
use millrace_table::block::{Column, Validity};

use crate::group::Group;
use crate::partial::{Bounds, MeasurePartial};

/// Units of the fraction in a [`SplitSum`]: a decimal has at most 18 places.
const FRACTION_UNITS: i128 = 10_i128.pow(18);

/// A sum in two halves, `whole + fraction × 10^-18`.
///
/// Cells of different scale are added without scaling the sum, so that whether it fits depends on the total alone
/// and not on the order of the rows (aligning a 28-digit number with one of 18 places would need 46 digits).
#[derive(Debug, Clone, Copy, Default)]
struct SplitSum {
    whole: i128,
    fraction: i128,
}

/// A sum that does not fit 38 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SumOverflow;

impl SplitSum {
    fn add(&mut self, value: Decimal) -> Result<(), SumOverflow> {
        let (whole, fraction) = split(value);
        self.whole = self.whole.checked_add(whole).ok_or(SumOverflow)?;
        // Each fraction is below 10^18: it takes 10^20 rows to leave an i128.
        self.fraction += fraction;
        Ok(())
    }

    fn total(self) -> Result<Decimal, SumOverflow> {
        let carry = self.fraction / FRACTION_UNITS;
        let mut whole = self.whole.checked_add(carry).ok_or(SumOverflow)?;
        let mut fraction = self.fraction % FRACTION_UNITS;
        // Both halves get the same sign, so that the product below overflows only when the total does.
        if whole > 0 && fraction < 0 {
            whole -= 1;
            fraction += FRACTION_UNITS;
        } else if whole < 0 && fraction > 0 {
            whole += 1;
            fraction -= FRACTION_UNITS;
        }
        let mut scale = Decimal::MAX_SCALE;
        while scale > 0 && fraction % 10 == 0 {
            fraction /= 10;
            scale -= 1;
        }
        let scaled = whole.checked_mul(10_i128.pow(u32::from(scale)));
        let units = scaled.and_then(|units| units.checked_add(fraction));
        // The least i128 has no negative: a sum must be one that can be taken back.
        match units.filter(|units| *units != i128::MIN) {
            Some(units) => Decimal::new(units, scale).map_err(|_| SumOverflow),
            None => Err(SumOverflow),
        }
    }
}

/// The whole part and the fraction in units of 10^-18.
fn split(value: Decimal) -> (i128, i128) {
    let scale = u32::from(value.scale());
    if scale == 0 {
        return (value.units(), 0);
    }
    let missing = u32::from(Decimal::MAX_SCALE) - scale;
    // 64-bit division is several times faster, and nearly every cell fits.
    if let Ok(units) = i64::try_from(value.units()) {
        let one = 10_i64.pow(scale);
        return (
            i128::from(units / one),
            i128::from(units % one * 10_i64.pow(missing)),
        );
    }
    let one = 10_i128.pow(scale);
    (value.units() / one, value.units() % one * 10_i128.pow(missing))
}

enum Totals {
    /// Values that are counted, not added up.
    None,
    Integer {
        sums: Vec<i128>,
        bounds: Vec<(i64, i64)>,
    },
    Decimal {
        sums: Vec<SplitSum>,
        bounds: Vec<Option<Bounds>>,
    },
    /// Days or instants, which have bounds and no sum.
    Moments(Vec<(i64, i64)>),
}

/// One measure of all groups so far.
pub(crate) struct Accumulator {
    keeps_extremes: bool,
    counts: Vec<u64>,
    totals: Totals,
}

impl Accumulator {
    pub(crate) fn new(measure: &Measure) -> Self {
        let totals = match measure.field_type {
            FieldType::Integer => Totals::Integer {
                sums: Vec::new(),
                bounds: Vec::new(),
            },
            FieldType::Decimal => Totals::Decimal {
                sums: Vec::new(),
                bounds: Vec::new(),
            },
            FieldType::Date | FieldType::Timestamp if measure.extremes => Totals::Moments(Vec::new()),
            FieldType::Text | FieldType::Boolean | FieldType::Date | FieldType::Timestamp => Totals::None,
        };
        Self {
            keeps_extremes: measure.extremes,
            counts: Vec::new(),
            totals,
        }
    }

    /// Makes room for groups that have appeared.
    pub(crate) fn resize(&mut self, groups: usize) {
        let bounded = if self.keeps_extremes { groups } else { 0 };
        self.counts.resize(groups, 0);
        match &mut self.totals {
            Totals::None => {}
            Totals::Integer { sums, bounds } => {
                sums.resize(groups, 0);
                bounds.resize(bounded, (i64::MAX, i64::MIN));
            }
            Totals::Decimal { sums, bounds } => {
                sums.resize(groups, SplitSum::default());
                bounds.resize(bounded, None);
            }
            Totals::Moments(bounds) => bounds.resize(groups, (i64::MAX, i64::MIN)),
        }
    }

    /// Adds the values of a column whose type has been checked, of the rows that are valid; `groups` holds the group of
    /// each row.
    pub(crate) fn add(
        &mut self,
        column: &Column,
        validity: &Validity,
        groups: &[Group],
    ) -> Result<(), SumOverflow> {
        match (&mut self.totals, column) {
            (Totals::None, _) => {
                for (group, ()) in filled(validity, groups, &vec![(); groups.len()]) {
                    self.counts[group] += 1;
                }
            }
            (Totals::Integer { sums, bounds }, Column::Integer(values)) => {
                for (group, value) in filled(validity, groups, values) {
                    self.counts[group] += 1;
                    // It takes 2^64 rows to leave an i128.
                    sums[group] += i128::from(value);
                    if self.keeps_extremes {
                        let (min, max) = &mut bounds[group];
                        *min = value.min(*min);
                        *max = value.max(*max);
                    }
                }
            }
            (Totals::Decimal { sums, bounds }, Column::Decimal(values)) => {
                for (group, value) in filled(validity, groups, values) {
                    self.counts[group] += 1;
                    sums[group].add(value)?;
                    if self.keeps_extremes {
                        let cell = Bounds {
                            min: value,
                            max: value,
                        };
                        bounds[group] = Some(bounds[group].map_or(cell, |bounds| bounds.merged(cell)));
                    }
                }
            }
            (Totals::Moments(bounds), Column::Date(days)) => {
                let days = filled(validity, groups, days).map(|(group, day)| (group, i64::from(day)));
                add_moments(days, &mut self.counts, bounds);
            }
            (Totals::Moments(bounds), Column::Timestamp(instants)) => {
                add_moments(filled(validity, groups, instants), &mut self.counts, bounds);
            }
            _ => debug_assert!(false, "the builder has checked the column's type"),
        }
        Ok(())
    }

    /// The measure of one group.
    pub(crate) fn finish(&self, group: usize) -> Result<MeasurePartial, SumOverflow> {
        let count = self.counts[group];
        let with_bounds = self.keeps_extremes && count > 0;
        let pair = |(min, max): (i64, i64)| Bounds {
            min: min.into(),
            max: max.into(),
        };
        let (sum, bounds) = match &self.totals {
            Totals::None => (Decimal::ZERO, None),
            Totals::Integer { sums, bounds } => {
                let sum = Decimal::new(sums[group], 0).map_err(|_| SumOverflow)?;
                (sum, with_bounds.then(|| pair(bounds[group])))
            }
            Totals::Decimal { sums, bounds } => {
                let bounds = with_bounds.then(|| bounds[group]).flatten();
                (sums[group].total()?, bounds)
            }
            Totals::Moments(bounds) => (Decimal::ZERO, with_bounds.then(|| pair(bounds[group]))),
        };
        Ok(MeasurePartial {
            count,
            sum,
            bounds: bounds.map(Box::new),
        })
    }
}

fn add_moments(values: impl Iterator<Item = (usize, i64)>, counts: &mut [u64], bounds: &mut [(i64, i64)]) {
    for (group, value) in values {
        counts[group] += 1;
        let (min, max) = &mut bounds[group];
        *min = value.min(*min);
        *max = value.max(*max);
    }
}

/// Group and value of each row that is not null.
fn filled<'a, T: Copy>(
    validity: &'a Validity,
    groups: &'a [Group],
    values: &'a [T],
) -> impl Iterator<Item = (usize, T)> + 'a {
    let pairs = groups.iter().zip(values).enumerate();
    pairs.filter_map(|(row, (group, value))| validity.is_valid(row).then_some((*group as usize, *value)))
}

#[cfg(test)]
mod tests;
