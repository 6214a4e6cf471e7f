//! What a file adds to a measure.

use millrace_aggregate::{Bounds, bound_text};
use millrace_core::Decimal;
use millrace_core::field::FieldType;

/// What of a measure is in a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureShare {
    /// How many rows have a value.
    pub count: u64,
    /// Their sum; zero where the measure is only counted.
    pub sum: Decimal,
    /// Their least and greatest value, where cells keep them.
    pub bounds: Option<Bounds>,
}

impl MeasureShare {
    /// Least and greatest value of a measure over a field of this type, as texts.
    #[must_use]
    pub fn bounds_as(&self, field_type: FieldType) -> Option<(String, String)> {
        let Bounds { min, max } = self.bounds?;
        Some((bound_text(min, field_type)?, bound_text(max, field_type)?))
    }
}
