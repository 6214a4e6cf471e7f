//! The access points that a reader passed last.

use std::collections::VecDeque;

use millrace_core::access_point::AccessPoint;

/// Memory: their windows, 2 MiB.
#[derive(Debug, Default)]
pub(super) struct AccessPoints {
    /// In their order.
    passed: VecDeque<AccessPoint>,
}

impl AccessPoints {
    /// Inflated bytes between two of them, at least.
    const SPACING: u64 = 64 << 10;
    /// How many are kept: the longest record lies between the first and the last, whatever it is written in.
    const KEPT: usize = 64;

    /// Whether one behind so many inflated bytes is wanted.
    pub(super) fn is_due(&self, inflated_bytes: u64) -> bool {
        let last = self.passed.back().map_or(0, |last| last.inflated_bytes);
        inflated_bytes >= last + Self::SPACING
    }

    pub(super) fn pass(&mut self, point: AccessPoint) {
        if self.passed.len() == Self::KEPT {
            self.passed.pop_front();
        }
        self.passed.push_back(point);
    }

    /// The last one that does not lie behind an inflated byte.
    pub(super) fn before(&self, offset: u64) -> Option<&AccessPoint> {
        self.passed
            .iter()
            .rev()
            .find(|point| point.inflated_bytes <= offset)
    }
}
